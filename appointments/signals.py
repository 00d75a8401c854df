"""Wiring only: which part of the system hears about which domain event."""

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from appointments.booking.events import AppointmentChanged
from appointments.groups import board_group
from core.clock import system_clock
from core.events import subscribe


def connect() -> None:
    """Subscribe every handler; called once when the application is ready."""
    subscribe(AppointmentChanged, push_board_changed)


def push_board_changed(event: AppointmentChanged) -> None:
    """Tell the tenant's boards to fetch themselves anew."""
    message = {"type": "board.changed", "version": board_version()}
    group = board_group(tenant_id=event.tenant_id)
    async_to_sync(get_channel_layer().group_send)(group, message)


def board_version() -> int:
    """Microseconds of now: grows from change to change without a counter to contend for."""
    return int(system_clock().timestamp() * 1_000_000)
