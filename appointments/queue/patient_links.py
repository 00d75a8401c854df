"""Tokens of the addresses that patients get: of their place in a queue, and to check in."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

from appointments.enums import LinkKind
from appointments.models import AppointmentRequest, QueueEntry
from appointments.queue.links import link_to, token_of
from appointments.scheduling.availability import to_utc


def ticket_token(entry: QueueEntry, *, zone: ZoneInfo) -> str:
    """Of ``/ticket/<token>/``, which opens until the day after the one of joining has ended."""
    joined_on = entry.joined_at.astimezone(zone).date()
    ends_at = to_utc(joined_on + timedelta(days=2), time.min, zone)
    return token_of(link_to(LinkKind.TICKET, entry.pk, expires_at=ends_at))


def check_in_token(visit: AppointmentRequest) -> str:
    """Of ``/check-in/<token>/``, for messages about the visit and to print.

    It stays the same when the visit is moved; the page says when one can check in.
    """
    return token_of(link_to(LinkKind.CHECK_IN, visit.pk))
