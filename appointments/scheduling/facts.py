"""What happened in a span of days, counted by the database: the one definition of every figure.

Every page, answer and stored row of figures is a sum of these facts, so they cannot disagree.
``docs/algorithms/metrics.md`` says in words what each of them means.
"""

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.backends.utils import CursorWrapper

from appointments.scheduling.availability import to_utc
from core.tenancy import TenantError, current_tenant_id

LONGEST_HOURS = 12  # no bookable visit is longer: beyond it, a click was forgotten

# A wall clock and UTC differ by an offset that is constant within a span.  A time shown twice
# opens a window at its first pass and closes one at its second; a time that is never shown
# stands for the first instant after the gap.
HOURS = """
spans AS (
    SELECT starts, ends, shift
    FROM unnest(%(span_starts)s::timestamptz[], %(span_ends)s::timestamptz[],
                %(span_shifts)s::interval[]) AS s (starts, ends, shift)
), written AS (
    SELECT w.provider_id, w.site_id, w.date, w.date + w.start_time AS opens,
           w.date + w.end_time AS closes, w.duration_minutes, w.is_blocked
    FROM appointments_slotavailability w
    WHERE w.tenant_id = %(tenant)s AND w.date BETWEEN %(first)s AND %(last)s AND w.is_active
      AND (%(provider)s::bigint IS NULL OR w.provider_id = %(provider)s)
), clock AS (
    SELECT shown, coalesce(min(instant) FILTER (WHERE instant >= starts AND instant < ends),
                           min(starts) FILTER (WHERE instant < starts)) AS first_pass,
           coalesce(max(instant) FILTER (WHERE instant >= starts AND instant < ends),
                    min(starts) FILTER (WHERE instant < starts)) AS last_pass
    FROM (
        SELECT t.shown, s.starts, s.ends, (t.shown - s.shift) AT TIME ZONE 'UTC' AS instant
        FROM (SELECT opens AS shown FROM written UNION SELECT closes FROM written) t
        CROSS JOIN spans s
    ) read
    GROUP BY shown
), away AS (
    SELECT o.provider_id, o.site_id, range_agg(tstzrange(o.starts_at, o.ends_at)) AS spans
    FROM appointments_timeoff o
    WHERE o.tenant_id = %(tenant)s AND o.resource_id IS NULL
      AND o.starts_at < %(until)s AND o.ends_at > %(since)s
    GROUP BY o.provider_id, o.site_id
), windows AS (
    SELECT w.provider_id, w.site_id, w.date, w.duration_minutes, w.is_blocked,
           tstzmultirange(tstzrange(o.first_pass, c.last_pass)) AS spans
    FROM written w
    JOIN clock o ON o.shown = w.opens
    JOIN clock c ON c.shown = w.closes
), blocked AS (
    SELECT provider_id, date, range_agg(spans) AS spans
    FROM windows WHERE is_blocked GROUP BY provider_id, date
), hours AS (
    SELECT w.provider_id, w.date, {site} AS key, min(w.duration_minutes) AS grid,
           range_agg(w.spans) AS planned,
           range_agg(w.spans - coalesce(closed.spans, '{{}}'::tstzmultirange)
                     - coalesce(gone.spans, '{{}}'::tstzmultirange)
                     - coalesce(b.spans, '{{}}'::tstzmultirange)) AS spans
    FROM windows w
    LEFT JOIN away closed ON closed.site_id = w.site_id AND closed.provider_id IS NULL
    LEFT JOIN away gone ON gone.provider_id = w.provider_id
    LEFT JOIN blocked b ON b.provider_id = w.provider_id AND b.date = w.date
    WHERE NOT w.is_blocked AND (%(site)s::bigint IS NULL OR w.site_id = %(site)s)
    GROUP BY 1, 2, 3
)"""
# Holds are nobody's visits yet.
VISITS = """
visits AS (
    SELECT a.provider_id, (a.scheduled_datetime AT TIME ZONE %(zone)s)::date AS date,
           a.site_id, a.appointment_type_id AS type_id, a.status,
           tstzrange(a.scheduled_datetime, a.scheduled_end_datetime) AS span,
           CASE WHEN a.status = 'COMPLETED' AND a.completed_at > a.started_at
                 AND a.completed_at <= a.started_at + %(longest)s::interval
                THEN tstzrange(a.started_at, a.completed_at) END AS seen,
           CASE WHEN a.started_at >= a.checked_in_at
                 AND a.started_at <= a.checked_in_at + %(longest)s::interval
                THEN date_part('epoch', a.started_at - a.checked_in_at) / 60 END AS wait
    FROM appointments_appointmentrequest a
    WHERE a.tenant_id = %(tenant)s AND a.status <> 'HELD'
      AND a.scheduled_datetime >= %(since)s AND a.scheduled_datetime < %(until)s
      AND (%(provider)s::bigint IS NULL OR a.provider_id = %(provider)s)
      AND (%(site)s::bigint IS NULL OR a.site_id = %(site)s)
      AND (%(type)s::bigint IS NULL OR a.appointment_type_id = %(type)s)
), days AS (
    SELECT v.provider_id, v.date, {visit} AS key, count(*) AS visits,
           count(*) FILTER (WHERE v.status = 'COMPLETED') AS completed,
           count(*) FILTER (WHERE v.status = 'NO_SHOW') AS missed,
           count(*) FILTER (WHERE v.status = 'CANCELLED') AS cancelled,
           range_agg(v.span) FILTER (WHERE v.status NOT IN ('NO_SHOW', 'CANCELLED')) AS taken,
           range_agg(v.seen) FILTER (WHERE v.seen IS NOT NULL) AS seen,
           count(v.seen) AS lengths,
           coalesce(sum(date_part('epoch', upper(v.seen) - lower(v.seen)) / 60), 0) AS length,
           count(v.wait) AS waits, coalesce(sum(v.wait), 0) AS wait
    FROM visits v
    GROUP BY 1, 2, 3
)"""
# Work is overtime from the end of a window on; before the day's first window it is not.
FACTS = """
facts AS (
    SELECT coalesce(h.provider_id, d.provider_id) AS provider_id,
           coalesce(h.date, d.date) AS date, {key} AS key, h.grid AS grid,
           round({available}) AS available, round({booked}) AS booked,
           round({overtime}) AS overtime,
           coalesce(d.visits, 0) AS visits, coalesce(d.completed, 0) AS completed,
           coalesce(d.missed, 0) AS missed, coalesce(d.cancelled, 0) AS cancelled,
           coalesce(d.length, 0) AS length, coalesce(d.lengths, 0) AS lengths,
           coalesce(d.wait, 0) AS wait, coalesce(d.waits, 0) AS waits
    FROM hours h FULL JOIN days d ON d.provider_id = h.provider_id AND d.date = h.date{match}
)"""
MINUTES = (
    "coalesce((SELECT sum(date_part('epoch', upper(r) - lower(r))) / 60 FROM unnest({}) r), 0)"
)
AVAILABLE = MINUTES.format("h.spans")
BOOKED = MINUTES.format("h.spans * d.taken")
OVERTIME = MINUTES.format(
    "d.seen - h.planned - tstzmultirange(tstzrange(NULL, lower(h.planned), '[)'))"
)
SUMS = (
    "sum(available), sum(booked), sum(overtime), sum(visits), sum(completed), sum(missed),"
    " sum(cancelled), sum(length), sum(lengths), sum(wait), sum(waits)"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """Sums of one group.  Times are minutes; ``length`` and ``wait`` are totals of the
    ``lengths`` and ``waits`` visits whose clock was kept."""

    available: int = 0
    booked: int = 0
    overtime: int = 0
    visits: int = 0
    completed: int = 0
    missed: int = 0
    cancelled: int = 0
    length: float = 0.0
    lengths: int = 0
    wait: float = 0.0
    waits: int = 0

    def __add__(self, other: "Facts") -> "Facts":
        return Facts(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class DayFacts:
    provider_id: int
    day: date
    facts: Facts


Grouped = tuple[dict[int | None, Facts], dict[int | None, Facts]]
"""By key: from the split on, and before it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose figures; None means all."""

    provider_id: int | None = None
    site_id: int | None = None
    type_id: int | None = None


def by_provider_and_day(
    first: date, last: date, *, zone: ZoneInfo, scope: Scope | None = None
) -> list[DayFacts]:
    """One row per provider and day with hours or visits, ``first`` to ``last`` included.

    One query.  With a type, ``available`` is still the whole open time.
    """
    sql = f"WITH {day_facts()} SELECT provider_id, date, {_columns()} FROM facts"  # noqa: S608
    rows = _rows(sql, parameters(first, last, zone=zone, scope=scope))
    return [DayFacts(row[0], row[1], _facts(row[2:])) for row in rows]


def by_type(
    first: date, split: date, last: date, *, zone: ZoneInfo, scope: Scope | None = None
) -> Grouped:
    """Sums by appointment type.  ``available`` is 0: open time belongs to no type."""
    parts = _parts(site="NULL::bigint", visit="v.type_id", key="d.key", available="0::float8")
    return _grouped(parts, split, parameters(first, last, zone=zone, scope=scope))


def by_site(
    first: date, split: date, last: date, *, zone: ZoneInfo, scope: Scope | None = None
) -> Grouped:
    """Sums by site; None collects visits that have none."""
    parts = _parts(
        site="w.site_id",
        visit="v.site_id",
        key="coalesce(h.key, d.key)",
        match=" AND d.key = h.key",
    )
    return _grouped(parts, split, parameters(first, last, zone=zone, scope=scope))


def day_facts() -> str:
    """The CTEs up to ``facts``: one row per provider and day."""
    return _parts(site="NULL::bigint", visit="NULL::bigint", key="NULL::bigint")


def parameters(
    first: date,
    last: date,
    *,
    zone: ZoneInfo,
    scope: Scope | None = None,
    tenant_id: int | None = None,
) -> dict[str, Any]:
    """What ``day_facts`` asks for.

    Args:
        tenant_id: the active tenant's where None.
    """
    owner = current_tenant_id() if tenant_id is None else tenant_id
    if owner is None:
        raise TenantError("Figures were asked for outside a tenant.")
    scope = scope or Scope()
    since = to_utc(first, time.min, zone)
    until = to_utc(last + timedelta(days=1), time.min, zone)
    spans = list(offset_spans(since, until, zone))
    return {
        "tenant": owner,
        "zone": zone.key,
        "first": first,
        "last": last,
        "since": since,
        "until": until,
        "longest": timedelta(hours=LONGEST_HOURS),
        "span_starts": [span[0] for span in spans],
        "span_ends": [span[1] for span in spans],
        "span_shifts": [span[2] for span in spans],
        "provider": scope.provider_id,
        "site": scope.site_id,
        "type": scope.type_id,
    }


def offset_spans(
    since: datetime, until: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The stretches of constant UTC offset that cover ``[since, until)``, and a day around it."""
    day = timedelta(days=1)
    start, end = since.astimezone(UTC) - day, until.astimezone(UTC) + day
    while start < end:
        offset = start.astimezone(zone).utcoffset() or timedelta()
        stop = start
        while stop < end and stop.astimezone(zone).utcoffset() == offset:
            stop += day
        if stop.astimezone(zone).utcoffset() != offset:
            stop = _change(stop - day, stop, zone)
        yield start, min(stop, end), offset
        start = stop


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The minute in ``(before, after]`` from which the later offset holds."""
    old = before.astimezone(zone).utcoffset()
    minute = timedelta(minutes=1)
    while after - before > minute:
        middle = before + (after - before) // 2 // minute * minute
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def _parts(
    *,
    site: str,
    visit: str,
    key: str,
    available: str = AVAILABLE,
    match: str = "",
) -> str:
    hours, visits = HOURS.format(site=site), VISITS.format(visit=visit)
    facts = FACTS.format(
        key=key, match=match, available=available, booked=BOOKED, overtime=OVERTIME
    )
    return f"{hours}, {visits}, {facts}"


def _grouped(parts: str, split: date, values: dict[str, Any]) -> Grouped:
    sql = (
        f"WITH {parts} SELECT key, date < %(split)s, {SUMS} "  # noqa: S608 - constants
        "FROM facts GROUP BY 1, 2"
    )
    before: dict[int | None, Facts] = {}
    since: dict[int | None, Facts] = {}
    for key, is_before, *sums in _rows(sql, values | {"split": split}):
        if any(sums):
            (before if is_before else since)[key] = _facts(sums)
    return since, before


def _columns() -> str:
    return ", ".join(field.name for field in fields(Facts))


def _facts(values: Iterable[Any]) -> Facts:
    kinds = (type(field.default) for field in fields(Facts))
    return Facts(*(kind(value) for kind, value in zip(kinds, values, strict=True)))


def _rows(sql: str, values: dict[str, Any]) -> list[tuple]:
    cursor: CursorWrapper
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()
