"""The kiosk in the hall: one question a screen, nothing about anybody in an address or an answer.

What is typed travels in forms only.  A ticket is shown under a signed receipt that soon expires, so
that the back button shows nobody the ticket of whoever stood there before.
"""

from datetime import date
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments.enums import LinkKind
from appointments.models import Kiosk, QueueEntry
from appointments.queue.kiosk_desk import MAX_MRN, Answer, KioskDesk, Outcome
from appointments.queue.kiosks import open_kiosk
from appointments.queue.words import WORDS
from appointments.views.public import link_page
from appointments.views.public_pages import filled, go, gone, language_of, token_of_page, written_in
from appointments.views.tickets import paper_of
from core.clock import system_clock

RECEIPT = "kiosk-receipt"
RECEIPT_SECONDS = 90
MAX_CODE = 300
STATUS = {Outcome.NOT_FOUND: 404, Outcome.PAUSED: 429}
FIELDS = {"day": 2, "month": 2, "year": 4}
MONTH_FIRST = "en-us"


@require_safe
@link_page(LinkKind.KIOSK, gone=gone)
def welcome(request: HttpRequest, kiosk_id: int) -> HttpResponse:
    kiosk = open_kiosk(kiosk_id, now=system_clock())
    return _page(request, "welcome.html", {"has_queue": kiosk.walk_in_queue_id is not None})


@require_http_methods(["GET", "HEAD", "POST"])
@link_page(LinkKind.KIOSK, gone=gone)
def visit(request: HttpRequest, kiosk_id: int) -> HttpResponse:
    return _ask(request, kiosk_id, "visit", KioskDesk.check_in)


@require_http_methods(["GET", "HEAD", "POST"])
@link_page(LinkKind.KIOSK, gone=gone)
def walk_in(request: HttpRequest, kiosk_id: int) -> HttpResponse:
    return _ask(request, kiosk_id, "walk_in", KioskDesk.walk_in)


@require_POST
@link_page(LinkKind.KIOSK, gone=gone)
def code(request: HttpRequest, kiosk_id: int) -> HttpResponse:
    """What a scanner typed; whoever presses Enter with nothing there starts over."""
    desk = _desk(request, kiosk_id)
    text = request.POST.get("code", "")[:MAX_CODE]
    if not text.strip():
        return _start(request)
    return _answer(request, desk.scan(text))


@require_safe
@link_page(LinkKind.KIOSK, gone=gone)
def finished(request: HttpRequest, kiosk_id: int, receipt: str) -> HttpResponse:
    """The ticket, for as long as whoever got it may still stand there."""
    open_kiosk(kiosk_id, now=system_clock())
    try:
        kiosk, entry_id = signing.loads(receipt, salt=RECEIPT, max_age=RECEIPT_SECONDS)
    except signing.BadSignature:
        return _start(request)
    entry = QueueEntry.objects.select_related("queue").filter(pk=entry_id).first()
    if kiosk != kiosk_id or entry is None:
        return _start(request)
    paper = paper_of(request, entry, language_of(request))
    return _page(request, "finished.html", paper)


def _ask(request: HttpRequest, kiosk_id: int, name: str, answer: Any) -> HttpResponse:
    """The patient number first, then the birth date, then the answer."""
    desk = _desk(request, kiosk_id)
    mrn = request.POST.get("mrn", "").strip()[:MAX_MRN]
    if not mrn:
        return _page(request, "number.html", {"here": f"kiosk:{name}"})
    typed = {field: request.POST.get(field, "").strip() for field in FIELDS}
    born = _date(typed)
    if "year" not in request.POST or born is None:
        is_wrong = "year" in request.POST
        context = {
            "here": f"kiosk:{name}",
            "mrn": mrn,
            "is_wrong": is_wrong,
            "fields": _fields(request, typed),
        }
        return _page(request, "birth_date.html", context, status=400 if is_wrong else 200)
    return _answer(request, answer(desk, mrn=mrn, birth_date=born))


def _answer(request: HttpRequest, answer: Answer) -> HttpResponse:
    language = language_of(request)
    words = WORDS[language]
    if answer.entry is not None:
        kiosk = request.resolver_match.kwargs["token"]  # type: ignore[union-attr]
        receipt = signing.dumps([_kiosk_id(request), answer.entry.pk], salt=RECEIPT)
        return go("kiosk:finished", kiosk, receipt, lang=language)
    context = {
        "heading": words["checked_in"] if answer.is_checked_in else words[answer.outcome],
        "text": words["desk"],
        "is_good": answer.outcome == Outcome.SEAT,
    }
    if answer.open_lines:
        context["open_lines"] = filled(language, "open_lines", names=", ".join(answer.open_lines))
    if answer.outcome == Outcome.SEAT:
        context["text"] = words["take_seat"]
    elif answer.outcome == Outcome.PAUSED:
        context["text"] = words["try_later"]
    elif answer.opens_at is not None:
        time = time_format(localtime(answer.opens_at))
        context["text"] = filled(language, "early_text", time=time)
    return _page(request, "answer.html", context, status=STATUS.get(answer.outcome, 200))


def _desk(request: HttpRequest, kiosk_id: int) -> KioskDesk:
    kiosk: Kiosk = open_kiosk(kiosk_id, now=system_clock())
    request.kiosk = kiosk  # type: ignore[attr-defined]
    return KioskDesk(kiosk, zone=request.tenant.zone_info)  # type: ignore[attr-defined]


def _kiosk_id(request: HttpRequest) -> int:
    return request.kiosk.pk  # type: ignore[attr-defined]


def _start(request: HttpRequest) -> HttpResponse:
    return go("kiosk:welcome", token_of_page(request), lang=language_of(request))


def _fields(request: HttpRequest, typed: dict[str, str]) -> list[dict[str, Any]]:
    """In the order in which people of the tenant write a date."""
    words = WORDS[language_of(request)]
    is_month_first = request.tenant.locale == MONTH_FIRST  # type: ignore[attr-defined]
    order = ("month", "day", "year") if is_month_first else ("day", "month", "year")
    return [
        {"name": name, "label": words[name], "length": FIELDS[name], "value": typed[name]}
        for name in order
    ]


def _date(typed: dict[str, str]) -> date | None:
    if not all(text.isascii() and text.isdecimal() for text in typed.values()):
        return None
    try:
        return date(int(typed["year"]), int(typed["month"]), int(typed["day"]))
    except (ValueError, OverflowError):
        return None


def _page(
    request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    given = written_in(language_of(request)) | {"token": token_of_page(request)} | context
    return render(request, f"appointments/kiosk/{name}", given, status=status)
