"""What changes when a line is put into another order: as few entries as explain it.

Pure arithmetic.

Source: M. L. Fredman, "On computing the length of longest increasing subsequences", 1975.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_GAP = 1e-6
"""Between two ranks; where less would be left, all are numbered anew."""


def moved(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """Those of ``after`` who stand elsewhere among the ones that were there before.

    Who came, left, or moved up because somebody left, was not moved.  The others keep a longest
    common order, so one person put first is one entry, not a whole line.
    """
    place = {each: number for number, each in enumerate(before)}
    stayed = [each for each in after if each in place]
    places = [place[each] for each in stayed]
    if places == sorted(places):
        return []
    kept = longest_increasing(places)
    return [each for number, each in enumerate(stayed) if number not in kept]


def longest_increasing(values: Sequence[float]) -> set[int]:
    """The indexes of a longest strictly increasing subsequence."""
    tails: list[float] = []  # the least last value of a subsequence, by length
    ends: list[int] = []  # and its index
    previous = [-1] * len(values)
    for index, value in enumerate(values):
        length = bisect_left(tails, value)
        tails[length : length + 1] = [value]
        ends[length : length + 1] = [index]
        if length:
            previous[index] = ends[length - 1]
    kept, index = set(), ends[-1] if ends else -1
    while index >= 0:
        kept.add(index)
        index = previous[index]
    return kept


def ascending_ranks(known: Floats) -> Floats:
    """Ranks for rows in serving order that ascend, and differ from the known ones in as few rows
    as possible: the others are spread between their neighbours.

    Args:
        known: the stored rank of each row; NaN where there is none.
    """
    stored = np.flatnonzero(~np.isnan(known))
    if len(stored) == len(known) and (np.diff(known) > LEAST_GAP).all():
        return known
    kept = stored[sorted(longest_increasing(known[stored].tolist()))]
    anew = np.arange(1.0, len(known) + 1)
    if not len(kept):
        return anew
    first, last = kept[0], kept[-1]
    ranks = np.interp(np.arange(len(known)), kept, known[kept])
    ranks[kept] = known[kept]
    ranks[:first] = known[first] - np.arange(first, 0, -1)
    ranks[last + 1 :] = known[last] + np.arange(1, len(known) - last)
    return ranks if (np.diff(ranks) > LEAST_GAP).all() else anew
