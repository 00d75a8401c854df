"""The appointments app's records."""

from appointments.models.booking import AppointmentEvent, AppointmentRequest
from appointments.models.catalogue import (
    AppointmentTemplate,
    TemplateProvider,
    TemplateSite,
)
from appointments.models.queue import QueueEntry, WaitingQueue
from appointments.models.schedule import AvailabilityRule, SlotAvailability
from appointments.models.waitlist import WaitingList

__all__ = [
    "AppointmentEvent",
    "AppointmentRequest",
    "AppointmentTemplate",
    "AvailabilityRule",
    "QueueEntry",
    "SlotAvailability",
    "TemplateProvider",
    "TemplateSite",
    "WaitingList",
    "WaitingQueue",
]
