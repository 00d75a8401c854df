"""What the time changes in queues by itself."""

from appointments.enums import QUEUE_PRESENT
from appointments.models import QueueEntry
from appointments.queue.events import QueueChanged
from core.events import publish_on_commit


def publish_present(*, tenant_id: int) -> int:
    """Let every queue in which somebody is be settled and shown anew, so that who was away comes
    back, the order follows the time and waits grow on screens; how many queues."""
    present = QueueEntry.objects.filter(status__in=QUEUE_PRESENT, queue__is_active=True)
    keys = sorted(present.order_by().values_list("queue", flat=True).distinct())
    for key in keys:
        publish_on_commit(QueueChanged(tenant_id=tenant_id, queue_id=key))
    return len(keys)
