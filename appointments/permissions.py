"""Which appointments a user may see and act on."""

from django.db.models import QuerySet

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.models import AppointmentRequest


def visible_appointments(user: User) -> QuerySet[AppointmentRequest]:
    """The tenant's appointments; a provider without the wider right sees the own ones only."""
    appointments = AppointmentRequest.objects.all()
    if can(user, Permission.SEE_ALL_PROVIDERS):
        return appointments
    if can(user, Permission.SEE_TODAY):
        return appointments.filter(provider_id=user.pk)
    return appointments.none()


def can_see_appointment(user: User, appointment: AppointmentRequest) -> bool:
    return can(user, Permission.SEE_ALL_PROVIDERS) or (
        can(user, Permission.SEE_TODAY) and appointment.provider_id == user.pk
    )
