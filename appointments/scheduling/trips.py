"""Several visits on one day with as little waiting between them as possible.

For every first visit, each following one starts as early as those before, the way between sites and
all buffers allow; of three visits the one in the middle is tried at each site.  That is exact
for two visits, and for three as long as no provider or room has two of them.
O(v!·n·s²·log n) for v visits, n slots and s sites.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

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
        resource: key of the room or device that is free then; -1 where none is needed.
    """

    length: int
    before: int
    after: int
    day: Ints
    start: Ints
    provider: Ints
    site: Ints
    resource: Ints
    score: Floats


Visits = list[tuple[Option, Ints]]
"""The visits so far: for each first slot, the row of each visit's slot, or -1."""


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
    earliest_day_first: bool = False,
) -> list[Trip]:
    """The trips with the least idle time; among equals, the better slots, then the earlier.

    Args:
        options: two or three visits.
        transfer_minutes: to get from one site to another.
        keep_order: whether the visits must follow one another as listed.
        count: how many trips, at most one per first slot and order.
        per_day: how many of one day at most.
        earliest_day_first: trips of an earlier day come before those with less idle time.
    """
    if any(not len(option.start) for option in options):
        return []
    numbers = range(len(options))
    orders = [tuple(numbers)] if keep_order else list(permutations(numbers))
    transfer, most = transfer_minutes * MINUTE, count if per_day is None else per_day
    found = [
        trip
        for order in orders
        for trip in _trips(options, order, transfer, count, most, earliest_day_first)
    ]
    best, of_day = [], Counter[int]()
    found.sort(key=lambda trip: _rank(trip, options))
    if earliest_day_first:
        found.sort(key=lambda trip: trip.day)  # stable: within a day as before
    for trip in found:
        of_day[trip.day] += 1
        if of_day[trip.day] <= most:
            best.append(trip)
    return best[:count]


def _rank(trip: Trip, options: Sequence[Option]) -> tuple[int, float, int, tuple[int, ...]]:
    return (trip.idle, -trip.score, int(options[trip.visits[0]].start[trip.rows[0]]), trip.visits)


def _trips(
    options: Sequence[Option],
    order: tuple[int, ...],
    transfer: int,
    count: int,
    per_day: int,
    earliest_day_first: bool,
) -> list[Trip]:
    first, last = options[order[0]], options[order[-1]]
    chains: list[Visits] = [[(first, np.arange(len(first.start)))]]
    for number in order[1:-1]:
        chains = [
            [*chain, (options[number], rows)]
            for chain in chains
            for rows in _at_each_site(chain, options[number], transfer)
        ]
    chains = [
        [*chain, (last, _soonest(last, _at_each_site(chain, last, transfer)))] for chain in chains
    ]
    length = sum(options[number].length for number in order)
    idles = np.stack([_idle(chain, length) for chain in chains])
    scores = np.stack([np.mean([o.score[r] for o, r in chain], axis=0) for chain in chains])
    of_chain = np.lexsort((-scores, idles), axis=0)[:1]
    idle, score = (np.take_along_axis(each, of_chain, axis=0)[0] for each in (idles, scores))
    chosen = [
        np.take_along_axis(np.stack([chain[step][1] for chain in chains]), of_chain, axis=0)[0]
        for step in range(len(order))
    ]
    wanted_day = first.day if earliest_day_first else np.zeros_like(first.day)
    best = np.lexsort((first.start, -score, idle, wanted_day))
    best = best[idle[best] < NEVER]
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


def _idle(chain: Visits, length: int) -> Ints:
    """Time between the visits, ``NEVER`` where one of them cannot be."""
    (first, at), (last, until) = chain[0], chain[-1]
    reached = np.all([rows != NOBODY for _, rows in chain], axis=0)
    return np.where(reached, last.start[until] + last.length - first.start[at] - length, NEVER)


def _is_among_first(values: Ints, most: int) -> NDArray[np.bool_]:
    """Whether each is one of the first ``most`` of its value."""
    order, place = np.argsort(values, kind="stable"), np.arange(len(values))
    is_new = np.diff(values[order], prepend=values[order[:1]] - 1) != 0
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = place - np.maximum.accumulate(np.where(is_new, place, 0))
    return rank < most


def _at_each_site(visits: Visits, following: Option, transfer: int) -> list[Ints]:
    """For each site, the row of the following visit that can start there first; -1 for none."""
    previous, rows = visits[-1]
    end = previous.start[rows] + previous.length
    found = []
    for site in np.unique(following.site):
        here = np.flatnonzero(following.site == site)
        ready = end + np.where(previous.site[rows] == site, 0, transfer)
        row = _first_after(visits, ready, following, here)
        same_day = following.day[row] == previous.day[rows]
        found.append(np.where((row != NOBODY) & (rows != NOBODY) & same_day, row, NOBODY))
    return found


def _soonest(option: Option, rows: list[Ints]) -> Ints:
    """The one of the rows that starts first; of equals the best scored."""
    stacked = np.stack(rows)
    starts = np.where(stacked == NOBODY, NEVER, option.start[stacked])
    best = np.lexsort((-option.score[stacked], starts), axis=0)[:1]
    return np.take_along_axis(stacked, best, axis=0)[0]


def _first_after(visits: Visits, ready: Ints, following: Option, here: Ints) -> Ints:
    """The earliest slot among ``here`` from ``ready`` on, of equals the best scored; slots that
    come too soon for a provider or a room of an earlier visit are passed over."""
    order = here[np.lexsort((-following.score[here], following.start[here]))]
    place = np.searchsorted(following.start[order], ready, side="left")
    while True:
        inside = place < len(order)
        row = order[np.minimum(place, len(order) - 1)]
        too_soon = inside & _meets(visits, following, row)
        if not too_soon.any():
            return np.where(inside, row, NOBODY)
        place = place + too_soon


def _meets(visits: Visits, following: Option, row: Ints) -> NDArray[np.bool_]:
    """Whether the slot and an earlier visit want one provider or room at once, with buffers."""
    found = np.zeros(len(row), dtype=bool)
    for visit, rows in visits:
        needs_room = following.resource[row] != NOBODY
        is_same = following.provider[row] == visit.provider[rows]
        is_same |= needs_room & (following.resource[row] == visit.resource[rows])
        free_at = visit.start[rows] + visit.length + visit.after + following.before
        found |= is_same & (following.start[row] < free_at)
    return found
