"""Who is told to have been moved, and whose rank is written: as few as explain the new order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.queue.moves import ascending_ranks, moved


def test_who_moves_up_behind_somebody_called_was_not_moved():
    assert moved([1, 2, 3, 4], [2, 3, 4, 5]) == []


def test_one_who_is_put_first_is_one():
    assert moved([1, 2, 3, 4, 5], [5, 1, 2, 3, 4]) == [5]


def test_two_who_change_places_are_one_move():
    assert len(moved([1, 2, 3], [2, 1, 3])) == 1


@given(st.permutations(range(12)), st.permutations(range(4, 16)))
def test_the_others_keep_their_order_and_no_fewer_would_do(before, after):
    told = set(moved(before, after))
    stayed = [each for each in after if each in before]
    kept = [before.index(each) for each in stayed if each not in told]
    assert kept == sorted(kept)
    assert len(kept) == longest([before.index(each) for each in stayed])


def longest(values) -> int:
    """The length of a longest increasing subsequence, the slow and plain way."""
    best: list[int] = []
    for index, value in enumerate(values):
        best.append(1 + max((best[n] for n in range(index) if values[n] < value), default=0))
    return max(best, default=0)


NONE = float("nan")


@pytest.mark.parametrize(
    ("known", "ranks"),
    [
        ([], []),
        ([1, 2, 3], [1, 2, 3]),
        ([2, 5, 7.5], [2, 5, 7.5]),  # somebody left, somebody came between two
        ([NONE, NONE], [1, 2]),
        ([NONE, 4, 5], [3, 4, 5]),
        ([4, 5, NONE, NONE], [4, 5, 6, 7]),
        ([4, NONE, NONE, NONE, 5], [4, 4.25, 4.5, 4.75, 5]),
        ([9, 1, 2, 3], [0, 1, 2, 3]),  # the last was put first
        ([1, 3, 2, 4], [1, 1.5, 2, 4]),
        ([5, 5, 5], [3, 4, 5]),
        ([1, NONE, 1 + 1e-7, 2], [1, 2, 3, 4]),  # no room left
        ([5, 5 + 1e-7, 6], [1, 2, 3]),  # and hardly any
    ],
)
def test_ranks_ascend_and_few_are_written(known, ranks):
    assert ascending_ranks(np.array(known, float)).tolist() == ranks


@given(st.lists(st.one_of(st.just(NONE), st.floats(-1e6, 1e6)), max_size=12))
def test_ranks_always_ascend(known):
    found = ascending_ranks(np.array(known, float))
    assert len(found) == len(known)
    assert (np.diff(found) > 0).all()
