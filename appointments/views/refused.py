"""What a person can do about a time that is refused."""

from typing import Any

from accounts.permissions import Permission, can
from appointments.booking.errors import ProviderUnavailableError, TimeRefusedError
from appointments.booking.selectors import VisitRow, visits_by_key
from appointments.enums import AppointmentStatus
from appointments.models import AppointmentTemplate
from appointments.scheduling.selectors import alternative_slots
from appointments.views.forms import WhenForm
from appointments.views.htmx import HtmxRequest
from core.clock import system_clock
from core.errors import DomainError


def explain(
    request: HtmxRequest, form: WhenForm, error: DomainError, kind: AppointmentTemplate
) -> dict[str, Any]:
    """Put the refusal on the form; return what is in the way, and what else there is."""
    form.refuse(error.attr, str(error))
    if not isinstance(error, TimeRefusedError):
        return {}
    cleaned, zone = form.cleaned_data, request.tenant.zone_info
    starts = alternative_slots(
        cleaned["provider_id"],
        kind,
        cleaned["start"],
        duration_minutes=cleaned["duration_minutes"] or kind.duration_minutes,
        zone=zone,
        now=system_clock(),
    )
    return {
        "alternatives": [start.astimezone(zone) for start in starts],
        "conflicts": _conflicts(request, error),
        "may_override": can(request.user, Permission.OVERBOOK),
        "is_blocked": isinstance(error, ProviderUnavailableError),
        "is_refused": True,
    }


def _conflicts(request: HtmxRequest, error: DomainError) -> list[VisitRow]:
    rows = visits_by_key(request.user, getattr(error, "conflicts", []))
    return [row for row in rows if row.status != AppointmentStatus.HELD or row.patient_name]
