"""The calendar's columns: working time, visits in their lanes, buffers, and the line of now."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import get_format

from accounts.models import User
from appointments.booking.day_grid import (
    Axis,
    Cell,
    Place,
    in_lanes,
    visible_axis,
    visible_hours,
)
from appointments.booking.selectors import (
    VisitRow,
    day_bounds,
    visits_between,
    windows_between,
)
from appointments.enums import AppointmentStatus
from appointments.models import SlotAvailability, TimeOff
from appointments.scheduling.availability import Interval, Window, interval_of, subtract
from appointments.scheduling.selectors import time_off_between
from appointments.views.filters import Filters

WEEK = 7
BLOCKED = "Blocked"
NOT_WORK = {AppointmentStatus.NO_SHOW, AppointmentStatus.HELD}


@dataclass(frozen=True, slots=True)
class Block:
    visit: VisitRow
    place: Place
    before: Place | None
    after: Place | None


@dataclass(frozen=True, slots=True)
class Column:
    """One provider on one day."""

    provider: User
    axis: Axis
    blocks: list[Block]
    open_places: list[Place]
    blocked_places: list[tuple[Place, str]]
    """Where nobody can be booked, and why in a word."""
    booked_minutes: int
    open_minutes: int
    now_row: int | None
    cells: list[Cell] = field(default_factory=list)

    @property
    def load_percent(self) -> int:
        return min(100, 100 * self.booked_minutes // self.open_minutes) if self.open_minutes else 0


@dataclass(frozen=True, slots=True)
class Grid:
    """``more``: providers left out; their visits are in ``visit_count`` all the same."""

    columns: list[Column]
    visit_count: int
    more: int = 0


def day_columns(
    user: User,
    filters: Filters,
    day: date,
    *,
    zone: ZoneInfo,
    now: datetime,
    limit: int | None = None,
) -> Grid:
    """A column for each provider who works or is booked on the day; for all, if nobody does.

    Args:
        limit: the largest number of columns.
    """
    providers = [
        p for p in filters.all_providers if not filters.provider_ids or p.pk in filters.provider_ids
    ]
    start, end = day_bounds(day, zone)
    visits = [v for v in _visits(user, start, end, now) if filters.lets_through(v)]
    windows = [
        window
        for window in windows_between((p.pk for p in providers), day, day)
        if not filters.site_ids or window.site_id in filters.site_ids
    ]
    busy_ids = {v.provider_id for v in visits} | {w.provider_id for w in windows}
    shown = [p for p in providers if p.pk in busy_ids] or providers
    axis = visible_axis(day, zone, _busy(visits, windows, zone))
    by_provider, windows_of = defaultdict(list), defaultdict(list)
    for visit in visits:
        by_provider[visit.provider_id].append(visit)
    for window in windows:
        windows_of[window.provider_id].append(window)
    cells, off = axis.cells(), list(time_off_between(start, end))
    columns = [
        _column(p, axis, by_provider[p.pk], windows_of[p.pk], off, cells, zone=zone, now=now)
        for p in shown[:limit]
    ]
    return Grid(columns, _count(visits), len(shown) - len(columns))


def week_columns(
    user: User, provider: User | None, day: date, *, zone: ZoneInfo, now: datetime
) -> Grid:
    """The week of the provider around ``day``, on one axis; it begins as the locale has it."""
    if provider is None:
        return Grid([], 0)
    first_weekday = get_format("FIRST_DAY_OF_WEEK")  # 0: Sunday
    begins = day - timedelta(days=(day.isoweekday() - first_weekday) % WEEK)
    days = [begins + timedelta(days=offset) for offset in range(WEEK)]
    start, end = day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1]
    visits = _visits(user, start, end, now, provider_id=provider.pk)
    windows = windows_between([provider.pk], days[0], days[-1])
    of_day = {d: [v for v in visits if v.start.astimezone(zone).date() == d] for d in days}
    open_on = {d: [w for w in windows if w.date == d] for d in days}
    spans = [visible_hours(d, zone, _busy(of_day[d], open_on[d], zone)) for d in days]
    hours = min(first for first, _ in spans), max(last for _, last in spans)
    columns, off = [], list(time_off_between(start, end, provider_id=provider.pk))
    for d in days:
        axis = visible_axis(d, zone, (), hours=hours, on_wall_clock=True)
        columns.append(
            _column(provider, axis, of_day[d], open_on[d], off, axis.cells(), zone=zone, now=now)
        )
    return Grid(columns, _count(visits))


def _visits(
    user: User, start: datetime, end: datetime, now: datetime, provider_id: int | None = None
) -> list[VisitRow]:
    """What takes or took time."""
    visits = visits_between(user, start, end, now=now, provider_id=provider_id)
    return [v for v in visits if v.status != AppointmentStatus.CANCELLED]


def _count(visits: Iterable[VisitRow]) -> int:
    """Without holds and missed visits, as Today counts."""
    return sum(v.status not in NOT_WORK for v in visits)


def _busy(
    visits: Iterable[VisitRow], windows: Iterable[SlotAvailability], zone: ZoneInfo
) -> list[Interval]:
    return [(v.start, v.end) for v in visits] + [_interval(w, zone) for w in windows]


def _interval(window: SlotAvailability, zone: ZoneInfo) -> Interval:
    return interval_of(
        Window(window.date, window.start_time, window.end_time, window.duration_minutes), zone
    )


def _column(
    provider: User,
    axis: Axis,
    visits: list[VisitRow],
    windows: list[SlotAvailability],
    off: list[TimeOff],
    cells: list[Cell],
    *,
    zone: ZoneInfo,
    now: datetime,
) -> Column:
    opened = [_interval(w, zone) for w in windows if not w.is_blocked]
    blocked = [(_interval(w, zone), BLOCKED) for w in windows if w.is_blocked]
    blocked += _away(provider, windows, off, zone)
    lost = sorted(interval for interval, _ in blocked)
    left = [part for interval in opened for part in subtract(interval, lost)]
    work = [v for v in visits if v.status not in NOT_WORK]
    return Column(
        provider=provider,
        axis=axis,
        blocks=_blocks(axis, visits),
        open_places=_places(axis, opened),
        blocked_places=[
            (place, word) for span, word in blocked if (place := axis.place(*span)) is not None
        ],
        booked_minutes=sum(v.minutes for v in work),
        open_minutes=sum(int((end - start).total_seconds() // 60) for start, end in left),
        now_row=axis.row(now) if axis.opens <= now < axis.closes else None,
        cells=cells,
    )


def _away(
    provider: User, windows: list[SlotAvailability], off: Iterable[TimeOff], zone: ZoneInfo
) -> list[tuple[Interval, str]]:
    """The provider's absences; and of each closure what meets the windows at its site."""
    found = []
    for each in off:
        starts, ends = each.starts_at, each.ends_at
        if each.provider_id == provider.pk:
            found.append(((starts, ends), each.get_kind_display()))
        for window in windows if each.site_id is not None else ():
            opens, closes = _interval(window, zone)
            if window.site_id == each.site_id and opens < ends and closes > starts:
                span = max(opens, starts), min(closes, ends)
                found.append((span, each.get_kind_display()))
    return found


def _places(axis: Axis, intervals: Iterable[Interval]) -> list[Place]:
    return [place for start, end in intervals if (place := axis.place(start, end))]


def _blocks(axis: Axis, visits: list[VisitRow]) -> list[Block]:
    places = in_lanes(axis, [(v.start, v.end) for v in visits])
    return [
        Block(
            visit,
            place,
            axis.place(visit.blocked_from, visit.start)
            if visit.blocked_from < visit.start
            else None,
            axis.place(visit.end, visit.blocked_until) if visit.blocked_until > visit.end else None,
        )
        for visit, place in zip(visits, places, strict=True)
        if place is not None
    ]
