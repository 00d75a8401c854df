"""Holds as the one who holds sees them."""

from datetime import datetime

from accounts.models import User
from appointments.enums import AppointmentStatus
from appointments.models import AppointmentRequest


def own_hold(by: User, *, now: datetime, hold_id: int | None = None) -> AppointmentRequest | None:
    """The user's newest live hold, or the one of that key; with its provider, type and place."""
    held = AppointmentRequest.objects.filter(
        status=AppointmentStatus.HELD, created_by_id=by.pk, hold_expires_at__gt=now
    )
    if hold_id is not None:
        held = held.filter(pk=hold_id)
    named = held.select_related("patient", "provider", "appointment_type", "site", "resource")
    return named.order_by("-pk").first()
