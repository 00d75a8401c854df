"""Rows, hours and lanes of a calendar column, on ordinary days and where the clock changes."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from appointments.booking.day_grid import (
    MAX_LANES,
    Place,
    in_lanes,
    local_instant,
    visible_axis,
    visible_hours,
)
from appointments.scheduling.availability import to_utc

BERLIN = ZoneInfo("Europe/Berlin")
PLAIN, SPRING, AUTUMN = date(2027, 3, 2), date(2027, 3, 28), date(2027, 10, 31)
ALL_DAY = (0, 24)


def at(day, hour, minute=0, fold=0):
    return to_utc(day, time(hour, minute), BERLIN, fold=fold)


@pytest.mark.parametrize(("day", "hours"), [(PLAIN, 24), (SPRING, 23), (AUTUMN, 25)])
def test_a_day_has_as_many_rows_as_it_has_time(day, hours):
    axis = visible_axis(day, BERLIN, (), hours=ALL_DAY)
    assert axis.rows == hours * 12
    assert len(axis.cells()) == hours * 2


def test_labels_follow_the_wall_clock_over_the_gap_and_the_repeat():
    def hours(day):
        axis = visible_axis(day, BERLIN, (), hours=ALL_DAY)
        return [f"{c.local:%H:%M}" for c in axis.cells() if c.is_hour][:5]

    assert hours(SPRING) == ["00:00", "01:00", "03:00", "04:00", "05:00"]
    assert hours(AUTUMN) == ["00:00", "01:00", "02:00", "02:00", "03:00"]


def test_both_passes_of_a_repeated_hour_are_apart_in_a_day_and_side_by_side_in_a_week():
    first, second = at(AUTUMN, 2), at(AUTUMN, 2, fold=1)
    half = timedelta(minutes=30)
    visits = [(first, first + half), (second, second + half)]
    day = visible_axis(AUTUMN, BERLIN, (), hours=ALL_DAY)
    assert [p.row for p in in_lanes(day, visits)] == [25, 37]
    week = visible_axis(AUTUMN, BERLIN, (), hours=ALL_DAY, on_wall_clock=True)
    assert [(p.row, p.lane, p.lanes) for p in in_lanes(week, visits)] == [(25, 0, 2), (25, 1, 2)]


@pytest.mark.parametrize("day", [PLAIN, SPRING, AUTUMN])
def test_a_weeks_columns_line_up_whatever_the_clock_does(day):
    axis = visible_axis(day, BERLIN, (), hours=(1, 12), on_wall_clock=True)
    assert axis.row(at(day, 9, 30)) == 1 + (8 * 60 + 30) // 5


def test_the_view_stretches_to_what_happens():
    assert visible_hours(PLAIN, BERLIN, ()) == (8, 18)
    early_and_late = [(at(PLAIN, 6, 45), at(PLAIN, 7)), (at(PLAIN, 18), at(PLAIN, 19, 5))]
    assert visible_hours(PLAIN, BERLIN, early_and_late) == (6, 20)
    overnight = [(at(PLAIN, 22), at(PLAIN, 23) + timedelta(hours=3))]
    assert visible_hours(PLAIN, BERLIN, overnight) == (8, 24)


def test_what_reaches_beyond_the_view_is_cut_and_what_is_outside_is_nowhere():
    axis = visible_axis(PLAIN, BERLIN, (), hours=(8, 18))
    assert axis.place(at(PLAIN, 7), at(PLAIN, 9)) == Place(1, 12)
    assert axis.place(at(PLAIN, 17, 30), at(PLAIN, 23)) == Place(115, 6)
    assert axis.place(at(PLAIN, 6), at(PLAIN, 8)) is None
    assert axis.place(at(PLAIN, 18), at(PLAIN, 19)) is None


def test_touching_visits_keep_the_full_width():
    axis = visible_axis(PLAIN, BERLIN, (), hours=(8, 18))
    visits = [(at(PLAIN, 9), at(PLAIN, 9, 30)), (at(PLAIN, 9, 30), at(PLAIN, 10))]
    assert in_lanes(axis, visits) == [Place(13, 6), Place(19, 6)]


def test_overlapping_visits_share_the_width_and_reuse_a_lane_that_is_free():
    axis = visible_axis(PLAIN, BERLIN, (), hours=(8, 18))
    visits = [
        (at(PLAIN, 9), at(PLAIN, 11)),
        (at(PLAIN, 9), at(PLAIN, 9, 30)),
        (at(PLAIN, 10), at(PLAIN, 10, 30)),
        (at(PLAIN, 11), at(PLAIN, 12)),
    ]
    lanes = [(place.lane, place.lanes) for place in in_lanes(axis, visits)]
    assert lanes == [(0, 2), (1, 2), (1, 2), (0, 1)]


def test_a_crowd_is_drawn_in_a_bounded_number_of_lanes():
    axis = visible_axis(PLAIN, BERLIN, (), hours=(8, 18))
    crowd = [(at(PLAIN, 9), at(PLAIN, 10))] * 20
    places = in_lanes(axis, crowd)
    assert {place.lanes for place in places} == {MAX_LANES}
    assert max(place.lane for place in places) == MAX_LANES - 1


def test_every_visit_of_a_random_day_is_placed_without_overlap():
    axis = visible_axis(PLAIN, BERLIN, (), hours=ALL_DAY)
    starts = sorted((n * 7919) % 1380 for n in range(60))
    visits = []
    for n, minute in enumerate(starts):
        start = at(PLAIN, 0) + timedelta(minutes=minute)
        visits.append((start, start + timedelta(minutes=15 + n % 3 * 10)))
    taken = set()
    for place in in_lanes(axis, visits):
        cells = {(row, place.lane) for row in range(place.row, place.row + place.span)}
        assert place.lanes < MAX_LANES
        assert not cells & taken
        taken |= cells


def test_a_wall_clock_time_is_one_instant_two_or_none():
    assert local_instant(PLAIN, time(9), BERLIN) == datetime(2027, 3, 2, 8, tzinfo=UTC)
    assert local_instant(SPRING, time(2, 30), BERLIN) is None
    first = local_instant(AUTUMN, time(2, 30), BERLIN)
    second = local_instant(AUTUMN, time(2, 30), BERLIN, fold=1)
    assert second - first == timedelta(hours=1)
