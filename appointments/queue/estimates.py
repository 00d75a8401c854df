"""What wait estimates are made from: who serves, who is being served, and how fast today."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q

from appointments.enums import QueueEntryStatus, ServicePointState
from appointments.models import (
    AppointmentTemplate,
    QueueConfiguration,
    QueueEntry,
    ServicePoint,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.queue.line import QueueLine, rows_of
from appointments.queue.routing_policy import Point, eligibility
from appointments.queue.stays import LONGEST
from appointments.queue.wait_estimate import (
    DEFAULT_OFFSETS,
    Estimates,
    Offsets,
    estimate,
    pace_of,
    residual_minutes,
)

HISTORY = timedelta(days=7)
TODAY = timedelta(hours=12)
PRIOR_VISITS = 5
BUCKETS = (0, 10, 20, 40)
BEING_SERVED = [QueueEntryStatus.CALLED, QueueEntryStatus.IN_PROGRESS]
LONGEST_VISIT = timedelta(microseconds=LONGEST)
SERVICE_TIME = ExpressionWrapper(F("completed_at") - F("started_at"), output_field=DurationField())
SERVED = Q(
    status=QueueEntryStatus.COMPLETED,
    started_at__isnull=False,
    completed_at__lt=F("started_at") + LONGEST_VISIT,
)
"""Whose length says something: beyond, somebody forgot to say that it was over."""

# Read for every publication of a queue; the ORM's part of it took longer than the database's.
POINTS = """
SELECT p.id, p.state = 'open', p.provider_id, f.specialties,
       ARRAY(SELECT t.appointment_type_id FROM appointments_servicepointtype t
             WHERE t.tenant_id = p.tenant_id AND t.point_id = p.id),
       ARRAY(SELECT o.queue_id FROM appointments_servicepointqueue o
             WHERE o.tenant_id = p.tenant_id AND o.point_id = p.id AND o.queue_id <> q.queue_id)
FROM appointments_servicepointqueue q
JOIN appointments_servicepoint p
  ON p.tenant_id = q.tenant_id AND p.id = q.point_id AND p.is_active
LEFT JOIN accounts_providerprofile f
  ON f.tenant_id = p.tenant_id AND f.user_id = p.provider_id
WHERE q.tenant_id = %(tenant)s AND q.queue_id = %(queue)s
ORDER BY p.id
"""
SERVING = """
SELECT service_point_id, queue_id, started_at, estimated_service_time
FROM appointments_queueentry
WHERE tenant_id = %(tenant)s AND (queue_id = %(queue)s OR service_point_id = ANY(%(points)s))
  AND status = ANY(%(statuses)s)
"""
DONE = """
SELECT service_point_id, served_by_id,
       extract(epoch FROM sum(completed_at - started_at))::float8 / 60,
       sum(estimated_service_time),
       extract(epoch FROM sum(completed_at - started_at)
               FILTER (WHERE joined_at >= %(today)s))::float8 / 60,
       sum(estimated_service_time) FILTER (WHERE joined_at >= %(today)s)
FROM appointments_queueentry
WHERE tenant_id = %(tenant)s AND queue_id = %(queue)s AND joined_at >= %(since)s
  AND status = 'COMPLETED' AND completed_at < started_at + %(longest)s
GROUP BY service_point_id, served_by_id
"""
OFFSETS = """
SELECT bucket, offset_p10, offset_p50, offset_p90 FROM appointments_waitcalibration
WHERE tenant_id = %(tenant)s AND queue_id = %(queue)s
"""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a queue has to serve its line with.

    Attributes:
        points: the open ones; empty where every point is paused or closed.
        free_in: minutes until each is free.
        pace: of each, times the expected length of a visit.
        turns: of each, minutes given to its other queues after each visit from this one.
    """

    points: list[Point]
    free_in: np.ndarray
    pace: np.ndarray
    turns: list[list[float]]
    offsets: Offsets


class Done(NamedTuple):
    """Minutes that visits at a point took, and were expected to; of today None without any."""

    point_id: int | None
    served_by_id: int | None
    actual: float
    expected: int
    actual_today: float | None
    expected_today: int | None


def waits(line: QueueLine, capacity: Capacity) -> Estimates:
    """The waits of the line, which is in serving order; minutes."""
    durations = np.outer(line.columns.expected_minutes, capacity.pace)
    able = eligibility(line.wishes, capacity.points)
    return estimate(durations, able, capacity.free_in, capacity.offsets, capacity.turns)


def read_capacity(
    queue: WaitingQueue, configuration: QueueConfiguration, *, now: datetime
) -> Capacity:
    """Read in four statements, however long the line is; in six where points are shared."""
    points, others, is_staffed = _points(queue)
    keys = [point.point_id for point in points]
    serving = rows_of(SERVING, queue=queue.pk, points=keys, statuses=BEING_SERVED)
    if not is_staffed:
        points = [Point(-n, frozenset([queue.pk])) for n in range(max(1, len(serving)))]
        keys = [point.point_id for point in points]
        serving = [(keys[n], *row[1:]) for n, row in enumerate(serving)]
    turns = _turns(others) if any(others) else [[] for _ in points]
    free_in = np.zeros(len(points))
    for key, from_queue, started_at, expected in serving:
        if key in keys:
            at = keys.index(key)
            elapsed = (now - started_at).total_seconds() / 60 if started_at else 0.0
            free_in[at] += residual_minutes(elapsed, max(1, expected))
            if from_queue == queue.pk and turns[at]:
                free_in[at] += turns[at].pop(0)  # the others' turn comes next
    pace = (
        _paces(queue, points, now=now)
        if configuration.use_historical_data
        else np.ones(len(points))
    )
    return Capacity(points, free_in, pace, turns, offsets_of(queue))


