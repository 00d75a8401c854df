"""A patient's visit follows their place in the queue."""

from contextlib import suppress

from accounts.models import User
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import NothingToUndoError
from appointments.enums import EXPECTED, AppointmentStatus, QueueStep, Step
from appointments.models import AppointmentEvent, AppointmentRequest, QueueEntry
from core.clock import Clock

LEFT_UNSEEN = "Left the queue before being seen"
FOLLOWS = {
    QueueStep.START: (AppointmentStatus.CHECKED_IN, Step.START),
    QueueStep.COMPLETE: (AppointmentStatus.IN_PROGRESS, Step.COMPLETE),
    QueueStep.LEAVE: (AppointmentStatus.CHECKED_IN, Step.CANCEL),
    QueueStep.NO_SHOW: (AppointmentStatus.CHECKED_IN, Step.CANCEL),
}
"""By the entry's step: the state in which the visit takes a step of its own, and which."""

UNDOES = {
    QueueStep.JOIN: (Step.CHECK_IN,),
    QueueStep.START: (Step.START,),
    QueueStep.COMPLETE: (Step.COMPLETE,),
    QueueStep.LEAVE: (Step.CANCEL, Step.NO_SHOW),
    QueueStep.NO_SHOW: (Step.CANCEL, Step.NO_SHOW),
}
"""By the entry's step: steps of the visit that went with it, whichever of the two came first."""


class VisitMirror:
    """Takes the visit's step in the same transaction as the entry's.

    Whoever may run the queue may do this: the visit's own permissions were asked at booking.
    """

    def __init__(self, *, by: User | None, clock: Clock) -> None:
        self.by = by
        self.booking = BookingEngine(by=None, clock=clock)

    def joined(self, entry: QueueEntry) -> None:
        visit = self._visit(entry)
        if visit is not None and visit.status in EXPECTED:
            self.booking.check_in(visit.pk)

    def stepped(self, entry: QueueEntry, step: QueueStep) -> None:
        visit = self._visit(entry)
        if visit is None or step not in FOLLOWS:
            return
        needed, follows = FOLLOWS[step]
        if visit.status == needed:
            reason = LEFT_UNSEEN if follows == Step.CANCEL else ""
            self.booking.take(follows, visit.pk, reason=reason)

    def undone(self, entry: QueueEntry, step: QueueStep) -> None:
        """The visit's step goes back too, if it was its last and went with this stay's: somebody
        who is sent on, or waits in a second queue, may have been seen before."""
        visit = self._visit(entry)
        if visit is None:
            return
        last = AppointmentEvent.objects.filter(appointment=visit).order_by("-pk").first()
        if last is None or last.step not in UNDOES.get(step, ()):
            return
        # Checking in comes right before the first stay; every other step, after its beginning.
        is_first = step == QueueStep.JOIN and entry.transferred_from_id is None
        if is_first or last.at >= entry.joined_at:
            with suppress(NothingToUndoError):
                self.booking.undo(visit.pk)

    @staticmethod
    def _visit(entry: QueueEntry) -> AppointmentRequest | None:
        if entry.appointment_id is None:
            return None
        return AppointmentRequest.objects.filter(pk=entry.appointment_id).first()
