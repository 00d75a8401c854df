"""What happened to an appointment, told after the commit."""

from dataclasses import dataclass
from datetime import datetime

from appointments.enums import Step
from core.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentChanged(DomainEvent):
    """One step was taken; ``start`` is the visit's start after it."""

    appointment_id: int
    provider_id: int
    step: Step
    start: datetime
