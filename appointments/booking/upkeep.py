"""What time alone does to appointments: unused holds end, visits nobody came to are missed."""

from datetime import datetime, timedelta

from appointments.booking.engine import BookingEngine
from appointments.booking.errors import IllegalStepError
from appointments.enums import EXPECTED, AppointmentStatus
from appointments.models import AppointmentRequest
from core.clock import Clock
from core.errors import NotFoundError, StaleVersionError
from core.models import Tenant
from core.tenancy import current_tenant_id

BATCH = 200


def drop_expired_holds(*, now: datetime) -> int:
    """Free the time of every hold that has ended; returns how many there were."""
    expired = AppointmentRequest.objects.filter(
        status=AppointmentStatus.HELD, hold_expires_at__lte=now
    )
    return expired.delete()[0]


def mark_missed_visits(*, clock: Clock, limit: int = BATCH) -> int:
    """Mark visits as missed whose patient has not come within the tenant's grace.

    The steps are the engine's, in the system's own name, so they have a history and can be undone.
    A visit that somebody checks in or moves meanwhile stays as they left it.

    Args:
        limit: how many rows one transaction may touch; the oldest come first.

    Returns:
        How many were marked; ``limit`` means that there may be more.
    """
    grace = Tenant.objects.get(pk=current_tenant_id()).no_show_grace_minutes
    latest = clock() - timedelta(minutes=grace)
    overdue = AppointmentRequest.objects.filter(status__in=EXPECTED, scheduled_datetime__lt=latest)
    engine = BookingEngine(by=None, clock=clock)
    marked = 0
    for key, version in list(
        overdue.order_by("scheduled_datetime", "pk").values_list("pk", "version")[:limit]
    ):
        try:
            engine.no_show(key, version=version)
        except (IllegalStepError, NotFoundError, StaleVersionError):
            continue
        marked += 1
    return marked
