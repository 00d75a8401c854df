"""One entry of a queue: who it is, what can be done, what happened, and what may be changed."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.permissions import Permission, can
from appointments.booking.selectors import named_needs
from appointments.enums import QUEUE_PRESENT, QueueEntryStatus, QueueStep, legal_queue_steps
from appointments.models import QueueEvent
from appointments.permissions import visible_queues
from appointments.queue.console import EntryRow, entry_row, place_of, undoable_entries
from appointments.queue.own_place import followed, video_room_of
from appointments.queue.queue_engine import SCORES, AdvancedQueueEngine
from appointments.queue.selectors import queue_of
from appointments.views.htmx import HtmxRequest, done, in_panel, staff_view, version_of
from appointments.views.queue_cards import STEPS, wait_words
from appointments.views.queue_forms import ChangeForm, HoldForm
from core.clock import system_clock
from patients.models import PatientProfile

MOST_EVENTS = 50


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.SEE_QUEUES)
def entry(request: HtmxRequest, entry_id: int) -> HttpResponse:
    found = entry_row(visible_queues(request.user), entry_id)
    initial = {
        "priority": found.priority,
        "notes": found.notes,
        "is_flexible": found.is_flexible,
    }
    form = ChangeForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method != "POST" or not form.is_valid():
        return _panel(request, found, form)
    return _change(request, found, form)


def _change(request: HtmxRequest, found: EntryRow, form: ChangeForm) -> HttpResponse:
    values = {name: form.cleaned_data[name] for name in ("notes", "is_flexible")}
    if form.cleaned_data["priority"] != found.priority:
        values["priority_score"] = SCORES[form.cleaned_data["priority"]]
    engine = AdvancedQueueEngine.of_entry(found.id, by=request.user)
    engine.change(found.id, version=version_of(request), **values)
    return done(
        request,
        f"{found.ticket} is changed",
        undo=reverse("queue:undo", args=[found.id]),
        then=reverse("queue:console", args=[found.queue_id]),
        close=True,
    )


def _panel(request: HtmxRequest, found: EntryRow, form: ChangeForm) -> HttpResponse:
    now = system_clock()
    queue = queue_of(request.user, found.queue_id)
    legal = legal_queue_steps(found.status)
    place = place_of(queue, found.id, now=now)
    events = QueueEvent.objects.filter(entry=found.id).order_by("-pk")[:MOST_EVENTS]
    patient = PatientProfile.objects.filter(pk=found.patient_id).first()
    can_run = can(request.user, Permission.RUN_QUEUES)
    context: dict[str, Any] = {
        "entry": found,
        "status_label": QueueEntryStatus(found.status).label,
        "needs": named_needs(found.needs),
        "patient": patient,
        "place": place,
        "wait": wait_words(place.wait) if place else "",
        "queue": queue,
        "video_room_url": video_room_of(followed(found.id)) if found.appointment_id else "",
        "form": form,
        "hold": HoldForm(),
        "steps": [step for step in legal if step in STEPS and step != QueueStep.HOLD],
        "may": {step.value: True for step in legal},
        "is_present": found.status in QUEUE_PRESENT,
        "is_undoable": found.id in undoable_entries([found.id], now=now),
        "events": events,
        "can_run": can_run,
        "can_see_patient": can(request.user, Permission.SEE_PATIENTS),
        "panel_title": found.ticket,
        "back_url": reverse("queue:console", args=[queue.pk]),
        "back_label": queue.name,
    }
    status = 400 if form.errors else 200
    return in_panel(request, "queue/partials/entry.html", context, status=status)
