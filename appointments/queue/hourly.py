"""Figures of a queue by the hour of a wall clock, from what became of its stays.

Pure arithmetic; instants are whole microseconds since 1970 in UTC.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from appointments.queue.stays import MINUTE, Stay, instant
from appointments.scheduling.availability import to_utc

ONE_HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
MARGIN = timedelta(hours=3)
"""No clock is set by more at once."""


@dataclass(frozen=True, slots=True)
class Hour:
    """All the time during which a wall clock shows one hour of one day.

    A repeated hour counts both times it passes, and a skipped one does not exist.

    Attributes:
        spans: half-open, ascending.
    """

    date: date
    hour: int
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class HourFigures:
    """Named as ``QueueMetrics`` stores them; averages are None where nothing was to average."""

    date: date
    hour: int
    total_entries: int = 0
    served_entries: int = 0
    completed_entries: int = 0
    no_shows: int = 0
    left_entries: int = 0
    average_wait_time_minutes: float | None = None
    max_wait_time_minutes: float | None = None
    average_service_time_minutes: float | None = None
    peak_queue_size: int = 0
    average_queue_size: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Nobody stood there, and nothing happened."""
        return not (
            self.peak_queue_size
            or self.total_entries
            or self.served_entries
            or self.completed_entries
            or self.no_shows
            or self.left_entries
        )


def hours_between(first: date, last: date, zone: ZoneInfo) -> list[Hour]:
    """The hours of these days, both included, in the order in which they begin."""
    start = to_utc(first, time.min, zone) - MARGIN
    end = to_utc(last + timedelta(days=1), time.min, zone) + MARGIN
    found: dict[tuple[date, int], list[tuple[int, int]]] = {}
    for since, until, shift in _stretches(start, end, zone):
        at = since
        while at < until:
            shown = at + shift
            whole = shown.replace(minute=0, second=0, microsecond=0)
            after = min(whole - shift + ONE_HOUR, until)
            if first <= shown.date() <= last:
                _add(found.setdefault((shown.date(), shown.hour), []), instant(at), instant(after))
            at = after
    return [Hour(day, hour, tuple(spans)) for (day, hour), spans in found.items()]


def figures(
    stays: Sequence[Stay], hours: Sequence[Hour], *, standing: int = 0, until: int
) -> list[HourFigures]:
    """The figures of each hour that has begun before ``until``, and of it what is over by then.

    Args:
        stays: of everybody to whom something happened during the hours.
        standing: how many others stood in the line all the time.
        until: now.
    """
    line = _Line.of(stays, standing)
    joined = _sorted((each.joined_at, None) for each in stays)
    began = _sorted((each.began_at, each.wait) for each in stays)
    ended = {
        ending: _sorted((s.ended_at, s.service) for s in stays if s.ending == ending)
        for ending in ("completed", "no_show", "left")
    }
    found = []
    for hour in hours:
        spans = [(since, min(after, until)) for since, after in hour.spans if since < until]
        if not spans:
            continue
        waits, services = _within(began, spans), _within(ended["completed"], spans)
        kept = [wait for wait in waits if wait is not None]
        average, peak = line.during(spans)
        found.append(
            HourFigures(
                hour.date,
                hour.hour,
                total_entries=len(_within(joined, spans)),
                served_entries=len(waits),
                completed_entries=len(services),
                no_shows=len(_within(ended["no_show"], spans)),
                left_entries=len(_within(ended["left"], spans)),
                average_wait_time_minutes=mean(kept),
                max_wait_time_minutes=max(kept) / MINUTE if kept else None,
                average_service_time_minutes=mean([s for s in services if s is not None]),
                peak_queue_size=peak,
                average_queue_size=average,
            )
        )
    return found


def mean(lengths: Sequence[int]) -> float | None:
    """In minutes."""
    return sum(lengths) / len(lengths) / MINUTE if lengths else None


@dataclass(frozen=True, slots=True)
class _Line:
    """How many stand in the line: ``sizes[n]`` from ``times[n - 1]`` until ``times[n]``."""

    times: list[int]
    sizes: list[int]

    @classmethod
    def of(cls, stays: Sequence[Stay], standing: int) -> "_Line":
        changes: dict[int, int] = {}
        for stay in stays:
            for since, until in stay.waits:
                changes[since] = changes.get(since, 0) + 1
                if until is not None:
                    changes[until] = changes.get(until, 0) - 1
        times = sorted(changes)
        return cls(times, list(accumulate((changes[at] for at in times), initial=standing)))

    def during(self, spans: Sequence[tuple[int, int]]) -> tuple[float, int]:
        """The average size, each weighed by how long it lasted, and the largest."""
        area = length = peak = 0
        for since, until in spans:
            first, last = bisect_right(self.times, since), bisect_left(self.times, until)
            edges = [since, *self.times[first:last], until]
            sizes = self.sizes[first : last + 1]
            lengths = (after - at for at, after in pairwise(edges))
            area += sum(size * lasted for size, lasted in zip(sizes, lengths, strict=True))
            length += until - since
            peak = max(peak, *sizes)
        return area / length, peak


def _sorted(pairs: Iterator[tuple[int | None, int | None]]) -> list[tuple[int, int | None]]:
    return sorted(((at, value) for at, value in pairs if at is not None), key=lambda row: row[0])


def _within(
    rows: list[tuple[int, int | None]], spans: Sequence[tuple[int, int]]
) -> list[int | None]:
    """The values of what happened then."""
    found: list[int | None] = []
    for since, until in spans:
        first = bisect_left(rows, since, key=lambda row: row[0])
        last = bisect_left(rows, until, key=lambda row: row[0])
        found += [value for _, value in rows[first:last]]
    return found


def _stretches(
    start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """From when until when, in UTC, the clock differs from UTC by the same shift."""
    since, shift, at = start, _shift(start, zone), start
    while at < end:
        after = at + ONE_HOUR
        if _shift(after, zone) != shift:
            low, high = at, after
            while high - low > SECOND:
                middle = low + ((high - low) / 2 // SECOND) * SECOND
                low, high = (middle, high) if _shift(middle, zone) == shift else (low, middle)
            yield since, high, shift
            since, shift = high, _shift(high, zone)
        at = after
    yield since, end, shift


def _shift(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _add(spans: list[tuple[int, int]], since: int, until: int) -> None:
    if spans and spans[-1][1] == since:
        spans[-1] = (spans[-1][0], until)
    else:
        spans.append((since, until))
