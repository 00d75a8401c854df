"""From one wanted visit and a recurrence rule to the visits of a series."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from accounts.models import User
from appointments.booking.requests import Visit, check_lead
from appointments.scheduling.recurrence import RecurrenceError, occurrences
from core.errors import InvalidInputError


def visits_of(
    first: Visit,
    rrule: str,
    except_dates: Collection[date] = (),
    *,
    zone: ZoneInfo,
    by: User | None,
    now: datetime,
) -> list[Visit]:
    """The visits, by start; ``first`` is the first of them.

    Raises:
        InvalidInputError: 400 of ``rrule``, or of ``except_dates``: the first visit, a day that is
            not the rule's, or too many; or a visit is beyond the type's lead time.
    """
    try:
        starts = occurrences(rrule, first.start, zone)
    except RecurrenceError as error:
        raise InvalidInputError(str(error), attr="rrule", code=error.code) from error
    kept = _without(starts, except_dates, zone) if except_dates else starts
    visits = [replace(first, start=start) for start in kept]
    for visit in visits[1:]:
        try:
            check_lead(visit, by=by, now=now)
        except InvalidInputError as error:
            day = visit.start.astimezone(zone)
            raise InvalidInputError(
                f"{day:%-d %B %Y}: {error}", attr="rrule", code=error.code
            ) from error
    return visits


def _without(
    starts: list[datetime], except_dates: Collection[date], zone: ZoneInfo
) -> list[datetime]:
    days = [start.astimezone(zone).date() for start in starts]
    unknown = sorted(set(except_dates) - set(days[1:]))
    if unknown:
        raise InvalidInputError(
            f"{unknown[0]:%-d %B %Y} is no day of the series after its first.",
            attr="except_dates",
            code="not_in_series",
        )
    kept = [start for start, day in zip(starts, days, strict=True) if day not in except_dates]
    if len(kept) < 2:
        raise InvalidInputError(
            "Only one visit is left: that is no series.", attr="except_dates", code="min_length"
        )
    return kept
