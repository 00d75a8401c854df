"""A visit that is checked in joins the queue of its provider, and what becomes of it is followed.

Called after the visit's own commit, and again by a job for what a crash cut off: each call looks
at the visit as it is now, so calling twice changes nothing.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from appointments.booking.errors import NothingToUndoError
from appointments.enums import (
    QUEUE_PRESENT,
    AppointmentStatus,
    Priority,
    QueueEntryStatus,
    QueueStep,
    Step,
)
from appointments.models import (
    AppointmentEvent,
    AppointmentRequest,
    QueueEntry,
    QueueEvent,
    QueueProvider,
    WaitingQueue,
)
from appointments.queue.errors import AlreadyWaitingError, QueueClosedError
from appointments.queue.queue_engine import SCORES, AdvancedQueueEngine
from core.clock import Clock, system_clock

S, A = QueueEntryStatus, AppointmentStatus
WAYS: dict[AppointmentStatus, dict[QueueEntryStatus, tuple[QueueStep, ...]]] = {
    A.IN_PROGRESS: {
        S.WAITING: (QueueStep.CALL, QueueStep.START),
        S.SKIPPED: (QueueStep.CALL, QueueStep.START),
        S.ON_HOLD: (QueueStep.CALL, QueueStep.START),
        S.CALLED: (QueueStep.START,),
    },
    A.COMPLETED: {
        S.WAITING: (QueueStep.CALL, QueueStep.START, QueueStep.COMPLETE),
        S.CALLED: (QueueStep.START, QueueStep.COMPLETE),
        S.IN_PROGRESS: (QueueStep.COMPLETE,),
        S.SKIPPED: (QueueStep.LEAVE,),
        S.ON_HOLD: (QueueStep.LEAVE,),
    },
}
"""By the visit's state: the steps that bring an entry there."""

LEAVES = dict.fromkeys((S.WAITING, S.CALLED, S.SKIPPED, S.ON_HOLD), (QueueStep.LEAVE,))
SETTLED_AFTER, LOOK_BACK = timedelta(minutes=1), timedelta(hours=24)
AWAY = (A.PENDING, A.CONFIRMED, A.CANCELLED, A.NO_SHOW)


def follow_visit(appointment_id: int, *, clock: Clock = system_clock) -> None:
    """Bring the visit's entry to where the visit is."""
    visit = AppointmentRequest.objects.filter(pk=appointment_id).first()
    if visit is None:
        return
    entry = QueueEntry.objects.filter(appointment=visit, status__in=QUEUE_PRESENT).first()
    if entry is None:
        if visit.status in (A.CHECKED_IN, A.IN_PROGRESS) and not _came_back(visit, clock):
            _join(visit, clock)
        return
    engine = AdvancedQueueEngine.of_entry(entry.pk, clock=clock)
    if visit.status == A.CHECKED_IN and entry.status == S.IN_PROGRESS:
        last = QueueEvent.objects.filter(entry=entry).order_by("-pk").first()
        if last is not None and last.step == QueueStep.START:
            engine.undo(entry.pk)
        return
    for step in _way(visit, entry):
        engine.take(step, entry.pk)


def _way(visit: AppointmentRequest, entry: QueueEntry) -> tuple[QueueStep, ...]:
    """The steps that bring the entry to where the visit is."""
    if visit.status in AWAY:
        return LEAVES.get(QueueEntryStatus(entry.status), ())
    begun = visit.started_at if visit.status == A.IN_PROGRESS else None
    is_sent_on = visit.status == A.COMPLETED and entry.transferred_from_id is not None
    if is_sent_on or (begun is not None and begun < entry.joined_at):
        return ()  # seen already, and waits for what comes next
    ways = WAYS.get(AppointmentStatus(visit.status), {})
    return ways.get(QueueEntryStatus(entry.status), ())


def left_behind(*, now: datetime) -> list[int]:
    """Keys of visits whose last step, a minute ago or more, their queue has not followed: whoever
    took it was cut off, or the queue was closed then."""
    settled = ~Exists(
        AppointmentEvent.objects.filter(appointment=OuterRef("pk"), at__gt=now - SETTLED_AFTER)
    )
    entries = QueueEntry.objects.filter(appointment=OuterRef("pk"))
    waits_nowhere = Q(status=A.CHECKED_IN, checked_in_at__gt=now - LOOK_BACK) & ~Exists(entries)
    has_queue = Exists(QueueProvider.objects.filter(provider=OuterRef("provider")))
    # Whoever was sent on waits with a visit that has begun.
    waiting = Exists(entries.filter(status__in=LEAVES, transferred_from=None))
    served = Exists(entries.filter(status=S.IN_PROGRESS))
    overtaken = Q(status__in=(*AWAY, A.IN_PROGRESS, A.COMPLETED)) & waiting
    visits = AppointmentRequest.objects.filter(
        Q(scheduled_datetime__gt=now - LOOK_BACK, scheduled_datetime__lt=now + LOOK_BACK),
        waits_nowhere & has_queue | overtaken | Q(status=A.COMPLETED) & served,
        settled,
    )
    return list(visits.order_by("pk").values_list("pk", flat=True))


def _came_back(visit: AppointmentRequest, clock: Clock) -> bool:
    """Whether the entry that ended with the visit's last step, now undone, goes on."""
    last = AppointmentEvent.objects.filter(appointment=visit).order_by("-pk").first()
    ended = QueueEntry.objects.filter(appointment=visit).order_by("-pk").first()
    if last is None or last.step != Step.UNDO or ended is None:
        return False
    with suppress(AlreadyWaitingError, NothingToUndoError):
        AdvancedQueueEngine.of_entry(ended.pk, clock=clock).undo(ended.pk)
        return True
    return False


def queue_of_provider(provider_id: int) -> WaitingQueue | None:
    """Where visits with the provider wait, if anywhere."""
    return WaitingQueue.objects.filter(queueprovider__provider=provider_id, is_active=True).first()


def _join(visit: AppointmentRequest, clock: Clock) -> None:
    """A closed queue leaves the visit on Today's board, where staff see it wait."""
    queue = queue_of_provider(visit.provider_id)
    if queue is None or visit.status != A.CHECKED_IN:
        return
    with suppress(AlreadyWaitingError, QueueClosedError):
        AdvancedQueueEngine(queue, clock=clock).add_to_queue(
            patient_id=visit.patient_id,  # type: ignore[arg-type]
            appointment_id=visit.pk,
            priority_score=SCORES[Priority(visit.priority)],
        )
