"""Where things stand on a calendar column.  Pure: no database, no clock.

A column is a run of five-minute rows.  A single day's rows count elapsed time, so a day whose
clock changes has 23 or 25 hours of them; the columns of a week share the wall clock instead, so
that they line up, and the two passes of a repeated hour stand side by side.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from appointments.scheduling.availability import Interval, exists_on_clock, to_utc

ROW_MINUTES = 5
CELL_MINUTES = 30
SHORTEST_ROWS = 3  # what a name needs to be read
MAX_LANES = 6
FIRST_HOUR, LAST_HOUR = 8, 18
ROW = timedelta(minutes=ROW_MINUTES)
CELL = timedelta(minutes=CELL_MINUTES)


@dataclass(frozen=True, slots=True)
class Place:
    """Rows ``[row, row + span)`` of a column, counted from 1; lane ``lane`` of ``lanes``."""

    row: int
    span: int
    lane: int = 0
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Cell:
    """A half hour that can be clicked."""

    start: datetime
    local: datetime
    place: Place

    @property
    def is_hour(self) -> bool:
        return self.local.minute == 0

    @property
    def utc(self) -> str:
        """For an address: no plus sign to be escaped."""
        return f"{self.start:%Y-%m-%dT%H:%MZ}"


@dataclass(frozen=True, slots=True)
class Axis:
    """The visible part of one day."""

    day: date
    opens: datetime
    closes: datetime
    zone: ZoneInfo
    first_hour: int
    on_wall_clock: bool = False

    @property
    def rows(self) -> int:
        return self.row(self.closes, is_end=True) - 1

    def row(self, instant: datetime, *, is_end: bool = False) -> int:
        """The row that begins at or before ``instant``; for an end, the first row after it."""
        clamped = min(max(instant, self.opens), self.closes)
        elapsed = self._since_opening(clamped)
        return 1 + (-(-elapsed // ROW) if is_end else elapsed // ROW)

    def _since_opening(self, instant: datetime) -> timedelta:
        if not self.on_wall_clock:
            return instant - self.opens
        wall = instant.astimezone(self.zone).replace(tzinfo=None)
        return max(wall - datetime.combine(self.day, time(self.first_hour)), timedelta(0))

    def place(self, start: datetime, end: datetime) -> Place | None:
        """Where ``[start, end)`` stands; None where nothing of it is visible."""
        if end <= self.opens or start >= self.closes:
            return None
        row = self.row(start)
        return Place(row, max(1, self.row(end, is_end=True) - row))

    def cells(self) -> list[Cell]:
        """Every half hour that the clock shows on this day, in order."""
        cells, start = [], self.opens
        while start < self.closes:
            local = start.astimezone(self.zone)
            cells.append(Cell(start, local, Place(self.row(start), CELL // ROW)))
            start += CELL
        return cells


def visible_axis(
    day: date,
    zone: ZoneInfo,
    busy: Iterable[Interval],
    *,
    hours: tuple[int, int] | None = None,
    on_wall_clock: bool = False,
) -> Axis:
    """The day's axis, from the first to the last full hour in which something happens.

    Args:
        busy: UTC intervals: windows and visits of this day.
        hours: overrules ``busy``, for days that share an axis.
    """
    first, last = hours or visible_hours(day, zone, busy)
    opens = to_utc(day, time(first), zone)
    midnight = to_utc(day + timedelta(days=1), time.min, zone)
    closes = midnight if last == 24 else to_utc(day, time(last), zone, fold=1)
    return Axis(day, opens, closes, zone, first, on_wall_clock)


def visible_hours(day: date, zone: ZoneInfo, busy: Iterable[Interval]) -> tuple[int, int]:
    """First hour shown and the hour at which the view ends (24: midnight)."""
    first, last = FIRST_HOUR, LAST_HOUR
    for start, end in busy:
        opens, closes = start.astimezone(zone), end.astimezone(zone)
        first = min(first, opens.hour if opens.date() == day else 0)
        ends = 24 if closes.date() > day else closes.hour + (closes.minute > 0)
        last = max(last, ends)
    return first, last


def in_lanes(axis: Axis, intervals: Sequence[Interval]) -> list[Place | None]:
    """Places for intervals sorted by start: those that overlap share the width side by side."""
    places: list[Place | None] = [None] * len(intervals)
    cluster: list[tuple[int, Place, int]] = []
    lane_ends: list[int] = []

    def close_cluster() -> None:
        lanes = min(len(lane_ends), MAX_LANES)
        for index, place, lane in cluster:
            places[index] = Place(place.row, place.span, min(lane, MAX_LANES - 1), lanes)
        cluster.clear()
        lane_ends.clear()

    for index, (start, end) in enumerate(intervals):
        place = axis.place(start, end)
        if place is None:
            continue
        place = Place(place.row, max(place.span, SHORTEST_ROWS))
        if lane_ends and place.row >= max(lane_ends):
            close_cluster()
        lane = next((n for n, ends in enumerate(lane_ends) if ends <= place.row), len(lane_ends))
        if lane == len(lane_ends):
            lane_ends.append(0)
        lane_ends[lane] = place.row + place.span
        cluster.append((index, place, lane))
    close_cluster()
    return places


def local_instant(day: date, at: time, zone: ZoneInfo, *, fold: int = 0) -> datetime | None:
    """The instant at which the wall clock shows this; None in the hour the clock skips."""
    if not exists_on_clock(day, at, zone):
        return None
    return datetime.combine(day, at, tzinfo=zone).replace(fold=fold).astimezone(UTC)
