"""The line of a queue: read in one statement as columns, ordered, and written back as ranks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import connection

from appointments.models import QueueConfiguration, QueueEntry, QueueSnapshot, WaitingQueue
from appointments.queue.discipline import Line, Weights, serving_order
from appointments.queue.moves import ascending_ranks
from appointments.queue.routing_policy import Wishes
from core.lookups import MAX_KEY
from core.tenancy import TenantError, current_tenant_id

READ = """
SELECT e.id, e.ticket, e.status, e.priority_score,
       extract(epoch FROM e.arrived_at)::float8 / 60,
       extract(epoch FROM a.scheduled_datetime)::float8 / 60,
       e.estimated_service_time, r.manual_position, extract(epoch FROM r.manual_at)::float8 / 60,
       e.queue_id, e.wanted_provider_id, e.wanted_specialty, e.appointment_type_id, e.is_flexible,
       r.rank
FROM appointments_queueentry e
LEFT JOIN appointments_appointmentrequest a
       ON a.tenant_id = e.tenant_id AND a.id = e.appointment_id
LEFT JOIN appointments_linerank r ON r.tenant_id = e.tenant_id AND r.entry_id = e.id
WHERE e.tenant_id = %s AND e.queue_id = %s AND e.status = 'WAITING'
ORDER BY r.rank NULLS LAST, e.arrived_at, e.id
"""
WRITE = """
INSERT INTO appointments_linerank (tenant_id, queue_id, entry_id, rank, manual_position)
SELECT %s, %s, entry_id, rank, place
FROM unnest(%s::bigint[], %s::float8[], %s::integer[]) AS new (entry_id, rank, place)
ON CONFLICT (entry_id)
DO UPDATE SET rank = EXCLUDED.rank, manual_position = EXCLUDED.manual_position
"""
DROP_DEPARTED = """
DELETE FROM appointments_linerank WHERE id IN (
    SELECT r.id FROM appointments_linerank r
    WHERE r.tenant_id = %s AND r.queue_id = %s AND NOT EXISTS (
        SELECT 1 FROM appointments_queueentry e
        WHERE e.tenant_id = r.tenant_id AND e.id = r.entry_id AND e.status = 'WAITING')
    FOR UPDATE SKIP LOCKED)  -- a locked one belongs to an entry that is coming back
RETURNING rank
"""
ABSENT_ENDED = """
SELECT e.id FROM appointments_queueentry e
WHERE e.tenant_id = %(tenant)s AND e.queue_id = %(queue)s
  AND (e.status = 'ON_HOLD' AND e.away_until <= %(now)s
       OR e.status = 'SKIPPED' AND (
          SELECT count(*) FROM appointments_queueevent c
          WHERE c.tenant_id = e.tenant_id AND c.queue_id = e.queue_id
            AND c.step = 'call' AND c.at >= e.away_at AND c.entry_id <> e.id) >= %(calls)s
       OR e.status = 'SKIPPED' AND NOT EXISTS (
          SELECT 1 FROM appointments_queueentry w
          WHERE w.tenant_id = e.tenant_id AND w.queue_id = e.queue_id AND w.status = 'WAITING'))
ORDER BY e.id
"""

NEWCOMER = MAX_KEY
"""Stands for an entry that is not stored: of two who come at once it is the later one."""


@dataclass(frozen=True, slots=True)
class QueueLine:
    """Who waits in one queue.

    ``columns``, ``wishes``, ``tickets`` and ``ranks`` have one row per entry, as the stored ranks
    sort them; ``ranks`` is NaN for an entry that has none yet.
    """

    columns: Line
    wishes: Wishes
    tickets: list[str]
    ranks: np.ndarray

    def __len__(self) -> int:
        return len(self.columns)


def read_line(queue_id: int) -> QueueLine:
    """Everybody who waits in the queue now, in one statement."""
    rows = _rows(READ, [_tenant(), queue_id])
    by_column = list(zip(*rows, strict=True)) if rows else [()] * 15
    (ids, tickets, _, scores, arrived, appointment, expected, manual, manual_at, *rest) = by_column
    queue_ids, providers, specialties, types, flexible, ranks = rest
    columns = Line(
        entry_id=np.array(ids, np.int64),
        priority_score=np.array(scores, float),
        arrived=np.array(arrived, float),
        appointment=np.array(appointment, float),
        expected_minutes=np.array(expected, float),
        manual_rank=np.array(manual, float),
        manual_at=np.array(manual_at, float),
    )
    wishes = Wishes(
        queue_id=np.array(queue_ids, np.int64),
        provider_id=np.array([key or 0 for key in providers], np.int64),
        specialty=np.array(specialties, np.str_),
        type_id=np.array([key or 0 for key in types], np.int64),
        is_flexible=np.array(flexible, bool),
    )
    return QueueLine(columns, wishes, list(tickets), np.array(ranks, float))


def rules_of(configuration: QueueConfiguration) -> dict[str, object]:
    """What ``discipline`` takes besides the line and the time."""
    return {
        "weights": Weights(
            priority=configuration.priority_weight,
            wait=configuration.wait_time_weight,
            appointment=configuration.appointment_time_weight,
        ),
        "guard_minutes": float(configuration.guard_minutes),
        "fifo": not configuration.use_dynamic_positioning,
    }


def minutes(instant: datetime) -> float:
    """Minutes since the epoch, as the line's columns count them."""
    return instant.timestamp() / 60


