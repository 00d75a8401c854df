"""Who may take whom, and where newcomers are sent."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.queue.routing_policy import (
    Point,
    QueueLoad,
    Wishes,
    eligibility,
    may_serve,
    overflow_target,
    shortest_queue,
)

NURSES, HEARTS = 1, 2
DR_A, DR_B = 11, 12
CHECK_UP, ECG = 31, 32


def wish(queue=HEARTS, provider=0, specialty="", kind=0, flexible=False):
    return (queue, provider, specialty, kind, flexible)


def wishes_of(*wishes):
    queue, provider, specialty, kind, flexible = zip(*wishes, strict=True)
    return Wishes(
        np.array(queue),
        np.array(provider),
        np.array(specialty, dtype=str),
        np.array(kind),
        np.array(flexible),
    )


ROOM_A = Point(1, frozenset({HEARTS}), DR_A, frozenset({"Cardiology"}))
ROOM_B = Point(2, frozenset({HEARTS, NURSES}), DR_B, frozenset({"Geriatrics"}))
DESK = Point(3, frozenset({HEARTS}), type_ids=frozenset({ECG}))


@pytest.mark.parametrize(
    ("wanted", "points"),
    [
        (wish(), [ROOM_A, ROOM_B, DESK]),
        (wish(queue=NURSES), [ROOM_B]),
        (wish(provider=DR_A), [ROOM_A]),
        (wish(provider=DR_A, flexible=True), [ROOM_A, ROOM_B, DESK]),
        (wish(provider=99), []),
        (wish(specialty="cardiology"), [ROOM_A]),
        (wish(specialty="cardiology", flexible=True), [ROOM_A, ROOM_B, DESK]),
        # A named provider says more than a specialty.
        (wish(provider=DR_B, specialty="Cardiology"), [ROOM_B]),
        (wish(kind=ECG), [ROOM_A, ROOM_B, DESK]),
        (wish(kind=CHECK_UP), [ROOM_A, ROOM_B]),
        # Consent does not make a point able.
        (wish(kind=CHECK_UP, flexible=True), [ROOM_A, ROOM_B]),
        (wish(queue=NURSES, provider=DR_A), []),
    ],
)
def test_who_may_take_whom(wanted, points):
    every = [ROOM_A, ROOM_B, DESK]
    assert eligibility(wishes_of(wanted), every).tolist() == [[each in points for each in every]]


@given(st.lists(st.sampled_from([wish(), wish(NURSES), wish(provider=DR_A)]), min_size=1))
def test_each_row_is_judged_by_itself(wanted):
    alone = [may_serve(wishes_of(each), ROOM_A)[0] for each in wanted]
    assert may_serve(wishes_of(*wanted), ROOM_A).tolist() == alone


def test_without_points_nobody_is_served():
    assert eligibility(wishes_of(wish(), wish()), []).shape == (2, 0)


def load(number, work, *, waiting=5, points=1, accepting=True):
    return QueueLoad(number, waiting, work, points, accepting)


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([load(1, 60, points=2), load(2, 40)], 1),
        ([load(1, 40, waiting=3), load(2, 40, waiting=2)], 2),
        ([load(2, 40), load(1, 40)], 1),
        ([load(1, 0, accepting=False), load(2, 99)], 2),
        ([load(1, 0, points=0), load(2, 99)], 2),
        ([load(1, 0, points=0)], None),
        ([], None),
    ],
)
def test_shortest_queue(candidates, expected):
    assert shortest_queue(candidates) == expected


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        # Below the threshold people stay, however short the other line is.
        (load(1, 100, waiting=9), [load(2, 10)], None),
        (load(1, 100, waiting=10), [load(2, 10), load(3, 5)], 3),
        (load(1, 100, waiting=10), [load(2, 100)], None),
        (load(1, 100, waiting=10), [load(2, 10, accepting=False)], None),
        (load(1, 100, waiting=10), [load(2, 10, points=0)], None),
        # A full queue sends people on even where the other line is longer.
        (load(1, 100, waiting=3, accepting=False), [load(2, 300)], 2),
        (load(1, 100, waiting=10), [], None),
    ],
)
def test_overflow(own, others, expected):
    assert overflow_target(own, others, threshold=10) == expected


loads = st.builds(
    QueueLoad,
    st.integers(2, 9),
    st.integers(0, 30),
    st.integers(0, 300),
    st.integers(0, 3),
    st.booleans(),
)


@given(loads, st.lists(loads, unique_by=lambda each: each.queue_id))
def test_overflow_never_makes_the_wait_longer(own, others):
    target = overflow_target(own, others, threshold=10)
    if target is not None:
        chosen = next(each for each in others if each.queue_id == target)
        assert chosen.minutes_per_point() < own.minutes_per_point()
        assert math.isfinite(chosen.minutes_per_point())


def test_columns_of_different_length_are_refused():
    column = np.zeros(1, dtype=int)
    with pytest.raises(ValueError, match="length"):
        Wishes(column, column, np.array(["", ""]), column, column.astype(bool))
