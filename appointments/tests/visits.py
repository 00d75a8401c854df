"""Visits for tests of screens, placed where a test wants them."""

from datetime import datetime, timedelta

from appointments.enums import AppointmentStatus
from appointments.models import AppointmentRequest
from appointments.tests.clinics import Clinic


def make_visit(
    clinic: Clinic,
    start: datetime,
    *,
    status: AppointmentStatus = AppointmentStatus.CONFIRMED,
    provider: int = 0,
    patient: int = 0,
    minutes: int = 30,
    **fields: object,
) -> AppointmentRequest:
    """A visit written as a row, in any state and at any time; call inside ``clinic.active()``."""
    end = start + timedelta(minutes=minutes)
    return AppointmentRequest.objects.create(
        patient=clinic.patients[patient],
        provider=clinic.providers[provider],
        appointment_type=fields.pop("appointment_type", clinic.types[0]),
        site=fields.pop("site", clinic.site),
        scheduled_datetime=start,
        scheduled_end_datetime=end,
        blocked_from=fields.pop("blocked_from", start),
        blocked_until=fields.pop("blocked_until", end),
        status=status,
        **fields,
    )
