"""Kiosks: the list, each one's form in the side panel, and the address that opens it."""

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from appointments.models import Kiosk, WaitingQueue
from appointments.queue.kiosks import KioskNameTakenError, Kiosks, all_kiosks, kiosk_by_key
from appointments.views.htmx import HtmxRequest, done, in_panel, staff_view
from core.clock import system_clock
from core.errors import InvalidInputError
from core.models import Site

READ_OR_POST = ["GET", "HEAD", "POST"]
SILENT_AFTER = timedelta(minutes=10)
VALUES = ("name", "site_id", "walk_in_queue_id", "is_active")


class KioskForm(forms.Form):
    name = forms.CharField(max_length=60, help_text="Such as “Entrance hall”.")
    site_id = forms.TypedChoiceField(label="Site", coerce=int)
    walk_in_queue_id = forms.TypedChoiceField(
        label="Queue for people without an appointment",
        coerce=int,
        empty_value=None,
        required=False,
        help_text="Without one, the kiosk sends them to the desk.",
    )
    is_active = forms.BooleanField(label="In use", required=False)

    def __init__(self, data: Any = None, *, of: Kiosk | None = None) -> None:
        values = {name: getattr(of, name) for name in VALUES} if of else {"is_active": True}
        super().__init__(data, initial=values)
        sites = Site.objects.filter(is_active=True)
        queues = WaitingQueue.objects.filter(is_active=True, accepts_walk_ins=True)
        self.fields["site_id"].choices = [(each.pk, each.name) for each in sites]
        self.fields["walk_in_queue_id"].choices = [
            ("", "None"),
            *((each.pk, each.name) for each in queues),
        ]


@require_safe
@staff_view(Permission.CONFIGURE_QUEUES)
def kiosks(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/kiosks/kiosks.html", {"kiosks": _shown()})


@require_safe
@staff_view(Permission.CONFIGURE_QUEUES)
def kiosk_rows(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/kiosks/partials/kiosk_rows.html", {"kiosks": _shown()})


@require_http_methods(READ_OR_POST)
@staff_view(Permission.CONFIGURE_QUEUES)
def add(request: HtmxRequest) -> HttpResponse:
    form = KioskForm(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return _panel(request, form)
    made, status = _try(form, lambda values: Kiosks(by=request.user).add(**values))
    if made is None:
        return _panel(request, form, status=status)
    return _address(request, made)


@require_http_methods(READ_OR_POST)
@staff_view(Permission.CONFIGURE_QUEUES)
def kiosk(request: HtmxRequest, kiosk_id: int) -> HttpResponse:
    found = kiosk_by_key(kiosk_id)
    form = KioskForm(request.POST if request.method == "POST" else None, of=found)
    if request.method != "POST":
        return _panel(request, form, kiosk=found)
    made, status = _try(form, lambda values: Kiosks(by=request.user).change(kiosk_id, **values))
    if made is None:
        return _panel(request, form, kiosk=found, status=status)
    return _done(request, "The kiosk is saved")


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def address(request: HtmxRequest, kiosk_id: int) -> HttpResponse:
    """Shows it again; asked for by POST, so that it is not prefetched or kept."""
    return _address(request, kiosk_by_key(kiosk_id))


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def new_address(request: HtmxRequest, kiosk_id: int) -> HttpResponse:
    return _address(request, Kiosks(by=request.user).new_address(kiosk_id), is_new=True)


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def revoke(request: HtmxRequest, kiosk_id: int) -> HttpResponse:
    revoked = Kiosks(by=request.user).revoke(kiosk_id)
    return _done(request, f"No address opens “{revoked.name}” any more")


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def delete(request: HtmxRequest, kiosk_id: int) -> HttpResponse:
    Kiosks(by=request.user).delete(kiosk_id)
    return _done(request, "The kiosk is removed")


def _try(form: KioskForm, command: Any) -> tuple[Kiosk | None, int]:
    """What the command made of the form's values, or None and the status of the refusal."""
    if not form.is_valid():
        return None, 400
    try:
        return command({name: form.cleaned_data[name] for name in VALUES}), 200
    except (InvalidInputError, KioskNameTakenError) as error:
        form.add_error(error.attr if error.attr in form.fields else None, str(error))
        return None, error.http_status


def _done(request: HtmxRequest, text: str) -> HttpResponse:
    return done(request, text, then=reverse("kiosks:kiosks"), close=True)


def _address(request: HtmxRequest, kiosk: Kiosk, *, is_new: bool = False) -> HttpResponse:
    token = Kiosks(by=request.user).token(kiosk.pk)
    link = request.build_absolute_uri(reverse("kiosk:welcome", args=[token])) if token else ""
    return _panel(request, KioskForm(of=kiosk), kiosk=kiosk, link=link, is_new=is_new)


def _shown() -> list[Kiosk]:
    found, silent_since = list(all_kiosks()), system_clock() - SILENT_AFTER
    for row in found:
        row.is_alive = bool(row.last_seen_at and row.last_seen_at > silent_since)
    return found


def _panel(
    request: HtmxRequest,
    form: KioskForm,
    *,
    kiosk: Kiosk | None = None,
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    context = {
        "form": form,
        "kiosk": kiosk,
        "panel_title": "Kiosk",
        "back_url": reverse("kiosks:kiosks"),
        "back_label": "Kiosks",
        **extra,
    }
    return in_panel(request, "kiosks/partials/kiosk.html", context, status=status)
