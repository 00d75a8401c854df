"""What stands against a wanted time, and which times near it are free.  No queries."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from accounts.models import User
from appointments.enums import Modality
from appointments.models import AppointmentTemplate, Resource, TimeOff
from appointments.scheduling.availability import Interval, free_starts
from appointments.scheduling.selectors import DatedWindow, hours_of
from core.models import Site
from patients.models import PatientProfile


class ConflictKind(StrEnum):
    """All but the last two make the booking engine refuse the visit."""

    PAST = "past"
    PROVIDER = "provider"
    LEAVE = "leave"
    CLOSURE = "closure"
    BLOCKED = "blocked"
    RESOURCE = "resource"
    RESOURCE_OFF = "resource_off"
    PATIENT = "patient"
    OUTSIDE_HOURS = "outside_hours"


K = ConflictKind
ORDER = list(ConflictKind)


@dataclass(frozen=True, slots=True)
class Conflict:
    """One thing that stands against a wanted time.

    Attributes:
        id: of the appointment or hold, the time off or the blocked window; None where there is
            no such record.
        start, end: of that thing, without buffers.
        patient: whose visit it is; empty where the asking user may not know, or for a hold.
        words: what it is, in a sentence without names of patients.
    """

    kind: ConflictKind
    id: int | None
    start: datetime
    end: datetime
    words: str
    patient: str = ""

    @property
    def refuses(self) -> bool:
        """Whether the engine refuses a visit for it, unless that is overridden."""
        return self.kind not in (K.PATIENT, K.OUTSIDE_HOURS)

    @property
    def is_visit(self) -> bool:
        return self.id is not None and self.kind in (K.PROVIDER, K.PATIENT, K.RESOURCE)


@dataclass(frozen=True, slots=True)
class WantedTime:
    """A wanted visit of ``[start, end)``; all but the provider and the time may be unknown."""

    provider: User
    start: datetime
    end: datetime
    kind: AppointmentTemplate | None = None
    patient: PatientProfile | None = None
    resource: Resource | None = None
    site: Site | None = None
    modality: str | None = None
    except_id: int | None = None

    @property
    def is_on_site(self) -> bool:
        if self.resource is not None:
            return True
        modality = self.modality or (self.kind.modality if self.kind else Modality.ON_SITE)
        return modality != Modality.TELEHEALTH

    @property
    def resource_kind(self) -> str:
        return self.kind.resource_kind if self.kind and self.is_on_site else ""

    @property
    def buffers(self) -> tuple[int, int]:
        """Minutes before and after the visit."""
        if self.kind is None:
            return 0, 0
        return self.kind.buffer_before_minutes, self.kind.buffer_after_minutes

    @property
    def blocked(self) -> Interval:
        """The visit with its buffers."""
        before, after = (timedelta(minutes=minutes) for minutes in self.buffers)
        return self.start - before, self.end + after


@dataclass(frozen=True, slots=True)
class Busy:
    """An appointment or a live hold."""

    id: int
    start: datetime
    end: datetime
    blocked: Interval
    resource_id: int | None
    patient: str


@dataclass(frozen=True, slots=True)
class Scene:
    """All that can stand against a wanted time within some stretch of time; lists by start."""

    zone: ZoneInfo
    windows: list[DatedWindow]
    off: list[TimeOff]
    of_provider: list[Busy]
    of_patient: list[Busy] = field(default_factory=list)
    of_resources: list[Busy] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    """What would do for the visit, at any site."""


def conflicts(scene: Scene, wanted: WantedTime) -> list[Conflict]:
    """Everything that stands against the wanted time, by kind, then by start."""
    visit, blocked = (wanted.start, wanted.end), wanted.blocked
    hours = hours_of(scene.windows, visit, blocked)
    site_id = _site_id(wanted, hours.site_id)
    found = [
        *_visits(K.PROVIDER, scene.of_provider, blocked, "The provider's time is taken."),
        *_visits(K.PATIENT, scene.of_patient, visit, "The patient has another visit then."),
        *_away(scene.off, wanted, site_id),
        *_blocked(scene.windows, blocked),
        *_resources(scene, wanted, site_id),
    ]
    if hours.is_outside:
        found.append(Conflict(K.OUTSIDE_HOURS, None, *visit, "It is outside working hours."))
    return sorted(found, key=lambda each: (ORDER.index(each.kind), each.start, each.id or 0))


def free_intervals(
    scene: Scene, wanted: WantedTime, *, earliest: datetime, taken: Sequence[Interval] = ()
) -> list[Interval]:
    """Every slot of the visit's length on the grid of a window that nothing stands against.

    Args:
        taken: further time that counts as the provider's busy time.

    Returns:
        By start, each once.
    """
    length = wanted.end - wanted.start
    of_patient = [(each.start, each.end) for each in scene.of_patient]
    base = [
        *(each.blocked for each in scene.of_provider),
        *((window.opens, window.closes) for window in scene.windows if window.is_blocked),
        *(_span(each) for each in scene.off if each.provider_id == wanted.provider.pk),
        *taken,
    ]
    starts: set[datetime] = set()
    for site_id in {window.site_id for window in scene.windows if not window.is_blocked}:
        for busy in _ways(scene, wanted, site_id):
            starts.update(_starts(scene, wanted, site_id, [*base, *busy], earliest=earliest))
    slots = [(start, start + length) for start in sorted(starts)]
    return [slot for slot in slots if not any(_meet(slot, visit) for visit in of_patient)]


def _ways(scene: Scene, wanted: WantedTime, site_id: int) -> Iterator[list[Interval]]:
    """The busy time of each resource that would do at the site; of nothing where none is needed."""
    asked = (
        wanted.site.pk if wanted.site else wanted.resource.site_id if wanted.resource else site_id
    )
    if wanted.is_on_site and asked != site_id:
        return
    closed = [_span(each) for each in scene.off if each.site_id == site_id and wanted.is_on_site]
    if wanted.resource is None and not wanted.resource_kind:
        yield closed
        return
    for resource in scene.resources:
        if resource.site_id == site_id:
            yield [
                *closed,
                *(each.blocked for each in scene.of_resources if each.resource_id == resource.pk),
                *(_span(each) for each in scene.off if each.resource_id == resource.pk),
            ]


def _starts(
    scene: Scene, wanted: WantedTime, site_id: int, busy: Iterable[Interval], *, earliest: datetime
) -> list[datetime]:
    before, after = wanted.buffers
    windows = (w.grid for w in scene.windows if w.site_id == site_id and not w.is_blocked)
    return free_starts(
        windows,
        sorted(busy),
        zone=scene.zone,
        duration_minutes=int((wanted.end - wanted.start).total_seconds() // 60),
        buffer_before_minutes=before,
        buffer_after_minutes=after,
        earliest=earliest,
    )


def _site_id(wanted: WantedTime, works_at: int | None) -> int | None:
    """Where the engine would place the visit; None where only its room decides."""
    if wanted.site is not None:
        return wanted.site.pk
    return wanted.resource.site_id if wanted.resource else works_at


def _visits(
    kind: ConflictKind, busy: Iterable[Busy], within: Interval, words: str
) -> Iterator[Conflict]:
    for each in busy:
        time = (each.start, each.end) if kind is K.PATIENT else each.blocked
        if _meet(time, within):
            yield Conflict(kind, each.id, each.start, each.end, words, each.patient)


def _away(off: Iterable[TimeOff], wanted: WantedTime, site_id: int | None) -> Iterator[Conflict]:
    for each in off:
        if not _meet(_span(each), wanted.blocked):
            continue
        if each.provider_id == wanted.provider.pk:
            words = f"{wanted.provider.get_full_name()} is away: {each.get_kind_display().lower()}."
            yield Conflict(K.LEAVE, each.pk, *_span(each), words)
        elif each.site_id is not None and each.site_id == site_id and wanted.is_on_site:
            yield Conflict(K.CLOSURE, each.pk, *_span(each), "The site is closed.")


def _blocked(windows: Iterable[DatedWindow], within: Interval) -> Iterator[Conflict]:
    for window in windows:
        span = window.opens, window.closes
        if window.is_blocked and _meet(span, within):
            yield Conflict(K.BLOCKED, window.id, *span, "The provider's time is blocked.")


def _resources(scene: Scene, wanted: WantedTime, site_id: int | None) -> Iterator[Conflict]:
    """What takes every resource that would do; nothing where one is free."""
    if wanted.resource is None and not wanted.resource_kind:
        return
    there = {r.pk: r for r in scene.resources if site_id is None or r.site_id == site_id}
    if not there:
        words = f"There is no {wanted.resource_kind} here."
        yield Conflict(K.RESOURCE, None, wanted.start, wanted.end, words)
    off = [each for each in scene.off if _meet(_span(each), wanted.blocked)]
    closed = {each.site_id for each in off if site_id is None and each.site_id is not None}
    found: list[Conflict] = []
    for key, resource in there.items():
        visits = [each for each in scene.of_resources if each.resource_id == key]
        against = [
            *_visits(K.RESOURCE, visits, wanted.blocked, f"{resource.name} is taken."),
            *(
                Conflict(K.RESOURCE_OFF, each.pk, *_span(each), f"{resource.name} cannot be used.")
                for each in off
                if each.resource_id == key or resource.site_id in closed & {each.site_id}
            ),
        ]
        if not against:
            return
        found.extend(against)
    yield from found


def _span(off: TimeOff) -> Interval:
    return off.starts_at, off.ends_at


def _meet(one: Interval, other: Interval) -> bool:
    return one[0] < other[1] and one[1] > other[0]
