"""Holding a slot while talking, and booking it."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format, time_format
from django.utils.http import urlencode
from django.views.decorators.http import require_POST
from django_htmx.http import reswap, retarget, trigger_client_event

from accounts.permissions import Permission
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import HoldExpiredError, TimeRefusedError
from appointments.booking.holds import own_hold
from appointments.booking.repeats import booked_before
from appointments.booking.selectors import visible_visit
from appointments.enums import Priority
from appointments.models import AppointmentRequest, WaitingList
from appointments.scheduling.nearby import nearest
from appointments.scheduling.smart_scheduler import SmartScheduler
from appointments.scheduling.weights import current_weights
from appointments.scheduling.wishes import Wish, checked_wish
from appointments.views.htmx import HtmxRequest, key_of, staff_view
from appointments.views.scheduling import answer
from appointments.views.scheduling_cards import Card, SlotKey, cards_of
from appointments.views.wish_form import Catalogue, WishForm
from appointments.waitlist.waitlist_engine import WaitlistEngine
from core.clock import system_clock
from core.errors import InvalidInputError, NotFoundError

HOLD = "appointments/scheduling/partials/hold.html"
TAKEN = "appointments/scheduling/partials/taken.html"
CARD = "closest [data-slot]"


@require_POST
@staff_view(Permission.BOOK)
def hold(request: HtmxRequest) -> HttpResponse:
    """Hold the pressed ``slot`` instead of what was held before; ``release`` only gives back."""
    engine, released = BookingEngine(by=request.user), key_of(request.POST.get("release", ""))
    if released is not None:
        release(engine, request, released)
        return _held(request, None)
    slot, form = SlotKey.read(request.POST.get("slot", "")), read_form(request)
    try:
        with transaction.atomic():
            release(engine, request, key_of(request.POST.get("held", "")))
            held = engine.hold(
                **slot.booking,
                patient_id=form.cleaned_data.get("patient_id"),
            )
    except TimeRefusedError as error:
        return _taken(request, form, slot, error, target=CARD)
    return _held(request, held)


@require_POST
@staff_view(Permission.BOOK)
def book(request: HtmxRequest) -> HttpResponse:
    """Book the pressed ``slot``, or the time that ``hold`` keeps."""
    form, held = read_form(request), _named_hold(request)
    slot = _slot_of(held) if held else SlotKey.read(request.POST.get("slot", ""))
    patient_id = held.patient_id if held and held.patient_id else form.cleaned_data["patient_id"]
    if patient_id is None:
        form.add_error("patient_id", "Choose the patient first.")
        return wrong(request, form)
    engine = BookingEngine(by=request.user)
    try:
        with transaction.atomic():
            if held is None:
                release(engine, request, key_of(request.POST.get("held", "")))
            visit = _commit(
                request,
                form,
                patient_id=patient_id,
                **slot.booking,
                priority=form.cleaned_data["priority"] or Priority.ROUTINE,
                reason=form.cleaned_data["reason"],
                diagnosis_codes=form.cleaned_data["diagnosis_codes"],
                hold_id=held.pk if held else None,
            )
    except TimeRefusedError as error:
        before = booked_before(error, [slot.booking], patient_id=patient_id, by=request.user)
        if before:
            return _booked(request, before[0])
        target = "#hold" if held else CARD
        return _taken(request, form, slot, error, target=target)
    return _booked(request, visit)


def _commit(request: HtmxRequest, form: WishForm, **booking: Any) -> AppointmentRequest:
    """Book; the patient who waits for just this visit then waits no longer."""
    entry = WaitingList.objects.filter(
        pk=form.cleaned_data.get("waiting_id"),
        patient=booking["patient_id"],
        appointment_type=booking["appointment_type_id"],
    ).first()
    if entry is None or _has_come_from(entry, booking):
        return BookingEngine(by=request.user).book(**booking)
    for name in ("patient_id", "appointment_type_id"):
        del booking[name]
    return WaitlistEngine(request.tenant, by=request.user).book_from(entry.pk, **booking)


def _has_come_from(entry: WaitingList, booking: dict[str, Any]) -> bool:
    """Whether the very visit ended the wait: a second press is told so, and not that somebody else
    was faster."""
    visit = entry.scheduled_appointment
    return visit is not None and (visit.provider_id, visit.scheduled_datetime) == (
        booking["provider_id"],
        booking["start"],
    )


def _named_hold(request: HtmxRequest) -> AppointmentRequest | None:
    """The user's live hold that is to be booked; None if a slot is.

    Raises:
        HoldExpiredError: it is not theirs, or gone.
    """
    if "hold" not in request.POST:
        return None
    hold_id = key_of(request.POST["hold"])
    held = own_hold(request.user, now=system_clock(), hold_id=hold_id or 0)
    if held is None:
        raise HoldExpiredError
    return held


def read_form(request: HtmxRequest) -> WishForm:
    """
    Raises:
        InvalidInputError: what is booked with the slot cannot be read.
    """
    form = WishForm(request.POST, catalogue=Catalogue.of(request.user))
    form.is_valid()
    for name in ("patient_id", "priority", "reason", "diagnosis_codes"):
        if name in form.errors:
            raise InvalidInputError(form.errors[name][0], attr=name)
    return form


def release(engine: BookingEngine, request: HtmxRequest, hold_id: int | None) -> None:
    """Give back the user's own hold; one that is gone is as good."""
    held = hold_id and own_hold(request.user, now=system_clock(), hold_id=hold_id)
    if held:
        engine.release_hold(held.pk)


