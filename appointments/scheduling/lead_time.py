"""Days until the third next available appointment: how long a new patient waits, robustly.

The first free slot is often a cancellation of this morning and says little; the third one is the
usual measure of access.  Source: Institute for Healthcare Improvement, "Third Next Available
Appointment".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection

from appointments.enums import OCCUPYING, Modality
from appointments.models import AppointmentTemplate, Resource, SlotAvailability, TimeOff
from appointments.scheduling.availability import to_utc
from appointments.scheduling.facts import Scope
from appointments.scheduling.slots import (
    MINUTE,
    Busy,
    Need,
    Windows,
    day_number,
    first_free,
    free_slots,
    instant,
    micros,
    open_windows,
)
from core.tenancy import current_tenant_id

HORIZON_DAYS = 60
THIRD = 3


@dataclass(frozen=True, slots=True)
class LeadTimes:
    """Whole days of the tenant's calendar from today; None: not within the horizon.

    ``types`` takes whoever of the scope offers the type; ``providers`` and ``sites`` have each
    one's own.
    """

    types: dict[int, int | None] = field(default_factory=dict)
    providers: dict[tuple[int, int], int | None] = field(default_factory=dict)  # (type, provider)
    sites: dict[tuple[int, int], int | None] = field(default_factory=dict)  # (type, site)


Place = tuple[int, list[tuple[int, int]]]
"""A room's or device's site, and when it is taken."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """Working and taken time.  A lane is one provider at one site: a closed site takes no time
    elsewhere."""

    keys: list[tuple[int, int]]  # (provider, site)
    windows: Windows
    busy: Busy
    places: dict[str, list[Place]]  # by kind


def lead_times(
    *, zone: ZoneInfo, now: datetime, scope: Scope, type_ids: Iterable[int] | None = None
) -> LeadTimes:
    """For each active type (or those of ``type_ids``), each provider who offers it and each site.

    Four queries, and three more where a type takes a room or a device; a slot without a free one
    does not count.
    """
    rows = AppointmentTemplate.objects.filter(is_active=True)
    wanted = [scope.type_id] if scope.type_id else type_ids
    if wanted is not None:
        rows = rows.filter(pk__in=wanted)
    kinds = list(rows.prefetch_related("templateprovider_set", "templatesite_set"))
    today = now.astimezone(zone).date()
    needed = {_resource_kind(kind) for kind in kinds} - {""}
    lanes = _read(today, zone=zone, now=now, scope=scope, needed=needed)
    found = LeadTimes()
    for kind in kinds:
        _measure(kind, lanes, found, today=today, zone=zone, now=now)
    return found


def _measure(
    kind: AppointmentTemplate,
    lanes: Lanes,
    found: LeadTimes,
    *,
    today: date,
    zone: ZoneInfo,
    now: datetime,
) -> None:
    need = Need(
        length=kind.duration_minutes * MINUTE,
        before=kind.buffer_before_minutes * MINUTE,
        after=kind.buffer_after_minutes * MINUTE,
        earliest=micros(now),
        latest=micros(now + timedelta(days=HORIZON_DAYS + 2)),
    )
    slots = free_slots(lanes.windows, lanes.busy, need)
    resource_kind = _resource_kind(kind)
    if resource_kind:
        site = lanes.windows.site[slots.window]
        first, last = slots.start - need.before, slots.start + need.length + need.after
        row = first_free(site, first, last, lanes.places.get(resource_kind, []))
        slots = slots.only(row >= 0)
    offered = _offered(kind, lanes.keys)
    provider = np.array([key[0] for key in lanes.keys], dtype=np.int64)[slots.lane]
    wanted = np.isin(slots.lane, offered)
    start, provider = slots.start[wanted], provider[wanted]
    place = lanes.windows.site[slots.window][wanted]

    def days(starts: np.ndarray) -> int | None:
        if len(starts) < THIRD:
            return None
        third = instant(np.partition(starts, THIRD - 1)[THIRD - 1])
        return (third.astimezone(zone).date() - today).days

    found.types[kind.pk] = days(start)
    for key in {lanes.keys[lane][0] for lane in offered}:
        found.providers[kind.pk, key] = days(start[provider == key])
    for key in {lanes.keys[lane][1] for lane in offered}:
        found.sites[kind.pk, key] = days(start[place == key])


def _offered(kind: AppointmentTemplate, keys: list[tuple[int, int]]) -> list[int]:
    """Lanes in which the type is offered; listing nobody, or no site, means all."""
    providers = {row.provider_id for row in kind.templateprovider_set.all()}
    sites = {row.site_id for row in kind.templatesite_set.all()}
    return [
        lane
        for lane, (provider, site) in enumerate(keys)
        if (not providers or provider in providers) and (not sites or site in sites)
    ]


def _resource_kind(kind: AppointmentTemplate) -> str:
    """What the type takes as a rule; a visit by telehealth takes nothing."""
    return "" if kind.modality == Modality.TELEHEALTH else kind.resource_kind


def _read(today: date, *, zone: ZoneInfo, now: datetime, scope: Scope, needed: set[str]) -> Lanes:
    last = today + timedelta(days=HORIZON_DAYS)
    until = to_utc(last + timedelta(days=1), time.min, zone)
    rows = SlotAvailability.objects.filter(
        date__range=(today, last), is_active=True, provider__is_active=True
    )
    if scope.provider_id:
        rows = rows.filter(provider_id=scope.provider_id)
    columns = ("provider_id", "site_id", "date", "start_time", "end_time", "duration_minutes")
    written = list(rows.values_list(*columns, "is_blocked"))
    keys = sorted(
        {
            (row[0], row[1])
            for row in written
            if not row[6] and (not scope.site_id or row[1] == scope.site_id)
        }
    )
    lanes = {key: lane for lane, key in enumerate(keys)}
    opened = [row for row in written if not row[6] and (row[0], row[1]) in lanes]
    blocked = [row for row in written if row[6]]
    taken = _taken(now, until, "provider_id", scope.provider_id)
    busy: list[Taken] = [(provider, None, start, end) for provider, start, end in taken]
    busy += [*_away(now, until), *_shut(blocked, zone)]
    windows = _windows(opened, [lanes[row[0], row[1]] for row in opened], zone)
    return Lanes(keys, windows, _busy(busy, keys), _places(now, until, needed))


# Two instants a row as PostgreSQL sends them, packed by provider: rows would take most of the time.
TAKEN = """
SELECT {owner},
       string_agg(timestamptz_send(blocked_from) || timestamptz_send(blocked_until), ''::bytea)
