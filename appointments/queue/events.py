"""What happened to a queue, told after the commit."""

from dataclasses import dataclass

from appointments.enums import QueueStep
from core.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChanged(DomainEvent):
    """Something that its screens show is different now."""

    queue_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntryChanged(DomainEvent):
    """One step of one entry was taken."""

    queue_id: int
    entry_id: int
    step: QueueStep
