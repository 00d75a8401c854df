"""Why the engine refuses."""

from collections.abc import Sequence

from django.db.models import TextChoices

from appointments.booking.requests import Visit
from appointments.scheduling.availability import Interval
from core.errors import DomainError


class TimeRefusedError(DomainError):
    """The visit cannot take place then; who shows it says which times near it are free.

    Attributes:
        visit: what was wanted.
        patient_id: for whom; None for nobody in particular.
    """

    patient_id: int | None = None

    def __init__(self, visit: Visit, message: str = "") -> None:
        super().__init__(message, attr="scheduled_datetime")
        self.visit = visit


class SlotTakenError(TimeRefusedError):
    """The provider's time is taken.

    Attributes:
        conflicts: keys of the appointments and holds in the way, earliest first.
    """

    code = "slot_taken"
    message = "This time is already taken."

    def __init__(self, visit: Visit, message: str = "", *, conflicts: list[int]) -> None:
        super().__init__(visit, message)
        self.conflicts = conflicts


class ResourceTakenError(SlotTakenError):
    """No room or device of the kind that the visit takes is free then."""

    code = "resource_taken"
    message = "What this visit takes is not free at this time."


class ProviderUnavailableError(TimeRefusedError):
    """The provider is away, or the time is blocked."""

    code = "provider_unavailable"
    message = "The provider is not available at this time."


class SiteClosedError(TimeRefusedError):
    code = "site_closed"
    message = "The site is closed at this time."


class SeriesRefusedError(DomainError):
    """Some visits of a series cannot take place, so none was booked.

    Attributes:
        refusals: one for each of them, by start.
        taken: the times of all visits of the series, buffers included.
    """

    code = "series_refused"

    def __init__(self, refusals: list[TimeRefusedError], *, taken: list[Interval]) -> None:
        super().__init__(
            f"{len(refusals)} of {len(taken)} visits cannot take place, so none was booked.",
            attr="rrule",
        )
        self.refusals, self.taken = refusals, taken


class NothingToCancelError(DomainError):
    code = "nothing_to_cancel"
    message = "The series has no visit from then on that can be cancelled."


class IllegalStepError(DomainError):
    """The present state has no such step; ``legal`` in the answer lists those that it has."""

    code = "illegal_transition"
    subject = "appointment"

    def __init__(self, step: TextChoices, status_label: str, legal: Sequence[TextChoices]) -> None:
        options = ", ".join(s.value for s in legal) or "none"
        super().__init__(
            f"Cannot {step.label.lower()}: the {self.subject} is “{status_label.lower()}”. "
            f"Possible now: {options}.",
            legal=[s.value for s in legal],
        )


class NothingToUndoError(DomainError):
    code = "nothing_to_undo"
    message = "There is no step of the last 10 minutes to undo."


class HoldExpiredError(DomainError):
    code = "hold_expired"
    message = "The hold has ended. Choose a time again."
