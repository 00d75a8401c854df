"""First times of a series such that every repetition is free at the same time of day, too."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appointments.scheduling.slots import Ints

SECOND = 1_000_000
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Repetition:
    """A first slot with its repetitions.

    Attributes:
        rows: the slot of each visit, -1 where it is not free.
        score: mean of those that are free.
    """

    rows: tuple[int, ...]
    score: float

    @property
    def missing(self) -> int:
        return sum(row < 0 for row in self.rows)


def best_repetitions(
    *,
    lane: Ints,
    site: Ints,
    day: Ints,
    clock: Ints,
    score: NDArray[np.float64],
    days_of: dict[int, Sequence[int]],
    count: int,
) -> list[Repetition]:
    """The complete series first, then those that lack the fewest visits; the better scored first.

    Args:
        lane, site, day, clock, score: one row per free slot; ``clock`` is microseconds since local
            midnight, so that 10:00 stays 10:00 when the clocks change.
        days_of: by day of the first visit, the days of all visits.
    """
    if not len(lane):
        return []
    places = np.unique(np.column_stack([lane, site]), axis=0, return_inverse=True)[1].ravel()
    first_day = int(day.min())
    last_day = max(int(day.max()), *(max(days) for days in days_of.values()))
    length = last_day - first_day + 1

    def key(place: Ints, on: Ints, at: Ints) -> Ints:
        return (place * length + (on - first_day)) * DAY_SECONDS + at // SECOND

    keys = key(places, day, clock)
    order = np.argsort(keys, kind="stable")
    found: list[Repetition] = []
    for first, days in days_of.items():
        rows = np.flatnonzero(day == first)
        visits = np.column_stack(
            [
                _row_of(key(places[rows], np.full(len(rows), on), clock[rows]), keys, order)
                for on in days
            ]
        )
        found += _best(visits, rows, score, count)
    return sorted(found, key=lambda each: (each.missing, -each.score))[:count]


def _row_of(wanted: Ints, keys: Ints, order: Ints) -> Ints:
    """Row of each wanted key, -1 where there is none."""
    place = np.minimum(np.searchsorted(keys[order], wanted), len(order) - 1)
    row = order[place]
    return np.where(keys[row] == wanted, row, -1)


def _best(visits: Ints, rows: Ints, score: NDArray[np.float64], count: int) -> list[Repetition]:
    free = visits >= 0
    means = np.where(free, score[visits], 0).sum(axis=1) / free.sum(axis=1)
    best = np.lexsort((-means, (~free).sum(axis=1)))[:count]
    return [Repetition(tuple(map(int, visits[i])), float(means[i])) for i in best]
