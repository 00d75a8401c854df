"""Why the waitlist refuses."""

from appointments.enums import WaitingListStatus
from core.errors import DomainError


class NotWaitingError(DomainError):
    """``status`` in the answer tells how the wait ended."""

    code = "not_waiting"

    def __init__(self, status: str) -> None:
        word = WaitingListStatus(status).label.lower()
        super().__init__(f"This wait has ended: it is “{word}”.", status=status)


class StillWaitingError(DomainError):
    code = "still_waiting"
    message = "This patient is waiting already."


class StillBookedError(DomainError):
    code = "still_booked"
    message = "The visit that was booked from this entry stands. Cancel it first."