def _held(request: HtmxRequest, held: AppointmentRequest | None) -> HttpResponse:
    now = system_clock()
    if not request.htmx:
        if held is None:
            messages.success(request, "The time is free again.")
        return answer(request, WishForm(request.POST, catalogue=Catalogue.of(request.user)))
    if held is not None:
        held = own_hold(request.user, now=now, hold_id=held.pk)
    response = render(request, HOLD, {"held": held, "now": now})
    return trigger_client_event(response, "slots-changed", after="settle")


def _booked(request: HtmxRequest, visit: AppointmentRequest) -> HttpResponse:
    local = visit.scheduled_datetime.astimezone(request.tenant.zone_info)
    name = visible_visit(request.user, visit.pk).patient.get_full_name()
    text = f"Booked {name}, {date_format(local, 'D j M')}, {time_format(local)}"
    if not request.htmx:
        messages.success(request, text)
        query = {"patient": visit.patient_id, "type": visit.appointment_type_id}
        return redirect(f"{reverse('scheduling:smart_scheduling')}?{urlencode(query)}")
    response = HttpResponse(status=204)
    show, undo = reverse("visits:visit", args=[visit.pk]), reverse("visits:undo", args=[visit.pk])
    if visit.is_waitlist_conversion:
        entry = WaitingList.objects.get(scheduled_appointment=visit)
        undo = reverse("waitlist:undo_booking", args=[entry.pk])
    trigger_client_event(response, "toast", {"text": text, "undo": undo, "show": show})
    trigger_client_event(response, "visit-changed")
    return trigger_client_event(response, "hold-ended")  # last: it takes the pressed button away


def _taken(
    request: HtmxRequest, form: WishForm, slot: SlotKey, error: TimeRefusedError, *, target: str
) -> HttpResponse:
    """Say so in the card itself, with the nearest times that are free."""
    context: dict[str, Any] = {
        "taken": slot,
        "refusal": str(error),
        "alternatives": _alternatives(request, form, slot),
        "patient": form.cleaned_data.get("patient_id"),
    }
    if not request.htmx:
        fresh = WishForm(request.POST, catalogue=form.catalogue)
        return answer(request, fresh, status=error.http_status, **context)
    response = render(request, TAKEN, context, status=error.http_status)
    return reswap(retarget(response, target), "innerHTML show:none")


def _alternatives(request: HtmxRequest, form: WishForm, slot: SlotKey) -> list[Card]:
    now = system_clock()
    wish = form.wish(request.tenant, now) or _wish_of(request, slot, form, now=now)
    scheduler = SmartScheduler(request.tenant)
    return cards_of(nearest(scheduler, wish, slot.start), wish, current_weights())


def _wish_of(request: HtmxRequest, slot: SlotKey, form: WishForm, *, now: datetime) -> Wish:
    """For the slot alone, where the form holds no wish any more."""
    return checked_wish(
        request.tenant,
        now=now,
        patient_id=form.cleaned_data.get("patient_id"),
        appointment_type_id=slot.type_id,
        dates=[max(slot.start, now).astimezone(request.tenant.zone_info).date()],
        dates_attr="slot",
        duration_minutes=slot.minutes,
    )


def _slot_of(held: AppointmentRequest) -> SlotKey:
    length = held.scheduled_end_datetime - held.scheduled_datetime
    if held.site_id is None:
        raise NotFoundError("This hold has no site.")
    return SlotKey(
        start=held.scheduled_datetime,
        provider_id=held.provider_id,
        site_id=held.site_id,
        type_id=held.appointment_type_id,
        minutes=int(length.total_seconds() // 60),
        modality=held.modality,
    )


def wrong(request: HtmxRequest, form: WishForm) -> HttpResponse:
    """The mistake beside its field; the results stay."""
    if not request.htmx:
        return answer(request, form)
    errors = "appointments/scheduling/partials/wish_errors.html"
    response = render(request, errors, {"form": form}, status=400)
    return reswap(response, "none")
