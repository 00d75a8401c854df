"""Several visits in one trip: the wishes on the left, days that suit all of them on the right."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format, time_format
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import reswap, trigger_client_event

from accounts.permissions import Permission, can
from appointments.booking.errors import TimeRefusedError
from appointments.booking.group_engine import GroupBookingEngine
from appointments.booking.repeats import booked_before
from appointments.booking.trip import FEWEST, MOST
from appointments.enums import Priority
from appointments.models import AppointmentRequest
from appointments.permissions import visible_appointments
from appointments.scheduling.smart_scheduler import SmartScheduler
from appointments.views.forms import NewPatientForm
from appointments.views.htmx import HtmxRequest, key_of, staff_view
from appointments.views.patient_choice import chosen_patient
from appointments.views.patient_step import PatientStep, patient_step
from appointments.views.trip_cards import demands_of, read_key, trip_cards, ways_on, what_is_free
from appointments.views.trip_form import MOST_RESULTS, TripForm, later_span
from appointments.views.wish_fields import When
from appointments.views.wish_form import Catalogue
from core.clock import system_clock
from core.errors import InvalidInputError

PAGE = "appointments/scheduling/trips.html"
ROWS = "appointments/scheduling/partials/trip_rows.html"
ERRORS = "appointments/scheduling/partials/wish_errors.html"
MORE = 10


@require_safe
@staff_view(Permission.BOOK)
def trips(request: HtmxRequest) -> HttpResponse:
    """``?patient=&type=`` start the wish, ``?booked=`` shows a trip; what cannot be read is left
    out."""
    patient = chosen_patient(request.GET.get("patient"))
    known = {
        "when": When.WEEKS,
        "priority": Priority.ROUTINE,
        "patient_id": patient.pk if patient else None,
        "type_0": key_of(request.GET.get("type", "")),
    }
    form = TripForm(initial=known, catalogue=Catalogue.of(request.user))
    return answer(request, form, booked=_visits(request, request.GET.getlist("booked")))


@require_POST
@staff_view(Permission.BOOK)
def trip_rows(request: HtmxRequest) -> HttpResponse:
    """The pressed button may choose the patient, relax the wish or ask for more first."""
    step, data = patient_step(request), request.POST.copy()
    if step is not None:
        data["patient_id"] = str(step.patient_id or "")
    catalogue, way = Catalogue.of(request.user), request.POST.get("widen", "")
    if way:
        _widen(data, way, TripForm(data, catalogue=catalogue), request)
    form = _form_of(data, catalogue)
    return answer(request, form, step=step, has_new_wish=bool(way))


@require_POST
@staff_view(Permission.BOOK)
def book_trip(request: HtmxRequest) -> HttpResponse:
    """Book every visit of the pressed ``trip``, or none of them."""
    slots = read_key(request.POST.get("trip", ""))
    form = TripForm(request.POST, catalogue=Catalogue.of(request.user))
    form.is_valid()
    for name in ("priority", "reason", "diagnosis_codes"):
        if name in form.errors:
            raise InvalidInputError(form.errors[name][0], attr=name)
    patient_id = form.cleaned_data.get("patient_id")
    if patient_id is None:
        form.add_error("patient_id", "Choose the patient first.")
        return _wrong(request, form)
    visits = [slot.booking for slot in slots]
    try:
        booked = GroupBookingEngine(by=request.user).book_trip(
            patient_id=patient_id,
            visits=visits,
            priority=form.cleaned_data["priority"],
            reason=form.cleaned_data["reason"],
            diagnosis_codes=form.cleaned_data["diagnosis_codes"],
        )
    except TimeRefusedError as error:
        booked = booked_before(error, visits, patient_id=patient_id, by=request.user)
        if not booked:
            form = TripForm(request.POST, catalogue=form.catalogue)
            return answer(request, form, refusal=error, status=error.http_status)
    return _booked(request, [visit.pk for visit in booked])


@require_POST
@staff_view(Permission.BOOK)
def undo_trip(request: HtmxRequest) -> HttpResponse:
    """Take the visits of ``?visit=`` back, if all of them are still as they were booked."""
    keys = [key for key in map(key_of, request.GET.getlist("visit")) if key][:MOST]
    undone = GroupBookingEngine(by=request.user).undo_trip(keys)
    text = "Booking undone"
    if not request.htmx:
        messages.success(request, text)
        query = urlencode({"patient": undone[0].patient_id} if undone else {})
        return redirect(f"{reverse('scheduling:trips')}?{query}")
    response = HttpResponse(status=204)
    trigger_client_event(response, "trip-undone")
    trigger_client_event(response, "visit-changed")
    return trigger_client_event(response, "toast", {"text": text})  # last: replaces the asking one


def answer(
    request: HtmxRequest,
    form: TripForm,
    *,
    step: PatientStep | None = None,
    has_new_wish: bool = False,
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    """The page; under htmx only the trips, and what else of the page has changed."""
    context = {
        "form": form,
        "patient": chosen_patient(form["patient_id"].value()),
        "new": NewPatientForm(),
        "is_registering": False,
        "can_register": can(request.user, Permission.EDIT_PATIENTS),
        **(step.context if step else {}),
        **_found(request, form, now=system_clock()),
        "has_new_wish": has_new_wish,
        "has_new_patient": step is not None,
        **extra,
    }
    if form.errors and status == 200:
        status = 400
    if step is not None and status == 200:
        status = step.status
    return render(request, ROWS if request.htmx else PAGE, context, status=status)


def _found(request: HtmxRequest, form: TripForm, *, now: datetime) -> dict[str, Any]:
    """The trips, or why there is none."""
    if not form.is_bound:
        return {"is_waiting": True}
    wishes = form.wishes(request.tenant, now)
    if wishes is None:
        return {"is_refused": True}
    scheduler = SmartScheduler(request.tenant)
    found = scheduler.find_trips(wishes, **form.options)
    shown = found[: form.shown]
    context = {
        "cards": trip_cards(shown, wishes),
        "demands": demands_of(shown),
        "day": form.cleaned_data["day"],
    }
    if len(found) > len(shown) and form.shown < MOST_RESULTS:
        context["more"] = min(form.shown + MORE, MOST_RESULTS)
    if not found:
        context |= {
            "asked": what_is_free(scheduler, wishes),
            "ways": ways_on(form),
            "can_wait": can(request.user, Permission.EDIT_WAITLIST),
        }
    return context


def _form_of(data: QueryDict, catalogue: Catalogue) -> TripForm:
    """What was sent; until two visits are chosen, or somebody asks, no fault is found."""
    if "search" in data or all(data.get(f"type_{n}") for n in range(FEWEST)):
        return TripForm(data, catalogue=catalogue)
    typed = {name: data[name] for name in data if name not in ("most", "day")}
    typed |= {name: data.getlist(name) for name in ("weekdays", "parts")}
    return TripForm(initial=typed, catalogue=catalogue)


def _widen(data: QueryDict, way: str, form: TripForm, request: HtmxRequest) -> None:
    """Take out of the form's data what made it too narrow."""
    narrow = {
        "who": [f"provider_{n}" for n in range(MOST)],
        "order": ["keep_order"],
        "site": ["site_id"],
        "weekdays": ["weekdays"],
        "times": ["parts", "time_from", "time_to"],
    }
    for name in ("day", *narrow.get(way, ())):
        data.pop(name, None)
    if way == "later" and form.is_valid():
        today = system_clock().astimezone(request.tenant.zone_info).date()
        first, last = later_span(form.span(today)[1])
        data["when"] = When.DATES
        data["date_from"], data["date_to"] = first.isoformat(), last.isoformat()


