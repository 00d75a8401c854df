"""The detector against brute force: five minutes by five minutes, on days with odd clocks too."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments.enums import OCCUPYING, AppointmentStatus
from appointments.models import (
    AppointmentRequest,
    AppointmentTemplate,
    Resource,
    SlotAvailability,
    TimeOff,
)
from appointments.scheduling.utils import ConflictDetector, ConflictKind
from core.models import Site

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = [date(2027, 3, 28), date(2027, 10, 31), date(2027, 6, 15)]  # gap, repeat, neither
TICK = timedelta(minutes=5)
SPAN = 30 * 12  # ticks of a scene, a little more than a day
NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
K = ConflictKind

ticks = st.integers(0, SPAN)
visits = st.tuples(
    ticks,
    st.integers(1, 18),  # ticks long
    st.integers(0, 1),  # provider
    st.integers(0, 2),  # patient
    st.integers(0, 2),  # type
    st.integers(0, 3),  # resource; the last for none
    st.sampled_from(AppointmentStatus),
    st.booleans(),  # has the hold ended
)
windows = st.tuples(
    st.integers(0, 47),
    st.integers(1, 24),
    st.sampled_from([15, 20, 30]),
    st.booleans(),
    st.integers(0, 1),
)
absences = st.tuples(ticks, st.integers(1, 120), st.integers(0, 6))
wishes = st.tuples(
    ticks,
    st.integers(1, 18),
    st.sampled_from([None, 0, 1, 2]),  # type
    st.sampled_from([None, 0, 1]),  # patient
    st.sampled_from([None, None, 0, 1]),  # resource
    st.sampled_from([None, "telehealth"]),
    st.integers(0, 9),  # the visit that is moved
)


@dataclass
class Scene:
    """A random schedule, written to the database and kept as plain rows."""

    clinic: object
    day: date
    types: list[AppointmentTemplate]
    resources: list[Resource]
    sites: list[Site]
    visits: list[AppointmentRequest] = field(default_factory=list)
    windows: list[SlotAvailability] = field(default_factory=list)
    off: list[TimeOff] = field(default_factory=list)
    inside: dict[int, set[int]] = field(default_factory=dict)

    @property
    def origin(self) -> datetime:
        return origin_of(self.day)

    def at(self, tick: int) -> datetime:
        return self.origin + tick * TICK

    def span(self, start: datetime, end: datetime) -> frozenset[int]:
        """The ticks of ``[start, end)``."""
        return span_of(self.origin, start, end)

    def of_window(self, window: SlotAvailability) -> set[int]:
        """From the first tick that shows the start or later, to the last that shows less than
        the end; so a repeated hour belongs to it whole, and a skipped one not at all."""
        if window.pk not in self.inside:
            walls = walls_of(self.day)
            opens = min((t for t, wall in walls if wall >= window.start_time), default=0)
            closes = max((t for t, wall in walls if wall < window.end_time), default=-1)
            self.inside[window.pk] = set(range(opens, closes + 1))
        return self.inside[window.pk]


@lru_cache(4096)
def span_of(origin: datetime, start: datetime, end: datetime) -> frozenset[int]:
    return frozenset(range((start - origin) // TICK, (end - origin) // TICK))


@cache
def origin_of(day: date) -> datetime:
    return datetime.combine(day, time(0), tzinfo=BERLIN).astimezone(UTC) - timedelta(hours=2)


@cache
def walls_of(day: date) -> list[tuple[int, time]]:
    """The day's ticks, each with what the clock on the wall shows."""
    walls = ((t, (origin_of(day) + t * TICK).astimezone(BERLIN)) for t in range(SPAN + 60))
    return [(t, wall.time()) for t, wall in walls if wall.date() == day]


