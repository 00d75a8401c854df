"""What patients do without staff: they check in, leave, and ask for more time.

No user stands behind these commands.  Whoever has the unguessable link, or stands at the kiosk, may
give them, and the reason in the history says which it was.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from appointments.booking.engine import BookingEngine
from appointments.booking.errors import IllegalStepError
from appointments.enums import (
    EXPECTED,
    QUEUE_PRESENT,
    AppointmentStatus,
    Priority,
    QueueEntryStatus,
    QueueStep,
)
from appointments.models import AppointmentRequest, QueueEntry, QueueEvent, WaitingQueue
from appointments.queue.admission import MAY_WAIT
from appointments.queue.arrivals import queue_of_provider
from appointments.queue.errors import (
    AlreadyWaitingError,
    IllegalQueueStepError,
    MoreTimeUsedUpError,
    QueueClosedError,
    VisitNotExpectedError,
)
from appointments.queue.queue_engine import SCORES, AdvancedQueueEngine
from core.clock import Clock, system_clock
from core.errors import InvalidInputError
from core.lookups import MAX_KEY

ON_TICKET = "By the patient, on the ticket's page"
AT_KIOSK = "By the patient, at a kiosk"
ON_PHONE = "By the patient, with the check-in code"
MORE_TIME = "More time, asked for by the patient"
HOLDS = 2
HOLD_MINUTES = (5, 10, 15)
TRIES = 3
S = QueueEntryStatus


@dataclass(frozen=True, slots=True)
class Arrival:
    """A visit that is checked in.

    ``entry`` is where the patient waits: None where the provider has no queue, or where it is
    closed, which ``is_closed`` tells.
    """

    entry: QueueEntry | None
    is_closed: bool = False


class SelfService:
    """Commands of one patient; each may be given twice, and then changes nothing."""

    def __init__(self, *, clock: Clock = system_clock) -> None:
        self.clock = clock

    @transaction.atomic
    def check_in(self, visit_id: int, *, reason: str) -> Arrival:
        """Check in for the visit and wait in its provider's queue.

        Raises:
            VisitNotExpectedError: the visit is over, cancelled or missed.
        """
        for _ in range(TRIES):
            # Staff may check the patient in at this moment: look again, then.
            with suppress(IllegalStepError), transaction.atomic():
                return self._arrive(visit_id, reason)
        raise VisitNotExpectedError

    @transaction.atomic
    def walk_in(self, queue: WaitingQueue, *, patient_id: int, reason: str) -> QueueEntry:
        """Wait without a visit.

        Raises:
            QueueClosedError, QueueFullError: with queues that would take the patient.
        """
        engine = AdvancedQueueEngine(queue, clock=self.clock)
        try:
            with transaction.atomic():
                return engine.add_to_queue(patient_id=patient_id, reason=reason)
        except AlreadyWaitingError as error:
            return QueueEntry.objects.get(pk=error.extra["entry_id"])

    @transaction.atomic
    def leave(self, entry_id: int) -> None:
        """Give the place up.

        Raises:
            IllegalQueueStepError: the patient is being seen, or has been.
        """
        self._unless_already(S.LEFT, QueueStep.LEAVE, entry_id, reason=ON_TICKET)

    @transaction.atomic
    def more_time(self, entry_id: int, *, minutes: int) -> None:
        """Be called later, and keep the place until then.

        Args:
            minutes: one of ``HOLD_MINUTES``.

        Raises:
            InvalidInputError: another length of time.
            MoreTimeUsedUpError: it was asked for often enough.
            IllegalQueueStepError: the patient is being seen, or has left.
        """
        if minutes not in HOLD_MINUTES:
            raise InvalidInputError("Choose 5, 10 or 15 minutes.", attr="minutes")
        if _status(entry_id) == S.ON_HOLD:
            return
        if holds_of(entry_id) >= HOLDS:
            raise MoreTimeUsedUpError
        until = self.clock() + timedelta(minutes=minutes)
        self._unless_already(S.ON_HOLD, QueueStep.HOLD, entry_id, reason=MORE_TIME, until=until)

    @transaction.atomic
    def come_back(self, entry_id: int) -> None:
        """Wait in the line again, before the time that was asked for is over.

        Raises:
            IllegalQueueStepError: the patient is being seen, or has left.
        """
        self._unless_already(S.WAITING, QueueStep.RETURN, entry_id, reason=ON_TICKET)

    @transaction.atomic
    def wait_elsewhere(self, entry_id: int, is_remote: bool) -> None:
        """Say where one waits.

        Raises:
            IllegalQueueStepError: the patient has left, or has been seen.
        """
        if QueueEntry.objects.filter(pk=entry_id, is_remote=is_remote).exists():
            return
        engine = AdvancedQueueEngine.of_entry(entry_id, clock=self.clock)
        engine.change(entry_id, is_remote=is_remote, reason=ON_TICKET)

    def _arrive(self, visit_id: int, reason: str) -> Arrival:
        visit = AppointmentRequest.objects.filter(pk=min(visit_id, MAX_KEY)).first()
        if visit is None or visit.status not in MAY_WAIT:
            raise VisitNotExpectedError
        present = QueueEntry.objects.filter(appointment=visit, status__in=QUEUE_PRESENT)
        entry = present.order_by("-pk").first()
        queue = queue_of_provider(visit.provider_id)
        if entry is not None or queue is None or visit.status == AppointmentStatus.IN_PROGRESS:
            self._check_in_alone(visit)
            return Arrival(entry)
        engine = AdvancedQueueEngine(queue, clock=self.clock)
        try:
            with transaction.atomic():
                return Arrival(
                    engine.add_to_queue(
                        patient_id=visit.patient_id,  # type: ignore[arg-type]
                        appointment_id=visit.pk,
                        priority_score=SCORES[Priority(visit.priority)],
                        reason=reason,
                    )
                )
        except AlreadyWaitingError as error:
            self._check_in_alone(visit)
            return Arrival(QueueEntry.objects.get(pk=error.extra["entry_id"]))
        except QueueClosedError:
            self._check_in_alone(visit)
            return Arrival(None, is_closed=True)

    def _check_in_alone(self, visit: AppointmentRequest) -> None:
        if visit.status in EXPECTED:
            BookingEngine(by=None, clock=self.clock).check_in(visit.pk)

    def _unless_already(
        self, there: QueueEntryStatus, step: QueueStep, entry_id: int, **more: object
    ) -> None:
        """Take the step; a second tap finds the entry where the first one has brought it."""
        engine = AdvancedQueueEngine.of_entry(entry_id, clock=self.clock)
        try:
            with transaction.atomic():
                engine.take(step, entry_id, **more)  # type: ignore[arg-type]
        except IllegalQueueStepError:
            if _status(entry_id) != there:
                raise


def holds_of(entry_id: int) -> int:
    """How often the patient has asked for more time."""
    return QueueEvent.objects.filter(entry=entry_id, step=QueueStep.HOLD, reason=MORE_TIME).count()


def _status(entry_id: int) -> str | None:
    return QueueEntry.objects.filter(pk=entry_id).values_list("status", flat=True).first()
