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
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import TimeRefusedError
from appointments.booking.requests import MAX_KEY
from appointments.booking.selectors import shown_providers, slot_state, visits_by_key
from appointments.enums import Priority
from appointments.models import AppointmentRequest, AppointmentTemplate
from appointments.views.forms import BookForm, NewPatientForm
from appointments.views.htmx import HtmxRequest, done, in_panel, staff_view
from appointments.views.refused import explain
from core.clock import system_clock
from core.errors import InvalidInputError
from patients.models import PatientProfile
from patients.registration import possible_duplicates, register
from patients.search import search

OPTIONS = 8
SHORTEST_QUERY = 2
PANEL = "calendar/partials/book.html"
QUARTER = timedelta(minutes=15)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.BOOK)
def book(request: HtmxRequest) -> HttpResponse:
    if request.method != "POST":
        return _panel(request, initial=_asked_for(request))
    for name, act in ACTS.items():
        if name in request.POST:
            return act(request)
    return _book(request)


@require_POST
@staff_view(Permission.BOOK)
def patient_options(request: HtmxRequest) -> HttpResponse:
    query = request.POST.get("q", "")
    return render(
        request,
        "appointments/calendar/partials/patient_options.html",
        {"options": _found(query), "query": query.strip()},
    )


@require_POST
@staff_view(Permission.BOOK)
def slot_check(request: HtmxRequest) -> HttpResponse:
    """What stands against the time that is in the form now; nothing while it is incomplete."""
    form, types = _form(request, request.POST)
    form.is_valid()
    start, provider_id = form.cleaned_data.get("start"), form.cleaned_data.get("provider_id")
    kind = types.get(form.cleaned_data.get("appointment_type_id"))
    context: dict[str, Any] = {}
    if start and provider_id and kind:
        minutes = form.cleaned_data.get("duration_minutes") or kind.duration_minutes
        end = start + timedelta(minutes=minutes)
        blocked = (
            start - timedelta(minutes=kind.buffer_before_minutes),
            end + timedelta(minutes=kind.buffer_after_minutes),
        )
        state = slot_state(
            provider_id, (start, end), blocked, zone=request.tenant.zone_info, now=system_clock()
        )
        context = {
            "start": start,
            "end": end,
            "state": state,
            "in_the_way": visits_by_key(request.user, state.taken_by),
        }
    return render(request, "appointments/calendar/partials/slot_check.html", context)


def _asked_for(request: HtmxRequest) -> dict[str, Any]:
    """Where the form starts from; what cannot be read is left out."""
    query, zone = request.GET, request.tenant.zone_info
    start = _instant(query.get("start", "")) or _next_quarter(system_clock())
    local = start.astimezone(zone)
    return {
        "provider_id": _key(query.get("provider", "")),
        "patient_id": _key(query.get("patient", "")),
        "date": local.date(),
        "time": local.time(),
        "fold": local.fold,
    }


def _choose(request: HtmxRequest) -> HttpResponse:
    return _panel(request, initial=_typed(request) | {"patient_id": _key(request.POST["choose"])})


def _change(request: HtmxRequest) -> HttpResponse:
    return _panel(request, initial=_typed(request) | {"patient_id": None})


def _find(request: HtmxRequest) -> HttpResponse:
    query = request.POST.get("q", "")
    context = {"options": _found(query), "query": query.strip(), "has_searched": True}
    return _panel(request, initial=_typed(request), **context)


def _register(request: HtmxRequest) -> HttpResponse:
    initial = _typed(request)
    new = NewPatientForm(request.POST)
    if not new.is_valid():
        return _panel(request, initial=initial, new=new, status=400)
    if request.POST["register"] != "anyway":
        duplicates = possible_duplicates(**new.cleaned_data)
        if duplicates:
            return _panel(request, initial=initial, new=new, duplicates=duplicates)
    try:
        patient = register(by=request.user, **new.cleaned_data)
    except InvalidInputError as error:
        new.add_error(error.attr if error.attr in new.fields else None, str(error))
        return _panel(request, initial=initial, new=new, status=400)
    return _panel(request, initial=initial | {"patient_id": patient.pk})


ACTS = {"choose": _choose, "change": _change, "find": _find, "register": _register}


def _book(request: HtmxRequest) -> HttpResponse:
    form, _types = _form(request, request.POST)
    if not form.is_valid():
        return _panel(request, form=form, status=400)
    cleaned = form.cleaned_data
    try:
        visit = BookingEngine(by=request.user).book(
            patient_id=cleaned["patient_id"],
            provider_id=cleaned["provider_id"],
            appointment_type_id=cleaned["appointment_type_id"],
            start=cleaned["start"],
            duration_minutes=cleaned["duration_minutes"],
            priority=cleaned["priority"] or Priority.ROUTINE,
            reason=cleaned["reason"],
            override_reason=cleaned["override_reason"],
        )
    except (TimeRefusedError, InvalidInputError) as error:
        return _panel(
            request, form=form, status=error.http_status, **explain(request, form, error)
        )
    return _booked(request, visit)


def _booked(request: HtmxRequest, visit: AppointmentRequest) -> HttpResponse:
    local = visit.scheduled_datetime.astimezone(request.tenant.zone_info)
    calendar = f"{reverse('calendar:calendar')}?{urlencode({'day': local.date()})}"
    return done(
        request,
        f"Booked {visit.patient.get_full_name()}, {time_format(local)}",
        undo=reverse("visits:undo", args=[visit.pk]),
        then=calendar,
        close=True,
    )


def _panel(
    request: HtmxRequest,
    *,
    initial: dict[str, Any] | None = None,
    form: BookForm | None = None,
    new: NewPatientForm | None = None,
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    if form is None:
        form, _ = _form(request, None, initial=initial)
    patient_id = _key(str(form["patient_id"].value() or ""))
    patient = PatientProfile.objects.filter(pk=patient_id, is_active=True).first()
    context = {
        "form": form,
        "patient": patient,
        "new": new or NewPatientForm(),
        "is_registering": new is not None,
        "can_register": can(request.user, Permission.EDIT_PATIENTS),
        "may_override": can(request.user, Permission.OVERBOOK),
        **extra,
    }
    return in_panel(request, PANEL, context, status=status)


def _form(
    request: HtmxRequest, data: Any, **kwargs: Any
) -> tuple[BookForm, dict[int, AppointmentTemplate]]:
    providers: list[User] = shown_providers(request.user, sees_all=True)
    types = list(AppointmentTemplate.objects.filter(is_active=True))
    form = BookForm(data, zone=request.tenant.zone_info, providers=providers, types=types, **kwargs)
    return form, {kind.pk: kind for kind in types}


def _typed(request: HtmxRequest) -> dict[str, Any]:
    """What stands in the form, unchecked, to be shown again."""
    return {name: request.POST.get(name, "") for name in BookForm.base_fields if name != "pick"}


def _found(query: str) -> list[PatientProfile]:
    return list(search(query)[:OPTIONS]) if len(query.strip()) >= SHORTEST_QUERY else []


def _key(text: str) -> int | None:
    is_key = text.isascii() and text.isdecimal() and len(text) < 20
    return int(text) if is_key and 0 < int(text) <= MAX_KEY else None


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
