"""In which order a waiting line is served, how urgent each place is, and why it is there.

Pure arithmetic on numpy columns; minutes throughout.

Source of the formulas: docs/algorithms/queue.md.
"""

import math
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LATE_GRACE_MINUTES = 15.0
DUE_SCALE_MINUTES = 60.0
ORDINARY_VISIT_MINUTES = 16.0
SHORTEST_VISIT_MINUTES = 1.0
DECIMALS = 6
"""Scores are compared after rounding, so that equal entries tie however they were computed."""


class Band(IntEnum):
    """Classes of urgency by priority score; the urgent are served before anybody else."""

    URGENT = 0
    PRIORITY = 1
    ROUTINE = 2


BAND_FLOORS = {Band.URGENT: 75.0, Band.PRIORITY: 40.0}
"""The lowest score of each class; routine is what is below."""

BAND_SCORES = {Band.URGENT: 100.0, Band.PRIORITY: 50.0, Band.ROUTINE: 25.0}
"""The score of an entry of which only the class is known."""

BAND_TARGETS = {Band.URGENT: 15.0, Band.PRIORITY: 30.0, Band.ROUTINE: 60.0}
"""Minutes within which a person of the class should be seen."""

_FLOORS = np.array([BAND_FLOORS[Band.PRIORITY], BAND_FLOORS[Band.URGENT]])
_TARGETS = np.array([BAND_TARGETS[each] for each in Band])


@dataclass(frozen=True, slots=True)
class Weights:
    """How much priority, the wait and the appointment's time count; only their ratios matter.

    Raises:
        ValueError: one is negative or not finite, or all are zero.
    """

    priority: float = 0.5
    wait: float = 0.3
    appointment: float = 0.2

    def __post_init__(self) -> None:
        values = [getattr(self, field.name) for field in fields(self)]
        if not all(math.isfinite(value) and value >= 0 for value in values):
            raise ValueError("each weight must be zero or more")
        if not 0 < sum(values) < math.inf:
            raise ValueError("one weight at least must be more than zero")

    def shares(self) -> tuple[float, float, float]:
        """The weights, scaled to the sum 1."""
        total = self.priority + self.wait + self.appointment
        return self.priority / total, self.wait / total, self.appointment / total


@dataclass(frozen=True, slots=True)
class Line:
    """Who waits; one row per entry, in any order.

    Attributes:
        entry_id: unique.
        priority_score: 0–100.
        arrived: minutes since the epoch, also where the appointment is later.
        appointment: minutes since the epoch; NaN for a walk-in.
        expected_minutes: of the visit.
        manual_rank: the place, from 1, to which staff dragged the entry; NaN where nobody did.
            It is absolute: whoever takes the entry before it out of the line lowers it by one.
        manual_at: when, in minutes since the epoch; NaN where nobody did.

    Raises:
        ValueError: the columns differ in length.
    """

    entry_id: Ints
    priority_score: Floats
    arrived: Floats
    appointment: Floats
    expected_minutes: Floats
    manual_rank: Floats
    manual_at: Floats

    def __post_init__(self) -> None:
        if len({len(getattr(self, field.name)) for field in fields(self)}) > 1:
            raise ValueError("the columns must have one length")

    def __len__(self) -> int:
        return len(self.entry_id)


class Cause(StrEnum):
    """What decides on a place."""

    BY_HAND = "by_hand"
    URGENT = "urgent"
    LONG_WAIT = "long_wait"
    PRIORITY = "priority"
    APPOINTMENT_PASSED = "appointment_passed"
    APPOINTMENT_AHEAD = "appointment_ahead"
    CAME_LATE = "came_late"
    SHORT_VISIT = "short_visit"
    ARRIVAL = "arrival"


