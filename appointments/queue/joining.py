"""A walk-in who names no queue."""

from contextlib import suppress
from typing import Any

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.models import QueueEntry
from appointments.permissions import visible_queues
from appointments.queue.errors import QueueClosedError, QueueFullError
from appointments.queue.loads import loads_of, open_queues, shortest_first
from appointments.queue.queue_engine import AdvancedQueueEngine
from core.clock import Clock, system_clock
from core.models import Tenant
from core.tenancy import current_tenant_id


def join_shortest(
    *,
    patient_id: int,
    specialty: str = "",
    site_id: int | None = None,
    by: User | None = None,
    clock: Clock = system_clock,
    **stay: Any,
) -> QueueEntry:
    """Let a walk-in wait where the least work per open service point is ahead of them.

    Args:
        specialty: what they need; anything where empty.
        site_id: where they are; any site where None.
        stay: as ``AdvancedQueueEngine.add_to_queue``.

    Raises:
        QueueClosedError: no such queue takes walk-ins now.
        QueueFullError: all that do are full.
        InvalidInputError, AlreadyWaitingError, NotAllowedError.
    """
    if by is not None:
        check(by, Permission.RUN_QUEUES)
    zone = Tenant.objects.get(pk=current_tenant_id()).zone_info
    taking = {
        queue.pk: queue
        for queue in open_queues(site_id=site_id, specialty=specialty, now=clock(), zone=zone)
    }
    if by is not None:
        seen = set(visible_queues(by).filter(pk__in=taking).values_list("pk", flat=True))
        taking = {key: queue for key, queue in taking.items() if key in seen}
    if not taking:
        raise QueueClosedError("No queue takes people without an appointment now.")
    for load in shortest_first(loads_of(taking.values(), specialty=specialty)):
        with suppress(QueueFullError):
            return AdvancedQueueEngine(taking[load.queue_id], by=by, clock=clock).add_to_queue(
                patient_id=patient_id, wanted_specialty=specialty, **stay
            )
    raise QueueFullError("Every queue is full at the moment.")
