"""Ticket numbers: A-014 is the fourteenth of a queue on one day."""

from datetime import date

from django.db import connection

from appointments.models import WaitingQueue
from core.tenancy import current_tenant_id

TAKE = """
INSERT INTO appointments_ticketcounter (tenant_id, queue_id, date, last) VALUES (%s, %s, %s, 1)
ON CONFLICT ON CONSTRAINT ticketcounter_day
DO UPDATE SET last = appointments_ticketcounter.last + 1
RETURNING last
"""
ROOM = """
SELECT is_active, max_queue_size FROM appointments_waitingqueue
WHERE tenant_id = %s AND id = %s FOR KEY SHARE
"""


def next_ticket(queue: WaitingQueue, day: date) -> str:
    """The next number of the day, without gaps among committed ones.

    The counter's row stays locked until the transaction ends: newcomers to one queue come one
    after another, so that its size can be checked after this.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [current_tenant_id(), queue.pk, day])
        number: int = cursor.fetchone()[0]
    return f"{queue.prefix}-{number:03d}"


def lock_room(queue: WaitingQueue) -> tuple[bool, int]:
    """Whether the queue is in use, and its places, as they are now; it is not retired until the
    transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(ROOM, [current_tenant_id(), queue.pk])
        is_active, places = cursor.fetchone()
    return is_active, places
