"""Several visits on one day with as little waiting between them as possible.

Exact for the slots given: for every first visit, each following one starts as early as the one
before, the way between sites and both visits' buffers allow.  O(v!·n·s·log n) for v visits, n slots
and s sites.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from appointments.scheduling.slots import MINUTE, Ints

Floats = NDArray[np.float64]
NEVER = np.iinfo(np.int64).max
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Option:
    """The free slots of one wanted visit; columns have one row per slot.

    Attributes:
        length, before, after: of the visit and its buffers, microseconds.
        day: local day number; a trip never spans two.
        provider: a number that means the same provider in every option.
    """

    length: int
    before: int
    after: int
    day: Ints
    start: Ints
    provider: Ints
    site: Ints
    score: Floats


@dataclass(frozen=True, slots=True)
class Trip:
    """Rows of the chosen slots in the order of ``visits``, which lists the options by number."""

    visits: tuple[int, ...]
    rows: tuple[int, ...]
    day: int
    idle: int
    score: float


def best_trips(
    options: Sequence[Option],
    *,
    transfer_minutes: int,
    keep_order: bool,
    count: int,
    per_day: int | None = None,
) -> list[Trip]:
    """The trips with the least idle time; among equals, the better slots, then the earlier.

    Args:
        options: two or three visits.
        transfer_minutes: to get from one site to another.
        keep_order: whether the visits must follow one another as listed.
        count: how many trips, at most one per first slot and order.
        per_day: how many of one day at most.
    """
    if any(not len(option.start) for option in options):
        return []
    numbers = range(len(options))
    orders = [tuple(numbers)] if keep_order else list(permutations(numbers))
    transfer, most = transfer_minutes * MINUTE, count if per_day is None else per_day
    found = [trip for order in orders for trip in _trips(options, order, transfer, count, most)]
    best, of_day = [], Counter[int]()
    for trip in sorted(found, key=lambda trip: _rank(trip, options)):
        of_day[trip.day] += 1
        if of_day[trip.day] <= most:
            best.append(trip)
    return best[:count]


def _rank(trip: Trip, options: Sequence[Option]) -> tuple[int, float, int, tuple[int, ...]]:
    return (trip.idle, -trip.score, int(options[trip.visits[0]].start[trip.rows[0]]), trip.visits)


def _trips(
    options: Sequence[Option], order: tuple[int, ...], transfer: int, count: int, per_day: int
) -> list[Trip]:
    first = options[order[0]]
    chosen = [np.arange(len(first.start))]
    reached = np.ones(len(first.start), dtype=bool)
    for previous, following in pairwise(order):
        rows = _following(options[previous], chosen[-1], options[following], transfer)
        reached &= rows != NOBODY
        chosen.append(rows)
    last = options[order[-1]]
    length = sum(options[number].length for number in order)
    idle = np.where(reached, last.start[chosen[-1]] + last.length - first.start - length, NEVER)
    score = np.mean([options[n].score[rows] for n, rows in zip(order, chosen, strict=True)], axis=0)
    best = np.lexsort((first.start, -score, idle))
    best = best[reached[best]]
    best = best[_is_among_first(first.day[best], per_day)][:count]
    return [
        Trip(
            order,
            tuple(int(rows[i]) for rows in chosen),
            int(first.day[i]),
            int(idle[i]),
            float(score[i]),
        )
        for i in best
    ]


def _is_among_first(values: Ints, most: int) -> NDArray[np.bool_]:
    """Whether each is one of the first ``most`` of its value."""
    order, place = np.argsort(values, kind="stable"), np.arange(len(values))
    is_new = np.diff(values[order], prepend=values[order[:1]] - 1) != 0
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = place - np.maximum.accumulate(np.where(is_new, place, 0))
    return rank < most


def _following(previous: Option, rows: Ints, following: Option, transfer: int) -> Ints:
    """For each chosen slot, the row of the following visit that can start first; -1 for none."""
    best_start = np.full(len(rows), NEVER)
    best_score = np.full(len(rows), -np.inf)
    best_row = np.full(len(rows), NOBODY)
    end = previous.start[rows] + previous.length
    for site in np.unique(following.site):
        here = np.flatnonzero(following.site == site)
        ready = end + np.where(previous.site[rows] == site, 0, transfer)
        found = _first_after(previous, rows, ready, following, here)
        start = np.where(found == NOBODY, NEVER, following.start[found])
        score = np.where(found == NOBODY, -np.inf, following.score[found])
        sooner = (start < best_start) | ((start == best_start) & (score > best_score))
        same_day = following.day[found] == previous.day[rows]
        better = (found != NOBODY) & (rows != NOBODY) & same_day & sooner
        best_start[better], best_score[better] = start[better], score[better]
        best_row[better] = found[better]
    return best_row


def _first_after(previous: Option, rows: Ints, ready: Ints, following: Option, here: Ints) -> Ints:
    """The earliest slot among ``here`` from ``ready`` on, of equals the best scored.

    One provider needs both visits' buffers between them, so a slot of the same provider that comes
    too soon is passed over.
    """
    order = here[np.lexsort((-following.score[here], following.start[here]))]
    starts = following.start[order]
    place = np.searchsorted(starts, ready, side="left")
    room = previous.after + following.before
    same_ready = previous.start[rows] + previous.length + room
    while True:
        inside = place < len(order)
        row = order[np.minimum(place, len(order) - 1)]
        too_soon = (
            inside
            & (following.provider[row] == previous.provider[rows])
            & (following.start[row] < same_ready)
        )
        if not too_soon.any():
            return np.where(inside, row, NOBODY)
        place = place + too_soon
