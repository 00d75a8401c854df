"""The page of a patient who waits: the own ticket, the place, the wait, and what one can do.

Whoever has the link sees it, so it shows no name, no reason and nothing of the visit.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments.enums import LinkKind
from appointments.queue.own_place import OwnPlace, Stage, followed, own_place
from appointments.queue.self_service import HOLD_MINUTES, SelfService
from appointments.queue.words import WORDS
from appointments.views.htmx import key_of
from appointments.views.public import link_page
from appointments.views.public_pages import (
    filled,
    go,
    gone,
    language_of,
    token_of_page,
    wait_words,
    written_in,
)
from core.clock import system_clock
from core.errors import DomainError, NotFoundError

HEADINGS = {
    Stage.WAITING: ("waiting", "waiting_text"),
    Stage.SOON: ("soon", "soon_text"),
    Stage.CALLED: ("called", "come_in"),
    Stage.SERVING: ("serving", "serving_text"),
    Stage.HELD: ("held_open", "held_text"),
    Stage.SKIPPED: ("skipped", "skipped_text"),
    Stage.DONE: ("done", "done_text"),
    Stage.LEFT: ("left", "left_text"),
    Stage.MISSED: ("missed", "missed_text"),
}
"""Title and line of each stage."""


VIDEO_STAGES = (Stage.WAITING, Stage.SOON, Stage.CALLED, Stage.SKIPPED)
"""In which nobody is to come in whose visit is by video."""


@require_safe
@link_page(LinkKind.TICKET, gone=gone)
def ticket(request: HttpRequest, entry_id: int) -> HttpResponse:
    return _page(request, entry_id)


@require_safe
@link_page(LinkKind.TICKET, gone=gone)
def place(request: HttpRequest, entry_id: int) -> HttpResponse:
    """The part that changes, for the page's script."""
    context = _context(request, own_place(entry_id, now=system_clock()))
    return render(request, "appointments/ticket/partials/place.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@link_page(LinkKind.TICKET, gone=gone)
def leave(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Asks first, on a page of its own."""
    if request.method == "POST":
        return _do(request, entry_id, lambda service, key: service.leave(key))
    found = own_place(entry_id, now=system_clock())
    if not found.may_leave:
        return _back(request)
    return render(request, "appointments/ticket/leave.html", _context(request, found))


@require_POST
@link_page(LinkKind.TICKET, gone=gone)
def more_time(request: HttpRequest, entry_id: int) -> HttpResponse:
    minutes = key_of(request.POST.get("minutes", "")) or 0
    return _do(request, entry_id, lambda service, key: service.more_time(key, minutes=minutes))


@require_POST
@link_page(LinkKind.TICKET, gone=gone)
def come_back(request: HttpRequest, entry_id: int) -> HttpResponse:
    return _do(request, entry_id, lambda service, key: service.come_back(key))


@require_POST
@link_page(LinkKind.TICKET, gone=gone)
def elsewhere(request: HttpRequest, entry_id: int) -> HttpResponse:
    away = request.POST.get("away") == "yes"
    return _do(request, entry_id, lambda service, key: service.wait_elsewhere(key, away))


def _do(request: HttpRequest, entry_id: int, command: Any) -> HttpResponse:
    """Give the command; where it comes too late, the page says so and how things stand."""
    try:
        command(SelfService(), followed(entry_id).pk)
    except NotFoundError:
        raise
    except DomainError as error:
        return _page(request, entry_id, status=error.http_status)
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    return go("ticket:ticket", token_of_page(request), lang=language_of(request))


def _page(request: HttpRequest, entry_id: int, *, status: int = 200) -> HttpResponse:
    context = _context(request, own_place(entry_id, now=system_clock()))
    context["is_refused"] = status != 200
    return render(request, "appointments/ticket/ticket.html", context, status=status)


def _telehealth_line(found: OwnPlace) -> str:
    if found.may_join:
        return "telehealth_now"
    return "telehealth_soon" if found.video_room_url else "telehealth_text"


def _context(request: HttpRequest, found: OwnPlace) -> dict[str, Any]:
    language = language_of(request)
    title, line = HEADINGS[found.stage]
    words = WORDS[language]
    heading, text = words[title], words[line]
    if found.may_join or (found.is_telehealth and found.stage in VIDEO_STAGES):
        text = words[_telehealth_line(found)]
    elif found.stage == Stage.CALLED and found.room:
        text = filled(language, "go_to", room=found.room)
    if found.held_until:
        heading = filled(language, "held", time=time_format(localtime(found.held_until)))
    ahead = found.position - 1 if found.position else None
    return {
        **written_in(language),
        "token": token_of_page(request),
        "place": found,
        "heading": heading,
        "text": text,
        "ahead": filled(language, "ahead", n=ahead) if ahead else "",
        "wait": wait_words(found, language),
        "as_of": filled(language, "updated", time=time_format(localtime(system_clock()))),
        "holds": [(n, filled(language, "more_minutes", n=n)) for n in HOLD_MINUTES],
    }
