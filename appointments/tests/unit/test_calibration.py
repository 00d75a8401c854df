"""Ranges that keep their promise on waits they have not seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.queue.calibration import (
    BUCKET_NAMES,
    TRUSTED_COUNT,
    Quality,
    buckets,
    calibrate,
    quality,
    quality_by_bucket,
)
from appointments.queue.wait_estimate import BUCKET_CENTRES, DEFAULT_OFFSETS, Offsets, ranges

EMPTY = np.array([])
EXACT = Offsets(*[(0.0,) * len(BUCKET_CENTRES)] * 3)


def clinic(seed, count=6000):
    """Scheduled waits and skewed, biased truth whose spread grows with the wait."""
    rng = np.random.default_rng(seed)
    scheduled = rng.uniform(0, 90, count)
    noise = rng.gamma(4.0, 1 / 4.0, count)
    return scheduled, np.maximum(0, scheduled * noise + 3 + 2 * rng.standard_normal(count))


def test_four_of_five_unseen_waits_lie_in_the_range_in_every_bucket():
    offsets = calibrate(*clinic(1))
    for name, found in quality_by_bucket(*clinic(2), offsets).items():
        assert 0.77 < found.covered < 0.88, name


def test_of_the_waits_that_taught_the_ranges_four_of_five_lie_in_them_exactly():
    """Which the straight lines between the buckets would spoil without further passes."""
    for name, found in quality_by_bucket(*clinic(1), calibrate(*clinic(1))).items():
        assert found.covered == pytest.approx(0.8, abs=0.01), name


def test_the_median_has_as_many_waits_below_as_above():
    scheduled, actual = clinic(2)
    _, middle, _ = ranges(scheduled, calibrate(*clinic(1)))
    assert np.mean(actual < middle) == pytest.approx(0.5, abs=0.02)


def test_the_default_ranges_would_not_have_kept_the_promise():
    assert quality(*clinic(2), DEFAULT_OFFSETS).covered < 0.75


pairs = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 240)), max_size=80)


@given(pairs)
def test_whatever_happened_the_offsets_are_valid(found):
    """``Offsets`` itself refuses ranges that cross or fall."""
    scheduled, actual = np.array(found, float).reshape(-1, 2).T
    calibrate(scheduled, actual)


def test_without_history_the_default_holds():
    assert calibrate(EMPTY, EMPTY) == DEFAULT_OFFSETS


def test_few_waits_move_the_default_by_their_share():
    count = TRUSTED_COUNT // 3
    found = calibrate(np.full(count, 15.0), np.full(count, 30.0))
    expected = DEFAULT_OFFSETS.p50[1] + (15 - DEFAULT_OFFSETS.p50[1]) / 3
    assert found.p50[1] == pytest.approx(expected)
    assert found.p50[0] == DEFAULT_OFFSETS.p50[0]


def test_enough_waits_decide_alone():
    found = calibrate(np.full(TRUSTED_COUNT, 15.0), np.full(TRUSTED_COUNT, 20.0))
    assert (found.p10[1], found.p50[1], found.p90[1]) == (5, 5, 5)


def test_the_outer_offsets_allow_for_the_error_that_is_still_to_come():
    """Of 30 errors the 3rd and the 28th: ⌊31 · .1⌋ and ⌈31 · .9⌉."""
    found = calibrate(np.full(30, 15.0), 15.0 + np.arange(1, 31))
    assert (found.p10[1], found.p50[1], found.p90[1]) == (3, 15.5, 28)


def test_a_wait_that_could_not_be_scheduled_teaches_nothing():
    assert calibrate(np.array([np.nan]), np.array([50.0])) == DEFAULT_OFFSETS
    assert quality(np.array([np.nan]), np.array([50.0]), EXACT) == Quality(0)


def test_bucket_edges_belong_to_the_upper_bucket():
    assert buckets(np.array([0, 9.9, 10, 20, 39, 40, 400])).tolist() == [0, 0, 1, 2, 2, 3, 3]


def test_quality():
    scheduled, actual = np.array([10.0, 20.0, 30.0, 40.0]), np.array([10.0, 30.0, 19.0, 40.0])
    found = quality(scheduled, actual, EXACT)
    assert found == Quality(4, mean_error=21 / 4, bias=1 / 4, near=0.75, covered=0.5, width=0)


def test_every_bucket_is_reported_even_without_waits():
    assert quality_by_bucket(EMPTY, EMPTY, EXACT) == dict.fromkeys(BUCKET_NAMES, Quality(0))
