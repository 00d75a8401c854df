"""The booking panel: choose or register the patient, choose the time, book.

It is one form, so that it works without scripts; the button that was pressed says what is wanted.
"""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import time_format
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.booking.errors import SeriesRefusedError, TimeRefusedError
from appointments.booking.group_engine import GroupBookingEngine
from appointments.booking.selectors import shown_providers
from appointments.enums import Priority
from appointments.models import AppointmentRequest, AppointmentTemplate
from appointments.views.forms import BookForm, NewPatientForm
from appointments.views.htmx import HtmxRequest, done, in_panel, key_of, staff_view
from appointments.views.patient_choice import chosen_patient, found_patients
from appointments.views.patient_step import patient_step
from appointments.views.refused import explain
from core.clock import system_clock
from core.errors import InvalidInputError

PANEL = "calendar/partials/book.html"
QUARTER = timedelta(minutes=15)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.BOOK)
def book(request: HtmxRequest) -> HttpResponse:
    if request.method != "POST":
        return _panel(request, initial=_asked_for(request))
    step = patient_step(request)
    if step is None:
        return _book(request)
    initial = _typed(request) | {"patient_id": step.patient_id}
    return _panel(request, initial=initial, status=step.status, **step.context)


@require_POST
@staff_view(Permission.SEE_PATIENTS)
def patient_options(request: HtmxRequest) -> HttpResponse:
    query = request.POST.get("q", "")
    return render(
        request,
        "appointments/calendar/partials/patient_options.html",
        {"options": found_patients(query), "query": query.strip()},
    )


def _asked_for(request: HtmxRequest) -> dict[str, Any]:
    """Where the form starts from; what cannot be read is left out."""
    query, zone = request.GET, request.tenant.zone_info
    start = _instant(query.get("start", "")) or _next_quarter(system_clock())
    local = start.astimezone(zone)
    return {
        "provider_id": key_of(query.get("provider", "")),
        "patient_id": key_of(query.get("patient", "")),
        "appointment_type_id": key_of(query.get("type", "")),
        "date": local.date(),
        "time": local.time(),
        "fold": local.fold,
    }


def _book(request: HtmxRequest) -> HttpResponse:
    form = _form(request, request.POST)
    if not form.is_valid():
        return _panel(request, form=form, status=400)
    cleaned = form.cleaned_data
    wish = {
        "patient_id": cleaned["patient_id"],
        "provider_id": cleaned["provider_id"],
        "appointment_type_id": cleaned["appointment_type_id"],
        "start": cleaned["start"],
        "duration_minutes": cleaned["duration_minutes"],
        "modality": cleaned["modality"] or None,
        "priority": cleaned["priority"] or Priority.ROUTINE,
        "reason": cleaned["reason"],
    }
    engine = GroupBookingEngine(by=request.user)
    try:
        if form.rrule:
            rows = engine.book_series(**wish, rrule=form.rrule)
            return _booked(request, rows[0], count=len(rows))
        return _booked(request, engine.book(**wish, override_reason=cleaned["override_reason"]))
    except SeriesRefusedError as error:
        form.refuse("repeat", str(error))
        return _panel(request, form=form, status=error.http_status, refusals=error.refusals)
    except (TimeRefusedError, InvalidInputError) as error:
        return _panel(request, form=form, status=error.http_status, **explain(request, form, error))


def _booked(request: HtmxRequest, visit: AppointmentRequest, *, count: int = 1) -> HttpResponse:
    local = visit.scheduled_datetime.astimezone(request.tenant.zone_info)
    calendar = f"{reverse('calendar:calendar')}?{urlencode({'day': local.date()})}"
    return done(
        request,
        f"Booked {visit.patient.get_full_name()}, {time_format(local)}"
        + (f", {count} visits" if count > 1 else ""),
        undo=(
            reverse("visits:undo", args=[visit.pk])
            if count == 1
            else reverse("scheduling:undo_series", args=[visit.series_id])
        ),
        then=calendar,
        close=True,
    )


def _panel(
    request: HtmxRequest,
    *,
    initial: dict[str, Any] | None = None,
    form: BookForm | None = None,
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    if form is None:
        form = _form(request, None, initial=initial)
    context = {
        "form": form,
        "patient": chosen_patient(form["patient_id"].value()),
        "new": NewPatientForm(),
        "is_registering": False,
        "can_register": can(request.user, Permission.EDIT_PATIENTS),
        "may_override": can(request.user, Permission.OVERBOOK),
        **extra,
    }
    return in_panel(request, PANEL, context, status=status)


def _form(request: HtmxRequest, data: Any, **kwargs: Any) -> BookForm:
    providers: list[User] = shown_providers(request.user, sees_all=True)
    types = list(AppointmentTemplate.objects.filter(is_active=True))
    zone = request.tenant.zone_info
    return BookForm(data, zone=zone, providers=providers, types=types, **kwargs)


def _typed(request: HtmxRequest) -> dict[str, Any]:
    """What stands in the form, unchecked, to be shown again."""
    return {name: request.POST.get(name, "") for name in BookForm.base_fields if name != "pick"}


def _instant(text: str) -> datetime | None:
    try:
        instant = parse_datetime(text)
    except ValueError:
        return None
    in_range = instant is not None and 1900 < instant.year < 2200
    return instant if in_range and instant.tzinfo is not None else None


def _next_quarter(now: datetime) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + -(-(now - midnight) // QUARTER) * QUARTER
