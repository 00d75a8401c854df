"""All queues at a glance: size, wait, load, and whether they are open."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Avg, Count, Min, Q

from accounts.models import User
from appointments.enums import QueueEntryStatus, ServicePointState
from appointments.models import (
    QueueConfiguration,
    QueueEntry,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.models.queue import WAIT
from appointments.permissions import visible_queues
from appointments.queue.admission import why_closed
from appointments.queue.estimates import BEING_SERVED
from appointments.queue.selectors import LAST_HOUR
from appointments.queue.wait_estimate import load_level

S = QueueEntryStatus


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue in the list of them.

    Attributes:
        average_wait: of those called in the last hour; minutes, None where nobody was.
        longest_wait: of those who wait now; minutes, None where nobody waits.
        open_points, points: of the service points, how many are open and how many there are.
        closed: why it takes nobody, as a sentence; empty where it does.
    """

    queue: WaitingQueue
    waiting: int
    serving: int
    average_wait: float | None
    longest_wait: int | None
    open_points: int
    points: int
    level: str
    closed: str

    @property
    def percent(self) -> int:
        return round(100 * self.waiting / self.queue.max_queue_size)


def overview(user: User, *, now: datetime, zone: ZoneInfo) -> list[QueueRow]:
    """The queues in use that the user may see, by name; read in four statements."""
    queues = list(
        visible_queues(user).filter(is_active=True).select_related("site").order_by("name", "pk")
    )
    keys = [queue.pk for queue in queues]
    configured = {row.queue_id: row for row in QueueConfiguration.objects.filter(queue__in=keys)}
    entries = QueueEntry.objects.filter(queue__in=keys).filter(
        Q(status__in=[S.WAITING, *BEING_SERVED]) | Q(called_at__gte=now - LAST_HOUR)
    )
    figures = {
        row["queue"]: row
        for row in entries.values("queue").annotate(
            waiting=Count("pk", filter=Q(status=S.WAITING)),
            serving=Count("pk", filter=Q(status__in=BEING_SERVED)),
            wait=Avg(WAIT, filter=Q(called_at__gte=now - LAST_HOUR)),
            first=Min("arrived_at", filter=Q(status=S.WAITING)),
        )
    }
    points = {
        row["queue"]: row
        for row in ServicePointQueue.objects.filter(queue__in=keys, point__is_active=True)
        .values("queue")
        .annotate(all=Count("pk"), open=Count("pk", filter=Q(point__state=ServicePointState.OPEN)))
    }
    rows = []
    for queue in queues:
        configuration = configured.get(queue.pk) or QueueConfiguration(queue=queue)
        found = figures.get(queue.pk, {})
        waiting, wait, first = found.get("waiting", 0), found.get("wait"), found.get("first")
        rows.append(
            QueueRow(
                queue=queue,
                waiting=waiting,
                serving=found.get("serving", 0),
                average_wait=None if wait is None else wait.total_seconds() / 60,
                longest_wait=int((now - first).total_seconds() // 60) if first else None,
                open_points=points.get(queue.pk, {}).get("open", 0),
                points=points.get(queue.pk, {}).get("all", 0),
                level=load_level(
                    waiting / queue.max_queue_size,
                    yellow=configuration.load_yellow,
                    red=configuration.load_red,
                ),
                closed=why_closed(queue, configuration, now=now, zone=zone),
            )
        )
    return rows
