"""The visits of one trip, checked before any time is taken."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from accounts.models import User
from appointments.booking.requests import Visit, wanted_visit
from core.errors import InvalidInputError

FEWEST, MOST = 2, 3


def trip_visits(
    visits: Sequence[Mapping[str, Any]], *, by: User | None, now: datetime
) -> list[tuple[int, Visit]]:
    """By start, each with its place among ``visits``; nobody is in two of them at once.

    Args:
        visits: what ``wanted_visit`` takes, of each.

    Raises:
        InvalidInputError: naming the field, as ``visits.1.provider_id``.
    """
    if not FEWEST <= len(visits) <= MOST:
        raise InvalidInputError(
            f"A trip has {FEWEST} or {MOST} visits.", attr="visits", code="out_of_range"
        )
    wanted = []
    for number, visit in enumerate(visits):
        try:
            wanted.append(wanted_visit(by=by, now=now, **visit))
        except InvalidInputError as error:
            error.attr = f"visits.{number}.{error.attr}"
            raise
    in_order = sorted(enumerate(wanted), key=lambda each: each[1].start)
    for (_, earlier), (_, later) in pairwise(in_order):
        if later.start < earlier.end:
            raise InvalidInputError(
                "The visits of a trip must follow one another.", attr="visits", code="overlap"
            )
    return in_order
