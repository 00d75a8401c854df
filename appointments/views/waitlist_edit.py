"""Putting a patient on the waitlist, and changing what they wish.

One form, so that it works without scripts; the button that was pressed says what is wanted.
"""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Permission, can
from appointments.booking.selectors import shown_providers
from appointments.enums import Priority
from appointments.models import AppointmentTemplate, WaitingList
from appointments.views.forms import NewPatientForm
from appointments.views.htmx import HtmxRequest, done, in_panel, key_of, staff_view, version_of
from appointments.views.patient_choice import chosen_patient
from appointments.views.patient_step import PatientStep, patient_step
from appointments.views.waitlist import page_words
from appointments.views.waitlist_forms import WaitForm, wishes_of
from appointments.views.wish_form import Catalogue, WishForm
from appointments.waitlist.errors import NotWaitingError
from appointments.waitlist.selectors import also_waiting as others_waiting
from appointments.waitlist.selectors import coming_visit, days_waiting, waitlist_entry
from appointments.waitlist.waitlist_engine import WaitlistEngine
from core.clock import system_clock
from core.errors import InvalidInputError

READ_OR_POST = ["GET", "HEAD", "POST"]
PANEL = "waitlist/partials/form.html"
FROM_WISH = "from_wish"


@require_http_methods(READ_OR_POST)
@staff_view(Permission.EDIT_WAITLIST)
def add(request: HtmxRequest) -> HttpResponse:
    """``?patient=&type=&provider=``, or the scheduling page's form where it sends ``from_wish``,
    fill the form; what cannot be read is left out."""
    if request.method != "POST":
        query = request.GET
        initial = {
            "patient_id": key_of(query.get("patient", "")),
            "appointment_type_id": key_of(query.get("type", "")),
            "preferred_provider_id": key_of(query.get("provider", "")),
            "priority": Priority.ROUTINE,
        }
        return _panel(request, _form(request, initial=initial))
    if FROM_WISH in request.POST:
        return _of_wish(request)
    step = patient_step(request)
    return _add(request) if step is None else _again(request, step)


@require_http_methods(READ_OR_POST)
@staff_view(Permission.EDIT_WAITLIST)
def edit(request: HtmxRequest, entry_id: int) -> HttpResponse:
    found = waitlist_entry(entry_id, now=system_clock())
    if request.method != "POST":
        return _panel(request, _form(request, initial=wishes_of(found)), entry=found)
    data = request.POST.copy()
    data["patient_id"] = str(found.patient_id)
    form = _form(request, data)
    if not form.is_valid():
        return _panel(request, form, entry=found, status=400)
    engine = WaitlistEngine(request.tenant, by=request.user)
    try:
        engine.change(found.pk, version=version_of(request), **form.wishes())
    except InvalidInputError as error:
        form.refuse(error.attr, str(error))
        return _panel(request, form, entry=found, status=400)
    return done(
        request,
        "The wish is saved",
        then=reverse("waitlist:entry", args=[found.pk]),
        close=True,
    )


@require_POST
@staff_view(Permission.EDIT_WAITLIST)
def also_waiting(request: HtmxRequest) -> HttpResponse:
    """What should be known before a patient is put on the list: waits and visits of the type."""
    now, zone = system_clock(), request.tenant.zone_info
    patient_id = key_of(request.POST.get("patient_id", ""))
    type_id = key_of(request.POST.get("appointment_type_id", ""))
    context: dict[str, Any] = {}
    if patient_id and type_id:
        others = others_waiting(
            patient_id, type_id, except_id=key_of(request.POST.get("entry_id", ""))
        )
        context = {
            "others": [(other, days_waiting(other, now=now, zone=zone)) for other in others],
            "visit": coming_visit(patient_id, type_id, now=now),
        }
    return render(request, "appointments/waitlist/partials/also_waiting.html", context)


def _add(request: HtmxRequest) -> HttpResponse:
    form = _form(request, request.POST)
    if not form.is_valid():
        return _panel(request, form, status=400)
    engine = WaitlistEngine(request.tenant, by=request.user)
    try:
        made = engine.add(patient_id=form.cleaned_data["patient_id"], **form.wishes())
    except InvalidInputError as error:
        form.refuse(error.attr, str(error))
        return _panel(request, form, status=400)
    return done(
        request,
        f"{made.patient.get_full_name()} is on the waitlist",
        undo=reverse("waitlist:withdraw", args=[made.pk]),
        then=reverse("waitlist:waitlist"),
        close=True,
    )


def _of_wish(request: HtmxRequest) -> HttpResponse:
    """The form, filled with what found no time.  Posted, as diagnoses belong into no address."""
    wish = WishForm(request.POST, catalogue=Catalogue.of(request.user))
    today = system_clock().astimezone(request.tenant.zone_info).date()
    return _panel(request, _form(request, initial=wish.waiting(today)))


def _again(request: HtmxRequest, step: PatientStep) -> HttpResponse:
    """The form as it stands, unchecked, with the patient whom the step chose."""
    typed = {name: request.POST.get(name, "") for name in WaitForm.base_fields}
    form = _form(request, initial=typed | {"patient_id": step.patient_id})
    return _panel(request, form, status=step.status, **step.context)


def _form(request: HtmxRequest, data: Any = None, **kwargs: Any) -> WaitForm:
    return WaitForm(
        data,
        types=list(AppointmentTemplate.objects.filter(is_active=True)),
        providers=shown_providers(request.user, sees_all=True),
        **kwargs,
    )


def _panel(
    request: HtmxRequest,
    form: WaitForm,
    *,
    entry: WaitingList | None = None,
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    if entry is not None and entry.status != "ACTIVE":
        raise NotWaitingError(entry.status)
    patient = entry.patient if entry else chosen_patient(form["patient_id"].value())
    context = {
        "form": form,
        "entry": entry,
        "patient": patient,
        "new": NewPatientForm(),
        "is_registering": False,
        "can_register": can(request.user, Permission.EDIT_PATIENTS),
        **page_words(),
        **extra,
    }
    return in_panel(request, PANEL, context, status=status)
