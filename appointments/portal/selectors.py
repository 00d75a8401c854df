"""Reads of one patient's own records."""

from datetime import datetime
from typing import TypedDict

from accounts.models import User
from appointments.enums import EXPECTED, AppointmentStatus
from appointments.models import AppointmentRequest

PAST_SHOWN = 20


class OwnVisits(TypedDict):
    upcoming: list[AppointmentRequest]
    past: list[AppointmentRequest]


def own_visits(user: User, *, now: datetime) -> OwnVisits:
    """Coming visits soonest first; ended ones, the newest ``PAST_SHOWN``, latest first."""
    visits = (
        AppointmentRequest.objects.filter(patient__user_id=user.pk)
        .exclude(status=AppointmentStatus.HELD)
        .select_related("provider", "appointment_type", "site")
    )
    open_statuses = [*EXPECTED, AppointmentStatus.CHECKED_IN, AppointmentStatus.IN_PROGRESS]
    upcoming = visits.filter(status__in=open_statuses, scheduled_end_datetime__gte=now)
    return {
        "upcoming": list(upcoming.order_by("scheduled_datetime")),
        "past": list(
            visits.exclude(pk__in=upcoming.values("pk")).order_by("-scheduled_datetime")[
                :PAST_SHOWN
            ]
        ),
    }