def make_visits(scene: Scene, wanted) -> None:
    for number, (tick, long, who, patient, kind, resource, status, ended) in enumerate(wanted):
        template = scene.types[kind]
        start, end = scene.at(tick), scene.at(tick + long)
        row = AppointmentRequest(
            pk=1000 + number,
            patient=scene.clinic.patients[patient],
            provider=scene.clinic.providers[who],
            appointment_type=template,
            site=scene.sites[0],
            resource=scene.resources[resource] if resource < 3 else None,
            scheduled_datetime=start,
            scheduled_end_datetime=end,
            blocked_from=start - timedelta(minutes=template.buffer_before_minutes),
            blocked_until=end + timedelta(minutes=template.buffer_after_minutes),
            status=status,
        )
        if status == AppointmentStatus.HELD:
            row.hold_expires_at = NOW + timedelta(minutes=-1 if ended else 1)
        others = [
            other
            for other in scene.visits
            if {other.status, status} <= set(OCCUPYING)
            and other.blocked_from < row.blocked_until
            and other.blocked_until > row.blocked_from
        ]
        if any(other.provider_id == row.provider_id for other in others):
            row.overbooked, row.override_reason = True, "Test"
        if any(other.resource_id == row.resource_id for other in others):
            row.resource = None
        scene.visits.append(row)
    AppointmentRequest.objects.bulk_create(scene.visits)


