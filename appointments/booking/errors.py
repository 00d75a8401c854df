"""Why the engine refuses."""

from datetime import datetime

from appointments.enums import Step
from core.errors import DomainError


class TimeRefusedError(DomainError):
    """The provider cannot be had then; who shows it says which times near it are free."""

    def __init__(self, *, provider_id: int, start: datetime, duration_minutes: int) -> None:
        super().__init__(attr="scheduled_datetime")
        self.provider_id, self.start = provider_id, start
        self.duration_minutes = duration_minutes


class SlotTakenError(TimeRefusedError):
    """The provider's time is taken.

    Attributes:
        conflicts: keys of the appointments and holds in the way, earliest first.
    """

    code = "slot_taken"
    message = "This time is already taken."

    def __init__(
        self, *, provider_id: int, start: datetime, duration_minutes: int, conflicts: list[int]
    ) -> None:
        super().__init__(provider_id=provider_id, start=start, duration_minutes=duration_minutes)
        self.conflicts = conflicts


class ProviderUnavailableError(TimeRefusedError):
    """The provider's time is blocked, or a patient asked for time outside working hours."""

    code = "provider_unavailable"
    message = "The provider is not available at this time."


class IllegalStepError(DomainError):
    """The present state has no such step; ``legal`` in the answer lists those that it has."""

    code = "illegal_transition"

    def __init__(self, step: Step, status_label: str, legal: list[Step]) -> None:
        options = ", ".join(s.value for s in legal) or "none"
        super().__init__(
            f"Cannot {step.label.lower()}: the appointment is “{status_label.lower()}”. "
            f"Possible now: {options}.",
            legal=[s.value for s in legal],
        )


class NothingToUndoError(DomainError):
    code = "nothing_to_undo"
    message = "There is no step of the last 10 minutes to undo."


class HoldExpiredError(DomainError):
    code = "hold_expired"
    message = "The hold has ended. Choose a time again."
