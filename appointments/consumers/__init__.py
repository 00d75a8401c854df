"""WebSocket consumers, one module for each kind of page that listens."""

from appointments.consumers.display import DisplayConsumer, TicketConsumer
from appointments.consumers.queue import PatientQueueConsumer, QueueConsumer
from appointments.consumers.today import TodayConsumer

__all__ = [
    "DisplayConsumer",
    "PatientQueueConsumer",
    "QueueConsumer",
    "TicketConsumer",
    "TodayConsumer",
]
