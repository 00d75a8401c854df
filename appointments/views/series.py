"""Booking a series that the scheduling page found, and taking it back."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format, time_format
from django.utils.http import urlencode
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from accounts.models import User
from accounts.permissions import Permission
from appointments.booking.errors import SeriesRefusedError
from appointments.booking.group_engine import GroupBookingEngine
from appointments.booking.repeats import booked_before
from appointments.enums import Priority
from appointments.models import AppointmentRequest
from appointments.views.htmx import HtmxRequest, key_of, staff_view
from appointments.views.scheduling import RESULTS, answer
from appointments.views.scheduling_book import read_form, release, wrong
from appointments.views.series_cards import SeriesKey
from appointments.views.wish_form import WishForm


@require_POST
@staff_view(Permission.BOOK)
def book_series(request: HtmxRequest) -> HttpResponse:
    """Book every visit of the pressed ``series``, or none of them."""
    key, form = SeriesKey.read(request.POST.get("series", "")), read_form(request)
    patient_id = form.cleaned_data["patient_id"]
    if patient_id is None:
        form.add_error("patient_id", "Choose the patient first.")
        return wrong(request, form)
    engine = GroupBookingEngine(by=request.user)
    try:
        with transaction.atomic():
            release(engine, request, key_of(request.POST.get("held", "")))
            visits = engine.book_series(
                **key.first.booking,
                rrule=key.rrule,
                except_dates=key.missing,
                patient_id=patient_id,
                priority=form.cleaned_data["priority"] or Priority.ROUTINE,
                reason=form.cleaned_data["reason"],
                diagnosis_codes=form.cleaned_data["diagnosis_codes"],
            )
    except SeriesRefusedError as error:
        visits = _booked_before(error, patient_id=patient_id, by=request.user)
        if not visits:
            form = WishForm(request.POST, catalogue=form.catalogue)
            return answer(request, form, series_refusals=error.refusals, status=error.http_status)
    return _booked(request, visits)


@require_POST
@staff_view(Permission.BOOK)
def undo_series(request: HtmxRequest, series_id: int) -> HttpResponse:
    """Take every visit back, if all of them are still as they were booked."""
    undone = GroupBookingEngine(by=request.user).undo_series(series_id)
    text = "Booking undone"
    if not request.htmx:
        messages.success(request, text)
        return _to_page(undone[0])
    response = HttpResponse(status=204)
    trigger_client_event(response, "visit-changed")
    return trigger_client_event(response, "toast", {"text": text})


def _booked_before(
    error: SeriesRefusedError, *, patient_id: int, by: User
) -> list[AppointmentRequest]:
    """The series, if a first press of the same button has booked it."""
    if len(error.refusals) < len(error.taken):
        return []
    wishes = [
        {
            "provider_id": refusal.visit.provider.pk,
            "appointment_type_id": refusal.visit.appointment_type.pk,
            "start": refusal.visit.start,
        }
        for refusal in error.refusals
    ]
    return booked_before(error.refusals[0], wishes, patient_id=patient_id, by=by)


def _booked(request: HtmxRequest, visits: list[AppointmentRequest]) -> HttpResponse:
    """The visits with links, in place of the series to choose from."""
    first = visits[0]
    local = first.scheduled_datetime.astimezone(request.tenant.zone_info)
    text = (
        f"Booked {len(visits)} visits for {first.patient.get_full_name()}, "
        f"from {date_format(local, 'D j M')}, {time_format(local)}"
    )
    if not request.htmx:
        messages.success(request, text)
        return _to_page(first)
    response = render(request, RESULTS, {"booked": visits})
    undo = reverse("scheduling:undo_series", args=[first.series_id])
    trigger_client_event(response, "hold-ended")
    return trigger_client_event(response, "toast", {"text": text, "undo": undo})


def _to_page(visit: AppointmentRequest) -> HttpResponse:
    query = urlencode({"patient": visit.patient_id, "type": visit.appointment_type_id})
    return redirect(f"{reverse('scheduling:smart_scheduling')}?{query}")
