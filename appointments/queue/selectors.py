"""What is shown of queues.  ``queue_status`` is free of patients' data."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import User
from appointments.enums import QueueEntryStatus, QueueStep
from appointments.models import (
    QueueConfiguration,
    QueueEntry,
    QueueEvent,
    QueuePublication,
    ServicePoint,
    WaitingQueue,
)
from appointments.permissions import visible_queues
from appointments.queue import estimates
from appointments.queue.discipline import Band, bands
from appointments.queue.line import QueueLine, instant, read_line, reordered
from appointments.queue.opening import why_closed
from appointments.queue.wait_estimate import load_factor, load_level
from core.errors import InvalidInputError, NotFoundError
from core.lookups import MAX_KEY
from core.models import Tenant
from core.tenancy import current_tenant_id

RECENT_CALLS = 20
RECENT = timedelta(minutes=10)
LAST_HOUR = timedelta(hours=1)
CALLS = (QueueStep.CALL, QueueStep.RECALL)
HERE_NOT_CALLED = (
    QueueEntryStatus.WAITING,
    QueueEntryStatus.SKIPPED,
    QueueEntryStatus.ON_HOLD,
)
PRIORITY_WORDS = {Band.URGENT: "urgent", Band.PRIORITY: "priority", Band.ROUTINE: "routine"}


def queue_of(user: User | None, queue_id: int) -> WaitingQueue:
    """The queue, if the user may see it (None: the system may see each).

    Raises:
        NotFoundError: there is none, or it is not the user's to see.
    """
    queues = WaitingQueue.objects.all() if user is None else visible_queues(user)
    found = queues.filter(pk=min(queue_id, MAX_KEY)).first()
    if found is None:
        raise NotFoundError("There is no such queue.")
    return found


def configuration_of(queue: WaitingQueue) -> QueueConfiguration:
    """The queue's own, or the defaults, unsaved."""
    found = QueueConfiguration.objects.filter(queue=queue).first()
    return found or QueueConfiguration(queue=queue)


def with_sizes(queues: QuerySet[WaitingQueue]) -> QuerySet[WaitingQueue]:
    """The queues with ``current_size``, how many wait."""
    waiting = (
        QueueEntry.objects.filter(queue=OuterRef("pk"), status=QueueEntryStatus.WAITING)
        .order_by()
        .values("queue")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return queues.annotate(current_size=Coalesce(Subquery(waiting), 0)).order_by("name", "pk")


def size_of(queue: WaitingQueue) -> int:
    """How many have joined and were not called yet: what ``max_queue_size`` limits."""
    return QueueEntry.objects.filter(queue=queue, status__in=HERE_NOT_CALLED).count()


def entries_of(queue: WaitingQueue, day: date, zone: Any) -> QuerySet[QueueEntry]:
    """Everybody who joined on that day of the tenant's calendar, by arrival."""
    first = datetime.combine(day, datetime.min.time(), tzinfo=zone)
    last = datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=zone)
    entries = QueueEntry.objects.filter(queue=queue, joined_at__gte=first, joined_at__lt=last)
    return entries.order_by("joined_at", "pk")


def version_of(queue_id: int) -> int:
    """How often the queue has been published."""
    found = QueuePublication.objects.filter(queue_id=queue_id).values_list("version", flat=True)
    return found.first() or 1


def queue_status(queue: WaitingQueue, *, now: datetime) -> dict[str, Any]:
    """The queue as its screens show it: JSON-ready, without names or patients' keys.

    ``version`` is read before the rest, so what is shown is never older than it says.
    """
    version = version_of(queue.pk)
    configuration = configuration_of(queue)
    return status_of(queue, configuration, read_line(queue.pk), version=version, now=now)


