"""Every free slot of many providers at once: arithmetic on numpy columns.

Instants are int64 microseconds since 2000-01-01 UTC and days count from that date, as PostgreSQL
sends them; lengths are microseconds.  All intervals are half-open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from appointments.scheduling.availability import to_utc

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
EPOCH_DAY = EPOCH.toordinal()
MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LANE_BITS = 47
"""Each provider's time is a lane of its own on one line: 4 years fit into 47 bits."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Open working time, one row per window.

    ``lane`` numbers the provider; ``offset`` is UTC's distance to the wall clock during the
    window, except where ``has_change`` says that the clock changes on that day.
    """

    lane: Ints
    day: Ints
    opens: Ints
    closes: Ints
    grid: Ints
    site: Ints
    offset: Ints
    has_change: Flags


@dataclass(frozen=True, slots=True)
class Busy:
    """Taken time, in any order; overlaps are allowed."""

    lane: Ints
    start: Ints
    end: Ints


@dataclass(frozen=True, slots=True)
class Need:
    """What a visit takes: its length, the buffers around it, and the bounds of its start."""

    length: int
    before: int
    after: int
    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class Slots:
    """Free slots in order of their windows; overlapping windows may repeat one.

    Attributes:
        window: row of the window each lies in.
        gap_before, gap_after: free time left between the blocked range and what comes next.
        meets_before, meets_after: whether that is another visit, not the window's end.
    """

    lane: Ints
    window: Ints
    start: Ints
    gap_before: Ints
    gap_after: Ints
    meets_before: Flags
    meets_after: Flags

    def __len__(self) -> int:
        return len(self.start)

    def only(self, wanted: Flags | Ints) -> "Slots":
        """The rows that a mask or an index array picks."""
        columns = (getattr(self, name) for name in self.__dataclass_fields__)
        return Slots(*(column[wanted] for column in columns))


def micros(instant: datetime) -> int:
    """Microseconds since the epoch; ``instant`` is aware."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def instant(value: int) -> datetime:
    """Aware UTC."""
    return EPOCH + timedelta(microseconds=int(value))


def day_number(day: date) -> int:
    return day.toordinal() - EPOCH_DAY


def day_of(number: int) -> date:
    return date.fromordinal(int(number) + EPOCH_DAY)


def open_windows(
    *, lane: Ints, day: Ints, start: Ints, end: Ints, grid: Ints, site: Ints, zone: ZoneInfo
) -> Windows:
    """Place wall-clock windows in UTC.

    Args:
        start, end: microseconds on the wall clock of ``day``.
        grid: distance of slot starts, microseconds.
    """
    numbers, row = np.unique(day, return_inverse=True)
    known = [_offsets(int(number), zone) for number in numbers]
    offset = np.array([first for first, _ in known], dtype=np.int64)[row]
    has_change = np.array([first != last for first, last in known], dtype=bool)[row]
    opens, closes = day * DAY + start - offset, day * DAY + end - offset
    for i in np.flatnonzero(has_change):
        opens[i] = micros(to_utc(day_of(day[i]), _clock(start[i]), zone))
        closes[i] = micros(to_utc(day_of(day[i]), _clock(end[i]), zone, fold=1))
    return Windows(lane, day, opens, closes, grid, site, offset, has_change)


@lru_cache(maxsize=4096)
def _offsets(number: int, zone: ZoneInfo) -> tuple[int, int]:
    """Wall clock minus UTC at the day's first and last midnight; equal unless it changes."""
    day = day_of(number)
    midnights = (datetime.combine(day + timedelta(days=n), time.min, tzinfo=zone) for n in (0, 1))
    first, last = ((midnight.utcoffset() or timedelta()) for midnight in midnights)
    return first // timedelta(microseconds=1), last // timedelta(microseconds=1)


def _clock(value: int) -> time:
    return (EPOCH + timedelta(microseconds=int(value))).time()


