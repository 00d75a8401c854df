"""States, and which step leads from which state to which."""

from dataclasses import dataclass

from django.db import models


class AppointmentStatus(models.TextChoices):
    """The plan's states plus HELD: time kept for a caller who is still deciding."""

    HELD = "HELD", "Held"
    PENDING = "PENDING", "Not confirmed"
    CONFIRMED = "CONFIRMED", "Confirmed"
    CHECKED_IN = "CHECKED_IN", "Waiting"
    IN_PROGRESS = "IN_PROGRESS", "In room"
    COMPLETED = "COMPLETED", "Done"
    NO_SHOW = "NO_SHOW", "Missed"
    CANCELLED = "CANCELLED", "Cancelled"


S = AppointmentStatus

OCCUPYING = (S.HELD, S.PENDING, S.CONFIRMED, S.CHECKED_IN, S.IN_PROGRESS)
"""States in which an appointment takes its provider's time."""

EXPECTED = (S.PENDING, S.CONFIRMED)
FINAL = (S.COMPLETED, S.NO_SHOW, S.CANCELLED)


class Step(models.TextChoices):
    """What can be done with an appointment; the label is a button's text."""

    BOOK = "book", "Book"
    CONFIRM = "confirm", "Confirm"
    CHECK_IN = "check_in", "Check in"
    START = "start", "Start visit"
    COMPLETE = "complete", "Complete"
    NO_SHOW = "no_show", "Mark as missed"
    CANCEL = "cancel", "Cancel"
    RESCHEDULE = "reschedule", "Move"
    UNDO = "undo", "Undo"


@dataclass(frozen=True, slots=True)
class Transition:
    """A step: the states it may leave and the state it reaches (None: it stays)."""

    sources: tuple[AppointmentStatus, ...]
    target: AppointmentStatus | None


TRANSITIONS: dict[Step, Transition] = {
    Step.CONFIRM: Transition((S.PENDING,), S.CONFIRMED),
    Step.CHECK_IN: Transition((S.PENDING, S.CONFIRMED), S.CHECKED_IN),
    Step.START: Transition((S.CHECKED_IN,), S.IN_PROGRESS),
    Step.COMPLETE: Transition((S.IN_PROGRESS,), S.COMPLETED),
    Step.NO_SHOW: Transition((S.PENDING, S.CONFIRMED), S.NO_SHOW),
    Step.CANCEL: Transition((S.PENDING, S.CONFIRMED, S.CHECKED_IN), S.CANCELLED),
    Step.RESCHEDULE: Transition((S.PENDING, S.CONFIRMED), None),
}


def legal_steps(status: str) -> list[Step]:
    """Steps that may be taken from ``status``, in the table's order."""
    return [step for step, transition in TRANSITIONS.items() if status in transition.sources]


class Priority(models.TextChoices):
    ROUTINE = "routine", "Routine"
    PRIORITY = "priority", "Priority"
    URGENT = "urgent", "Urgent"


class Modality(models.TextChoices):
    """How a visit takes place; a type may leave it open."""

    ON_SITE = "on_site", "On site"
    TELEHEALTH = "telehealth", "Telehealth"
    EITHER = "either", "On site or telehealth"


class Weekday(models.TextChoices):
    MONDAY = "Monday"
    TUESDAY = "Tuesday"
    WEDNESDAY = "Wednesday"
    THURSDAY = "Thursday"
    FRIDAY = "Friday"
    SATURDAY = "Saturday"
    SUNDAY = "Sunday"


class DayPart(models.TextChoices):
    """Morning ends at 12:00, afternoon at 17:00."""

    MORNING = "morning", "Morning"
    AFTERNOON = "afternoon", "Afternoon"
    EVENING = "evening", "Evening"


class TimeOffKind(models.TextChoices):
    LEAVE = "leave", "Leave"
    SICK = "sick", "Sick"
    TRAINING = "training", "Training"
    CLOSURE = "closure", "Closed"
    MAINTENANCE = "maintenance", "Maintenance"


class ReminderOutcome(models.TextChoices):
    CONFIRMED = "confirmed", "Will come"
    CANCELLED = "cancelled", "Will not come"
    NO_ANSWER = "no_answer", "No answer"


