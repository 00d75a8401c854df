"""A queue's sockets: the staff's, and a patient's who is logged in."""

from django.db import connection

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.consumers.frames import CLOSE_NOT_ALLOWED, CLOSE_NOT_FOUND
from appointments.consumers.guarded import GuardedConsumer
from appointments.consumers.hub import News, hub
from appointments.consumers.watching import Place, PlaceConsumer, WatchingConsumer
from appointments.enums import QUEUE_PRESENT
from appointments.models import QueueEntry, WaitingQueue
from appointments.permissions import may_see_queue, visible_queues
from core.lookups import MAX_KEY
from patients.models import PatientProfile


class QueueGuard(GuardedConsumer):
    """Someone logged in, and a queue named in the address."""

    @property
    def queue_id(self) -> int:
        return self.scope["url_route"]["kwargs"]["queue_id"]

    def refusal_of_queue(self) -> int:
        """A queue that exists, but not for this user, is told from one that does not."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT appointments_queue_exists(%s)", [min(self.queue_id, MAX_KEY)])
            (exists,) = cursor.fetchone()
        return CLOSE_NOT_ALLOWED if exists else CLOSE_NOT_FOUND

    async def join(self) -> None:
        await hub().watch_login(self, self.user_id)
        self.watched_login = self.user_id
        await super().join()

    async def leave(self) -> None:
        if self.watched_login:
            await hub().unwatch_login(self, self.watched_login)
        await super().leave()

    watched_login = 0


class QueueConsumer(QueueGuard, WatchingConsumer):
    """What the staff of a queue see, and who was moved; see docs/reference/sockets.md."""

    async def take(self, news: News) -> None:
        await super().take(news)
        await self.position_change(news)

    async def position_change(self, news: News) -> None:
        for entry_id, frame in news.moved.items():
            await self.push(frame, replaces=f"place {entry_id}")

    def refusal_of(self, user: User) -> int | None:
        if not can(user, Permission.SEE_QUEUES):
            return CLOSE_NOT_ALLOWED
        if not may_see_queue(user, self.queue_id):
            return self.refusal_of_queue()
        self.wanted = ((self.tenant_id, self.queue_id),)
        return None


class PatientQueueConsumer(QueueGuard, PlaceConsumer):
    """A patient's own place, for staff who may see the queue and for the patient's own login."""

    def refusal_of(self, user: User) -> int | None:
        patient_id = min(self.scope["url_route"]["kwargs"]["patient_id"], MAX_KEY)
        patient = PatientProfile.objects.filter(pk=patient_id).only("user_id").first()
        is_own = patient is not None and patient.user_id == user.pk
        if not is_own and not can(user, Permission.SEE_QUEUES):
            return CLOSE_NOT_ALLOWED
        queues = WaitingQueue.objects.all() if is_own else visible_queues(user)
        if not queues.filter(pk=min(self.queue_id, MAX_KEY)).exists():
            return self.refusal_of_queue()
        if patient is None:
            return CLOSE_NOT_FOUND
        self.wanted = ((self.tenant_id, self.queue_id),)
        self.place = place_of(
            QueueEntry.objects.filter(queue=self.queue_id, patient=patient_id).order_by("-pk")
        )
        return None


def place_of(entries) -> Place | None:
    """Of the entry that is still here or, where none is, of the first."""
    found = entries.filter(status__in=QUEUE_PRESENT).first() or entries.first()
    return Place(found.pk, found.ticket, found.status) if found else None
