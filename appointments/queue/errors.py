"""Why the queue engine refuses."""

from collections.abc import Sequence
from typing import Any

from appointments.booking.errors import IllegalStepError
from core.errors import DomainError


class AlreadyWaitingError(DomainError):
    """``entry_id`` and ``ticket`` in the answer are those of the stay that goes on."""

    code = "already_waiting"

    def __init__(self, *, entry_id: int, ticket: str) -> None:
        super().__init__(
            f"This patient is in the queue already, with ticket {ticket}.",
            attr="patient_id",
            entry_id=entry_id,
            ticket=ticket,
        )


class QueueClosedError(DomainError):
    """``alternatives`` in the answer lists queues that would take the patient."""

    code = "queue_closed"

    def __init__(self, message: str, *, alternatives: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message, alternatives=list(alternatives))


class QueueFullError(QueueClosedError):
    code = "queue_full"


class IllegalQueueStepError(IllegalStepError):
    subject = "entry"


class ServicePointNotOpenError(DomainError):
    code = "service_point_not_open"
    message = "This service point is paused or closed. Open it first."


class ServicePointBusyError(DomainError):
    code = "service_point_busy"
    message = "Somebody is still being served there."


class MoreTimeUsedUpError(DomainError):
    code = "more_time_used_up"
    message = "More time was asked for twice already. Please speak to the desk."


class VisitNotExpectedError(DomainError):
    code = "visit_not_expected"
    message = "This visit is over, cancelled or missed, so nobody can wait for it."


class NameTakenError(DomainError):
    code = "name_taken"
    message = "This name is taken."


class QueueNotEmptyError(DomainError):
    """``present`` in the answer is how many are still in it."""

    code = "queue_not_empty"

    def __init__(self, present: int) -> None:
        super().__init__(
            f"{present} {'person is' if present == 1 else 'people are'} still in this queue. "
            "Finish, or send them on, first.",
            present=present,
        )
