"""A patient's visit follows their place in the queue."""

from contextlib import suppress

from accounts.models import User
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import NothingToUndoError
from appointments.enums import EXPECTED, AppointmentStatus, QueueStep, Step
from appointments.models import AppointmentRequest, QueueEntry
from core.clock import Clock

LEFT_UNSEEN = "Left the queue before being seen"
FOLLOWS = {
    QueueStep.START: (AppointmentStatus.CHECKED_IN, Step.START),
    QueueStep.COMPLETE: (AppointmentStatus.IN_PROGRESS, Step.COMPLETE),
    QueueStep.LEAVE: (AppointmentStatus.CHECKED_IN, Step.CANCEL),
    QueueStep.NO_SHOW: (AppointmentStatus.CHECKED_IN, Step.CANCEL),
}
"""By the entry's step: the state in which the visit takes a step of its own, and which."""


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
        """The visit's step goes back too, if it was its last."""
        visit = self._visit(entry)
        if visit is None or (step not in FOLLOWS and step != QueueStep.JOIN):
            return
        with suppress(NothingToUndoError):
            self.booking.undo(visit.pk)

    @staticmethod
    def _visit(entry: QueueEntry) -> AppointmentRequest | None:
        if entry.appointment_id is None:
            return None
        return AppointmentRequest.objects.filter(pk=entry.appointment_id).first()
