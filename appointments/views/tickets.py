"""Tickets on paper, and the codes with which patients check in by themselves."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission
from appointments.booking.selectors import visible_visit
from appointments.enums import EXPECTED, QUEUE_PRESENT
from appointments.models import AppointmentRequest, QueueEntry
from appointments.permissions import visible_queues
from appointments.queue.check_in_letters import (
    MailDownError,
    check_in_letter,
    may_be_written_to,
)
from appointments.queue.own_place import own_place
from appointments.queue.patient_links import check_in_token, ticket_token
from appointments.queue.selectors import with_sizes
from appointments.queue.words import known_language
from appointments.views.htmx import HtmxRequest, staff_view
from appointments.views.public_pages import address, qr_code, wait_words, written_in
from core.clock import system_clock
from core.errors import InvalidInputError, NotFoundError
from core.lookups import MAX_KEY
from patients.models import PatientProfile

PAPERS = {"thermal": "80 mm roll", "a6": "A6 sheet"}


@require_safe
@staff_view(Permission.RUN_QUEUES)
def paper_ticket(request: HtmxRequest, entry_id: int) -> HttpResponse:
    """To print, in the patient's language where the pages know it; ``?lang=`` and ``?paper=``."""
    rows = QueueEntry.objects.select_related("patient", "queue")
    visible = rows.filter(queue__in=visible_queues(request.user))
    entry = get_object_or_404(visible, pk=min(entry_id, MAX_KEY))
    if entry.status not in QUEUE_PRESENT:
        raise NotFoundError("This patient waits no longer.")
    language = _language(request, entry.patient)
    visit_id = entry.appointment_id
    back = reverse("visits:visit", args=[visit_id]) if visit_id else reverse("home")
    context = paper_of(request, entry, language) | _tools(request, back)
    return render(request, "appointments/tickets/paper_ticket.html", context)


@require_safe
@staff_view(Permission.RUN_QUEUES)
def ticket_of_visit(request: HtmxRequest, visit_id: int) -> HttpResponse:
    """Where the ticket of a visit is printed: known only once the visit has joined its queue."""
    visit = visible_visit(request.user, visit_id)
    entry = QueueEntry.objects.filter(appointment=visit, status__in=QUEUE_PRESENT).first()
    if entry is None:
        raise NotFoundError("This visit waits in no queue, so it has no ticket.")
    return redirect("tickets:paper_ticket", entry.pk)


@require_safe
@staff_view(Permission.RUN_FLOW)
def check_in_code(request: HtmxRequest, visit_id: int) -> HttpResponse:
    """The code for the patient's own phone or for a kiosk, to show or to print."""
    visit = _coming_visit(request, visit_id)
    language = _language(request, visit.patient)
    link = _check_in_link(request, visit, language)
    context = {
        **written_in(language),
        **_tools(request, reverse("visits:visit", args=[visit.pk])),
        "visit": visit,
        "owner": request.tenant.name,
        "link": link,
        "qr": qr_code(link),
        "may_send": may_be_written_to(visit.patient),
    }
    return render(request, "appointments/tickets/check_in_code.html", context)


@require_POST
@staff_view(Permission.RUN_FLOW)
def send_check_in_code(request: HtmxRequest, visit_id: int) -> HttpResponse:
    """E-mail it to a patient who agreed to e-mail."""
    visit = _coming_visit(request, visit_id)
    if not may_be_written_to(visit.patient):
        raise InvalidInputError("This patient has not agreed to e-mail, or has no address.")
    language = _language(request, visit.patient)
    link = _check_in_link(request, visit, language)
    letter = check_in_letter(visit, link, language=language, owner=request.tenant.name)
    try:
        letter.send()
    except OSError as error:  # nothing of the server's answer: it may name the address
        raise MailDownError from error
    messages.success(request, "The check-in code was sent to the patient.")
    return redirect("visits:visit", visit.pk)


def _coming_visit(request: HtmxRequest, visit_id: int) -> AppointmentRequest:
    visit = visible_visit(request.user, visit_id)
    if visit.status not in EXPECTED:
        raise NotFoundError("Only a visit that is still to come has a check-in code.")
    return visit


def _check_in_link(request: HtmxRequest, visit: AppointmentRequest, language: str) -> str:
    return request.build_absolute_uri(
        address("check_in:check_in", check_in_token(visit), lang=language)
    )


@require_safe
@staff_view(Permission.RUN_QUEUES)
def patient_places(request: HtmxRequest, patient_id: int) -> HttpResponse:
    """On a patient's record: where they wait, and the queues that they could join."""
    get_object_or_404(PatientProfile, pk=min(patient_id, MAX_KEY))
    now, queues = system_clock(), visible_queues(request.user)
    entries = QueueEntry.objects.filter(
        patient=patient_id, status__in=QUEUE_PRESENT, queue__in=queues
    ).order_by("pk")
    present = [own_place(key, now=now) for key in entries.values_list("pk", flat=True)]
    there = {place.queue_id for place in present}
    open_queues = queues.filter(is_active=True, is_accepting_patients=True, accepts_walk_ins=True)
    context = {
        "patient_id": patient_id,
        "places": present,
        "queues": [queue for queue in with_sizes(open_queues) if queue.pk not in there],
    }
    return render(request, "appointments/tickets/partials/patient_places.html", context)


def paper_of(request: HttpRequest, entry: QueueEntry, language: str) -> dict[str, object]:
    """What stands on a paper ticket: no name."""
    now, tenant = system_clock(), request.tenant  # type: ignore[attr-defined]
    place = own_place(entry.pk, now=now)
    token = ticket_token(entry, zone=tenant.zone_info)
    link = request.build_absolute_uri(address("ticket:ticket", token, lang=language))
    return {
        **written_in(language),
        "entry": entry,
        "place": place,
        "wait": wait_words(place, language),
        "owner": tenant.name,
        "qr": qr_code(link),
    }


def _language(request: HtmxRequest, patient: PatientProfile | None) -> str:
    """The one that was chosen, or the patient's own where the pages know it."""
    own = patient.language if patient else ""
    return known_language(request.GET.get("lang") or own)


def _tools(request: HtmxRequest, back_url: str) -> dict[str, object]:
    paper = request.GET.get("paper", "")
    return {
        "paper": paper if paper in PAPERS else "thermal",
        "papers": PAPERS.items(),
        "back_url": back_url,
    }
