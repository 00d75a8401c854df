"""Booking a waiting patient: the best free times first, any other below."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.formats import date_format, time_format
from django.views.decorators.http import require_http_methods

from accounts.permissions import Permission, check
from appointments.booking.errors import TimeRefusedError
from appointments.booking.selectors import shown_providers
from appointments.enums import WaitingListStatus
from appointments.models import AppointmentRequest, WaitingList
from appointments.views.forms import WhenForm
from appointments.views.htmx import HtmxRequest, done, in_panel, staff_view, version_of
from appointments.views.refused import explain
from appointments.views.waitlist import page_words
from appointments.waitlist.errors import NotWaitingError
from appointments.waitlist.offers import free_times
from appointments.waitlist.selectors import waitlist_entry
from appointments.waitlist.waitlist_engine import WaitlistEngine
from core.clock import system_clock
from core.errors import InvalidInputError

PANEL = "waitlist/partials/book.html"
BETWEEN = "|"  # of the provider's key and the instant in an offered slot


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.EDIT_WAITLIST)
def book(request: HtmxRequest, entry_id: int) -> HttpResponse:
    check(request.user, Permission.BOOK)
    entry = waitlist_entry(entry_id, now=system_clock())
    if entry.status != WaitingListStatus.ACTIVE:
        raise NotWaitingError(entry.status)
    if request.method != "POST":
        return _panel(request, entry, _form(request, None, initial=_start(request, entry)))
    form = _form(request, _typed(request))
    if not form.is_valid():
        return _panel(request, entry, form, is_typing=True, status=400)
    try:
        visit = _book(request, entry, form)
    except (TimeRefusedError, InvalidInputError) as error:
        said = explain(request, form, error)
        return _panel(request, entry, form, is_typing=True, status=error.http_status, **said)
    local = visit.scheduled_datetime.astimezone(request.tenant.zone_info)
    when = f"{date_format(local, 'D j M')}, {time_format(local)}"
    return done(
        request,
        f"Booked {entry.patient.get_full_name()}, {when}",
        undo=reverse("waitlist:undo_booking", args=[entry.pk]),
        then=reverse("waitlist:waitlist"),
        close=True,
    )


def _book(request: HtmxRequest, entry: WaitingList, form: WhenForm) -> AppointmentRequest:
    cleaned = form.cleaned_data
    return WaitlistEngine(request.tenant, by=request.user).book_from(
        entry.pk,
        provider_id=cleaned["provider_id"],
        start=cleaned["start"],
        version=version_of(request),
        duration_minutes=cleaned["duration_minutes"],
        override_reason=cleaned["override_reason"],
    )


def _typed(request: HtmxRequest) -> Any:
    """The form's data; an offered slot that was pressed overrules what stands in it."""
    data = request.POST.copy()
    provider, between, instant = data.get("slot", "").partition(BETWEEN)
    if between:
        data["provider_id"], data["pick"] = provider, instant
    return data


def _start(request: HtmxRequest, entry: WaitingList) -> dict[str, Any]:
    today = system_clock().astimezone(request.tenant.zone_info).date()
    day = entry.preferred_date or entry.desired_date_range_start or today
    return {
        "provider_id": entry.preferred_provider_id,
        "date": max(day, today),
        "time": entry.preferred_time,
    }


def _form(request: HtmxRequest, data: Any, **kwargs: Any) -> WhenForm:
    providers = shown_providers(request.user, sees_all=True)
    return WhenForm(data, zone=request.tenant.zone_info, providers=providers, **kwargs)


def _panel(
    request: HtmxRequest, entry: WaitingList, form: WhenForm, *, status: int = 200, **extra: Any
) -> HttpResponse:
    context = {
        "entry": entry,
        "form": form,
        "offers": free_times(entry, request.tenant),
        **page_words(),
        **extra,
    }
    return in_panel(request, PANEL, context, status=status)
