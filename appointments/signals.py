"""Wiring only: which part of the system hears about which domain event."""

from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import post_save
from django.dispatch import Signal

from accounts.models import User
from appointments import live
from appointments.booking.events import AppointmentChanged
from appointments.enums import QueueStep, Step
from appointments.groups import board_group, login_group
from appointments.models import QueueEntry
from appointments.queue.arrivals import follow_visit
from appointments.queue.events import QueueChanged, QueueEntryChanged
from appointments.tasks import learn_preferences
from core.clock import system_clock
from core.events import call_on_commit, subscribe
from core.tenancy import tenant

# Steps after which a visit counts, or counts no longer, in what is learned of its patient.
TEACHING = (Step.COMPLETE, Step.NO_SHOW, Step.CANCEL, Step.UNDO)
# Steps that a patient's place in a queue follows.
QUEUED = (*TEACHING, Step.CHECK_IN, Step.START)

# For other applications in the same installation: sent after the commit, with ``tenant_id``,
# ``queue_id`` and ``entry_id``.
queue_entry_created, queue_entry_called, queue_entry_completed, queue_entry_no_show = (
    Signal() for _ in range(4)
)
SIGNALS = {
    QueueStep.JOIN: queue_entry_created,
    QueueStep.CALL: queue_entry_called,
    QueueStep.COMPLETE: queue_entry_completed,
    QueueStep.NO_SHOW: queue_entry_no_show,
}


def connect() -> None:
    """Subscribe every handler; called once when the application is ready."""
    subscribe(AppointmentChanged, move_in_queue)  # first, so that the boards show the ticket
    subscribe(AppointmentChanged, push_board_changed)
    subscribe(AppointmentChanged, learn_from_visit)
    subscribe(QueueChanged, push_queue_changed)
    subscribe(QueueEntryChanged, tell_of_entry)
    user_logged_out.connect(after_logout, dispatch_uid="appointments.after_logout")
    post_save.connect(after_user_saved, sender=User, dispatch_uid="appointments.after_user_saved")


def move_in_queue(event: AppointmentChanged) -> None:
    """Let whoever checks in wait in the provider's queue, and the queue follow the visit."""
    if event.step in QUEUED:
        with tenant(event.tenant_id):
            follow_visit(event.appointment_id)


def push_board_changed(event: AppointmentChanged) -> None:
    """Tell the tenant's boards to fetch themselves anew."""
    message = {"type": "board.changed", "version": board_version()}
    _send(board_group(tenant_id=event.tenant_id), message)


def push_queue_changed(event: QueueChanged) -> None:
    """Show the queue's screens what it looks like now."""
    live.publish(event.tenant_id, event.queue_id)


def tell_of_entry(event: QueueEntryChanged) -> None:
    """Send the signal of the entry's step, if it has one."""
    if event.step in SIGNALS:
        SIGNALS[event.step].send(
            sender=QueueEntry,
            tenant_id=event.tenant_id,
            queue_id=event.queue_id,
            entry_id=event.entry_id,
        )


def learn_from_visit(event: AppointmentChanged) -> None:
    """Let the worker learn the patient's preferences anew."""
    if event.step in TEACHING:
        learn_preferences.defer(tenant_id=event.tenant_id, appointment_id=event.appointment_id)


def after_logout(user: User | None, **kwargs: Any) -> None:
    if user is not None:
        call_on_commit(push_login_changed, user.pk)


def after_user_saved(instance: User, created: bool, update_fields: Any, **kwargs: Any) -> None:
    is_login = update_fields is not None and set(update_fields) == {"last_login"}
    if not created and not is_login:
        call_on_commit(push_login_changed, instance.pk)


def push_login_changed(user_id: int) -> None:
    """Tell the user's sockets to look whether they may stay open."""
    _send(login_group(user_id=user_id), {"type": "login.changed", "user_id": user_id})


def board_version() -> int:
    """Microseconds of now: grows from change to change without a counter to contend for."""
    return int(system_clock().timestamp() * 1_000_000)


def _send(group: str, message: dict[str, Any]) -> None:
    async_to_sync(get_channel_layer().group_send)(group, message)
