"""Whether a queue is open."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from appointments.enums import Weekday
from appointments.models import QueueConfiguration, WaitingQueue


def is_open_on(configuration: QueueConfiguration, day: date) -> bool:
    """Whether it is one of the queue's weekdays."""
    return not configuration.opening_days or day.weekday() in configuration.opening_days


def why_closed(
    queue: WaitingQueue, configuration: QueueConfiguration, *, now: datetime, zone: ZoneInfo
) -> str:
    """What keeps the queue from taking anybody now, as a sentence; empty if nothing does."""
    if not queue.is_active:
        return f"{queue.name} is no longer in use."
    if not queue.is_accepting_patients:
        return f"{queue.name} is closed: it takes nobody at the moment."
    clock = now.astimezone(zone)
    if not is_open_on(configuration, clock.date()):
        return f"{queue.name} is closed on {Weekday.values[clock.weekday()]}s."
    opens, closes = configuration.opens_at, configuration.closes_at
    if opens is None or closes is None:
        return ""
    first = datetime.combine(clock.date(), opens, tzinfo=zone)
    last = datetime.combine(clock.date(), closes, tzinfo=zone) - timedelta(
        minutes=configuration.last_ticket_minutes
    )
    if clock < first:
        return f"{queue.name} opens at {opens:%H:%M}."
    if clock >= last:
        return f"{queue.name} gave out its last ticket at {last:%H:%M}."
    return ""
