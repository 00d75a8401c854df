"""Screens: the list, each screen's form in the side panel, and how one is connected."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from appointments.models import DisplayScreen
from appointments.queue.displays import (
    Displays,
    ScreenNameTakenError,
    is_alive,
    screen_by_key,
)
from appointments.queue.displays import screens as all_screens
from appointments.queue.pairing import TooManyCodesError
from appointments.queue.spoken_calls import WORDS
from appointments.views.htmx import HtmxRequest, done, in_panel, staff_view
from appointments.views.screen_form import CodeForm, ScreenForm
from core.clock import system_clock
from core.errors import DomainError, InvalidInputError

READ_OR_POST = ["GET", "HEAD", "POST"]
PANEL = "screens/partials/screen.html"
REFUSALS = (InvalidInputError, ScreenNameTakenError, TooManyCodesError)


@require_safe
@staff_view(Permission.CONFIGURE_QUEUES)
def screens(request: HtmxRequest) -> HttpResponse:
    context = {"screens": _shown(), "address": request.build_absolute_uri(reverse("display:code"))}
    return render(request, "appointments/screens/screens.html", context)


@require_safe
@staff_view(Permission.CONFIGURE_QUEUES)
def rows(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/screens/partials/rows.html", {"screens": _shown()})


@require_http_methods(READ_OR_POST)
@staff_view(Permission.CONFIGURE_QUEUES)
def add(request: HtmxRequest) -> HttpResponse:
    if request.method != "POST":
        return _panel(request, ScreenForm())
    form = ScreenForm(request.POST)
    if not form.is_valid():
        return _panel(request, form, status=400)
    given = form.cleaned_data
    try:
        made = Displays(by=request.user).add(
            form.values(), queue_ids=given["queue_ids"], code=given["code"]
        )
    except REFUSALS as error:
        return _refused(request, form, error)
    words = "is connected" if given["code"] else "is added; connect it next"
    return _done(request, f"“{made.name}” {words}")


@require_http_methods(READ_OR_POST)
@staff_view(Permission.CONFIGURE_QUEUES)
def screen(request: HtmxRequest, screen_id: int) -> HttpResponse:
    found = screen_by_key(screen_id)
    if request.method != "POST":
        return _panel(request, ScreenForm(of=found), screen=found)
    form = ScreenForm(request.POST, of=found)
    if not form.is_valid():
        return _panel(request, form, screen=found, status=400)
    queue_ids = form.cleaned_data["queue_ids"]
    try:
        Displays(by=request.user).change(found.pk, form.values(), queue_ids=queue_ids)
    except REFUSALS as error:
        return _refused(request, form, error, screen=found)
    return _done(request, "The screen is saved")


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def pair(request: HtmxRequest, screen_id: int) -> HttpResponse:
    found, form = screen_by_key(screen_id), CodeForm(request.POST)
    if form.is_valid():
        try:
            Displays(by=request.user).pair(found.pk, form.cleaned_data["code"])
        except (InvalidInputError, TooManyCodesError) as error:
            form.add_error("code", str(error))
        else:
            return _done(request, f"“{found.name}” is connected")
    return _panel(request, ScreenForm(of=found), screen=found, code_form=form, status=400)


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def address(request: HtmxRequest, screen_id: int) -> HttpResponse:
    """Shown once, for screens into whose settings an address is typed."""
    token = Displays(by=request.user).new_token(screen_id)
    found = screen_by_key(screen_id)
    shown = request.build_absolute_uri(reverse("display:monitor", args=[token]))
    return _panel(request, ScreenForm(of=found), screen=found, address=shown)


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def disconnect(request: HtmxRequest, screen_id: int) -> HttpResponse:
    found = Displays(by=request.user).disconnect(screen_id)
    return _done(request, f"“{found.name}” is disconnected")


@require_POST
@staff_view(Permission.CONFIGURE_QUEUES)
def delete(request: HtmxRequest, screen_id: int) -> HttpResponse:
    Displays(by=request.user).delete(screen_id)
    return _done(request, "The screen is removed")


def _done(request: HtmxRequest, text: str) -> HttpResponse:
    return done(request, text, then=reverse("screens:screens"), close=True)


def _refused(
    request: HtmxRequest, form: ScreenForm, error: DomainError, **context: Any
) -> HttpResponse:
    form.refuse(error.attr, str(error))
    return _panel(request, form, status=error.http_status, **context)


def _shown() -> list[DisplayScreen]:
    """The screens with whether each is alive, and its languages in words."""
    found, now = list(all_screens()), system_clock()
    for row in found:
        row.is_alive = is_alive(row, now=now)
        row.language_names = [WORDS[code].name for code in row.languages if code in WORDS]
    return found


def _panel(
    request: HtmxRequest,
    form: ScreenForm,
    *,
    screen: DisplayScreen | None = None,
    code_form: CodeForm | None = None,
    address: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "screen": screen,
        "code_form": code_form or CodeForm(),
        "address": address,
        "code_address": request.build_absolute_uri(reverse("display:code")),
        "panel_title": "Screen",
        "back_url": reverse("screens:screens"),
        "back_label": "Screens",
    }
    return in_panel(request, PANEL, context, status=status)