class QueueEntryStatus(models.TextChoices):
    WAITING = "WAITING", "Waiting"
    CALLED = "CALLED", "Called"
    IN_PROGRESS = "IN_PROGRESS", "In progress"
    COMPLETED = "COMPLETED", "Completed"
    NO_SHOW = "NO_SHOW", "Did not come"
    LEFT = "LEFT", "Left"
    SKIPPED = "SKIPPED", "Skipped"
    ON_HOLD = "ON_HOLD", "On hold"
    TRANSFERRED = "TRANSFERRED", "Sent on"


Q = QueueEntryStatus

QUEUE_PRESENT = (Q.WAITING, Q.CALLED, Q.IN_PROGRESS, Q.SKIPPED, Q.ON_HOLD)
"""States of a patient who is still here; one such entry per patient and queue."""


class QueueStep(models.TextChoices):
    """What can happen to an entry; the label is a button's text."""

    JOIN = "join", "Add to the queue"
    CALL = "call", "Call"
    RECALL = "recall", "Call again"
    START = "start", "Start"
    COMPLETE = "complete", "Finish"
    NO_SHOW = "no_show", "Did not come"
    SKIP = "skip", "Skip for now"
    HOLD = "hold", "Put on hold"
    RETURN = "return", "Back into the line"
    LEAVE = "leave", "Left"
    TRANSFER = "transfer", "Send on"
    MOVE = "move", "Move in the line"
    CHANGE = "change", "Change"
    UNDO = "undo", "Undo"


@dataclass(frozen=True, slots=True)
class QueueTransition:
    """A step: the states it may leave and the state it reaches (None: it stays)."""

    sources: tuple[QueueEntryStatus, ...]
    target: QueueEntryStatus | None


_ABSENT = (Q.SKIPPED, Q.ON_HOLD)
QUEUE_TRANSITIONS: dict[QueueStep, QueueTransition] = {
    QueueStep.CALL: QueueTransition((Q.WAITING, *_ABSENT), Q.CALLED),
    QueueStep.RECALL: QueueTransition((Q.CALLED,), None),
    QueueStep.START: QueueTransition((Q.CALLED,), Q.IN_PROGRESS),
    QueueStep.COMPLETE: QueueTransition((Q.IN_PROGRESS,), Q.COMPLETED),
    QueueStep.NO_SHOW: QueueTransition((Q.WAITING, Q.CALLED, *_ABSENT), Q.NO_SHOW),
    QueueStep.SKIP: QueueTransition((Q.WAITING, Q.CALLED), Q.SKIPPED),
    QueueStep.HOLD: QueueTransition((Q.WAITING, Q.CALLED, Q.SKIPPED), Q.ON_HOLD),
    QueueStep.RETURN: QueueTransition(_ABSENT, Q.WAITING),
    QueueStep.LEAVE: QueueTransition((Q.WAITING, Q.CALLED, *_ABSENT), Q.LEFT),
    QueueStep.TRANSFER: QueueTransition(QUEUE_PRESENT, Q.TRANSFERRED),
    QueueStep.MOVE: QueueTransition((Q.WAITING,), None),
    QueueStep.CHANGE: QueueTransition(QUEUE_PRESENT, None),
}


def legal_queue_steps(status: str) -> list[QueueStep]:
    """Steps that may be taken from ``status``, in the table's order."""
    return [step for step, change in QUEUE_TRANSITIONS.items() if status in change.sources]


class ServicePointState(models.TextChoices):
    OPEN = "open", "Open"
    PAUSED = "paused", "Paused"
    CLOSED = "closed", "Closed"


class LinkKind(models.TextChoices):
    """What an unguessable link opens without a login."""

    DISPLAY = "display", "Display screen"
    KIOSK = "kiosk", "Kiosk"
    TICKET = "ticket", "Patient's place in a queue"
    CHECK_IN = "check_in", "Check-in for a visit"


class QueueAlertKind(models.TextChoices):
    LONG_WAIT = "long_wait", "Somebody waits too long"
    LOAD_RED = "load_red", "Queue nearly full"
    SOCKETS_LOST = "sockets_lost", "Many screens lost their connection"
    REDIS_LOST = "redis_lost", "Live updates are down"
    SLOW_QUERIES = "slow_queries", "The database is slow"


class WaitingListStatus(models.TextChoices):
    ACTIVE = "ACTIVE", "Waiting"
    SCHEDULED = "SCHEDULED", "Booked"
    CANCELLED = "CANCELLED", "Withdrawn"
    EXPIRED = "EXPIRED", "Expired"
