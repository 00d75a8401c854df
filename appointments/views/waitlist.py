"""The waitlist: the page, one entry, and how a wait ends."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission, can
from appointments.booking.selectors import shown_providers
from appointments.enums import Priority, WaitingListStatus
from appointments.models import AppointmentTemplate
from appointments.scheduling import icd10
from appointments.views.htmx import HtmxRequest, done, in_panel, key_of, staff_view, version_of
from appointments.waitlist.selectors import (
    Wanted,
    can_be_put_back,
    days_waiting,
    find,
    waitlist_entry,
)
from appointments.waitlist.waitlist_engine import WaitlistEngine
from core.clock import system_clock

READ_OR_POST = ["GET", "HEAD", "POST"]
MAX_TEXT = 100


@require_http_methods(READ_OR_POST)
@staff_view(Permission.SEE_WAITLIST)
def waitlist(request: HtmxRequest) -> HttpResponse:
    """Filters are posted, so that no name is in an address; those of a link are in its query."""
    context = _list(request) | {
        "types": AppointmentTemplate.objects.filter(is_active=True).only("pk", "name"),
        "providers": shown_providers(request.user, sees_all=True),
        "priorities": Priority.choices,
        "can_configure": can(request.user, Permission.CONFIGURE_SCHEDULING),
    }
    return render(request, "appointments/waitlist/waitlist.html", context)


@require_POST
@staff_view(Permission.SEE_WAITLIST)
def rows(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/waitlist/partials/rows.html", _list(request))


@require_safe
@staff_view(Permission.SEE_WAITLIST)
def entry(request: HtmxRequest, entry_id: int) -> HttpResponse:
    now = system_clock()
    found = waitlist_entry(entry_id, now=now)
    can_edit = can(request.user, Permission.EDIT_WAITLIST)
    context = {
        "entry": found,
        "days": days_waiting(found, now=now, zone=request.tenant.zone_info),
        "codes": [(code, icd10.describe(code)) for code in found.diagnosis_codes],
        "is_waiting": found.status == WaitingListStatus.ACTIVE,
        "can_edit": can_edit,
        "can_put_back": can_edit and can_be_put_back(found),
        "can_see_patient": can(request.user, Permission.SEE_PATIENTS),
        **page_words(),
    }
    return in_panel(request, "waitlist/partials/entry.html", context)


@require_POST
@staff_view(Permission.EDIT_WAITLIST)
def withdraw(request: HtmxRequest, entry_id: int) -> HttpResponse:
    engine = WaitlistEngine(request.tenant, by=request.user)
    found = engine.withdraw(entry_id, version=version_of(request))
    return _done(
        request,
        f"{found.patient.get_full_name()} no longer waits",
        undo=reverse("waitlist:put_back", args=[found.pk]),
    )


@require_POST
@staff_view(Permission.EDIT_WAITLIST)
def put_back(request: HtmxRequest, entry_id: int) -> HttpResponse:
    engine = WaitlistEngine(request.tenant, by=request.user)
    found = engine.put_back(entry_id, version=version_of(request))
    return _done(request, f"{found.patient.get_full_name()} waits again")


@require_POST
@staff_view(Permission.EDIT_WAITLIST)
def undo_booking(request: HtmxRequest, entry_id: int) -> HttpResponse:
    found = WaitlistEngine(request.tenant, by=request.user).undo_booking(entry_id)
    return _done(request, f"Undone: {found.patient.get_full_name()} waits again")


def page_words() -> dict[str, str]:
    """What stands around a panel that is opened as a page of its own."""
    return {
        "panel_title": "Waitlist",
        "back_url": reverse("waitlist:waitlist"),
        "back_label": "Waitlist",
    }


def _done(request: HtmxRequest, text: str, *, undo: str = "") -> HttpResponse:
    return done(request, text, undo=undo, then=reverse("waitlist:waitlist"), close=True)


def _list(request: HtmxRequest) -> dict[str, Any]:
    now, zone = system_clock(), request.tenant.zone_info
    asked = request.POST if request.method == "POST" else request.GET
    status, priority = asked.get("status", ""), asked.get("priority", "")
    wanted = Wanted(
        status=status if status in WaitingListStatus.values else WaitingListStatus.ACTIVE,
        priority=priority if priority in Priority.values else "",
        type_id=key_of(asked.get("type", "")),
        provider_id=key_of(asked.get("provider", "")),
        text=request.POST.get("q", "")[:MAX_TEXT],
    )
    found = find(wanted, asked.get("page", 1), now=now)
    today = now.astimezone(zone).date()
    for row in found.page.object_list:
        row.days = days_waiting(row, now=now, zone=zone)
        last = row.desired_date_range_end
        row.has_passed = last is not None and last < today
        row.may_go_back = can_be_put_back(row)
    return {
        "wanted": wanted,
        "page": found.page,
        "statuses": [
            (code, label, found.counts.get(code, 0)) for code, label in WaitingListStatus.choices
        ],
        "is_filtered": bool(
            wanted.text.strip() or wanted.priority or wanted.type_id or wanted.provider_id
        ),
        "waits": wanted.status == WaitingListStatus.ACTIVE,
        "can_edit": can(request.user, Permission.EDIT_WAITLIST),
    }
