"""Keeps ``QueueMetrics``: each queue's hours in figures, always computed from the history.

Nothing is counted up, so an hour that is computed again has the same figures.  An hour is final
ten minutes after its end: that long the last step of an entry can be undone.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from appointments.enums import QueueEntryStatus
from appointments.models import QueueEntry, QueueEvent, QueueMetrics
from appointments.queue.history import TAKEN_BACK as TAKEN_BACK_REASON
from appointments.queue.hourly import Hour, HourFigures, figures, hours_between
from appointments.queue.stays import TAKEN_BACK, Stay, Step, at_instant, instant, stay_of
from core.clock import Clock, system_clock
from core.models import Tenant
from core.tenancy import current_tenant_id

CHANGING = timedelta(hours=1)  # the hour before may still be undone
SETTLING_DAYS = 2
CHUNK_DAYS = 31
FIELDS = [
    field.name
    for field in QueueMetrics._meta.concrete_fields
    if field.name not in ("id", "tenant", "queue", "date", "hour")
]

# All steps of whoever took one then, so that what was before and what was undone is known.
STEPS = """
SELECT s.queue_id, s.entry_id,
       CASE WHEN s.step = 'leave' AND s.reason = %(taken_back)s AND EXISTS (
                SELECT FROM appointments_queueentry e
                WHERE e.tenant_id = s.tenant_id AND e.id = s.entry_id
                  AND e.transferred_from_id IS NOT NULL)
            THEN %(taken_back_step)s ELSE s.step END,
       s.to_status, (extract(epoch FROM s.at) * 1000000)::bigint
FROM appointments_queueevent s
WHERE s.tenant_id = %(tenant)s AND s.entry_id IN (
    SELECT v.entry_id FROM appointments_queueevent v
    WHERE v.tenant_id = %(tenant)s AND v.queue_id = ANY(%(queues)s)
      AND v.at >= %(since)s AND v.at < %(until)s)
