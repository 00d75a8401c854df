"""Queues: the list of them, and the console from which one or several are run."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission, can
from appointments.models import QueueEntry, ServicePoint, WaitingQueue
from appointments.permissions import visible_queues
from appointments.queue.console import console_of
from appointments.queue.overview import overview
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.selectors import queue_of
from appointments.views.htmx import HtmxRequest, done, key_of, staff_view
from appointments.views.queue_cards import DrawnQueue, QueueDrawing
from core.clock import system_clock

SERVES_AT = "serves_at"
"""In the browser's session: the key of the service point at which the user serves."""

MOST_BESIDE = 3


@require_safe
@staff_view(Permission.SEE_QUEUES)
def queues(request: HtmxRequest) -> HttpResponse:
    context = _overview(request)
    if context["can_configure"]:
        context["retired"] = WaitingQueue.objects.filter(is_active=False)
    return render(request, "appointments/queue/queues.html", context)


@require_safe
@staff_view(Permission.SEE_QUEUES)
def queue_cards(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/queue/partials/queue_cards.html", _overview(request))


@method_decorator(staff_view(Permission.SEE_QUEUES), name="dispatch")
class AdvancedQueueManagementView(View):
    """``?with=2,3`` shows these queues beside it; those that are not the user's are left out."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: HtmxRequest, queue_id: int) -> HttpResponse:
        queue = queue_of(request.user, queue_id)
        others = list(
            visible_queues(request.user)
            .filter(is_active=True)
            .exclude(pk=queue.pk)
            .order_by("name")
        )
        wanted = _keys(request.GET.get("with", ""))
        beside = sorted(
            (other for other in others if other.pk in wanted),
            key=lambda each: wanted.index(each.pk),
        )[:MOST_BESIDE]
        shown = [queue, *beside]
        context = {
            "queue": queue,
            "queues": drawn(request, shown),
            "is_single": len(shown) == 1,
            "offered": _offered(queue, others, beside),
            "can_configure": can(request.user, Permission.CONFIGURE_QUEUES),
            "can_run": can(request.user, Permission.RUN_QUEUES),
            "can_see_figures": can(request.user, Permission.SEE_ANALYTICS),
            "show_all": bool(request.GET.get("all")),
        }
        return render(request, "appointments/queue/advanced_queue_management.html", context)


@require_safe
@staff_view(Permission.SEE_QUEUES)
def queue_status_htmx_view(request: HtmxRequest, queue_id: int) -> HttpResponse:
    """Everything of one queue that changes; what sockets cannot carry, because of the names."""
    (shown,) = drawn(request, [queue_of(request.user, queue_id)])
    context = {"shown": shown, "can_run": can(request.user, Permission.RUN_QUEUES)}
    return render(request, "appointments/queue/partials/queue_status.html", context)


@require_POST
@staff_view(Permission.RUN_QUEUES)
def call_next_patient_htmx_view(request: HtmxRequest, queue_id: int) -> HttpResponse:
    """``point``, of a service point's own button, calls there; else to where the user serves."""
    queue = queue_of(request.user, queue_id)
    point_id = key_of(request.POST.get("point", "")) or own_point(request, queue)
    called = AdvancedQueueEngine(queue, by=request.user).get_next_patient(service_point_id=point_id)
    page = reverse("queue:console", args=[queue.pk])
    if called is None:
        return done(request, "Nobody is waiting to be called here", then=page)
    undo = reverse("queue:undo", args=[called.pk])
    return done(request, f"{called_words(called)}", undo=undo, then=page)


def called_words(entry: QueueEntry) -> str:
    where = f" to {entry.service_point.name}" if entry.service_point else ""
    return f"{entry.ticket} {entry.patient.get_full_name()} called{where}"


def own_point(request: HtmxRequest, queue: WaitingQueue) -> int | None:
    """Where the user serves people of the queue: what they chose, else the point that has their
    name; None where there is neither."""
    points = ServicePoint.objects.filter(is_active=True, servicepointqueue__queue=queue)
    chosen = request.session.get(SERVES_AT)
    if chosen is not None:
        return points.filter(pk=chosen).values_list("pk", flat=True).first()
    return points.filter(provider=request.user.pk).values_list("pk", flat=True).first()


def drawn(request: HtmxRequest, shown: Iterable[WaitingQueue]) -> list[DrawnQueue]:
    now, all_rows = system_clock(), bool(request.GET.get("all"))
    return [_drawn(request, queue, now=now, all_rows=all_rows) for queue in shown]


def _drawn(
    request: HtmxRequest, queue: WaitingQueue, *, now: datetime, all_rows: bool
) -> DrawnQueue:
    console = console_of(queue, now=now, zone=request.tenant.zone_info, all_rows=all_rows)
    return QueueDrawing(console, point_id=own_point(request, queue), now=now).queue()


def _overview(request: HtmxRequest) -> dict[str, Any]:
    now = system_clock()
    return {
        "rows": overview(request.user, now=now, zone=request.tenant.zone_info),
        "can_configure": can(request.user, Permission.CONFIGURE_QUEUES),
    }


def _offered(
    queue: WaitingQueue, others: list[WaitingQueue], beside: list[WaitingQueue]
) -> list[dict[str, Any]]:
    """The other queues, each with the address that shows it too, or no longer."""
    keys = [other.pk for other in beside]
    result = []
    for other in others:
        is_on = other.pk in keys
        wanted = [key for key in keys if key != other.pk] if is_on else [*keys, other.pk]
        page = reverse("queue:console", args=[queue.pk])
        query = f"?with={','.join(str(key) for key in wanted)}" if wanted else ""
        can_add = is_on or len(keys) < MOST_BESIDE
        if can_add:
            result.append({"name": other.name, "url": page + query, "is_on": is_on})
    return result


def _keys(text: str) -> list[int]:
    found = (key_of(part.strip()) for part in text[:200].split(","))
    return [key for key in found if key is not None]
