"""From one wanted visit and a recurrence rule to the visits of a series."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from accounts.models import User
from appointments.booking.requests import Visit, check_lead
from appointments.scheduling.recurrence import RecurrenceError, occurrences
from core.errors import InvalidInputError


def visits_of(
    first: Visit, rrule: str, *, zone: ZoneInfo, by: User | None, now: datetime
) -> list[Visit]:
    """The visits, by start; ``first`` is the first of them.

    Raises:
        InvalidInputError: 400 of ``rrule``; or a visit is beyond the type's lead time.
    """
    try:
        starts = occurrences(rrule, first.start, zone)
    except RecurrenceError as error:
        raise InvalidInputError(str(error), attr="rrule", code=error.code) from error
    visits = [replace(first, start=start) for start in starts]
    for visit in visits[1:]:
        try:
            check_lead(visit, by=by, now=now)
        except InvalidInputError as error:
            day = visit.start.astimezone(zone)
            raise InvalidInputError(
                f"{day:%-d %B %Y}: {error}", attr="rrule", code=error.code
            ) from error
    return visits