ORDER BY s.entry_id, s.id
"""
# Who stood in the line all the time: nothing happened to them then, and what came next, or their
# present state, says that they waited.
STANDING = """
SELECT queue_id, count(*) FROM (
    SELECT e.queue_id, e.id FROM appointments_queueentry e
    WHERE e.tenant_id = %(tenant)s AND e.queue_id = ANY(%(queues)s) AND e.status = 'WAITING'
      AND e.joined_at < %(since)s AND NOT EXISTS (
          SELECT FROM appointments_queueevent v
          WHERE v.tenant_id = e.tenant_id AND v.entry_id = e.id AND v.at >= %(since)s)
    UNION ALL
    SELECT next.queue_id, next.entry_id FROM (
        SELECT DISTINCT ON (v.entry_id) v.queue_id, v.entry_id, v.from_status
        FROM appointments_queueevent v
        WHERE v.tenant_id = %(tenant)s AND v.queue_id = ANY(%(queues)s) AND v.at >= %(until)s
        ORDER BY v.entry_id, v.id
    ) next
    WHERE next.from_status = 'WAITING' AND NOT EXISTS (
        SELECT FROM appointments_queueevent v
        WHERE v.tenant_id = %(tenant)s AND v.entry_id = next.entry_id
          AND v.at >= %(since)s AND v.at < %(until)s)
) standing
GROUP BY queue_id
"""


def stays_between(
    queue_ids: Iterable[int], since: datetime, until: datetime
) -> dict[int, dict[int, Stay]]:
    """Whoever took a step from ``since`` until before ``until``: by queue and entry; one
    statement."""
    steps: dict[tuple[int, int], list[Step]] = defaultdict(list)
    for queue_id, entry_id, step, to_status, at in _rows(STEPS, queue_ids, since, until):
        steps[queue_id, entry_id].append(Step(step, to_status, at))
    found: dict[int, dict[int, Stay]] = defaultdict(dict)
    for (queue_id, entry_id), taken in steps.items():
        found[queue_id][entry_id] = stay_of(taken)
    return found


def compute(
    queue_ids: Sequence[int], hours: Sequence[Hour], *, now: datetime
) -> dict[int, list[HourFigures]]:
    """The figures of these consecutive hours, by queue; those in which nobody stood there and
    nothing happened are left out.  Two statements, however many the queues are."""
    since, until = at_instant(hours[0].spans[0][0]), at_instant(hours[-1].spans[-1][1])
    stays = stays_between(queue_ids, since, until)
    standing = dict(_rows(STANDING, queue_ids, since, until))
    return {
        key: [
            each
            for each in figures(
                list(stays.get(key, {}).values()),
                hours,
                standing=standing.get(key, 0),
                until=instant(now),
            )
            if not each.is_empty
        ]
        for key in queue_ids
    }


def hours_of(
    queue_id: int, first: date, last: date, *, zone: ZoneInfo, now: datetime
) -> list[HourFigures]:
    """The queue's hours of these days in order: the stored ones, and this hour and the one before
    as they are now."""
    changing = _changing(zone, now)
    fresh = {
        (each.date, each.hour): each
        for each in compute([queue_id], changing, now=now)[queue_id]
        if first <= each.date <= last
    }
    replaced = {(each.date, each.hour) for each in changing}
    rows = QueueMetrics.objects.filter(queue_id=queue_id, date__range=(first, last))
    stored = {
        (row.date, row.hour): HourFigures(
            row.date, row.hour, *(getattr(row, name) for name in FIELDS if name != "computed_at")
        )
        for row in rows
        if (row.date, row.hour) not in replaced
    }
    return [found for _, found in sorted((stored | fresh).items())]


def keep_current(
    own: Tenant, *, queue_ids: Sequence[int] | None = None, clock: Clock = system_clock
) -> int:
    """Store this hour and the one before; how many rows.

    Args:
        queue_ids: None: those in which something happened since then, or somebody waits.
    """
    now = clock()
    hours = _changing(own.zone_info, now)
    if queue_ids is None:
        queue_ids = _busy_since(at_instant(hours[0].spans[0][0]))
    return _store(queue_ids, hours, now=now) if queue_ids else 0


def _busy_since(since: datetime) -> list[int]:
    moved = QueueEvent.objects.filter(at__gte=since).order_by().values_list("queue", flat=True)
    waited = QueueEntry.objects.filter(status=QueueEntryStatus.WAITING).order_by()
    return sorted({*moved.distinct(), *waited.values_list("queue", flat=True).distinct()})


def rebuild(
    own: Tenant,
    first: date,
    last: date,
    *,
    queue_ids: Sequence[int],
    clock: Clock = system_clock,
) -> int:
    """Bring the rows of ``first`` to ``last`` (included) in line with the history.

    Returns:
        How many rows there are.
    """
    now, written = clock(), 0
    while first <= last and queue_ids:
        until = min(last, first + timedelta(days=CHUNK_DAYS - 1))
        hours = hours_between(first, until, own.zone_info)
        written += _store(sorted(queue_ids), hours, now=now)
        first = until + timedelta(days=1)
    return written


def settle(own: Tenant, *, queue_ids: Sequence[int], clock: Clock = system_clock) -> int:
    """Rebuild the last days, in case no job ran when an hour became final."""
    today = clock().astimezone(own.zone_info).date()
    first = today - timedelta(days=SETTLING_DAYS)
    return rebuild(own, first, today, queue_ids=queue_ids, clock=clock)


def row_of(queue_id: int, each: HourFigures, *, now: datetime) -> QueueMetrics:
    """Unsaved."""
    return QueueMetrics(queue_id=queue_id, computed_at=now, **asdict(each))


@transaction.atomic
def _store(queue_ids: Sequence[int], hours: Sequence[Hour], *, now: datetime) -> int:
    found = compute(queue_ids, hours, now=now)
    rows = [row_of(key, each, now=now) for key in queue_ids for each in found[key]]
    kept = {(row.queue_id, row.date, row.hour) for row in rows}
    asked = {(each.date, each.hour) for each in hours}
    days = (hours[0].date, hours[-1].date)
    stored = QueueMetrics.objects.filter(queue__in=queue_ids, date__range=days)
    gone = [
        pk
        for pk, *key in stored.values_list("pk", "queue_id", "date", "hour")
        if tuple(key[1:]) in asked and tuple(key) not in kept
    ]
    if gone:
        QueueMetrics.objects.filter(pk__in=gone).delete()
    # In the same order always: two runs at once must not deadlock.
    QueueMetrics.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "queue", "date", "hour"],
        update_fields=FIELDS,
    )
    return len(rows)


def _changing(zone: ZoneInfo, now: datetime) -> list[Hour]:
    """The hour of the clock that is now, and the one before."""
    first, last = ((now - gap).astimezone(zone).date() for gap in (2 * CHANGING, timedelta()))
    begun = [each for each in hours_between(first, last, zone) if each.spans[0][0] <= instant(now)]
    return begun[-2:]


def _rows(sql: str, queue_ids: Iterable[int], since: datetime, until: datetime) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "tenant": current_tenant_id(),
                "queues": list(queue_ids),
                "since": since,
                "until": until,
                "taken_back": TAKEN_BACK_REASON,
                "taken_back_step": TAKEN_BACK,
            },
        )
        return cursor.fetchall()
