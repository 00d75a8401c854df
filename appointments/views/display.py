"""Waiting-room screens: the code by which one is connected, and what it shows after."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import get_format
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from appointments.enums import LinkKind
from appointments.models import DisplayScreen
from appointments.queue import pairing
from appointments.queue.displays import (
    note_seen,
    screen_status,
    shown_queues,
    shown_screen,
    token_for,
)
from appointments.queue.links import Located
from appointments.queue.spoken_calls import WORDS, Words, range_words, words_of
from appointments.views.public import link_page
from core.clock import system_clock
from core.public import public_page
from core.tenancy import tenant

COOKIE = "pairing"
COOKIE_SECONDS = 7 * 24 * 3600
SECRET_LENGTH = 43
REDIS_DOWN = (RedisError, OSError)


@require_safe
@public_page
def code(request: HttpRequest) -> HttpResponse:
    """A code for staff to type in; once they did, the way to the screen's own address."""
    secret = _secret(request) or pairing.new_secret()
    try:
        asking = pairing.ask(secret)
    except REDIS_DOWN:
        asking = None
    if isinstance(asking, Located):
        with tenant(asking.tenant_id):
            token = token_for(asking)
        if token:
            response = redirect("display:monitor", token)
            response.delete_cookie(COOKIE, path=request.path)
            return response
        return _gone(request)
    response = render(
        request,
        "appointments/queue/display_code.html",
        {"asking": asking},
        status=200 if asking else 503,
    )
    response.set_cookie(
        COOKIE,
        secret,
        max_age=COOKIE_SECONDS,
        path=request.path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
    return response


@require_safe
@public_page
def claimed(request: HttpRequest) -> HttpResponse:
    """Whether staff typed in the code of the screen that asks."""
    secret = _secret(request)
    try:
        is_claimed = secret is not None and pairing.is_claimed(secret)
    except REDIS_DOWN:
        return JsonResponse({"is_claimed": False}, status=503)
    return JsonResponse({"is_claimed": is_claimed})


def _gone(request: HttpRequest) -> HttpResponse:
    return render(request, "appointments/queue/display_gone.html", status=404)


@require_safe
@link_page(LinkKind.DISPLAY, gone=_gone)
def monitor(request: HttpRequest, screen_id: int) -> HttpResponse:
    screen, now = shown_screen(screen_id), system_clock()
    note_seen(screen, now=now)
    status = screen_status(screen, now=now)
    words = words_of(screen.languages)
    context = {
        "screen": screen,
        "title": _title(request, status),
        "words": words,
        "language": screen.languages[0] if screen.languages else "en",
        "now": now,
        "serving": _serving(status),
        "queues": [_queue(each, words) for each in status["queues"]],
        "status": json.dumps(status | {"settings": settings_of(screen)}),
        "options": json.dumps(_options(screen, words)),
    }
    return render(request, "appointments/queue/queue_monitor.html", context)


@require_safe
@link_page(LinkKind.DISPLAY, gone=_gone)
def status(request: HttpRequest, screen_id: int) -> HttpResponse:
    """What the screen shows, for when its socket is down; and its sign of life."""
    screen, now = shown_screen(screen_id), system_clock()
    note_seen(screen, now=now)
    return JsonResponse(screen_status(screen, now=now) | {"settings": settings_of(screen)})


def settings_of(screen: DisplayScreen) -> str:
    """Differs once the screen was set to show something else and has to be drawn anew."""
    queues = list(shown_queues(screen).values_list("pk", "name"))
    parts = [queues, screen.languages, screen.shows_initials, screen.has_sound]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _secret(request: HttpRequest) -> str | None:
    found = request.COOKIES.get(COOKIE, "")
    return found if len(found) == SECRET_LENGTH and found.isascii() else None


def _title(request: HttpRequest, status: dict[str, Any]) -> str:
    """Of one queue its name; several are named beside their tickets."""
    names = [each["queue_name"] for each in status["queues"]]
    return names[0] if len(names) == 1 else request.tenant.name


def _serving(status: dict[str, Any]) -> list[dict[str, Any]]:
    """Who is called or served in any of the queues, the newest call first."""
    found = [each for queue in status["queues"] for each in queue["now_serving"]]
    found.sort(key=lambda each: each["called_at"] or "", reverse=True)
    return [each | {"initials": status["initials"].get(str(each["entry_id"]))} for each in found]


def _queue(status: dict[str, Any], words: Words) -> dict[str, Any]:
    entries = status["entries"]
    for entry in entries:
        wait = entry["estimated_wait_minutes"]
        entry["wait"] = range_words(wait["p10"], wait["p90"])
    return {
        "id": status["queue_id"],
        "name": status["queue_name"],
        "entries": entries,
        "waiting": words.waiting.format(n=status["current_size"]),
    }


def _options(screen: DisplayScreen, words: Words) -> dict[str, Any]:
    """What the page's script needs to know."""
    speech = [
        {"language": each, "call": WORDS[each].call, "alone": WORDS[each].call_without_room}
        for each in screen.languages
        if each in WORDS
    ]
    return {
        "zone": timezone.get_current_timezone_name(),
        "has_12_hours": "A" in get_format("TIME_FORMAT"),
        "speech": speech if screen.has_sound else [],
        "has_sound": screen.has_sound,
        "shows_initials": screen.shows_initials,
        "words": asdict(words),
    }