def free_slots(windows: Windows, busy: Busy, need: Need) -> Slots:
    """Every start on a window's grid at which the visit with its buffers meets no busy time.

    The visit lies inside the window; its buffers may reach outside it.  The grid is stepped in
    UTC, so a gap hour has no slots and a repeated hour has both.  O(n log b) for n starts and b
    busy rows.
    """
    window, start = _grid(windows, need)
    lane = windows.lane[window]
    busy_start = _on_line(busy.lane, busy.start, need)
    order = np.argsort(busy_start, kind="stable")
    busy_start = busy_start[order]
    # The latest end so far: of a lane's own, since every earlier lane ends before it begins.
    busy_end = np.maximum.accumulate(_on_line(busy.lane, busy.end, need)[order])

    taken_from = _on_line(lane, start - need.before, need)
    taken_until = taken_from + need.before + need.length + need.after
    after = np.searchsorted(busy_start, taken_until, side="left")
    previous_end = np.append(busy_end, -1)[after - 1]  # row -1: nothing before
    free = previous_end <= taken_from

    window, start, lane, after = window[free], start[free], lane[free], after[free]
    taken_from, taken_until, previous_end = (
        taken_from[free],
        taken_until[free],
        previous_end[free],
    )
    next_start = np.append(busy_start, np.iinfo(np.int64).max)[after]
    edge_before = _on_line(lane, windows.opens[window] - need.before, need)
    edge_after = _on_line(lane, windows.closes[window] + need.after, need)
    return Slots(
        lane=lane,
        window=window,
        start=start,
        gap_before=taken_from - np.maximum(previous_end, edge_before),
        gap_after=np.minimum(next_start, edge_after) - taken_until,
        meets_before=previous_end >= edge_before,
        meets_after=next_start <= edge_after,
    )


def _grid(windows: Windows, need: Need) -> tuple[Ints, Ints]:
    """Row of the window and start of every candidate, by window."""
    room = windows.closes - windows.opens - need.length
    counts = np.where(room >= 0, room // windows.grid + 1, 0)
    window = np.repeat(np.arange(len(counts)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    steps = np.arange(len(window)) - first
    start = windows.opens[window] + steps * windows.grid[window]
    wanted = (start >= need.earliest) & (start <= need.latest)
    return window[wanted], start[wanted]


def _on_line(lane: Ints, at: Ints, need: Need) -> Ints:
    """Instants of all lanes on one line, the lanes one behind the other."""
    reach = 1 << (LANE_BITS - 1)
    return (lane << LANE_BITS) + np.clip(at - need.earliest, -reach + 1, reach - 1) + reach


def each_once(slots: Slots) -> Ints:
    """Rows by lane and start; where windows overlap, the slot of the one in the earlier row."""
    if _ascend(slots.lane, slots.start):  # as a rule, and sorting would take long
        return np.arange(len(slots))
    order = np.lexsort((slots.window, slots.start, slots.lane))
    lane, start = slots.lane[order], slots.start[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (lane[1:] != lane[:-1]) | (start[1:] != start[:-1])
    return order[fresh]


def _ascend(lane: Ints, start: Ints) -> bool:
    later = (lane[1:] > lane[:-1]) | ((lane[1:] == lane[:-1]) & (start[1:] > start[:-1]))
    return bool(later.all())


def overlaps_any(start: Ints, end: Ints, intervals: Iterable[tuple[int, int]]) -> Flags:
    """Which of ``[start, end)`` meet one of the intervals; meant for a handful of them."""
    met = np.zeros(len(start), dtype=bool)
    for opens, closes in intervals:
        met |= (start < closes) & (end > opens)
    return met


def first_free(
    site: Ints, start: Ints, end: Ints, places: Sequence[tuple[int, Sequence[tuple[int, int]]]]
) -> Ints:
    """For each of ``[start, end)`` at a site, the row of the first place there that is free; -1
    for none.

    Args:
        places: of each room or device, its site and when it is taken, in any order.
    """
    chosen = np.full(len(start), -1, dtype=np.int64)
    for row, (site_id, taken) in enumerate(places):
        open_here = (chosen < 0) & (site == site_id)
        chosen[open_here & ~_overlaps(start, end, taken)] = row
    return chosen


def _overlaps(start: Ints, end: Ints, intervals: Sequence[tuple[int, int]]) -> Flags:
    """As ``overlaps_any``, for many intervals."""
    if not intervals:
        return np.zeros(len(start), dtype=bool)
    busy = np.array(sorted(intervals), dtype=np.int64)
    latest_end = np.maximum.accumulate(busy[:, 1])
    before = np.searchsorted(busy[:, 0], end, side="left")
    return np.append(latest_end, np.iinfo(np.int64).min)[before - 1] > start


def wall_clock(windows: Windows, slots: Slots, zone: ZoneInfo) -> Ints:
    """Microseconds since local midnight at which each slot starts."""
    clock = slots.start + windows.offset[slots.window] - windows.day[slots.window] * DAY
    for i in np.flatnonzero(windows.has_change[slots.window]):
        local = instant(slots.start[i]).astimezone(zone)
        clock[i] = ((local.hour * 60 + local.minute) * 60 + local.second) * 1_000_000
    return clock
