"""Waits: equal to playing the queue out, ordered, and as wide as past errors."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appointments.queue.wait_estimate import (
    BUCKET_CENTRES,
    DEFAULT_OFFSETS,
    Offsets,
    estimate,
    load_factor,
    load_level,
    pace_of,
    residual_minutes,
    schedule,
)

NO_OFFSETS = Offsets(*[(0.0,) * len(BUCKET_CENTRES)] * 3)


@st.composite
def queues(draw, most_points=4):
    count, width = draw(st.integers(0, 12)), draw(st.integers(1, most_points))
    minutes = st.integers(1, 60)
    durations = [draw(st.lists(minutes, min_size=width, max_size=width)) for _ in range(count)]
    eligible = [draw(st.lists(st.booleans(), min_size=width, max_size=width)) for _ in range(count)]
    free_in = draw(st.lists(st.integers(0, 60), min_size=width, max_size=width))
    return (
        np.array(durations, float).reshape(count, width),
        np.array(eligible, bool).reshape(count, width),
        np.array(free_in, float),
    )


def played_out(durations, eligible, free_in):
    """Minute by minute, each free point takes the first entry that it may serve."""
    waiting, starts = list(range(len(durations))), [math.nan] * len(durations)
    busy_until = list(free_in)
    for minute in range(int(durations.sum() + sum(free_in)) + 1):
        for point, until in enumerate(busy_until):
            able = [row for row in waiting if eligible[row, point]]
            if until <= minute and able:
                starts[able[0]] = minute
                busy_until[point] = minute + durations[able[0], point]
                waiting.remove(able[0])
    return starts


@given(queues())
def test_the_schedule_is_what_happens_when_visits_last_as_expected(queue):
    assert schedule(*queue).tolist() == pytest.approx(played_out(*queue), nan_ok=True)


@given(queues(), st.booleans())
def test_estimates_are_ordered_and_not_negative(queue, own):
    found = estimate(*queue, NO_OFFSETS if own else DEFAULT_OFFSETS)
    known = ~np.isnan(found.p50)
    assert (known == queue[1].any(axis=1)).all()
    for lower, higher in [(np.zeros_like(found.p10), found.p10), (found.p10, found.p50)]:
        assert (lower <= higher)[known].all()
    assert (found.p50 <= found.p90)[known].all()


@given(queues(most_points=1), st.lists(st.integers(1, 60), max_size=8))
def test_a_point_of_two_queues_takes_from_them_in_turn(queue, others):
    durations, _, free_in = queue
    at, starts, theirs = free_in[0], [], list(others)
    for (length,) in durations:
        starts.append(at)
        at += length + (theirs.pop(0) if theirs else 0)
    able = np.ones_like(durations, dtype=bool)
    assert schedule(durations, able, free_in, [others]).tolist() == starts


@given(queues(most_points=1))
def test_at_one_point_whoever_stands_further_back_waits_at_least_as_long(queue):
    durations, _, free_in = queue
    found = estimate(durations, np.ones_like(durations, dtype=bool), free_in)
    for column in (found.scheduled, found.p10, found.p50, found.p90):
        assert (np.diff(column) >= 0).all()


@given(queues())
def test_the_first_waits_for_the_first_point_to_be_free(queue):
    durations, eligible, free_in = queue
    if len(durations) and eligible[0].any():
        assert schedule(*queue)[0] == free_in[eligible[0]].min()


def test_one_length_for_all_points():
    every = np.ones((3, 2), dtype=bool)
    assert schedule(np.array([10.0, 20.0, 5.0]), every, np.array([0.0, 4.0])).tolist() == [0, 4, 10]


def test_offsets_hold_at_the_centre_and_run_straight_between():
    offsets = Offsets((-5, -5, -5, -5), (0, 10, 10, 10), (5, 20, 40, 40))
    one = np.ones((1, 1), dtype=bool)
    for scheduled, expected in [(5, (0, 5, 10)), (10, (5, 15, 22.5)), (200, (195, 210, 240))]:
        found = estimate(np.ones(1), one, np.array([float(scheduled)]), offsets)
        assert (found.p10[0], found.p50[0], found.p90[0]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(0, 0, 0), (0, 0, 0), (0, 0, 0)], "each bucket"),
        ([(1, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)], "ascend"),
        ([(-9, -30, -30, -30), (0, 0, 0, 0), (0, 0, 0, 0)], "longer wait"),
    ],
)
def test_senseless_offsets_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        Offsets(*rows)


@pytest.mark.parametrize(("elapsed", "expected"), [(2.0, 20.0), (15.0, 20.0), (60.0, 20.0)])
def test_residual_life_is_the_mean_of_what_is_left(elapsed, expected):
    rng = np.random.default_rng(4)
    spread = math.sqrt(math.log1p(0.25))
    lengths = expected * np.exp(spread * rng.standard_normal(2_000_000) - spread**2 / 2)
    left = lengths[lengths > elapsed] - elapsed
    assert residual_minutes(elapsed, expected) == pytest.approx(left.mean(), rel=0.03)


@given(st.floats(-5, 1e9), st.floats(1, 600), st.floats(0.05, 2))
@example(5e-324, 2.0, 0.5)
def test_a_visit_that_lasts_is_not_over(elapsed, expected, cv):
    assert 1 <= residual_minutes(elapsed, expected, cv) < math.inf


@pytest.mark.parametrize(
    ("actual", "expected", "pace"), [(0, 0, 1), (180, 120, 1.25), (60, 120, 0.75)]
)
def test_pace(actual, expected, pace):
    assert pace_of(actual, expected) == pace


@pytest.mark.parametrize(
    ("utilisation", "factor", "level"),
    [
        (0, 1.0, "green"),
        (0.49, 1.0, "green"),
        (0.5, 1.2, "green"),
        (0.75, 1.5, "yellow"),
        (0.9, 2.0, "red"),
        (1.4, 2.0, "red"),
    ],
)
def test_load(utilisation, factor, level):
    assert load_factor(utilisation) == factor
    assert load_level(utilisation) == level


def test_load_thresholds_can_be_set():
    assert load_factor(0.5, (0.1, 0.2, 0.6)) == 1.5
    assert load_level(0.5, yellow=0.2, red=0.4) == "red"
