"""Who is told to have been moved: as few as explain the new order."""

from hypothesis import given
from hypothesis import strategies as st

from appointments.consumers.moves import moved


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
