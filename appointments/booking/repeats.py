"""A button pressed twice: the second press finds what the first one booked."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q

from accounts.models import User
from appointments.booking.errors import SlotTakenError, TimeRefusedError
from appointments.enums import OCCUPYING, AppointmentStatus
from appointments.models import AppointmentRequest
from appointments.permissions import visible_appointments

BOOKED = set(OCCUPYING) - {AppointmentStatus.HELD}


def booked_before(
    refusal: TimeRefusedError, visits: Sequence[Mapping[str, Any]], *, patient_id: int, by: User
) -> list[AppointmentRequest]:
    """The visits, by start, if the user has booked every one of them already; else none.

    Args:
        refusal: why they cannot be booked now.
        visits: what ``wanted_visit`` takes, of each.
    """
    if not isinstance(refusal, SlotTakenError):
        return []
    places = Q()
    for visit in visits:
        places |= Q(
            provider_id=visit["provider_id"],
            appointment_type_id=visit["appointment_type_id"],
            scheduled_datetime=visit["start"],
        )
    found = visible_appointments(by).filter(
        places, patient_id=patient_id, created_by_id=by.pk, status__in=BOOKED
    )
    rows = list(found.order_by("scheduled_datetime"))
    return rows if len(rows) == len(visits) else []
