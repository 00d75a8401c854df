"""The page of the code on an appointment's message: on the patient's own phone, at the site."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format, time_format
from django.utils.timezone import localtime
from django.views.decorators.http import require_http_methods

from appointments.enums import QUEUE_PRESENT, LinkKind
from appointments.models import AppointmentRequest, QueueEntry
from appointments.queue.patient_links import ticket_token
from appointments.queue.reception import Turn, opens_at, turn_of
from appointments.queue.self_service import ON_PHONE, Arrival, SelfService
from appointments.queue.words import WORDS
from appointments.views.public import link_page
from appointments.views.public_pages import filled, go, gone, language_of, written_in
from core.clock import system_clock
from core.errors import NotFoundError


@require_http_methods(["GET", "HEAD", "POST"])
@link_page(LinkKind.CHECK_IN, gone=gone)
def check_in(request: HttpRequest, visit_id: int) -> HttpResponse:
    """Offers "I am here" from two hours before the visit until its end, and leads to the ticket.

    Raises:
        NotFoundError: the visit is over, or was cancelled.
    """
    now, zone = system_clock(), request.tenant.zone_info  # type: ignore[attr-defined]
    visit = AppointmentRequest.objects.select_related("site").filter(pk=visit_id).first()
    turn = turn_of(visit, now=now, zone=zone) if visit else Turn.OVER
    if visit is None or turn == Turn.OVER:
        raise NotFoundError("This visit is over.")
    if turn == Turn.EARLY:
        start = localtime(opens_at(visit, zone=zone))
        time = time_format(start)
        if start.date() != localtime(now).date():
            time = f"{date_format(start)}, {time}"
        return _page(request, "early", filled(language_of(request), "early_text", time=time))
    if request.method == "POST":
        return _arrived(request, SelfService().check_in(visit.pk, reason=ON_PHONE))
    if turn == Turn.HERE:
        waiting = QueueEntry.objects.filter(appointment=visit, status__in=QUEUE_PRESENT)
        return _arrived(request, Arrival(waiting.order_by("-pk").first()))
    site = visit.site.name if visit.site else request.tenant.name  # type: ignore[attr-defined]
    text = filled(language_of(request), "at_site", site=site)
    return _page(request, "check_in_title", text, may_check_in=True)


def _arrived(request: HttpRequest, arrival: Arrival) -> HttpResponse:
    language = language_of(request)
    if arrival.entry is not None:
        token = ticket_token(arrival.entry, zone=request.tenant.zone_info)  # type: ignore[attr-defined]
        return go("ticket:ticket", token, lang=language)
    text = WORDS[language]["desk" if arrival.is_closed else "take_seat"]
    return _page(request, "checked_in", text)


def _page(
    request: HttpRequest, title: str, text: str, *, may_check_in: bool = False
) -> HttpResponse:
    language = language_of(request)
    context = written_in(language) | {
        "heading": WORDS[language][title],
        "text": text,
        "may_check_in": may_check_in,
    }
    return render(request, "appointments/check_in/check_in.html", context)