def expected_minutes(
    queue: WaitingQueue,
    configuration: QueueConfiguration,
    kind: AppointmentTemplate | None,
    *,
    now: datetime,
) -> int:
    """The expected length of a visit of this type in this queue: the mean of the last week,
    drawn towards the type's own length (the queue's default without a type)."""
    usual = kind.duration_minutes if kind else configuration.default_service_time_minutes
    if not configuration.use_historical_data:
        return usual
    seen = QueueEntry.objects.filter(
        SERVED, queue=queue, joined_at__gte=now - HISTORY, appointment_type=kind
    ).aggregate(mean=Avg(SERVICE_TIME), count=Count("pk"))
    if not seen["count"]:
        return usual
    mean = seen["mean"].total_seconds() / 60
    blended = (seen["count"] * mean + PRIOR_VISITS * usual) / (seen["count"] + PRIOR_VISITS)
    return max(1, round(blended))


def offsets_of(queue: WaitingQueue) -> Offsets:
    """By how much the queue's own past corrects its estimates."""
    rows = {bucket: offsets for bucket, *offsets in rows_of(OFFSETS, queue=queue.pk)}
    if set(rows) != set(BUCKETS):
        return DEFAULT_OFFSETS
    p10, p50, p90 = zip(*(rows[bucket] for bucket in BUCKETS), strict=True)
    return Offsets(p10, p50, p90)


def shown(estimates: Estimates, row: int) -> dict[str, int | None]:
    """One entry's range as people see it: whole minutes, None where nobody may serve it now."""
    if np.isnan(estimates.p50[row]):
        return {"p10": None, "p50": None, "p90": None}
    return {
        "p10": int(np.floor(estimates.p10[row])),
        "p50": round(float(estimates.p50[row])),
        "p90": int(np.ceil(estimates.p90[row])),
    }


def _points(queue: WaitingQueue) -> tuple[list[Point], list[list[int]], bool]:
    """The open points of the queue, which other queues each serves, and whether it has any."""
    rows = rows_of(POINTS, queue=queue.pk)
    points, others = [], []
    for key, is_open, provider_id, specialties, types, other_queues in rows:
        if is_open:
            served, able = frozenset([queue.pk]), frozenset(specialties or ())
            points.append(Point(key, served, provider_id, able, frozenset(types) or None))
            others.append(other_queues)
    return points, others, bool(rows)


def _turns(others: list[list[int]]) -> list[list[float]]:
    """What points give to other queues, a visit at a time: each of those queues' open points
    takes an equal part of its line."""
    keys = {key for row in others for key in row}
    waiting = QueueEntry.objects.filter(queue__in=keys, status=QueueEntryStatus.WAITING)
    lines = waiting.values_list("queue_id").annotate(Count("pk"), Avg("estimated_service_time"))
    sharing = ServicePointQueue.objects.filter(
        queue__in=keys, point__is_active=True, point__state=ServicePointState.OPEN
    )
    points = dict(sharing.values_list("queue_id").annotate(Count("pk")))
    # A point that closed since it was read is still one of them here.
    visits = {key: (count / points.get(key, 1), float(mean)) for key, count, mean in lines}
    most = ceil(max((share for share, _ in visits.values()), default=0))
    return [
        [sum(_turn(*visits[key], n) for key in row if key in visits) for n in range(most)]
        for row in others
    ]


def _turn(visits: float, mean: float, n: int) -> float:
    """Minutes of the n-th visit, from 0; the last of them may be a part of one."""
    return mean * min(1.0, max(0.0, visits - n))


def point_of(row: ServicePoint, queue_ids: set[int]) -> Point:
    """The service point as the routing rules see it."""
    profile: Any = getattr(row.provider, "provider_profile", None)
    types = frozenset(each.appointment_type_id for each in row.servicepointtype_set.all())
    return Point(
        row.pk,
        frozenset(queue_ids),
        row.provider_id,
        frozenset(profile.specialties if profile else ()),
        types or None,
    )


def _paces(queue: WaitingQueue, points: list[Point], *, now: datetime) -> np.ndarray:
    """How visits compare with the expected length, this week and today: those of whoever serves
    at each point or, where nobody in particular does, those at the point."""
    done = [
        Done(*row)
        for row in rows_of(
            DONE, queue=queue.pk, since=now - HISTORY, today=now - TODAY, longest=LONGEST_VISIT
        )
    ]
    actual = sum(each.actual_today or 0.0 for each in done)
    of_today = pace_of(actual, sum(each.expected_today or 0 for each in done))
    return np.array([_pace_at(point, done) * of_today for point in points])


def _pace_at(point: Point, done: list[Done]) -> float:
    if point.provider_id is not None:
        own = [each for each in done if each.served_by_id == point.provider_id]
    else:
        own = [each for each in done if each.point_id == point.point_id]
    return pace_of(sum(each.actual for each in own), sum(each.expected for each in own))
