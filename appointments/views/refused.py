"""What a person can do about a time that is refused."""

from typing import Any

from accounts.permissions import Permission, can
from appointments.booking.alternatives import near
from appointments.booking.errors import TimeRefusedError
from appointments.booking.selectors import VisitRow, visits_by_key
from appointments.enums import AppointmentStatus
from appointments.views.forms import WhenForm
from appointments.views.htmx import HtmxRequest
from core.errors import DomainError


def explain(
    request: HtmxRequest, form: WhenForm, error: DomainError, *, except_id: int | None = None
) -> dict[str, Any]:
    """Put the refusal on the form; return what is in the way, and what else there is."""
    form.refuse(error.attr, str(error))
    if not isinstance(error, TimeRefusedError):
        return {}
    zone = request.tenant.zone_info
    slots = near(request.tenant, error, except_id=except_id)
    return {
        "alternatives": [start.astimezone(zone) for start, _ in slots],
        "conflicts": _conflicts(request, error),
        "may_override": can(request.user, Permission.OVERBOOK),
        "is_refused": True,
    }


def _conflicts(request: HtmxRequest, error: DomainError) -> list[VisitRow]:
    rows = visits_by_key(request.user, getattr(error, "conflicts", []))
    return [row for row in rows if row.status != AppointmentStatus.HELD or row.patient_name]
