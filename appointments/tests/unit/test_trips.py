"""Trips equal what trying every combination finds."""

from dataclasses import replace
from itertools import combinations, permutations, product

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
    st.integers(-1, 1),  # room
)


@st.composite
def options(draw, visits=2, buffers=(0, 10), rooms=True):
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
                resource=column(5) if rooms else np.full(len(slots), -1),
                score=column(4).astype(float),
            )
        )
    return made


def follows(a, i, b, j, transfer):
    """Whether the patient can go from slot i of a to slot j of b."""
    walk = 0 if a.site[i] == b.site[j] else transfer * MINUTE
    return a.day[i] == b.day[j] and a.start[i] + a.length + walk <= b.start[j]


def keep_apart(a, i, b, j):
    """Whether no provider or room is wanted by both at once, buffers included; a is before b."""
    is_same = a.provider[i] == b.provider[j] or (a.resource[i] == b.resource[j] != -1)
    return not is_same or a.start[i] + a.length + a.after + b.before <= b.start[j]


def can_be(chosen, rows, transfer):
    pairs = zip(chosen, rows, chosen[1:], rows[1:], strict=False)
    every = combinations(zip(chosen, rows, strict=True), 2)
    return all(follows(*pair, transfer) for pair in pairs) and all(
        keep_apart(*one, *other) for one, other in every
    )


def every_trip(options, transfer, keep_order):
    numbers = range(len(options))
    for order in [tuple(numbers)] if keep_order else permutations(numbers):
        chosen = [options[n] for n in order]
        for rows in product(*(range(len(option.start)) for option in chosen)):
            if can_be(chosen, rows, transfer):
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


@given(options(visits=3, buffers=(0,), rooms=False), st.sampled_from([0, 20]))
@settings(max_examples=200, deadline=None)
def test_of_three_visits_the_best_is_the_best(wanted, transfer):
    expected = [idle for _, _, idle in every_trip(wanted, transfer, keep_order=False)]
    found = best_trips(wanted, transfer_minutes=transfer, keep_order=False, count=1000)
    assert [trip.idle for trip in found[:1]] == ([min(expected)] if expected else [])


@given(options(visits=3), st.sampled_from([0, 20]))
@settings(max_examples=200, deadline=None)
def test_three_visits_can_be_kept(wanted, transfer):
    for trip in best_trips(wanted, transfer_minutes=transfer, keep_order=False, count=1000):
        assert can_be([wanted[n] for n in trip.visits], trip.rows, transfer)


def of_one_day(*slots, before=0, after=0):
    """Quarters of an hour with (start, provider, room)."""
    start, provider, room = (np.array(column) for column in zip(*slots, strict=True))
    here = np.zeros(len(slots), dtype=np.int64)
    length, before, after = (n * MINUTE for n in (15, before, after))
    return Option(
        length, before, after, here, start * MINUTE, provider, here, room, here.astype(float)
    )


def test_one_room_is_not_taken_by_two_visits_and_their_buffers():
    scans = [of_one_day((0, n, 7), (15, n, 7), (30, n, 7), before=5, after=10) for n in (1, 2)]
    (trip, *_) = best_trips(scans, transfer_minutes=0, keep_order=True, count=5)
    assert trip.idle == 15 * MINUTE


def test_a_provider_between_whose_visits_is_another_needs_both_buffers():
    first, last = (of_one_day((0, 1, -1), (30, 1, -1), (45, 1, -1), after=20) for _ in range(2))
    between = of_one_day((15, 2, -1))
    (trip,) = best_trips([first, between, last], transfer_minutes=0, keep_order=True, count=5)
    assert trip.rows == (0, 0, 2)


def test_the_better_scored_of_two_at_one_time_is_taken():
    first = of_one_day((0, 0, -1))
    second = replace(of_one_day((30, 1, -1), (30, 2, -1)), score=np.array([3.0, 9.0]))
    (trip,) = best_trips([first, second], transfer_minutes=0, keep_order=True, count=5)
    assert (trip.rows, trip.idle) == ((0, 1), 15 * MINUTE)


def test_the_earliest_day_may_come_before_the_least_idle_time():
    def two_days(first, second):
        made = of_one_day((first, 1, -1), (24 * 60 + second, 1, -1))
        return replace(made, day=np.array([0, 1]))

    wanted = [two_days(0, 0), two_days(60, 15)]
    given = {"transfer_minutes": 0, "keep_order": True, "count": 1}
    (shortest,), (earliest,) = (
        best_trips(wanted, **given, earliest_day_first=chosen) for chosen in (False, True)
    )
    assert [(trip.day, trip.idle // MINUTE) for trip in (shortest, earliest)] == [(1, 0), (0, 45)]