CAUSE_WORDS = {
    Cause.BY_HAND: "moved by hand",
    Cause.URGENT: "urgent",
    Cause.LONG_WAIT: "has waited {minutes} min",
    Cause.PRIORITY: "priority",
    Cause.APPOINTMENT_PASSED: "appointment {time} was {minutes} min ago",
    Cause.APPOINTMENT_AHEAD: "appointment {time} is in {minutes} min",
    Cause.CAME_LATE: "came {minutes} min late for {time}",
    Cause.SHORT_VISIT: "short visit",
    Cause.ARRIVAL: "waiting for {minutes} min",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an entry has its place.

    Attributes:
        minutes: the wait, the time to or since the appointment, or the lateness; whole.
    """

    cause: Cause
    minutes: int = 0

    def say(self, time: str = "") -> str:
        """In words; ``time`` is the appointment's, as the reader's clock shows it."""
        return CAUSE_WORDS[self.cause].format(minutes=self.minutes, time=time)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the score is made of, by entry."""

    band: Ints
    owed: Floats  # minutes since both the arrival and the appointment
    since_due: Floats  # minutes; negative before
    late: NDArray[np.bool_]
    urgency: Floats
    waiting: Floats
    before: Floats
    score: Floats


def bands(priority_score: Floats) -> Ints:
    """The ``Band`` of each score."""
    return Band.ROUTINE - np.searchsorted(_FLOORS, priority_score, side="right")


def serving_order(
    line: Line,
    *,
    now: float,
    weights: Weights,
    alpha: float = 0.5,
    guard_minutes: float = 60.0,
    fifo: bool = False,
) -> Ints:
    """Rows of ``line`` in the order in which they are served.

    The urgent come first.  Within the urgent, and within the others, whoever has been owed more
    than ``guard_minutes`` comes before the rest, the longest wait first; the rest follow by score.
    Equals follow by arrival, then by id, so the order is total.  Entries moved by hand are then
    put at their ranks, lower ranks first; of two with one rank the one dragged later gets it.
    Where the line is shorter than a rank, the entry stands at its end.

    Args:
        now: minutes since the epoch.
        alpha: how strongly short visits are favoured; 0 not at all.
        fifo: by class of urgency, then by arrival alone.
    """
    if fifo:
        keys = (line.entry_id, line.arrived, bands(line.priority_score))
    else:
        terms = _terms(line, now, weights, alpha)
        guarded = terms.owed > guard_minutes
        merit = np.where(guarded, terms.owed, terms.score)
        keys = (line.entry_id, line.arrived, -merit, ~guarded, terms.band != Band.URGENT)
    return _with_moved(np.lexsort(keys), line)


def line_scores(line: Line, *, now: float, weights: Weights, alpha: float = 0.5) -> Floats:
    """The score of each entry as people see it: 0–100, growing with the claim to be next."""
    score = np.maximum(_terms(line, now, weights, alpha).score, 0.0)
    return 100.0 * score / (100.0 + score)


def reasons(
    line: Line,
    *,
    now: float,
    weights: Weights,
    alpha: float = 0.5,
    guard_minutes: float = 60.0,
    fifo: bool = False,
) -> list[Reason]:
    """Why each entry stands where ``serving_order`` with the same arguments puts it, by row."""
    terms = _terms(line, now, weights, alpha)
    nothing = np.zeros(len(line))
    cases = [
        (~np.isnan(line.manual_rank), Cause.BY_HAND, nothing),
        (terms.band == Band.URGENT, Cause.URGENT, nothing),
    ]
    if fifo:
        cases.append((terms.band == Band.PRIORITY, Cause.PRIORITY, nothing))
    else:
        cases += _score_cases(line, terms, guard_minutes)
    waited = np.maximum(0.0, now - line.arrived)
    cases.append((np.ones(len(line), dtype=bool), Cause.ARRIVAL, waited))
    first = np.argmax([holds for holds, _, _ in cases], axis=0)
    minutes = np.choose(first, [each.astype(np.int64) for _, _, each in cases])
    causes = [cause for _, cause, _ in cases]
    return [
        Reason(causes[case], whole)
        for case, whole in zip(first.tolist(), minutes.tolist(), strict=True)
    ]


def _terms(line: Line, now: float, weights: Weights, alpha: float) -> _Terms:
    by_priority, by_wait, by_appointment = weights.shares()
    band = bands(line.priority_score)
    walk_in = np.isnan(line.appointment)
    late = ~walk_in & (line.arrived > line.appointment + LATE_GRACE_MINUTES)
    due = np.where(walk_in | late, line.arrived, line.appointment)
    owed = np.maximum(0.0, now - np.fmax(line.arrived, line.appointment))
    since_due = now - due
    urgency = by_priority * line.priority_score
    waiting = by_wait * 100.0 * owed / _TARGETS[band]
    waiting += by_appointment * 100.0 * since_due / DUE_SCALE_MINUTES
    before = urgency + waiting
    visit = np.maximum(line.expected_minutes, SHORTEST_VISIT_MINUTES)
    brevity = np.where(before > 0, (ORDINARY_VISIT_MINUTES / visit) ** alpha, 1.0)
    return _Terms(
        band=band,
        owed=owed,
        since_due=since_due,
        late=late,
        urgency=urgency - by_priority * BAND_SCORES[Band.ROUTINE],
        waiting=waiting,
        before=before,
        score=np.round(before * brevity, DECIMALS),
    )


def _with_moved(order: Ints, line: Line) -> Ints:
    moved = ~np.isnan(line.manual_rank)
    if not moved.any():
        return order
    result = order[~moved[order]].tolist()
    rows = np.flatnonzero(moved)
    keys = (line.entry_id[rows], line.manual_at[rows], line.manual_rank[rows])
    for row in rows[np.lexsort(keys)]:
        # Of one rank the latest is inserted last and pushes the others back.
        result.insert(max(0, int(line.manual_rank[row]) - 1), int(row))
    return np.array(result, dtype=np.int64)


def _score_cases(
    line: Line, terms: _Terms, guard_minutes: float
) -> list[tuple[NDArray[np.bool_], Cause, Floats]]:
    """The guard, or else the largest of what urgency, brevity and time add to the score."""
    brevity = terms.score - terms.before
    by_urgency = terms.urgency > np.maximum(np.maximum(terms.waiting, brevity), 0.0)
    by_brevity = brevity > np.maximum(terms.waiting, 0.0)
    booked, since = ~np.isnan(line.appointment), terms.since_due
    late_by = np.where(terms.late, line.arrived - line.appointment, 0.0)
    return [
        (terms.owed > guard_minutes, Cause.LONG_WAIT, terms.owed),
        (by_urgency, Cause.PRIORITY, np.zeros_like(since)),
        (by_brevity, Cause.SHORT_VISIT, np.zeros_like(since)),
        (terms.late, Cause.CAME_LATE, late_by),
        (booked & (since >= 0), Cause.APPOINTMENT_PASSED, since),
        (booked, Cause.APPOINTMENT_AHEAD, -since),
    ]
