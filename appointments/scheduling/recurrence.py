"""Recurrence rules (RFC 5545) on a wall clock: 10:00 stays 10:00 when the clocks change.

A visit plan needs little of the standard: FREQ of DAILY, WEEKLY or MONTHLY with INTERVAL, BYDAY and
WKST, ended by COUNT or UNTIL.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from dateutil import rrule as dateutil_rrule

from appointments.scheduling.availability import exists_on_clock

MAX_VISITS = 52
MAX_INTERVAL = 52
MAX_LENGTH = 200
FREQUENCIES = {
    "DAILY": dateutil_rrule.DAILY,
    "WEEKLY": dateutil_rrule.WEEKLY,
    "MONTHLY": dateutil_rrule.MONTHLY,
}
WEEKDAYS = {day: getattr(dateutil_rrule, day) for day in ("MO", "TU", "WE", "TH", "FR", "SA", "SU")}
BYDAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
DATE_LENGTH = 8


class RecurrenceError(ValueError):
    """The rule cannot be used; ``code`` says why to machines, the message to people."""

    def __init__(self, message: str, *, code: str = "invalid") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was understood.  ``until`` is a wall-clock time, included."""

    frequency: int
    interval: int
    weekdays: tuple[Any, ...]
    week_start: Any
    count: int | None
    until: datetime | None


def occurrences(text: str, start: datetime, zone: ZoneInfo) -> list[datetime]:
    """Every start of the rule from ``start`` on.

    Args:
        text: the value of an RRULE property, such as ``FREQ=WEEKLY;BYDAY=MO;COUNT=6``.
        start: aware; the first visit, which must be one of the rule's.
        zone: on whose wall clock the rule runs.

    Returns:
        2 to 52 aware UTC instants, ascending.  In a repeated hour all but the first visit are in
        its first pass.

    Raises:
        RecurrenceError: the rule is not understood, has fewer than 2 or more than 52 visits, does
            not begin with ``start``, or meets a local time that the clocks skip.
    """
    local = start.astimezone(zone)
    walls = expand(parse(text, zone), local.replace(tzinfo=None, fold=0))
    if not walls or walls[0] != local.replace(tzinfo=None, fold=0):
        raise RecurrenceError("The first visit is not on one of the rule's days.", code="not_first")
    if len(walls) < 2:
        raise RecurrenceError("The rule has one visit only: that is no series.", code="min_length")
    skipped = [wall for wall in walls if not exists_on_clock(wall.date(), wall.time(), zone)]
    if skipped:
        raise RecurrenceError(
            f"The clocks go forward on {skipped[0]:%-d %B %Y}: {skipped[0]:%H:%M} does not exist "
            "on that day.",
            code="nonexistent_time",
        )
    return [start.astimezone(UTC), *(_instant(wall, zone) for wall in walls[1:])]


def parse(text: str, zone: ZoneInfo) -> Rule:
    """
    Raises:
        RecurrenceError: naming the part at fault.
    """
    parts = _parts(text)
    frequency = parts.pop("FREQ", "")
    if frequency not in FREQUENCIES:
        raise RecurrenceError("FREQ must be DAILY, WEEKLY or MONTHLY.")
    if ("COUNT" in parts) == ("UNTIL" in parts):
        raise RecurrenceError("Give either COUNT or UNTIL.")
    rule = Rule(
        frequency=FREQUENCIES[frequency],
        interval=_number(parts.pop("INTERVAL", "1"), "INTERVAL", MAX_INTERVAL),
        weekdays=_weekdays(parts.pop("BYDAY", ""), is_monthly=frequency == "MONTHLY"),
        week_start=_one_of(WEEKDAYS, parts.pop("WKST", "MO"), "WKST"),
        count=_number(parts.pop("COUNT"), "COUNT", MAX_VISITS) if "COUNT" in parts else None,
        until=_until(parts.pop("UNTIL"), zone) if "UNTIL" in parts else None,
    )
    if parts:
        raise RecurrenceError(f"{next(iter(parts))} is not supported.", code="unknown_field")
    return rule


def expand(rule: Rule, first: datetime) -> list[datetime]:
    """The rule's wall-clock times from ``first`` on, both naive.

    Raises:
        RecurrenceError: there are more than 52.
    """
    found = dateutil_rrule.rrule(
        rule.frequency,
        dtstart=first,
        interval=rule.interval,
        wkst=rule.week_start,
        count=rule.count,
        until=rule.until,
        byweekday=rule.weekdays or None,
    )
    walls: list[datetime] = []
    for wall in found:
        if len(walls) == MAX_VISITS:
            raise RecurrenceError(f"A series has at most {MAX_VISITS} visits.", code="max_length")
        walls.append(wall)
    return walls


def _parts(text: str) -> dict[str, str]:
    text = text.strip().upper().removeprefix("RRULE:").rstrip(";")
    if not text or len(text) > MAX_LENGTH:
        raise RecurrenceError("Give a rule such as FREQ=WEEKLY;COUNT=6.")
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise RecurrenceError("Give a rule such as FREQ=WEEKLY;COUNT=6.")
        if name in parts:
            raise RecurrenceError(f"{name} is given twice.")
        parts[name] = value
    return parts


def _number(text: str, name: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= most):
        raise RecurrenceError(f"{name} must be between 1 and {most}.", code="out_of_range")
    return int(text)


def _one_of(known: dict[str, Any], text: str, name: str) -> Any:
    if text not in known:
        raise RecurrenceError(f"{name} must be one of {', '.join(known)}.")
    return known[text]


def _weekdays(text: str, *, is_monthly: bool) -> tuple[Any, ...]:
    found = []
    for each in text.split(",") if text else ():
        match = BYDAY.fullmatch(each)
        if match is None:
            raise RecurrenceError("BYDAY is a list such as MO,WE, or 2TU in a monthly rule.")
        ordinal, day = match.groups()
        if ordinal and not (is_monthly and 1 <= abs(int(ordinal)) <= 5):
            raise RecurrenceError("Only a monthly rule counts weekdays, from 1 to 5.")
        found.append(WEEKDAYS[day](int(ordinal)) if ordinal else WEEKDAYS[day])
    return tuple(found)


def _until(text: str, zone: ZoneInfo) -> datetime:
    """A date means its whole day; a time ending in Z is UTC."""
    try:
        if not UNTIL.fullmatch(text):
            raise ValueError
        given = datetime.fromisoformat(text)
        if len(text) == DATE_LENGTH:
            return datetime.combine(given, time.max)
        return given.astimezone(zone).replace(tzinfo=None) if given.tzinfo else given
    except (ValueError, OverflowError) as error:
        raise RecurrenceError("UNTIL is a date such as 20300131.") from error


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    try:
        return wall.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError as error:
        raise RecurrenceError("The series ends too late.", code="too_far_ahead") from error