def make_windows(scene: Scene, wanted) -> None:
    """Open windows do not overlap each other; blocked ones may overlap everything."""
    starts, open_until = set(), 0
    for half_hour, long, grid, is_blocked, site in sorted(wanted):
        end = min(half_hour + long, 47)
        if half_hour in starts or end <= half_hour or (not is_blocked and half_hour < open_until):
            continue
        starts.add(half_hour)
        open_until = open_until if is_blocked else end
        scene.windows.append(
            SlotAvailability(
                provider=scene.clinic.providers[0],
                site=scene.sites[site],
                date=scene.day,
                start_time=time(half_hour // 2, half_hour % 2 * 30),
                end_time=time(end // 2, end % 2 * 30),
                duration_minutes=grid,
                is_blocked=is_blocked,
            )
        )
    SlotAvailability.objects.bulk_create(scene.windows)


def make_off(scene: Scene, wanted) -> None:
    clinic = scene.clinic
    owners = [
        {"provider": clinic.providers[0]},
        {"provider": clinic.providers[1]},
        *({"site": site} for site in scene.sites),
        *({"resource": resource} for resource in scene.resources),
    ]
    for tick, long, owner in wanted:
        scene.off.append(
            TimeOff(starts_at=scene.at(tick), ends_at=scene.at(tick + long), **owners[owner])
        )
    TimeOff.objects.bulk_create(scene.off)


def oracle(scene: Scene, wish: dict, start: datetime, end: datetime) -> set[tuple[str, int | None]]:
    """What stands against ``[start, end)``, found tick by tick."""
    kind = wish["appointment_type"]
    on_site = wish["resource"] or wish["modality"] != "telehealth"
    before, after = (kind.buffer_before_minutes, kind.buffer_after_minutes) if kind else (0, 0)
    visit = scene.span(start, end)
    taken = scene.span(start - timedelta(minutes=before), end + timedelta(minutes=after))
    live = [
        row
        for row in scene.visits
        if row.status in OCCUPYING
        and not (row.hold_expires_at and row.hold_expires_at <= NOW)
        and row.pk != wish["exclude_appointment_id"]
    ]

    def takes(row) -> bool:
        return not taken.isdisjoint(scene.span(row.blocked_from, row.blocked_until))

    opened = [w for w in scene.windows if not w.is_blocked]
    works_at = {w.site_id for w in opened if min(visit) in scene.of_window(w)}
    site = wish["resource"].site_id if wish["resource"] else None
    if site is None and len(works_at) == 1:
        (site,) = works_at
    off = [o for o in scene.off if scene.span(o.starts_at, o.ends_at) & taken]
    provider_id = scene.clinic.providers[0].pk
    found = {(K.PROVIDER, r.pk) for r in live if r.provider_id == provider_id and takes(r)}
    if wish["patient"]:
        found |= {
            (K.PATIENT, r.pk)
            for r in live
            if r.patient_id == wish["patient"].pk
            and scene.span(r.scheduled_datetime, r.scheduled_end_datetime) & visit
        }
    found |= {(K.LEAVE, o.pk) for o in off if o.provider_id == provider_id}
    if on_site and site is not None:
        found |= {(K.CLOSURE, o.pk) for o in off if o.site_id == site}
    found |= {
        (K.BLOCKED, w.pk) for w in scene.windows if w.is_blocked and scene.of_window(w) & taken
    }
    if wish["resource"] or (kind and kind.resource_kind and on_site):
        found |= of_resources(scene, wish, site, [r for r in live if takes(r)], off)
    if visit - set().union(*(scene.of_window(w) for w in opened)):
        found.add((K.OUTSIDE_HOURS, None))
    return found


def of_resources(scene: Scene, wish: dict, site, live, off) -> set[tuple[str, int | None]]:
    would_do = [
        r
        for r in scene.resources
        if (r == wish["resource"] if wish["resource"] else r.kind == "Room")
        and (site is None or r.site_id == site)
    ]
    if not would_do:
        return {(K.RESOURCE, None)}
    found = set()
    for resource in would_do:
        against = {(K.RESOURCE, r.pk) for r in live if r.resource_id == resource.pk}
        against |= {(K.RESOURCE_OFF, o.pk) for o in off if o.resource_id == resource.pk}
        if site is None:
            against |= {(K.RESOURCE_OFF, o.pk) for o in off if o.site_id == resource.site_id}
        if not against:
            return set()
        found |= against
    return found


def free_starts(scene: Scene, wish: dict, length: timedelta) -> list[datetime]:
    """Every start on a window's grid against which nothing stands."""
    found = set()
    for window in scene.windows:
        inside = scene.of_window(window)
        if window.is_blocked or not inside:
            continue
        if wish["resource"] and wish["resource"].site_id != window.site_id:
            continue
        step = window.duration_minutes // 5
        for tick in range(min(inside), max(inside) + 1, step):
            start, end = scene.at(tick), scene.at(tick) + length
            if scene.span(start, end) <= inside and not oracle(scene, wish, start, end):
                found.add(start)
    return sorted(found)


@pytest.fixture
def world(riverside):
    """Two sites; two rooms at the first, one at the second; a type of each sort."""
    with riverside.active():
        SlotAvailability.objects.all().delete()
        sites = [riverside.site, Site.objects.create(name="Annex")]
        resources = [
            Resource.objects.create(name=f"Room {number}", kind="Room", site=sites[number // 2])
            for number in range(3)
        ]
        types = [
            *riverside.types,
            AppointmentTemplate.objects.create(
                name="Scan", duration_minutes=20, buffer_after_minutes=10, resource_kind="Room"
            ),
        ]
    return riverside, types, resources, sites


@settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    day=st.sampled_from(DAYS),
    booked=st.lists(visits, max_size=10),
    hours=st.lists(windows, max_size=4),
    away=st.lists(absences, max_size=3),
    wanted=wishes,
)
def test_every_answer_is_brute_forces(world, day, booked, hours, away, wanted):
    clinic, types, resources, sites = world
    tick, long, kind, patient, resource, modality, moved = wanted
    with clinic.active(), transaction.atomic():
        scene = Scene(clinic, day, types, resources, sites)
        make_visits(scene, booked)
        make_windows(scene, hours)
        make_off(scene, away)
        wish = {
            "appointment_type": None if kind is None else types[kind],
            "patient": None if patient is None else clinic.patients[patient],
            "resource": None if resource is None else resources[resource],
            "modality": modality,
            "exclude_appointment_id": 1000 + moved if moved < len(booked) else None,
        }
        start, end = scene.at(tick), scene.at(tick + long)
        detector = ConflictDetector(clinic.tenant, clock=lambda: NOW)
        provider = clinic.providers[0]
        found = detector.check_conflicts(provider, start, end, **wish)
        listed = [(each.kind, each.id) for each in found]
        assert len(listed) == len(set(listed))
        assert set(listed) == oracle(scene, wish, start, end)

        slots = detector.suggest_alternative_slots(provider, start, long * 5, **wish)
        free = free_starts(scene, wish, end - start)
        nearest = sorted(free, key=lambda each: (abs(each - start), each))[:5]
        assert [slot[0] for slot in slots] == sorted(nearest)
        assert all(slot[1] - slot[0] == end - start for slot in slots)
        transaction.set_rollback(True)
