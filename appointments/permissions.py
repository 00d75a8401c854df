"""Which appointments and queues a user may see and act on."""

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.models import (
    AppointmentRequest,
    QueueProvider,
    ServicePointQueue,
    WaitingQueue,
)


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


def visible_queues(user: User) -> QuerySet[WaitingQueue]:
    """The tenant's queues; a provider without the wider right sees those only in which own visits
    wait, or from which an own service point takes people."""
    queues = WaitingQueue.objects.all()
    if not can(user, Permission.SEE_QUEUES):
        return queues.none()
    if can(user, Permission.SEE_ALL_PROVIDERS):
        return queues
    own = QueueProvider.objects.filter(queue=OuterRef("pk"), provider=user.pk)
    serving = ServicePointQueue.objects.filter(queue=OuterRef("pk"), point__provider=user.pk)
    return queues.filter(Exists(own) | Exists(serving))
