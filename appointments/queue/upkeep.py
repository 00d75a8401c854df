"""What the time changes in queues by itself."""

from contextlib import suppress
from datetime import timedelta

from appointments.enums import QUEUE_PRESENT, QUEUE_TRANSITIONS, QueueStep
from appointments.models import QueueEntry
from appointments.queue.errors import IllegalQueueStepError
from appointments.queue.events import QueueChanged
from appointments.queue.queue_engine import AdvancedQueueEngine
from core.clock import Clock, system_clock
from core.events import publish_on_commit

FORGOTTEN = timedelta(hours=16)
FORGOTTEN_REASON = "Nobody said what became of them"


def publish_present(*, tenant_id: int) -> int:
    """Let every queue in which somebody is be settled and shown anew, so that who was away comes
    back, the order follows the time and waits grow on screens; how many queues."""
    present = QueueEntry.objects.filter(status__in=QUEUE_PRESENT, queue__is_active=True)
    keys = sorted(present.order_by().values_list("queue", flat=True).distinct())
    for key in keys:
        publish_on_commit(QueueChanged(tenant_id=tenant_id, queue_id=key))
    return len(keys)


def let_go_forgotten(*, clock: Clock = system_clock) -> int:
    """Whoever joined more than 16 hours ago and is not being served has left without a word: the
    next day begins with an empty line and tickets from 1; how many."""
    forgotten = QueueEntry.objects.filter(
        status__in=QUEUE_TRANSITIONS[QueueStep.LEAVE].sources, joined_at__lt=clock() - FORGOTTEN
    )
    keys = list(forgotten.order_by("pk").values_list("pk", flat=True))
    for key in keys:
        engine = AdvancedQueueEngine.of_entry(key, clock=clock)
        with suppress(IllegalQueueStepError):  # somebody has just called them
            engine.take(QueueStep.LEAVE, key, reason=FORGOTTEN_REASON)
    return len(keys)
