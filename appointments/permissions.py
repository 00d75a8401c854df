"""Which appointments and queues a user may see and act on."""

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.models import (
    AppointmentRequest,
    QueueProvider,
    ServicePointQueue,
    WaitingQueue,
)
from core.lookups import MAX_KEY
from core.tenancy import current_tenant_id


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


QUEUE_OF_TENANT = "SELECT 1 FROM appointments_waitingqueue WHERE tenant_id = %s AND id = %s"


def may_see_queue(user: User, queue_id: int) -> bool:
    """Whether ``visible_queues`` has it.  Every socket asks this, so whoever sees all queues is
    answered by a constant statement, as in ``accounts.backends``."""
    known = min(queue_id, MAX_KEY)
    sees_all = can(user, Permission.SEE_QUEUES) and can(user, Permission.SEE_ALL_PROVIDERS)
    if not sees_all:
        return visible_queues(user).filter(pk=known).exists()
    with connection.cursor() as cursor:
        cursor.execute(QUEUE_OF_TENANT, [current_tenant_id(), known])
        return cursor.fetchone() is not None
