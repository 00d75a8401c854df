"""How long each waiting person still waits, as a range, and how loaded a queue is.

Pure arithmetic on numpy columns; minutes throughout.

Source of the formulas: docs/algorithms/queue.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BUCKET_EDGES = (10.0, 20.0, 40.0)
"""Predictions of 0–10, 10–20, 20–40 and more than 40 minutes have offsets of their own,"""

BUCKET_CENTRES = (5.0, 15.0, 30.0, 60.0)
"""which hold at these predictions and run straight between them."""

ROUNDING = 1e-6

PACE_PRIOR_MINUTES = 120.0
"""A pace counts half once that much work is done."""

SERVICE_CV = 0.5
"""Coefficient of variation of the length of visits of one type, where nothing else is known."""

SHORTEST_RESIDUAL_MINUTES = 1.0
FARTHEST_Z = 8.0
"""Standard deviations, of the logarithm: beyond, both tails vanish and their ratio says nothing."""

LOAD_FACTORS = (1.0, 1.2, 1.5, 2.0)
LOAD_THRESHOLDS = (0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class Offsets:
    """What past errors add to a scheduled wait, by bucket of its size.

    Attributes:
        p10, p50, p90: minutes, four each.

    Raises:
        ValueError: there are not four each, p10 exceeds p50 or p50 p90 in a bucket, or a longer
            scheduled wait would get a shorter estimate.
    """

    p10: tuple[float, ...]
    p50: tuple[float, ...]
    p90: tuple[float, ...]

    def __post_init__(self) -> None:
        table = (self.p10, self.p50, self.p90)
        if any(len(row) != len(BUCKET_CENTRES) for row in table):
            raise ValueError("there must be one offset for each bucket")
        if (np.diff(table, axis=0) < -ROUNDING).any():
            raise ValueError("the offsets of a bucket must ascend")
        if (np.diff(np.array(table) + BUCKET_CENTRES, axis=1) < -ROUNDING).any():
            raise ValueError("a longer wait must not be estimated as a shorter one")


DEFAULT_OFFSETS = Offsets(
    p10=(-4.5, -10.5, -14.0, -26.5),
    p50=(-1.5, -1.5, -1.5, -5.5),
    p90=(6.5, 16.0, 20.0, 22.5),
)
"""For a queue without a history of its own, as ``simulation.simulate_eta`` learns them."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """Waits in serving order, minutes; NaN where no open point may serve the entry.

    Attributes:
        scheduled: by list-scheduling alone.  This is what to keep for the calibration.
        p10, p50, p90: the wait is shorter with 10, 50 and 90 % probability.
    """

    scheduled: Floats
    p10: Floats
    p50: Floats
    p90: Floats


def estimate(
    durations: Floats,
    eligible: Flags,
    free_in: Floats,
    offsets: Offsets = DEFAULT_OFFSETS,
    turns: Sequence[Sequence[float]] = (),
) -> Estimates:
    """The waits of a line.

    Args:
        durations: expected length of each visit, in serving order; or entries × points where the
            points differ in pace.
        eligible: entries × points, who may take whom.
        free_in: minutes until each point is free; 0 where it is idle.
        turns: for each point the minutes that it gives to other queues after its first visit from
            this line, its second and so on; none where it serves no others.
    """
    scheduled = schedule(durations, eligible, free_in, turns)
    return Estimates(scheduled, *ranges(scheduled, offsets))


def ranges(scheduled: Floats, offsets: Offsets) -> tuple[Floats, Floats, Floats]:
    """The waits that 10, 50 and 90 % stay below, for waits by list-scheduling alone."""
    low, middle, high = (
        np.maximum(0.0, scheduled + np.interp(scheduled, BUCKET_CENTRES, row))
        for row in (offsets.p10, offsets.p50, offsets.p90)
    )
    return low, middle, high


def schedule(
    durations: Floats,
    eligible: Flags,
    free_in: Floats,
    turns: Sequence[Sequence[float]] = (),
) -> Floats:
    """When each entry starts, minutes from now, if every visit takes as long as expected.

    One after the other in serving order each goes to the point that is first free for it, of
    equals to the first.  This is what happens if each point, whenever it is free, takes the first
    entry that it may serve, and one that serves several queues takes from them in turn.  NaN where
    there is no such point.
    """
    count, points = eligible.shape
    lengths = np.asarray(durations, float)
    if lengths.ndim == 1:
        lengths = lengths[:, None]
    rows = np.broadcast_to(lengths, (count, points)).tolist()
    free = [float(minutes) for minutes in free_in]
    others = [iter(minutes) for minutes in turns] or [iter(())] * points
    starts = []
    for row, able in zip(rows, eligible.tolist(), strict=True):
        choices = [point for point, can in enumerate(able) if can]
        if not choices:
            starts.append(math.nan)
            continue
        point = min(choices, key=free.__getitem__)
        starts.append(free[point])
        free[point] += row[point] + next(others[point], 0.0)
    return np.array(starts)


def pace_of(actual_minutes: float, expected_minutes: float) -> float:
    """By how much visits last longer than expected, from those that ended; 1 at first."""
    return (actual_minutes + PACE_PRIOR_MINUTES) / (expected_minutes + PACE_PRIOR_MINUTES)


def residual_minutes(elapsed: float, expected: float, cv: float = SERVICE_CV) -> float:
    """What is left, on average, of a visit that has lasted ``elapsed`` minutes.

    Mean residual life of a lognormal length with mean ``expected`` and coefficient of variation
    ``cv``.  At least a minute: the visit is not over.
    """
    share = elapsed / expected
    if share <= 0:  # also of an instant too short to divide
        return max(SHORTEST_RESIDUAL_MINUTES, expected)
    spread = math.sqrt(math.log1p(cv * cv))
    z = min((math.log(share) + spread * spread / 2) / spread, FARTHEST_Z)
    elapsed = expected * math.exp(spread * z - spread * spread / 2)
    left = expected * _tail(z - spread) / _tail(z) - elapsed
    return max(SHORTEST_RESIDUAL_MINUTES, left)


def load_factor(utilisation: float, thresholds: Sequence[float] = LOAD_THRESHOLDS) -> float:
    """1.0, 1.2, 1.5 or 2.0, by how many of the three ascending thresholds are reached."""
    return LOAD_FACTORS[sum(utilisation >= threshold for threshold in thresholds)]


def load_level(utilisation: float, *, yellow: float = 0.75, red: float = 0.9) -> str:
    """green, yellow or red."""
    if utilisation >= red:
        return "red"
    return "yellow" if utilisation >= yellow else "green"


def _tail(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2
