"""Every step of an entry of a queue: those that one click takes, and those that ask something."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Permission
from appointments.enums import QueueEntryStatus, QueueStep
from appointments.models import QueueEntry, WaitingQueue
from appointments.permissions import visible_queues
from appointments.queue.admission import loads_of
from appointments.queue.console import EntryRow, entry_row, place_of
from appointments.queue.errors import AlreadyWaitingError, QueueClosedError
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.views.htmx import HtmxRequest, done, in_panel, key_of, staff_view, version_of
from appointments.views.queue import called_words, own_point
from appointments.views.queue_forms import HoldForm, MoveForm, TransferForm
from core.clock import system_clock
from core.errors import InvalidInputError

DONE_WORDS = {
    QueueStep.RECALL: "called again",
    QueueStep.START: "is being served",
    QueueStep.COMPLETE: "is finished",
    QueueStep.NO_SHOW: "did not come",
    QueueStep.SKIP: "is skipped for now",
    QueueStep.HOLD: "is on hold",
    QueueStep.RETURN: "is back in the line",
    QueueStep.LEAVE: "has left",
}
MOVE_REASONS = ("In pain", "Asked to go first", "Carer is waiting", "Result is ready")
READ_OR_POST = ["GET", "HEAD", "POST"]


@require_POST
@staff_view(Permission.RUN_QUEUES)
def take_step(request: HtmxRequest, entry_id: int, step: QueueStep) -> HttpResponse:
    engine = AdvancedQueueEngine.of_entry(entry_id, by=request.user)
    more: dict[str, Any] = {}
    if step == QueueStep.CALL:
        more["service_point_id"] = own_point(request, engine.queue)
    if step == QueueStep.HOLD:
        form = HoldForm(request.POST)
        if not form.is_valid():
            raise InvalidInputError("Choose one of the lengths.", attr="minutes")
        more["until"] = form.until(system_clock())
    taken = engine.take(step, entry_id, version=version_of(request), **more)
    words = called_words(taken) if step == QueueStep.CALL else f"{_who(taken)} {DONE_WORDS[step]}"
    return _done(request, taken, words)


@require_POST
@staff_view(Permission.RUN_QUEUES)
def undo(request: HtmxRequest, entry_id: int) -> HttpResponse:
    engine = AdvancedQueueEngine.of_entry(entry_id, by=request.user)
    undone = engine.undo(entry_id, version=version_of(request))
    label = str(QueueEntryStatus(undone.status).label).lower()
    page = reverse("queue:console", args=[undone.queue_id])
    return done(request, f"Undone: {_who(undone)} is “{label}”", then=page, close=True)


@require_http_methods(READ_OR_POST)
@staff_view(Permission.RUN_QUEUES)
def transfer(request: HtmxRequest, entry_id: int) -> HttpResponse:
    found = entry_row(visible_queues(request.user), entry_id)
    # Whoever sees only their own queue still sends people on to the others.
    queues = list(WaitingQueue.objects.filter(is_active=True).exclude(pk=found.queue_id))
    waiting = {load.queue_id: load.waiting for load in loads_of(queues)}
    form = TransferForm(
        request.POST if request.method == "POST" else None, queues=queues, waiting=waiting
    )
    if request.method != "POST" or not form.is_valid():
        return _panel(request, "transfer", found, form)
    engine = AdvancedQueueEngine.of_entry(entry_id, by=request.user)
    try:
        sent = engine.transfer(entry_id, version=version_of(request), **form.cleaned_data)
    except (InvalidInputError, AlreadyWaitingError, QueueClosedError) as error:
        form.add_error("to_queue_id", str(error))
        return _panel(request, "transfer", found, form, status=error.http_status)
    words = f"{found.ticket} {found.patient_name} waits for {sent.queue.name} as {sent.ticket}"
    return _done(request, found, words)


@require_http_methods(READ_OR_POST)
@staff_view(Permission.RUN_QUEUES)
def move(request: HtmxRequest, entry_id: int) -> HttpResponse:
    """``?position=`` is where the entry was dropped."""
    found = entry_row(visible_queues(request.user), entry_id)
    engine = AdvancedQueueEngine.of_entry(entry_id, by=request.user)
    place = place_of(engine.queue, entry_id, now=system_clock())
    initial = {"position": key_of(request.GET.get("position", "")) or 1}
    form = MoveForm(request.POST if request.method == "POST" else None, initial=initial)
    dropped = request.method != "POST" and "position" in request.GET
    form.fields["reason" if dropped else "position"].widget.attrs["data-focus"] = ""
    about = {"reasons": MOVE_REASONS, "place": place}
    if request.method != "POST" or not form.is_valid():
        return _panel(request, "move", found, form, **about)
    try:
        engine.move(entry_id, version=version_of(request), **form.cleaned_data)
    except InvalidInputError as error:
        form.add_error(error.attr if error.attr in form.fields else None, str(error))
        return _panel(request, "move", found, form, status=error.http_status, **about)
    words = f"{found.ticket} {found.patient_name} moved to place {form.cleaned_data['position']}"
    return _done(request, found, words)


def _panel(
    request: HtmxRequest,
    name: str,
    found: EntryRow,
    form: Any,
    *,
    status: int = 0,
    **about: Any,
) -> HttpResponse:
    page = {
        "panel_title": found.ticket,
        "back_url": reverse("queue:console", args=[found.queue_id]),
        "back_label": "The queue",
    }
    context = {"entry": found, "form": form, **page, **about}
    status = status or (400 if form.errors else 200)
    return in_panel(request, f"queue/partials/{name}.html", context, status=status)


def _who(entry: QueueEntry) -> str:
    return f"{entry.ticket} {entry.patient.get_full_name()}"


def _done(request: HtmxRequest, entry: QueueEntry | EntryRow, text: str) -> HttpResponse:
    key = entry.pk if isinstance(entry, QueueEntry) else entry.id
    return done(
        request,
        text,
        undo=reverse("queue:undo", args=[key]),
        then=reverse("queue:console", args=[entry.queue_id]),
        close=True,
    )
