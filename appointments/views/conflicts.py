"""Whether a time can be had: the check inside the booking forms, and a page of its own."""

from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format, time_format
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Permission, can
from appointments.booking.checks import Checked, wanted_check
from appointments.booking.selectors import shown_providers
from appointments.models import AppointmentTemplate
from appointments.scheduling.utils import Conflict
from appointments.scheduling.utils import ConflictKind as K
from appointments.views.conflict_forms import CheckForm
from appointments.views.htmx import HtmxRequest, staff_view
from appointments.views.patient_choice import chosen_patient, found_patients
from core.clock import system_clock
from core.errors import InvalidInputError

ICONS = {
    K.PAST: "clock",
    K.PROVIDER: "triangle-alert",
    K.LEAVE: "calendar-x",
    K.CLOSURE: "lock",
    K.BLOCKED: "ban",
    K.RESOURCE: "door-open",
    K.RESOURCE_OFF: "ban",
    K.PATIENT: "user",
}
FIELDS = {"start_time": "time", "end_time": "duration_minutes", "exclude_appointment_id": None}


@require_POST
@staff_view(Permission.BOOK)
def slot_check(request: HtmxRequest) -> HttpResponse:
    """What stands against the time that is in the form now; nothing while it is incomplete."""
    form = _form(request, request.POST)
    context: dict[str, Any] = {}
    if form.is_valid() or form.is_complete:
        try:
            context = _answer(request, form)
        except InvalidInputError as error:
            context = {"refusal": str(error)}
    return render(request, "appointments/calendar/partials/slot_check.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.BOOK)
def check_scheduling_conflicts_view(request: HtmxRequest) -> HttpResponse:
    context, status = _page(request)
    return render(request, "appointments/scheduling/conflicts.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.BOOK)
def conflicts(request: HtmxRequest) -> HttpResponse:
    """The answer alone, as the page asks for it after each change."""
    context, status = _page(request)
    return render(
        request, "appointments/scheduling/partials/conflicts.html", context, status=status
    )


def _page(request: HtmxRequest) -> tuple[dict[str, Any], int]:
    asked = request.method == "POST"
    data = request.POST.copy() if asked else None
    if data is not None and "choose" in data:
        data["patient_id"] = data["choose"]
    elif data is not None and "change" in data:
        data["patient_id"] = ""
    form = _form(request, data, initial=_initial(request))
    query = request.POST.get("q", "").strip() if asked else ""
    context: dict[str, Any] = {
        "form": form,
        "patient": chosen_patient(form["patient_id"].value()),
        "query": query,
        "options": found_patients(query) if "find" in request.POST else [],
    }
    if not asked or "find" in request.POST or "change" in request.POST:
        return context, 200
    if not form.is_valid():
        return context, 400
    try:
        return context | _answer(request, form), 200
    except InvalidInputError as error:
        name = FIELDS.get(error.attr or "", error.attr)
        form.add_error(name if name in form.fields else None, str(error))
        return context, 400


def _form(request: HtmxRequest, data: Any, **kwargs: Any) -> CheckForm:
    providers = shown_providers(
        request.user, sees_all=can(request.user, Permission.SEE_ALL_PROVIDERS)
    )
    types = AppointmentTemplate.objects.filter(is_active=True)
    return CheckForm(
        data, zone=request.tenant.zone_info, providers=providers, types=list(types), **kwargs
    )


def _initial(request: HtmxRequest) -> dict[str, Any]:
    coming = (system_clock() + timedelta(hours=1)).astimezone(request.tenant.zone_info)
    return {
        "date": coming.date(),
        "time": time(coming.hour),
        "duration_minutes": 30,
    }


def _answer(request: HtmxRequest, form: CheckForm) -> dict[str, Any]:
    """What the templates show.

    Raises:
        InvalidInputError: no booking could have this.
    """
    zone = request.tenant.zone_info
    asked = wanted_check(by=request.user, now=system_clock(), zone=zone, **form.question())
    checked = asked.answer(request.tenant, by=request.user)
    found = [each for each in checked.conflicts if each.kind is not K.OUTSIDE_HOURS]
    return {
        "checked": checked,
        "found": [_shown(each, zone) for each in found],
        "refuses": any(each.refuses for each in found),
        "is_outside": len(found) < len(checked.conflicts),
        "alternatives": _alternatives(checked, form, zone),
        "book_url": _book_url(form, checked.start),
    }


def _shown(conflict: Conflict, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "kind": conflict.kind.value,
        "words": conflict.words,
        "patient": conflict.patient,
        "times": _span(conflict, zone) if conflict.id is not None else "",
        "icon": ICONS[conflict.kind],
        "hue": "amber" if conflict.refuses else "blue",
        "url": reverse("visits:visit", args=[conflict.id]) if conflict.patient else "",
    }


def _span(conflict: Conflict, zone: ZoneInfo) -> str:
    """Times of one day, or the days."""
    start, end = conflict.start.astimezone(zone), conflict.end.astimezone(zone)
    if start.date() == end.date():
        return f"{time_format(start)}–{time_format(end)}"
    first = date_format(start, "j M")
    last = date_format(end - timedelta(microseconds=1), "j M")
    return first if first == last else f"{first} – {last}"


def _alternatives(checked: Checked, form: CheckForm, zone: ZoneInfo) -> list[dict[str, Any]]:
    shown = []
    for start, _ in checked.alternatives:
        local = start.astimezone(zone)
        shown.append({"start": local, "fold": local.fold, "url": _book_url(form, start)})
    return shown


def _book_url(form: CheckForm, start: datetime) -> str:
    """The booking panel with what is known already."""
    cleaned = form.cleaned_data
    query = {
        "provider": cleaned.get("provider_id"),
        "start": f"{start:%Y-%m-%dT%H:%MZ}",
        "patient": cleaned.get("patient_id"),
        "type": cleaned.get("appointment_type_id"),
    }
    given = {name: value for name, value in query.items() if value}
    return f"{reverse('calendar:book')}?{urlencode(given)}"
