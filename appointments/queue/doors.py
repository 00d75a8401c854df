"""Opening a queue to newcomers, and closing it."""

from django.db import transaction

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.models import WaitingQueue
from appointments.permissions import visible_queues
from appointments.queue.events import QueueChanged
from core.errors import NotFoundError
from core.events import publish_on_commit
from core.lookups import MAX_KEY


@transaction.atomic
def set_accepting(queue_id: int, is_accepting: bool, *, by: User | None) -> WaitingQueue:
    """Let the queue take newcomers or not; whoever waits in it goes on waiting.

    Raises:
        NotAllowedError: the role does not allow it.
        NotFoundError: there is no such queue, or it is not the user's to see.
    """
    queues = WaitingQueue.objects.all()
    if by is not None:
        check(by, Permission.RUN_QUEUES)
        queues = queues.filter(pk__in=visible_queues(by).values("pk"))
    queue = queues.select_for_update(no_key=True).filter(pk=min(queue_id, MAX_KEY)).first()
    if queue is None:
        raise NotFoundError("There is no such queue.")
    if queue.is_accepting_patients != is_accepting:
        queue.is_accepting_patients = is_accepting
        queue.version += 1
        queue.save(update_fields=["is_accepting_patients", "version"])
        tenant_id: int = queue.tenant_id  # type: ignore[assignment]
        publish_on_commit(QueueChanged(tenant_id=tenant_id, queue_id=queue.pk))
    return queue
