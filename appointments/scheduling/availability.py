"""From a provider's wall-clock windows and busy time to free slots: pure arithmetic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Window:
    """Working time on one date of the tenant's wall clock; ``grid_minutes`` spaces slot starts."""

    day: date
    start: time
    end: time
    grid_minutes: int


def exists_on_clock(day: date, at: time, zone: ZoneInfo) -> bool:
    """Whether the wall clock ever shows this; inside a DST gap it does not."""
    local = datetime.combine(day, at, tzinfo=zone)
    return local.astimezone(UTC).astimezone(zone).time() == at


def to_utc(day: date, at: time, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """The instant at which the wall clock shows ``at``.

    Args:
        fold: 0 for the first pass of a repeated hour, 1 for the second (PEP 495).

    Returns:
        Aware UTC.  For a time inside a DST gap: the first instant after the gap.
    """
    local = datetime.combine(day, at, tzinfo=zone).replace(fold=fold)
    if exists_on_clock(day, at, zone):
        return local.astimezone(UTC)
    instant = local.replace(fold=1).astimezone(UTC)  # before the gap
    offset = instant.astimezone(zone).utcoffset()
    while instant.astimezone(zone).utcoffset() == offset:
        instant += timedelta(minutes=1)
    return instant.replace(second=0, microsecond=0)


def interval_of(window: Window, zone: ZoneInfo) -> Interval:
    """The window in UTC; one that ends in a repeated hour lasts until its second pass."""
    return to_utc(window.day, window.start, zone), to_utc(window.day, window.end, zone, fold=1)


def subtract(interval: Interval, busy: Sequence[Interval]) -> list[Interval]:
    """The parts of ``interval`` outside ``busy`` (sorted by start), in order."""
    free, cursor = [], interval[0]
    for start, end in busy:
        if end <= cursor:
            continue
        if start >= interval[1]:
            break
        if start > cursor:
            free.append((cursor, start))
        cursor = max(cursor, end)
    if cursor < interval[1]:
        free.append((cursor, interval[1]))
    return free


def free_starts(
    windows: Iterable[Window],
    busy: Sequence[Interval],
    *,
    zone: ZoneInfo,
    duration_minutes: int,
    buffer_before_minutes: int,
    buffer_after_minutes: int,
    earliest: datetime,
) -> list[datetime]:
    """Every start on a window's grid at which a visit with its buffers meets no busy time.

    The visit lies inside the window; its buffers may reach outside it.  The grid is stepped in
    UTC, so a gap hour has no slots and a repeated hour has both.

    Args:
        windows: any order.
        busy: UTC intervals, sorted by start.
        duration_minutes: of the visit, without buffers.
        earliest: no slot starts before this instant.

    Returns:
        Aware UTC instants, ascending, each once.
    """
    length = timedelta(minutes=duration_minutes)
    before, after = (
        timedelta(minutes=buffer_before_minutes),
        timedelta(minutes=buffer_after_minutes),
    )
    starts: set[datetime] = set()
    for window in windows:
        opens, closes = interval_of(window, zone)
        step = timedelta(minutes=window.grid_minutes)
        gaps = subtract((opens - before, closes + after), busy)
        for gap_start, gap_end in gaps:
            first = max(gap_start + before, opens, earliest)
            start = opens + -(-(first - opens) // step) * step
            while start + length <= closes and start + length + after <= gap_end:
                starts.add(start)
                start += step
    return sorted(starts)


def covers(windows: Iterable[Interval], start: datetime, end: datetime) -> bool:
    """Whether the union of ``windows`` contains ``[start, end)``."""
    reached = start
    for opens, closes in sorted(windows):
        if opens <= reached < closes:
            reached = closes
    return reached >= end
