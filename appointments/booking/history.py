"""What happened to an appointment: recorded with what each step replaced, so it can be undone."""

from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from accounts.models import User
from appointments.booking.events import AppointmentChanged
from appointments.enums import Step
from appointments.models import AppointmentEvent, AppointmentRequest
from core.events import publish_on_commit

PLACE_FIELDS = (
    "provider_id",
    "site_id",
    "resource_id",
    "scheduled_datetime",
    "scheduled_end_datetime",
    "blocked_from",
    "blocked_until",
)


def snapshot(row: AppointmentRequest, fields: tuple[str, ...]) -> dict[str, Any]:
    """Their values, JSON-ready."""
    values = {name: getattr(row, name) for name in fields}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def restore(row: AppointmentRequest, before: dict[str, Any]) -> None:
    """Set what a snapshot holds; nothing is written."""
    for name, value in before.items():
        is_time = name.endswith(("_at", "datetime")) or name.startswith("blocked_")
        setattr(row, name, parse_datetime(value) if is_time and value else value)


def record(
    row: AppointmentRequest,
    step: Step,
    *,
    by: User | None,
    before: dict[str, Any],
    from_status: str,
    reason: str,
    now: datetime,
) -> None:
    """Write the step down and tell of it after the commit."""
    AppointmentEvent.objects.create(
        appointment=row,
        step=step,
        from_status=from_status,
        to_status=row.status,
        before=before,
        reason=reason[:500],
        at=now,
        by_id=by.pk if by else None,
        by_name=by.get_full_name() if by else "",
    )
    publish_on_commit(
        AppointmentChanged(
            tenant_id=row.tenant_id,  # type: ignore[arg-type]
            appointment_id=row.pk,
            provider_id=row.provider_id,
            step=step,
            start=row.scheduled_datetime,
        )
    )