def instant(since_epoch: float) -> datetime:
    """Aware, in UTC; the reverse of ``minutes``."""
    return datetime.fromtimestamp(since_epoch * 60, UTC)


def rank_between(line: QueueLine, order: np.ndarray, entry_id: int) -> float:
    """A rank for the entry that sorts it to its place in ``order`` among the stored ranks."""
    place = int(np.flatnonzero(line.columns.entry_id[order] == entry_id)[0])
    before = _known_rank(line, order[:place][::-1])
    after = _known_rank(line, order[place + 1 :])
    if before is None:
        return 0.0 if after is None else after - 1
    if after is None or after < before:
        return before + 1
    return (before + after) / 2


def _known_rank(line: QueueLine, rows: Sequence[int] | np.ndarray) -> float | None:
    return next((float(line.ranks[row]) for row in rows if not np.isnan(line.ranks[row])), None)


def reordered(line: QueueLine, order: np.ndarray, ranks: np.ndarray | None = None) -> QueueLine:
    """The line with its rows in ``order``, and with new ranks if there are."""
    columns, wishes = line.columns, line.wishes
    return QueueLine(
        Line(*(getattr(columns, name)[order] for name in Line.__slots__)),
        Wishes(*(getattr(wishes, name)[order] for name in Wishes.__slots__)),
        [line.tickets[row] for row in order],
        line.ranks[order] if ranks is None else ranks,
    )


def with_newcomer(line: QueueLine, entry: QueueEntry) -> QueueLine:
    """The line with an entry at its end that does not stand in it; ``NEWCOMER`` is its key if it
    has none."""
    visit = entry.appointment
    about = (
        entry.pk or NEWCOMER,
        entry.priority_score,
        minutes(entry.arrived_at),
        minutes(visit.scheduled_datetime) if visit else np.nan,
        entry.estimated_service_time,
        np.nan,
        np.nan,
    )
    asked = (
        entry.queue_id,
        entry.wanted_provider_id or 0,
        entry.wanted_specialty,
        entry.appointment_type_id or 0,
        entry.is_flexible,
    )
    return QueueLine(
        Line(*_appended(line.columns, about)),
        Wishes(*_appended(line.wishes, asked)),
        [*line.tickets, entry.ticket],
        np.append(line.ranks, np.nan),
    )


def _appended(columns: Line | Wishes, row: tuple) -> list[np.ndarray]:
    names = type(columns).__slots__
    return [np.append(getattr(columns, name), row[at]) for at, name in enumerate(names)]


def settle(
    queue: WaitingQueue, configuration: QueueConfiguration, *, now: datetime, version: int
) -> QueueLine:
    """Write the serving order down as ranks: those of entries that were overtaken or moved, in
    one statement.

    The caller holds the queue's publication row.

    Returns:
        The line, as it now stands.
    """
    tenant_id = _tenant()
    departed = sorted(row[0] for row in _rows(DROP_DEPARTED, [tenant_id, queue.pk]))
    line = read_line(queue.pk)
    lowered = _move_up(line, departed)
    order = serving_order(line.columns, now=minutes(now), **rules_of(configuration))
    known = line.ranks[order]
    ranks = ascending_ranks(known)
    changed = ~(known == ranks) | lowered[order]  # NaN is never equal
    if changed.any():
        rows = order[changed]
        places = line.columns.manual_rank[rows]
        with connection.cursor() as cursor:
            cursor.execute(
                WRITE,
                [
                    *(tenant_id, queue.pk),
                    line.columns.entry_id[rows].tolist(),
                    ranks[changed].tolist(),
                    [None if np.isnan(place) else int(place) for place in places],
                ],
            )
        QueueSnapshot.objects.create(
            queue=queue,
            version=version,
            at=now,
            entry_ids=line.columns.entry_id[order].tolist(),
            ranks=ranks.tolist(),
        )
    return reordered(line, order, ranks)


def absent_ended(queue_id: int, *, skip_return_after: int, now: datetime) -> list[int]:
    """Keys of entries that come back into the line by themselves: their time on hold is over,
    enough others were called since they were skipped, or nobody else waits."""
    given = {
        "tenant": _tenant(),
        "queue": queue_id,
        "now": now,
        "calls": skip_return_after,
    }
    return [row[0] for row in _rows(ABSENT_ENDED, given)]


def _move_up(line: QueueLine, departed: list[float]) -> np.ndarray:
    """Places given by hand count from the head: whoever left before one lowers it, in place.

    Returns:
        Which rows were lowered.
    """
    places = line.columns.manual_rank
    before = np.where(np.isnan(places), 0, np.searchsorted(departed, line.ranks))
    lowered = (before > 0) & (places > 1)
    places[lowered] = np.maximum(1, places[lowered] - before[lowered])
    return lowered


def rows_of(sql: str, **given: Any) -> list[tuple]:
    """What the statement finds in the active tenant.

    Args:
        given: its parameters but ``tenant``.

    Raises:
        TenantError: no tenant is active.
    """
    return _rows(sql, {"tenant": _tenant(), **given})


def _rows(sql: str, given: list | dict) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return cursor.fetchall()


def _tenant() -> int:
    tenant_id = current_tenant_id()
    if tenant_id is None:
        raise TenantError("A queue was read outside a tenant.")
    return tenant_id
