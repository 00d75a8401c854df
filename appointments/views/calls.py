"""The call list: whom to ring before their visit, and what they said."""

import re
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission
from appointments.booking.reminder_calls import ReminderCalls
from appointments.booking.selectors import named_needs
from appointments.enums import ReminderOutcome
from appointments.scheduling.call_list import MOST, call_list
from appointments.views.htmx import HtmxRequest, done, staff_view
from core.clock import system_clock
from core.errors import InvalidInputError
from core.lookups import MAX_KEY
from patients.forms import LANGUAGES
from patients.models import PatientProfile

LANGUAGE_NAMES = dict(LANGUAGES)
SIZES = (MOST, 2 * MOST, 4 * MOST)
SEEN = re.compile(r"([0-9]{1,19}):([0-9]{1,9})", re.ASCII)
DONE_WORDS = {
    ReminderOutcome.CONFIRMED: "Noted: will come",
    ReminderOutcome.CANCELLED: "Cancelled: will not come",
    ReminderOutcome.NO_ANSWER: "Noted: no answer",
}


@require_safe
@staff_view(Permission.BOOK)
def call_list_view(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/calls/call_list.html", _shown(request))


@require_safe
@staff_view(Permission.BOOK)
def call_rows(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/calls/partials/call_rows.html", _shown(request))


@require_POST
@staff_view(Permission.BOOK)
def record_call(request: HtmxRequest) -> HttpResponse:
    """Takes ``patient``, ``outcome`` and, of each visit spoken about, ``visit`` as key:version."""
    text = request.POST.get("outcome", "")
    if text not in ReminderOutcome:
        raise InvalidInputError("There is no such outcome.", attr="outcome", code="invalid_choice")
    outcome = ReminderOutcome(text)
    visits = dict(_seen(text) for text in request.POST.getlist("visit"))
    patient_id = _key(request.POST.get("patient", ""), "patient")
    ReminderCalls(by=request.user).record(patient_id, outcome, visits)
    is_one_cancelled = outcome == ReminderOutcome.CANCELLED and len(visits) == 1
    undo = reverse("visits:undo", args=visits) if is_one_cancelled else ""
    return done(request, DONE_WORDS[outcome], undo=undo, then=reverse("calls:call_list"))


def _shown(request: HtmxRequest) -> dict[str, Any]:
    size = _size(request)
    found = call_list(request.user, zone=request.tenant.zone_info, now=system_clock(), most=size)
    return {
        "calls": found,
        "callees": [(each, *_spoken(request, each.patient)) for each in found.callees],
        "size": size,
        "sizes": [each for each in SIZES if each < found.patients or each == SIZES[0]],
        "larger": next((each for each in SIZES if size < each and size < found.patients), None),
    }


def _spoken(request: HtmxRequest, patient: PatientProfile) -> tuple[str, list[tuple[str, str]]]:
    """The patient's language, if it is not the hospital's, and needs."""
    is_ours = request.tenant.locale.startswith(patient.language)
    language = "" if is_ours else LANGUAGE_NAMES.get(patient.language, patient.language)
    return language, named_needs(patient.communication_needs)


def _size(request: HtmxRequest) -> int:
    text = request.GET.get("most", "")
    if text and text not in map(str, SIZES):
        raise InvalidInputError("The list has no such length.", attr="most", code="invalid_choice")
    return int(text or MOST)


def _key(text: str, attr: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise InvalidInputError("This is no number of a record.", attr=attr)
    return min(int(text), MAX_KEY)


def _seen(text: str) -> tuple[int, int]:
    found = SEEN.fullmatch(text)
    if found is None:
        raise InvalidInputError("This is no visit of the list.", attr="visit")
    return min(int(found[1]), MAX_KEY), int(found[2])
