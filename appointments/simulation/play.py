"""Playing a day: whenever a provider is free, the discipline chooses among those that may be taken.

Who may be taken, and which queue a walk-in joins, the product's own routing decides.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np

from appointments.queue.discipline import Floats, Ints, Line
from appointments.queue.routing_policy import (
    NONE,
    Point,
    QueueLoad,
    Wishes,
    eligibility,
    shortest_queue,
)
from appointments.queue.wait_estimate import residual_minutes
from appointments.simulation.clinic import Day

Discipline = Callable[[Line, float], Ints]
"""Rows of a line, and the time; returned in serving order."""

QUEUE = 1


class WalkIns(StrEnum):
    """Whom a person without appointment sees."""

    BY_TURN = "by turn"
    SHORTEST = "shortest line"
    WHOEVER_IS_FREE = "whoever is free"


@dataclass(frozen=True, slots=True)
class Routing:
    """Who may see whom.

    Attributes:
        consent: share of the booked who see whoever is free first, rather than their provider.
    """

    walk_ins: WalkIns
    consent: float = 0.0


DEDICATED = Routing(WalkIns.BY_TURN)
POOLED = Routing(WalkIns.WHOEVER_IS_FREE, consent=1.0)


@dataclass(slots=True)
class Course:
    """How a day goes: who has started when and where (−1: not yet), and when each point is free."""

    start: Floats
    point: Ints
    eligible: np.ndarray
    free: Floats
    serving: list[int]

    def ends(self, day: Day, row: int) -> float:
        point = self.point[row]
        return float(self.start[row] + day.length[row] * day.pace[point])


def play(day: Day, discipline: Discipline, routing: Routing) -> Course:
    """The day under one policy; nobody leaves before being served."""
    course = Course(
        start=np.full(len(day), np.nan),
        point=np.full(len(day), -1),
        eligible=eligibility(_wishes(day, routing), _points(day)),
        free=day.opens.copy(),
        serving=[-1] * len(day.opens),
    )
    waiting: list[int] = []
    coming, left = 0, len(day)
    while left:
        at, point = _next_free(course, waiting)
        if coming < len(day) and day.line.arrived[coming] <= at:
            if routing.walk_ins is WalkIns.SHORTEST and not day.booked[coming]:
                _join_shortest(day, course, waiting, coming)
            np.maximum(course.free, day.line.arrived[coming], out=course.free)
            waiting.append(coming)
            coming += 1
            continue
        able = [row for row in waiting if course.eligible[row, point]]
        row = able[discipline(part(day.line, able), at)[0]] if len(able) > 1 else able[0]
        waiting.remove(row)
        left -= 1
        course.start[row], course.point[row], course.serving[point] = at, point, row
        course.free[point] = course.ends(day, row)
    return course


def part(line: Line, rows: list[int] | Ints) -> Line:
    """Some rows of a line."""
    return Line(*[getattr(line, field.name)[rows] for field in fields(line)])


def _next_free(course: Course, waiting: list[int]) -> tuple[float, int]:
    """When and where somebody can be taken next."""
    at, point = np.inf, -1
    for candidate, free in enumerate(course.free):
        if free < at and any(course.eligible[row, candidate] for row in waiting):
            at, point = float(free), candidate
    return at, point


def _points(day: Day) -> list[Point]:
    return [Point(each, frozenset({QUEUE}), each + 1) for each in range(len(day.opens))]


def _wishes(day: Day, routing: Routing) -> Wishes:
    count = len(day)
    anybody = ~day.booked & (routing.walk_ins is WalkIns.WHOEVER_IS_FREE)
    return Wishes(
        queue_id=np.full(count, QUEUE),
        provider_id=np.where(anybody, NONE, day.provider + 1),
        specialty=np.full(count, ""),
        type_id=np.full(count, NONE),
        is_flexible=day.booked & (day.consent < routing.consent),
    )


def _join_shortest(day: Day, course: Course, waiting: list[int], row: int) -> None:
    now, expected = day.line.arrived[row], day.line.expected_minutes
    loads = []
    for point, serving in enumerate(course.serving):
        own = [each for each in waiting if course.eligible[each, point]]
        work = sum(expected[each] for each in own) * day.pace[point]
        if serving >= 0 and course.free[point] > now:
            elapsed = now - course.start[serving]
            work += residual_minutes(elapsed, expected[serving] * day.pace[point])
        loads.append(QueueLoad(point, len(own), work, 1))
    course.eligible[row] = np.arange(len(loads)) == shortest_queue(loads)
