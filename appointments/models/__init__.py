"""The appointments app's records."""

from appointments.models.booking import AppointmentEvent, AppointmentRequest, AppointmentSeries
from appointments.models.catalogue import (
    AppointmentTemplate,
    TemplateProvider,
    TemplateSite,
)
from appointments.models.links import DisplayQueue, DisplayScreen, Kiosk, PublicLink
from appointments.models.queue import (
    LinePosition,
    LineRank,
    QueueConfiguration,
    QueueEntry,
    QueueEvent,
    QueueProvider,
    QueuePublication,
    QueueSnapshot,
    ServicePoint,
    ServicePointQueue,
    ServicePointType,
    TicketCounter,
    WaitingQueue,
)
from appointments.models.queue_figures import QueueAlert, QueueMetrics, WaitCalibration
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
    "DisplayQueue",
    "DisplayScreen",
    "Kiosk",
    "LinePosition",
    "LineRank",
    "NoShowModel",
    "PreferredProvider",
    "PublicLink",
    "QueueAlert",
    "QueueConfiguration",
    "QueueEntry",
    "QueueEvent",
    "QueueMetrics",
    "QueueProvider",
    "QueuePublication",
    "QueueSnapshot",
    "ReminderCall",
    "Resource",
    "RuleType",
    "SchedulingMetrics",
    "SchedulingPreference",
    "SchedulingWeights",
    "ServicePoint",
    "ServicePointQueue",
    "ServicePointType",
    "SlotAvailability",
    "TemplateProvider",
    "TemplateSite",
    "TicketCounter",
    "TimeOff",
    "WaitCalibration",
    "WaitingList",
    "WaitingQueue",
]
