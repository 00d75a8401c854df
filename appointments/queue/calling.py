"""Who is called next: the first of the line whom a service point may take and nobody else takes."""

from collections.abc import Callable

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from appointments.enums import QueueEntryStatus, ServicePointState
from appointments.models import QueueEntry, ServicePoint, WaitingQueue
from appointments.queue.errors import ServicePointNotOpenError
from appointments.queue.estimates import point_of
from appointments.queue.routing_policy import Point
from core.errors import InvalidInputError
from core.lookups import MAX_KEY

CLAIM_TRIES = 5


def open_point(queue: WaitingQueue, key: int) -> ServicePoint:
    """The service point, if it takes people from the queue now.

    Raises:
        InvalidInputError: there is none, or it does not serve the queue.
        ServicePointNotOpenError: it is paused or closed.
    """
    point = (
        ServicePoint.objects.filter(
            pk=min(key, MAX_KEY), is_active=True, servicepointqueue__queue=queue
        )
        .select_related("provider__provider_profile")
        .prefetch_related("servicepointtype_set")
        .first()
    )
    if point is None:
        raise InvalidInputError(
            "There is no such service point in this queue.",
            attr="service_point",
            code="does_not_exist",
        )
    if point.state != ServicePointState.OPEN:
        raise ServicePointNotOpenError
    return point


def claim(
    queue: WaitingQueue, point: ServicePoint | None, *, return_absent: Callable[[], int]
) -> QueueEntry | None:
    """The first entry that nobody else is claiming, locked; None where there is none."""
    eligible = eligible_entries(queue, point)
    # Having a rank is asked for, so that the index of ranks gives the first one without sorting;
    # only an entry that came in this instant may have none yet.
    ranked = eligible.filter(rank__queue=queue).select_related("rank")
    for _ in range(CLAIM_TRIES):
        found = ranked.select_for_update(of=("self",), skip_locked=True, no_key=True).first()
        if found is not None:
            return found
        if not eligible.exists() and not return_absent():
            return None
        # Only entries that somebody is changing are left: wait for the first of them.
        found = eligible.select_for_update(of=("self",), no_key=True).first()
        if found is not None:
            return found
    return None


def eligible_entries(queue: WaitingQueue, point: ServicePoint | None) -> QuerySet[QueueEntry]:
    """Who waits and may be served there, as ``routing_policy.may_serve`` says, in order."""
    waiting = QueueEntry.objects.filter(queue=queue, status=QueueEntryStatus.WAITING)
    if point is not None:
        waiting = waiting.alias(specialty=Lower("wanted_specialty")).filter(
            _routed_to(point_of(point, {queue.pk}))
        )
    return waiting.order_by("rank__rank", "arrived_at", "pk")


def _routed_to(point: Point) -> Q:
    anyone = Q(wanted_provider=None, wanted_specialty="")
    wanted = Q(is_flexible=True) | anyone
    if point.provider_id is not None:
        wanted |= Q(wanted_provider=point.provider_id)
    if point.specialties:
        lowered = [each.lower() for each in point.specialties]
        wanted |= Q(wanted_provider=None, specialty__in=lowered)
    if point.type_ids is not None:
        wanted &= Q(appointment_type=None) | Q(appointment_type__in=point.type_ids)
    return wanted
