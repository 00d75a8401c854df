"""What the time changes in queues by itself."""

from contextlib import suppress
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from appointments.enums import QUEUE_PRESENT, QueueEntryStatus, QueueStep
from appointments.models import QueueEntry, WaitingQueue
from appointments.queue.errors import IllegalQueueStepError
from appointments.queue.events import QueueChanged
from appointments.queue.opening import is_open_on
from appointments.queue.queue_engine import AdvancedQueueEngine
from core.clock import Clock, system_clock
from core.events import publish_on_commit

FORGOTTEN = timedelta(hours=16)
SHORTEST_NIGHT = timedelta(hours=4)
BEFORE_OPENING = timedelta(hours=1)
FORGOTTEN_REASON = "Nobody said what became of them"


def publish_present(*, tenant_id: int) -> int:
    """Let every queue in which somebody is be settled and shown anew, so that who was away comes
    back, the order follows the time and waits grow on screens; how many queues."""
    present = QueueEntry.objects.filter(status__in=QUEUE_PRESENT, queue__is_active=True)
    keys = sorted(present.order_by().values_list("queue", flat=True).distinct())
    for key in keys:
        publish_on_commit(QueueChanged(tenant_id=tenant_id, queue_id=key))
    return len(keys)


def end_forgotten(*, zone: ZoneInfo, clock: Clock = system_clock) -> int:
    """Whoever is still there from an earlier day has left without a word, or was seen and nobody
    said so: the day begins with an empty line and tickets from 1; how many.

    That day is over an hour before the queue opens; where it has no hours, or is closed today, for
    everyone after 16.
    """
    now = clock()
    ended = 0
    present = QueueEntry.objects.filter(status__in=QUEUE_PRESENT).select_related(
        "queue__configuration"
    )
    for entry in present.filter(joined_at__lt=now - SHORTEST_NIGHT).order_by("pk"):
        if entry.joined_at >= _begin_of_day(entry.queue, now, zone):
            continue
        engine = AdvancedQueueEngine.of_entry(entry.pk, clock=clock)
        is_seen = entry.status == QueueEntryStatus.IN_PROGRESS
        step = QueueStep.COMPLETE if is_seen else QueueStep.LEAVE
        with suppress(IllegalQueueStepError):  # somebody has just called them
            engine.take(step, entry.pk, reason=FORGOTTEN_REASON)
            ended += 1
    return ended


def _begin_of_day(queue: WaitingQueue, now: datetime, zone: ZoneInfo) -> datetime:
    """Who joined before is of an earlier day."""
    configuration = getattr(queue, "configuration", None)
    local = now.astimezone(zone)
    midnight = datetime.combine(local.date(), time.min, tzinfo=zone)
    if (
        configuration is None
        or configuration.opens_at is None
        or not is_open_on(configuration, local.date())
    ):
        return now - FORGOTTEN
    opens = datetime.combine(local.date(), configuration.opens_at, tzinfo=zone)
    return midnight if local >= opens - BEFORE_OPENING else now - FORGOTTEN
