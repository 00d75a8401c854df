"""One visit: its panel and every step of its life; and the visits of one patient."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission, can
from appointments.booking.engine import NEEDS, BookingEngine
from appointments.booking.errors import TimeRefusedError
from appointments.booking.group_engine import GroupBookingEngine
from appointments.booking.selectors import (
    history,
    named_needs,
    patient_visits,
    shown_providers,
    undoable_visits,
    visible_visit,
)
from appointments.enums import EXPECTED, OCCUPYING, QUEUE_PRESENT, Step, legal_steps
from appointments.models import AppointmentEvent, AppointmentRequest, QueueEntry
from appointments.permissions import visible_queues
from appointments.queue.arrivals import queue_of_provider
from appointments.queue.own_place import OwnPlace, own_place
from appointments.scheduling.no_show_selectors import Risk, visit_risks
from appointments.views.forms import CancelForm, WhenForm
from appointments.views.htmx import HtmxRequest, done, in_panel, staff_view, version_of
from appointments.views.refused import explain
from core.clock import system_clock
from core.errors import InvalidInputError, NotFoundError
from core.lookups import MAX_KEY
from patients.models import PatientProfile

PATIENT_VISITS = 100
DONE_WORDS = {
    Step.BOOK: "Booked",
    Step.CONFIRM: "Confirmed",
    Step.CHECK_IN: "Checked in",
    Step.START: "Visit started",
    Step.COMPLETE: "Visit completed",
    Step.NO_SHOW: "Marked as missed",
    Step.CANCEL: "Cancelled",
    Step.RESCHEDULE: "Moved",
    Step.UNDO: "Undone",
}
CANCEL_REASONS = ("Patient asked", "Provider unavailable", "Booked by mistake", "Patient is ill")


@require_safe
@staff_view(Permission.SEE_TODAY)
def visit(request: HtmxRequest, visit_id: int) -> HttpResponse:
    found = visible_visit(request.user, visit_id)
    return in_panel(request, "visits/partials/visit.html", _facts(request, found))


@require_POST
@staff_view(Permission.SEE_TODAY)
def take_step(request: HtmxRequest, visit_id: int, step: Step) -> HttpResponse:
    taken = BookingEngine(by=request.user).take(step, visit_id, version=version_of(request))
    link = _ticket_link(request, taken) if step == Step.CHECK_IN else None
    return _done(request, taken, DONE_WORDS[step], link=link)


@require_POST
@staff_view(Permission.SEE_TODAY)
def undo(request: HtmxRequest, visit_id: int) -> HttpResponse:
    undone = BookingEngine(by=request.user).undo(visit_id, version=version_of(request))
    return done(request, f"Undone: now “{undone.get_status_display().lower()}”", then=_page(undone))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.BOOK)
def cancel(request: HtmxRequest, visit_id: int) -> HttpResponse:
    found = visible_visit(request.user, visit_id)
    form = CancelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        if form.cleaned_data["and_following"] and found.series_id is not None:
            return _cancel_following(request, found, reason)
        taken = BookingEngine(by=request.user).cancel(
            visit_id, reason=reason, version=version_of(request)
        )
        return _done(request, taken, DONE_WORDS[Step.CANCEL], close=True)
    context = {"visit": found, "form": form, "reasons": CANCEL_REASONS}
    status = 400 if form.errors else 200
    return in_panel(request, "visits/partials/cancel.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.BOOK)
def move(request: HtmxRequest, visit_id: int) -> HttpResponse:
    found = visible_visit(request.user, visit_id)
    zone = request.tenant.zone_info
    local = found.scheduled_datetime.astimezone(zone)
    initial = {
        "provider_id": found.provider_id,
        "date": local.date(),
        "time": local.time(),
        "fold": local.fold,
        "duration_minutes": (found.scheduled_end_datetime - found.scheduled_datetime).seconds // 60,
    }
    providers = shown_providers(
        request.user, sees_all=can(request.user, Permission.SEE_ALL_PROVIDERS)
    )
    form = WhenForm(request.POST or None, zone=zone, providers=providers, initial=initial)
    context, status = {"visit": found, "form": form}, 200
    if request.method == "POST":
        try:
            if form.is_valid():
                return _moved(request, found, form)
            status = 400
        except (TimeRefusedError, InvalidInputError) as error:
            status = error.http_status
            context |= explain(request, form, error, except_id=found.pk)
    return in_panel(request, "visits/partials/move.html", context, status=status)


@require_safe
@staff_view(Permission.SEE_PATIENTS)
def patient(request: HtmxRequest, patient_id: int) -> HttpResponse:
    now = system_clock()
    if not PatientProfile.objects.filter(pk=min(patient_id, MAX_KEY)).exists():
        raise NotFoundError("There is no such patient.")
    rows = patient_visits(request.user, patient_id, limit=PATIENT_VISITS)
    upcoming = [row for row in rows if row.end > now and row.status in OCCUPYING]
    context = {
        "patient_id": str(patient_id),
        "upcoming": upcoming[::-1],
        "past": [row for row in rows if row not in upcoming],
        "can_book": can(request.user, Permission.BOOK),
    }
    return render(request, "appointments/visits/partials/patient.html", context)


def _cancel_following(request: HtmxRequest, found: AppointmentRequest, reason: str) -> HttpResponse:
    rows = GroupBookingEngine(by=request.user).cancel_following(
        found.series_id, start=found.scheduled_datetime, reason=reason
    )
    return done(request, f"Cancelled {len(rows)} visits", then=_page(found), close=True)


def _moved(request: HtmxRequest, found: AppointmentRequest, form: WhenForm) -> HttpResponse:
    cleaned = form.cleaned_data
    moved = BookingEngine(by=request.user).reschedule(
        found.pk,
        start=cleaned["start"],
        provider_id=cleaned["provider_id"],
        duration_minutes=cleaned["duration_minutes"],
        override_reason=cleaned["override_reason"],
        version=version_of(request),
    )
    return _done(request, moved, DONE_WORDS[Step.RESCHEDULE], close=True)


def _ticket_link(request: HtmxRequest, taken: AppointmentRequest) -> tuple[str, str] | None:
    """To the ticket, which is drawn once the visit has joined the queue of its provider."""
    if can(request.user, Permission.RUN_QUEUES) and queue_of_provider(taken.provider_id):
        return "Print ticket", reverse("visits:ticket_of_visit", args=[taken.pk])
    return None


def _done(
    request: HtmxRequest,
    taken: AppointmentRequest,
    text: str,
    *,
    link: tuple[str, str] | None = None,
    close: bool = False,
) -> HttpResponse:
    undo_url = reverse("visits:undo", args=[taken.pk])
    return done(request, text, undo=undo_url, link=link, then=_page(taken), close=close)


def _page(visit: AppointmentRequest) -> str:
    return reverse("visits:visit", args=[visit.pk])


def _facts(request: HtmxRequest, found: AppointmentRequest) -> dict[str, Any]:
    user, now = request.user, system_clock()
    steps = [
        step
        for step in legal_steps(found.status)
        if can(user, NEEDS.get(step, Permission.RUN_FLOW))
    ]
    return {
        "visit": found,
        "needs": named_needs(found.patient.communication_needs),
        "risk": _risk(request, found, now),
        "steps": [step for step in steps if step not in (Step.CANCEL, Step.RESCHEDULE)],
        "can_cancel": Step.CANCEL in steps,
        "can_move": Step.RESCHEDULE in steps,
        "can_undo": found.pk in undoable_visits(user, [found.pk], now=now),
        "can_see_patient": can(user, Permission.SEE_PATIENTS),
        "place": _place(request, found, now),
        "can_show_code": found.status in EXPECTED and can(user, Permission.RUN_FLOW),
        "events": [_said(event) for event in history(found.pk)],
    }


def _place(request: HtmxRequest, found: AppointmentRequest, now: datetime) -> OwnPlace | None:
    """Where the visit waits, for those who see its queue."""
    entry = QueueEntry.objects.filter(
        appointment=found, status__in=QUEUE_PRESENT, queue__in=visible_queues(request.user)
    ).first()
    return own_place(entry.pk, now=now) if entry else None


def _risk(request: HtmxRequest, found: AppointmentRequest, now: datetime) -> Risk | None:
    """Of a visit that can still be missed."""
    if found.status not in EXPECTED or found.scheduled_datetime <= now:
        return None
    asked = AppointmentRequest.objects.filter(pk=found.pk)
    return visit_risks(asked, zone=request.tenant.zone_info, now=now).get(found.pk)


def _said(event: AppointmentEvent) -> AppointmentEvent:
    event.said = DONE_WORDS[Step(event.step)]
    return event
