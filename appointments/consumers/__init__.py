"""WebSocket consumers, one module for each kind of page that listens."""

from appointments.consumers.today import TodayConsumer

__all__ = ["TodayConsumer"]
