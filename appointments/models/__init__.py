"""The appointments app's records."""

from appointments.models.booking import AppointmentEvent, AppointmentRequest, AppointmentSeries
from appointments.models.catalogue import (
    AppointmentTemplate,
    TemplateProvider,
    TemplateSite,
)
from appointments.models.queue import QueueEntry, WaitingQueue
from appointments.models.resources import Resource
from appointments.models.schedule import AvailabilityRule, SlotAvailability, TimeOff
from appointments.models.scheduling import (
    AppointmentPriorityRule,
    NoShowModel,
    PreferredProvider,
    ReminderCall,
    RuleType,
    SchedulingMetrics,
    SchedulingPreference,
    SchedulingWeights,
)
from appointments.models.waitlist import WaitingList

__all__ = [
    "AppointmentEvent",
    "AppointmentPriorityRule",
    "AppointmentRequest",
    "AppointmentSeries",
    "AppointmentTemplate",
    "AvailabilityRule",
    "NoShowModel",
    "PreferredProvider",
    "QueueEntry",
    "ReminderCall",
    "Resource",
    "RuleType",
    "SchedulingMetrics",
    "SchedulingPreference",
    "SchedulingWeights",
    "SlotAvailability",
    "TemplateProvider",
    "TemplateSite",
    "TimeOff",
    "WaitingList",
    "WaitingQueue",
]
