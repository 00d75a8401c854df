"""Free slots in columns equal free slots one by one."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.scheduling.availability import Window, free_starts, interval_of
from appointments.scheduling.slots import (
    MINUTE,
    Busy,
    Need,
    day_number,
    each_once,
    free_slots,
    instant,
    micros,
    open_windows,
    overlaps_any,
    wall_clock,
)

ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "UTC",
    )
]
CHANGES = [date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 4, 24)]
CHANGES += [date(2026, 10, 4), date(2026, 10, 25), date(2026, 10, 30), date(2026, 11, 1)]
QUARTERS = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))


@st.composite
def windows_of_a_lane(draw):
    day = draw(st.sampled_from([*CHANGES, date(2026, 6, 1), date(2026, 6, 2)]))
    start, end = sorted(draw(st.lists(QUARTERS, min_size=2, max_size=2, unique=True)))
    return Window(day, start, end, draw(st.sampled_from([5, 10, 15, 20, 30, 60])))


@st.composite
def busy_times(draw):
    day = draw(st.sampled_from([*CHANGES, date(2026, 6, 1)]))
    start = datetime.combine(day, time.min, tzinfo=UTC) + timedelta(
        minutes=draw(st.integers(-720, 2160))
    )
    return start, start + timedelta(minutes=draw(st.integers(1, 240)))


@st.composite
def calendars(draw):
    """By lane: windows and busy time; and what is needed."""
    lanes = draw(
        st.lists(
            st.tuples(
                st.lists(windows_of_a_lane(), max_size=4), st.lists(busy_times(), max_size=6)
            ),
            min_size=1,
            max_size=3,
        )
    )
    needs = draw(
        st.tuples(st.integers(5, 120), st.sampled_from([0, 5, 15]), st.sampled_from([0, 10]))
    )
    return lanes, needs, draw(st.sampled_from(ZONES))


def in_columns(lanes, needs, zone, earliest):
    rows = [(n, w) for n, (windows, _) in enumerate(lanes) for w in windows]
    column = lambda values: np.array(list(values), dtype=np.int64)  # noqa: E731
    of_day = lambda at: ((at.hour * 60 + at.minute) * 60 + at.second) * 1_000_000  # noqa: E731
    windows = open_windows(
        lane=column(n for n, _ in rows),
        day=column(day_number(w.day) for _, w in rows),
        start=column(of_day(w.start) for _, w in rows),
        end=column(of_day(w.end) for _, w in rows),
        grid=column(w.grid_minutes * MINUTE for _, w in rows),
        site=column(0 for _ in rows),
        zone=zone,
    )
    taken = [(n, micros(a), micros(b)) for n, (_, busy) in enumerate(lanes) for a, b in busy]
    busy = Busy(*(column(row[i] for row in taken) for i in range(3)))
    length, before, after = (n * MINUTE for n in needs)
    need = Need(length, before, after, micros(earliest), micros(earliest + timedelta(days=400)))
    slots = free_slots(windows, busy, need)
    return windows, slots.only(each_once(slots))


@given(calendars())
@settings(max_examples=500, deadline=None)
def test_equals_the_slots_of_each_provider_alone(calendar):
    lanes, needs, zone = calendar
    earliest = datetime(2026, 3, 8, 3, 20, tzinfo=UTC)
    windows, slots = in_columns(lanes, needs, zone, earliest)
    found = [(int(n), instant(s)) for n, s in zip(slots.lane, slots.start, strict=True)]
    expected = [
        (n, start)
        for n, (opened, busy) in enumerate(lanes)
        for start in free_starts(
            opened,
            sorted(busy),
            zone=zone,
            duration_minutes=needs[0],
            buffer_before_minutes=needs[1],
            buffer_after_minutes=needs[2],
            earliest=earliest,
        )
    ]
    assert found == expected
    shown = [(micro // 1_000_000) for micro in wall_clock(windows, slots, zone)]
    local = [start.astimezone(zone) for _, start in expected]
    assert shown == [(t.hour * 60 + t.minute) * 60 + t.second for t in local]


@given(calendars())
@settings(max_examples=200, deadline=None)
def test_gaps_are_the_free_time_on_either_side(calendar):
    lanes, needs, zone = calendar
    windows, slots = in_columns(lanes, needs, zone, datetime(2026, 3, 1, tzinfo=UTC))
    length, before, after = (timedelta(minutes=n) for n in needs)
    for row in range(len(slots)):
        lane, start = int(slots.lane[row]), instant(slots.start[row])
        opens = instant(windows.opens[slots.window[row]]) - before
        closes = instant(windows.closes[slots.window[row]]) + after
        taken_from, taken_until = start - before, start + length + after
        busy = lanes[lane][1]
        earlier = [end for _, end in busy if end <= taken_from]
        later = [begin for begin, _ in busy if begin >= taken_until]
        gap_before = taken_from - max([opens, *earlier])
        gap_after = min([closes, *later]) - taken_until
        assert slots.gap_before[row] * timedelta(microseconds=1) == gap_before
        assert slots.gap_after[row] * timedelta(microseconds=1) == gap_after
        assert slots.meets_before[row] == (bool(earlier) and max(earlier) >= opens)
        assert slots.meets_after[row] == (bool(later) and min(later) <= closes)


@pytest.mark.parametrize(
    ("zone", "day", "count"),
    [("Europe/Berlin", date(2026, 3, 29), 3), ("Europe/Berlin", date(2026, 10, 25), 5)],
)
def test_a_gap_hour_has_no_slots_and_a_repeated_hour_has_both(zone, day, count):
    window = Window(day, time(0), time(4), 60)
    _, slots = in_columns(
        [([window], [])], (60, 0, 0), ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert len(slots) == count
    opens, closes = interval_of(window, ZoneInfo(zone))
    assert instant(slots.start[0]) == opens
    assert instant(slots.start[-1]) + timedelta(hours=1) == closes


def test_overlap_is_half_open():
    start, end = np.array([0, 10, 20]), np.array([10, 20, 30])
    assert overlaps_any(start, end, [(10, 20)]).tolist() == [False, True, False]
    assert overlaps_any(start, end, []).tolist() == [False, False, False]