def _booked(request: HtmxRequest, keys: list[int]) -> HttpResponse:
    """The trip with links, in place of the trips to choose from."""
    visits = _visits(request, map(str, keys))
    first = visits[0]
    local = first.scheduled_datetime.astimezone(request.tenant.zone_info)
    text = (
        f"Booked {len(visits)} visits for {first.patient.get_full_name()}, "
        f"{date_format(local, 'D j M')}, from {time_format(local)}"
    )
    if not request.htmx:
        messages.success(request, text)
        query = urlencode({"patient": first.patient_id, "booked": keys}, doseq=True)
        return redirect(f"{reverse('scheduling:trips')}?{query}")
    response = render(request, ROWS, {"booked": visits, "patient": first.patient})
    undo = f"{reverse('scheduling:undo_trip')}?{urlencode({'visit': keys}, doseq=True)}"
    trigger_client_event(response, "visit-changed")
    return trigger_client_event(response, "toast", {"text": text, "undo": undo})


def _visits(request: HtmxRequest, keys: Any) -> list[AppointmentRequest]:
    wanted = [key for key in map(key_of, keys) if key][:MOST]
    if not wanted:
        return []
    found = visible_appointments(request.user).filter(pk__in=wanted)
    parts = ("patient", "provider", "appointment_type", "site", "resource")
    return list(found.select_related(*parts).order_by("scheduled_datetime"))


def _wrong(request: HtmxRequest, form: TripForm) -> HttpResponse:
    """The mistake beside its field; the trips stay."""
    if not request.htmx:
        return answer(request, form)
    return reswap(render(request, ERRORS, {"form": form}, status=400), "none")
