"""Where people are served, and whether a queue takes newcomers."""

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.permissions import Permission
from appointments.enums import ServicePointState
from appointments.models import ServicePoint
from appointments.permissions import visible_queues
from appointments.queue.doors import set_accepting
from appointments.queue.points import ServicePointEngine
from appointments.views.htmx import HtmxRequest, done, staff_view, version_of
from appointments.views.queue import SERVES_AT
from core.errors import NotFoundError
from core.lookups import MAX_KEY

STATE_WORDS = {
    ServicePointState.OPEN: "is open",
    ServicePointState.PAUSED: "is paused: nobody is called there",
    ServicePointState.CLOSED: "is closed",
}


@require_POST
@staff_view(Permission.RUN_QUEUES)
def set_point_state(request: HtmxRequest, point_id: int, state: ServicePointState) -> HttpResponse:
    before = _point(request, point_id).state
    engine = ServicePointEngine(by=request.user)
    point = engine.set_state(point_id, state, version=version_of(request))
    undo = reverse("queue:set_point_state", args=[point.pk, before]) if before != state else ""
    return _done(request, f"{point.name} {STATE_WORDS[state]}", undo=undo)


@require_POST
@staff_view(Permission.RUN_QUEUES)
def serve_at(request: HtmxRequest, point_id: int) -> HttpResponse:
    """Remembered for this browser; the name goes with it, for colleagues and, a provider's, for
    those who ask for them."""
    point = _point(request, point_id)
    point = ServicePointEngine(by=request.user).serve_at(point.pk)
    request.session[SERVES_AT] = point.pk
    return _done(request, f"You serve at {point.name}")


@require_POST
@staff_view(Permission.RUN_QUEUES)
def leave_point(request: HtmxRequest) -> HttpResponse:
    ServicePointEngine(by=request.user).attend_nowhere()
    request.session[SERVES_AT] = 0
    return _done(request, "You serve nowhere in particular")


@require_POST
@staff_view(Permission.RUN_QUEUES)
def open_queue(request: HtmxRequest, queue_id: int) -> HttpResponse:
    return _set_accepting(request, queue_id, is_accepting=True)


@require_POST
@staff_view(Permission.RUN_QUEUES)
def close_queue(request: HtmxRequest, queue_id: int) -> HttpResponse:
    return _set_accepting(request, queue_id, is_accepting=False)


def _set_accepting(request: HtmxRequest, queue_id: int, *, is_accepting: bool) -> HttpResponse:
    queue = set_accepting(queue_id, is_accepting, by=request.user)
    words = "takes newcomers" if is_accepting else "is closed to newcomers; who waits is served"
    back = "queue:close_queue" if is_accepting else "queue:open_queue"
    return done(
        request,
        f"{queue.name} {words}",
        undo=reverse(back, args=[queue.pk]),
        then=reverse("queue:console", args=[queue.pk]),
    )


def _point(request: HtmxRequest, point_id: int) -> ServicePoint:
    points = ServicePoint.objects.filter(
        pk=min(point_id, MAX_KEY), is_active=True, queues__in=visible_queues(request.user)
    )
    found = points.first()
    if found is None:
        raise NotFoundError("There is no such service point.")
    return found


def _done(request: HtmxRequest, text: str, *, undo: str = "") -> HttpResponse:
    return done(request, text, undo=undo, then=reverse("queue:queues"))
