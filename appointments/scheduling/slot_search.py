"""Exact slot search: every free slot for a wish, from two statements."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from appointments.scheduling.slot_reads import (
    Calendar,
    ResourceTime,
    read_calendar,
    read_resources,
)
from appointments.scheduling.slots import (
    MINUTE,
    Flags,
    Ints,
    Need,
    Slots,
    day_number,
    each_once,
    first_free,
    free_slots,
    micros,
    overlaps_any,
    wall_clock,
)
from appointments.scheduling.wishes import Wish, bounds

SECOND = 1_000_000
UNIX_TO_EPOCH = 946_684_800 * SECOND


@dataclass(frozen=True)
class Free:
    """Every free slot for a wish, unscored; columns have one row per slot.

    Attributes:
        clock: microseconds since local midnight.
        day: days since 2000-01-01 on the tenant's calendar.
        resource: row of the room or equipment to take; -1 where none is needed.
    """

    wish: Wish
    calendar: Calendar
    slots: Slots
    clock: Ints
    day: Ints
    resource: Ints
    resources: list[ResourceTime]
    facts: dict[str, Any]

    def __len__(self) -> int:
        return len(self.slots)

    @cached_property
    def weekday(self) -> Ints:
        return (self.day + 5) % 7  # 2000-01-01 was a Saturday

    @cached_property
    def site(self) -> Ints:
        return self.calendar.windows.site[self.slots.window]

    def only(self, wanted: Flags | Ints) -> "Free":
        """The rows that a mask or an index array picks."""
        return replace(
            self,
            slots=self.slots.only(wanted),
            clock=self.clock[wanted],
            day=self.day[wanted],
            resource=self.resource[wanted],
        )

    def of_days(self, dates: tuple[date, ...]) -> "Free":
        """What is free on these of the days that were read, as if they alone had been wished."""
        rows = np.isin(self.day, [day_number(day) for day in dates])
        return replace(self.only(rows), wish=replace(self.wish, dates=dates))


def find_free(wish: Wish, *, zone: ZoneInfo, now: datetime) -> Free:
    """Every slot that can be booked as wished: 2 statements, 3 for types that need a resource."""
    calendar, facts = read_calendar(wish, zone=zone, now=now)
    resources = read_resources(wish, now=now) if _needs_resource(wish) else []
    return free_of(wish, calendar, facts, resources, zone=zone, now=now)


def free_of(
    wish: Wish,
    calendar: Calendar,
    facts: dict[str, Any],
    resources: list[ResourceTime],
    *,
    zone: ZoneInfo,
    now: datetime,
) -> Free:
    """``find_free`` without its reads."""
    need = _need(wish, now)
    away = [row for row in facts["time_off"] or () if row[0] is not None]
    slots = free_slots(calendar.windows, _with_leave(calendar, away), need)
    slots = slots.only(_suits(wish, calendar, slots, need, facts))
    found = Free(
        wish=wish,
        calendar=calendar,
        slots=slots,
        clock=wall_clock(calendar.windows, slots, zone),
        day=calendar.windows.day[slots.window],
        resource=_first_free(resources, calendar, slots, need, facts),
        resources=resources,
        facts=facts,
    )
    if _needs_resource(wish):
        found = found.only(found.resource >= 0)
    if wish.times:
        found = found.only(_within(found.clock, wish))
    return found.only(each_once(found.slots))


def _needs_resource(wish: Wish) -> bool:
    return bool(wish.appointment_type.resource_kind) and not wish.telehealth


def _need(wish: Wish, now: datetime) -> Need:
    kind = wish.appointment_type
    first, last = bounds(wish, now=now)
    return Need(
        length=wish.duration_minutes * MINUTE,
        before=kind.buffer_before_minutes * MINUTE,
        after=kind.buffer_after_minutes * MINUTE,
        earliest=micros(first),
        latest=micros(last),
    )


def _with_leave(calendar: Calendar, away: list[list[Any]]) -> Any:
    lanes = {key: lane for lane, key in enumerate(calendar.provider_ids)}
    rows = [(lanes[row[0]], *_span(row[3], row[4])) for row in away if row[0] in lanes]
    if not rows:
        return calendar.busy
    lane, start, end = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    busy = calendar.busy
    return type(busy)(
        np.concatenate([busy.lane, lane]),
        np.concatenate([busy.start, start]),
        np.concatenate([busy.end, end]),
    )


def _span(start: float, end: float) -> tuple[int, int]:
    """Seconds since 1970 → microseconds since the epoch."""
    return round(start * SECOND) - UNIX_TO_EPOCH, round(end * SECOND) - UNIX_TO_EPOCH


def _suits(
    wish: Wish, calendar: Calendar, slots: Slots, need: Need, facts: dict[str, Any]
) -> Flags:
    """Not while the patient is elsewhere or the site they go to closed; only on wished weekdays."""
    own = [_span(*row) for row in facts["own"] or ()]
    wanted = ~overlaps_any(slots.start, slots.start + need.length, own)
    site = calendar.windows.site[slots.window]
    start, end = slots.start - need.before, slots.start + need.length + need.after
    for _, site_id, _, opens, closes in facts["time_off"] or ():
        if site_id is not None and not wish.telehealth:
            wanted &= ~((site == site_id) & overlaps_any(start, end, [_span(opens, closes)]))
    if wish.weekdays:
        weekday = (calendar.windows.day[slots.window] + 5) % 7
        wanted &= np.isin(weekday, list(wish.weekdays))
    return wanted


def _within(clock: Ints, wish: Wish) -> Flags:
    wanted = np.zeros(len(clock), dtype=bool)
    for opens, closes in wish.times:
        first, last = (
            ((at.hour * 60 + at.minute) * 60 + at.second) * SECOND for at in (opens, closes)
        )
        wanted |= (clock >= first) & (clock < last)
    return wanted


def _first_free(
    resources: list[ResourceTime],
    calendar: Calendar,
    slots: Slots,
    need: Need,
    facts: dict[str, Any],
) -> Ints:
    """Row of the first resource at the slot's site that is free all the time; -1 for none."""
    places = []
    for resource in resources:
        taken = list(zip(resource.busy.start, resource.busy.end, strict=True))
        off = (row for row in facts["time_off"] or () if row[2] == resource.id)
        places.append((resource.site_id, [*taken, *(_span(row[3], row[4]) for row in off)]))
    site = calendar.windows.site[slots.window]
    start, end = slots.start - need.before, slots.start + need.length + need.after
    return first_free(site, start, end, places)