FROM appointments_appointmentrequest
WHERE tenant_id = %(tenant)s AND status = ANY(%(occupying)s) AND {owner} IS NOT NULL
  AND blocked_from < %(until)s AND blocked_until > %(now)s
  AND (hold_expires_at IS NULL OR hold_expires_at > %(now)s)
  AND (%(key)s::bigint IS NULL OR {owner} = %(key)s)
GROUP BY 1
"""


Taken = tuple[int | None, int | None, int, int]
"""(provider or None, site or None, start, end): a provider's time, or that of a whole site."""


def _away(now: datetime, until: datetime) -> list[Taken]:
    rows = TimeOff.objects.filter(resource=None, starts_at__lt=until, ends_at__gt=now)
    return [
        (provider, site, micros(start), micros(end))
        for provider, site, start, end in rows.values_list(
            "provider_id", "site_id", "starts_at", "ends_at"
        )
    ]


def _shut(blocked: list[tuple], zone: ZoneInfo) -> list[Taken]:
    spans = _windows(blocked, range(len(blocked)), zone)
    return [
        (row[0], None, int(start), int(end))
        for row, start, end in zip(blocked, spans.opens, spans.closes, strict=True)
    ]


def _places(now: datetime, until: datetime, needed: set[str]) -> dict[str, list[Place]]:
    """Rooms and devices of these kinds, by kind."""
    if not needed:
        return {}
    spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for key, start, end in _taken(now, until, "resource_id"):
        spans[key].append((start, end))
    off = TimeOff.objects.filter(resource__isnull=False, starts_at__lt=until, ends_at__gt=now)
    for key, first, last in off.values_list("resource_id", "starts_at", "ends_at"):
        spans[key].append((micros(first), micros(last)))
    found: dict[str, list[Place]] = defaultdict(list)
    rows = Resource.objects.filter(is_active=True, kind__in=needed)
    for key, kind, site_id in rows.values_list("pk", "kind", "site_id"):
        found[kind].append((site_id, spans[key]))
    return found


def _taken(
    now: datetime, until: datetime, owner: str, key: int | None = None
) -> Iterator[tuple[int, int, int]]:
    """Owner, start and end of appointments and live holds.

    Args:
        owner: provider_id or resource_id.
        key: of one owner alone.
    """
    values = {
        "tenant": current_tenant_id(),
        "occupying": [status.value for status in OCCUPYING],
        "now": now,
        "until": until,
        "key": key,
    }
    with connection.cursor() as cursor:
        cursor.execute(TAKEN.format(owner=owner), values)
        for found, packed in cursor.fetchall():
            for start, end in np.frombuffer(packed, dtype=">i8").reshape(-1, 2).tolist():
                yield found, start, end


def _windows(rows: list[tuple], lanes: Iterable[int], zone: ZoneInfo) -> Windows:
    columns = [
        (
            lane,
            day_number(row[2]),
            _micros_of(row[3]),
            _micros_of(row[4]),
            row[5] * MINUTE,
            row[1],
        )
        for lane, row in zip(lanes, rows, strict=True)
    ]
    table = np.array(columns, dtype=np.int64).reshape(-1, 6).T
    names = ("lane", "day", "start", "end", "grid", "site")
    return open_windows(**dict(zip(names, table, strict=True)), zone=zone)


def _micros_of(clock: time) -> int:
    seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
    return seconds * 1_000_000 + clock.microsecond


def _busy(spans: list[Taken], keys: list[tuple[int, int]]) -> Busy:
    """A provider's busy time in every lane of the provider, a site's in every lane there."""
    of_provider: dict[int | None, list[int]] = defaultdict(list)
    of_site: dict[int | None, list[int]] = defaultdict(list)
    for lane, (provider, site) in enumerate(keys):
        of_provider[provider].append(lane)
        of_site[site].append(lane)
    rows = [
        (lane, start, end)
        for provider, site, start, end in spans
        for lane in (of_site[site] if provider is None else of_provider[provider])
    ]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Busy(columns[0], columns[1], columns[2])
