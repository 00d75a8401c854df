"""Patients: list and search, registration, record.  Parse, call one command or read, render."""

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission, can, requires
from core.audit import record_read
from core.clock import system_clock
from core.errors import InvalidInputError, StaleVersionError
from patients import registration
from patients.forms import LANGUAGES, PatientForm
from patients.models import PatientProfile
from patients.selectors import patient_page, shown

READ_OR_POST = ["GET", "HEAD", "POST"]


@require_http_methods(READ_OR_POST)
@requires(Permission.SEE_PATIENTS)
def patient_list(request: HttpRequest) -> HttpResponse:
    """Everyone; or what was typed into a search field, posted so that no name is in an address."""
    return render(request, "patients/list.html", _list_context(request))


@require_POST
@requires(Permission.SEE_PATIENTS)
def rows(request: HttpRequest) -> HttpResponse:
    """The list's body alone, for each pause in typing."""
    return render(request, "patients/partials/rows.html", _list_context(request))


def _list_context(request: HttpRequest) -> dict[str, Any]:
    asked = request.POST if request.method == "POST" else request.GET
    query = request.POST.get("q", "")[:100]
    return {
        "list": patient_page(query, asked.get("page", 1), today=_today(request)),
        "can_edit": can(request.user, Permission.EDIT_PATIENTS),
    }


@require_http_methods(READ_OR_POST)
@requires(Permission.EDIT_PATIENTS)
def register(request: HttpRequest) -> HttpResponse:
    form = PatientForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        patient = _try(form, registration.register, by=request.user, **form.values())
        if patient:
            messages.success(request, f"{patient.get_full_name()} is registered.")
            return redirect("patients:record", patient.pk)
    return _form_page(request, form)


@require_POST
@requires(Permission.EDIT_PATIENTS)
def duplicates(request: HttpRequest) -> HttpResponse:
    """Patients who may be the one being registered."""
    exclude = request.POST.get("exclude", "")
    found = registration.possible_duplicates(
        first_name=request.POST.get("first_name", "")[:100],
        last_name=request.POST.get("last_name", "")[:100],
        birth_date=_date(request.POST.get("birth_date", "")),
        phone=request.POST.get("phone", "")[:40],
        exclude_id=int(exclude) if exclude.isascii() and exclude.isdecimal() else None,
    )
    return render(
        request,
        "patients/partials/duplicates.html",
        {"duplicates": [shown(patient, _today(request)) for patient in found]},
    )


@require_safe
@requires(Permission.SEE_PATIENTS)
def record(request: HttpRequest, patient_id: int) -> HttpResponse:
    patient = get_object_or_404(PatientProfile.objects, pk=patient_id)
    record_read(PatientProfile._meta.db_table, patient.pk)
    context = {
        "patient": shown(patient, _today(request)),
        "language": dict(LANGUAGES).get(patient.language, patient.language),
        "consents": [
            ("Messages by SMS", patient.consents_to_sms),
            ("Messages by e-mail", patient.consents_to_email),
            ("Sharing data with other care givers", patient.consents_to_data_sharing),
        ],
        "can_edit": can(request.user, Permission.EDIT_PATIENTS),
        "can_book": can(request.user, Permission.BOOK),
    }
    return render(request, "patients/record.html", context)


@require_http_methods(READ_OR_POST)
@requires(Permission.EDIT_PATIENTS)
def edit(request: HttpRequest, patient_id: int) -> HttpResponse:
    patient = get_object_or_404(PatientProfile.objects, pk=patient_id)
    form = PatientForm.of(patient, request.POST or None)
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"]
        values = form.values() | {"version": version}
        if _try(form, registration.update, patient.pk, by=request.user, **values):
            messages.success(request, "The record is saved.")
            return redirect("patients:record", patient.pk)
    return _form_page(request, form, patient=patient)


def _try(form: PatientForm, command: Any, *args: Any, **fields: Any) -> PatientProfile | None:
    """Run the command; what it refuses stands beside the field at fault."""
    try:
        return command(*args, **fields)
    except (InvalidInputError, registration.MrnTakenError, StaleVersionError) as error:
        form.refuse(error)
        return None


def _form_page(request: HttpRequest, form: PatientForm, **context: Any) -> HttpResponse:
    form.focus_first_error()
    return render(request, "patients/form.html", {"form": form} | context, status=form.status)


def _today(request: HttpRequest) -> date:
    return system_clock().astimezone(request.tenant.zone_info).date()


def _date(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
