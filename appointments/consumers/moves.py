"""Who was moved within a line, as few entries as explain its new order."""

from bisect import bisect_left
from collections.abc import Sequence


def moved(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """Those of ``after`` who stand elsewhere among the ones that were there before.

    Who came, left, or moved up because somebody left, was not moved.  The others keep a longest
    common order, so one person put first is one entry, not a whole line.

    Source: M. L. Fredman, "On computing the length of longest increasing subsequences", 1975.
    """
    place = {each: number for number, each in enumerate(before)}
    stayed = [each for each in after if each in place]
    places = [place[each] for each in stayed]
    if places == sorted(places):
        return []
    kept = _longest_increasing(places)
    return [each for number, each in enumerate(stayed) if number not in kept]


def _longest_increasing(values: Sequence[int]) -> set[int]:
    """The indexes of a longest increasing subsequence of distinct values."""
    tails: list[int] = []  # the least last value of a subsequence, by length
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
