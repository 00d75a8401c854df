"""Trips equal what trying every combination finds."""

from itertools import permutations, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.scheduling.slots import MINUTE
from appointments.scheduling.trips import Option, best_trips

SLOT = st.tuples(
    st.integers(0, 1),  # day
    st.integers(0, 20),  # quarter of an hour
    st.integers(0, 2),  # provider
    st.integers(0, 1),  # site
    st.integers(0, 5),  # score
)


@st.composite
def options(draw, visits=2, buffers=(0, 10)):
    made = []
    for _ in range(visits):
        # A provider is in one place at a time, and has one slot then.
        slots = draw(st.lists(SLOT, max_size=8, unique_by=lambda slot: slot[:3]))
        column = lambda i, slots=slots: np.array([slot[i] for slot in slots], dtype=np.int64)  # noqa: E731
        made.append(
            Option(
                length=draw(st.sampled_from([15, 30])) * MINUTE,
                before=draw(st.sampled_from(buffers)) * MINUTE,
                after=draw(st.sampled_from(buffers)) * MINUTE,
                day=column(0),
                start=(column(0) * 96 + column(1)) * 15 * MINUTE,
                provider=column(2),
                site=column(3),
                score=column(4).astype(float),
            )
        )
    return made


def follows(a, i, b, j, transfer):
    """Whether the patient and the providers can go from slot i of a to slot j of b."""
    end = a.start[i] + a.length
    walk = 0 if a.site[i] == b.site[j] else transfer * MINUTE
    same = a.provider[i] == b.provider[j]
    room = max(walk, a.after + b.before if same else 0)
    return a.day[i] == b.day[j] and end + walk <= b.start[j] and end + room <= b.start[j]


def every_trip(options, transfer, keep_order):
    numbers = range(len(options))
    for order in [tuple(numbers)] if keep_order else permutations(numbers):
        chosen = [options[n] for n in order]
        for rows in product(*(range(len(option.start)) for option in chosen)):
            pairs = zip(chosen, rows, chosen[1:], rows[1:], strict=False)
            if all(follows(*pair, transfer) for pair in pairs):
                span = chosen[-1].start[rows[-1]] + chosen[-1].length - chosen[0].start[rows[0]]
                yield order, rows, span - sum(option.length for option in chosen)


@given(options(), st.sampled_from([0, 20]), st.booleans())
@settings(max_examples=400, deadline=None)
def test_two_visits_wait_no_longer_than_they_must(wanted, transfer, keep_order):
    expected = {}
    for order, rows, idle in every_trip(wanted, transfer, keep_order):
        key = (order, rows[0])
        expected[key] = min(expected.get(key, idle), idle)
    found = best_trips(wanted, transfer_minutes=transfer, keep_order=keep_order, count=1000)
    assert {(trip.visits, trip.rows[0]): trip.idle for trip in found} == expected
    assert [trip.idle for trip in found] == sorted(trip.idle for trip in found)
    few = best_trips(wanted, transfer_minutes=transfer, keep_order=keep_order, count=2)
    assert few == found[:2]
    firsts = {trip.day: trip for trip in reversed(found)}
    daily = best_trips(
        wanted, transfer_minutes=transfer, keep_order=keep_order, count=1000, per_day=1
    )
    assert daily == [trip for trip in found if firsts[trip.day] is trip]


@given(options(visits=3, buffers=(0,)), st.sampled_from([0, 20]))
@settings(max_examples=200, deadline=None)
def test_three_visits_can_be_kept_and_the_best_is_the_best(wanted, transfer):
    expected = [idle for _, _, idle in every_trip(wanted, transfer, keep_order=False)]
    found = best_trips(wanted, transfer_minutes=transfer, keep_order=False, count=1000)
    assert bool(found) == bool(expected)
    if transfer == 0 and found:
        assert found[0].idle == min(expected)
    for trip in found:
        chosen = [wanted[n] for n in trip.visits]
        pairs = zip(chosen, trip.rows, chosen[1:], trip.rows[1:], strict=False)
        assert all(follows(*pair, transfer) for pair in pairs)


def test_the_better_scored_of_two_at_one_time_is_taken():
    first = Option(15 * MINUTE, 0, 0, *(np.array([v]) for v in (0, 0, 0, 0)), np.array([1.0]))
    start = np.array([30, 30]) * MINUTE
    two = np.array([0, 0])
    second = Option(15 * MINUTE, 0, 0, two, start, np.array([1, 2]), two, np.array([3.0, 9.0]))
    (trip,) = best_trips([first, second], transfer_minutes=0, keep_order=True, count=5)
    assert (trip.rows, trip.idle) == ((0, 1), 15 * MINUTE)
