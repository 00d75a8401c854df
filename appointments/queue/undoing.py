"""Going back to before an entry's last step."""

from datetime import timedelta

from django.db import IntegrityError, transaction

from appointments.booking.errors import NothingToUndoError
from appointments.enums import QueueEntryStatus, QueueStep
from appointments.models import QueueEntry, QueueEvent
from appointments.queue import history
from appointments.queue.entry_steps import ABSENT, EntrySteps
from appointments.queue.placing import enter_line
from appointments.queue.selectors import configuration_of
from core.db import violated_constraint

UNDO_MINUTES = 10
NOT_YET_CALLED = (QueueEntryStatus.WAITING, *ABSENT)


def undo_last(steps: EntrySteps, entry: QueueEntry) -> None:
    """Put a locked entry back to before its last step.

    Raises:
        AlreadyWaitingError, NothingToUndoError.
    """
    now = steps.clock()
    # Who came back into the line by themselves did nothing that somebody would take back.
    steps_of_people = QueueEvent.objects.filter(entry=entry).exclude(
        step=QueueStep.RETURN, by_id=None
    )
    last = steps_of_people.order_by("-pk").first()
    too_old = now - timedelta(minutes=UNDO_MINUTES)
    if last is None or last.at < too_old or last.step == QueueStep.UNDO:
        raise NothingToUndoError
    if last.step == QueueStep.JOIN and entry.transferred_from_id is not None:
        # They would wait nowhere: sending on is undone with the entry that was sent.
        raise NothingToUndoError
    before, from_status = history.snapshot(entry), entry.status
    if last.step == QueueStep.TRANSFER:
        _take_back(steps, entry)
    if last.step == QueueStep.JOIN:
        entry.status = QueueEntryStatus.LEFT
    else:
        history.restore(entry, last.before)
    _save(steps, entry)
    rank = None
    if entry.status == QueueEntryStatus.WAITING and from_status != QueueEntryStatus.WAITING:
        rank = enter_line(entry, steps.configuration, now=now)
    if last.step == QueueStep.MOVE or "manual_position" in last.before:
        history.give_place_back(entry, last.before)
    steps.visits.undone(entry, QueueStep(last.step))
    steps.record(entry, QueueStep.UNDO, before, from_status, now=now, rank=rank)


def _take_back(steps: EntrySteps, entry: QueueEntry) -> None:
    sent = (
        QueueEntry.objects.filter(transferred_from=entry)
        .select_related("queue")
        .order_by("-pk")
        .first()
    )
    if sent is None:
        raise NothingToUndoError
    there = EntrySteps(sent.queue, configuration_of(sent.queue), by=steps.by, clock=steps.clock)
    locked = there.lock(QueueStep.UNDO, sent.pk)
    if locked.status not in NOT_YET_CALLED:
        raise NothingToUndoError
    there.take(locked, QueueStep.LEAVE, reason=history.TAKEN_BACK, mirror=False)


def _save(steps: EntrySteps, entry: QueueEntry) -> None:
    """Another stay of the same patient may have begun meanwhile."""
    try:
        with transaction.atomic():
            steps.save(entry, *history.FIELDS)
    except IntegrityError as error:
        if violated_constraint(error) != "queueentry_patient_once":
            raise
        steps.refuse_second(entry.patient_id)