def status_of(
    queue: WaitingQueue,
    configuration: QueueConfiguration,
    line: QueueLine,
    *,
    version: int,
    now: datetime,
) -> dict[str, Any]:
    """``queue_status`` of a line that was just read."""
    serving = _now_serving(queue)
    # Whoever was called since the line was read is not shown in both places.
    called = [each["entry_id"] for each in serving]
    line = reordered(line, np.flatnonzero(~np.isin(line.columns.entry_id, called)))
    capacity = estimates.read_capacity(queue, configuration, now=now)
    utilisation = len(line) / queue.max_queue_size
    recent_wait = queue.calculate_wait_time(now)
    return {
        "queue_id": queue.pk,
        "queue_name": queue.name,
        "version": version,
        "current_size": len(line),
        "max_size": queue.max_queue_size,
        "average_wait_minutes": None if recent_wait is None else round(recent_wait, 1),
        "load_factor": load_factor(utilisation),
        "load_level": load_level(
            utilisation, yellow=configuration.load_yellow, red=configuration.load_red
        ),
        "is_accepting": not why_closed(queue, configuration, now=now, zone=_zone()),
        "entries": shown_line(line, estimates.waits(line, capacity)),
        "now_serving": serving,
        "recent_calls": recent_calls([queue.pk], now=now),
        "timestamp": now.isoformat(),
    }


def shown_line(line: QueueLine, waits: estimates.Estimates) -> list[dict[str, Any]]:
    """The entries of a line that is in serving order."""
    columns = line.columns
    priorities = bands(columns.priority_score)
    return [
        {
            "entry_id": int(columns.entry_id[row]),
            "ticket": line.tickets[row],
            "position": row + 1,
            "status": QueueEntryStatus.WAITING.value,
            "priority": PRIORITY_WORDS[Band(priorities[row])],
            "estimated_wait_minutes": estimates.shown(waits, row),
            "waiting_since": instant(columns.arrived[row]).isoformat(),
        }
        for row in range(len(line))
    ]


def wait_of(entry: QueueEntry, *, now: datetime) -> dict[str, int | None] | None:
    """The entry's range of minutes; None when it does not wait in the line."""
    if entry.status != QueueEntryStatus.WAITING:
        return None
    line = read_line(entry.queue_id)
    found = np.flatnonzero(line.columns.entry_id == entry.pk)
    if not len(found):
        return None
    capacity = estimates.read_capacity(entry.queue, configuration_of(entry.queue), now=now)
    return estimates.shown(estimates.waits(line, capacity), int(found[0]))


def point_key(queue: WaitingQueue, wanted: int | str) -> int:
    """The key of one of the queue's service points, given its key or name.

    Raises:
        InvalidInputError: the queue has none of that name.
    """
    if isinstance(wanted, int):
        return wanted
    found = ServicePoint.objects.filter(
        name=wanted, is_active=True, servicepointqueue__queue=queue
    ).first()
    if found is None:
        raise InvalidInputError(
            "There is no such service point in this queue.",
            attr="service_point",
            code="does_not_exist",
        )
    return found.pk


def recent_calls(queue_ids: Iterable[int], *, now: datetime) -> list[dict[str, Any]]:
    """The calls of the last minutes, oldest first; each has a key of its own, so that a screen
    announces each of them, and none twice."""
    events = (
        QueueEvent.objects.filter(queue__in=list(queue_ids), step__in=CALLS, at__gte=now - RECENT)
        .select_related("service_point", "entry")
        .order_by("-at", "-pk")[:RECENT_CALLS]
    )
    return [
        {
            "call_id": event.pk,
            "queue_id": event.queue_id,
            "entry_id": event.entry_id,
            "ticket": event.entry.ticket,
            "service_point": event.service_point.name if event.service_point else None,
            "called_at": event.at.isoformat(),
            "is_recall": event.step == QueueStep.RECALL,
        }
        for event in reversed(events)
    ]


def _now_serving(queue: WaitingQueue) -> list[dict[str, Any]]:
    serving = (
        QueueEntry.objects.filter(queue=queue, status__in=estimates.BEING_SERVED)
        .select_related("service_point")
        .order_by("-called_at", "-pk")
    )
    return [
        {
            "entry_id": entry.pk,
            "ticket": entry.ticket,
            "service_point": entry.service_point.name if entry.service_point else None,
            "status": entry.status,
            "called_at": entry.called_at.isoformat() if entry.called_at else None,
            "started_at": entry.started_at.isoformat() if entry.started_at else None,
        }
        for entry in serving
    ]


def _zone() -> ZoneInfo:
    return Tenant.objects.get(pk=current_tenant_id()).zone_info
