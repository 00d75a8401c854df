"""Charts: every number is drawn where it belongs."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.views.charts import MOST_LABELS, MOST_WEEKS, buckets, columns, nice, some

FIRST = date(2030, 1, 2)


@given(st.integers(1, 400))
def test_buckets_cover_every_day_once(days):
    last = FIRST + timedelta(days=days - 1)
    found = buckets(FIRST, last)
    covered = [
        bucket.first + timedelta(days=n)
        for bucket in found
        for n in range((bucket.last - bucket.first).days + 1)
    ]
    assert covered == [FIRST + timedelta(days=n) for n in range(days)]
    assert len(found) <= max(31, MOST_WEEKS + 1)


def test_weeks_begin_on_monday():
    found = buckets(FIRST, FIRST + timedelta(days=40))
    assert all(bucket.first.weekday() == 0 for bucket in found[1:])
    assert all(bucket.last.weekday() == 6 for bucket in found[:-1])


@given(st.floats(0, 1e9))
def test_the_axis_ends_at_a_round_number_above(value):
    assert nice(value) >= value
    assert nice(value) <= max(4, value * 2.5)


def test_columns_stand_on_the_ground_and_on_each_other():
    chart = columns([[("a", 10), ("b", 30)], [("a", 0), ("b", 20)]], ["x", "y"], ["1", "2"])
    assert chart.ticks == ["40", "30", "20", "10", "0"]
    first, second = chart.columns
    assert [(part.y, part.height) for part in first.parts] == [(75, 25), (0, 75)]
    assert [(part.kind, part.y, part.height) for part in second.parts] == [("b", 50, 50)]
    assert not chart.is_empty


def test_a_mark_across_and_a_fixed_axis():
    chart = columns([[("a", 20)]], ["x"], ["1"], unit=" %", top=100, mark=75)
    assert (chart.mark, chart.ticks[0]) == (25, "100 %")


@pytest.mark.parametrize("values", [[], [[("a", 0)]], [[], []]])
def test_nothing_to_draw(values):
    assert columns(values, [""] * len(values), [""] * len(values)).is_empty


@given(st.integers(1, 60))
def test_few_labels_with_both_ends(count):
    labels = [str(n) for n in range(count)]
    found = some(labels)
    assert len(found) <= MOST_LABELS
    assert (found[0], found[-1]) == (labels[0], labels[-1])
    assert found == sorted(found, key=int)
