"""Alerts: the list, the strip above the queues, and that somebody has seen one."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.permissions import Permission
from appointments.models import QueueAlert
from appointments.queue.alerts import mark_seen, open_alerts, visible_alerts
from appointments.views.htmx import HtmxRequest, done, staff_view

MOST_SHOWN = 100
FOLDER = "appointments/queue"


@require_safe
@staff_view(Permission.SEE_QUEUES)
def alerts(request: HtmxRequest) -> HttpResponse:
    return render(request, f"{FOLDER}/alerts.html", _rows(request))


@require_safe
@staff_view(Permission.SEE_QUEUES)
def alert_rows(request: HtmxRequest) -> HttpResponse:
    return render(request, f"{FOLDER}/partials/alert_rows.html", _rows(request))


@require_safe
@staff_view(Permission.SEE_QUEUES)
def alert_strip(request: HtmxRequest) -> HttpResponse:
    """Nothing to see while all is well."""
    unseen = list(open_alerts(request.user).filter(seen_at=None))
    context = {"is_fresh": True, "alerts": unseen[:1], "more": len(unseen) - 1}
    return render(request, f"{FOLDER}/partials/alert_strip.html", context)


@require_POST
@staff_view(Permission.RUN_QUEUES)
def alert_seen(request: HtmxRequest, alert_id: int) -> HttpResponse:
    mark_seen(request.user, alert_id)
    return done(request, "Marked as seen.", then=reverse("queue:alerts"))


def _rows(request: HtmxRequest) -> dict[str, Any]:
    """Open ones first, then the newest."""
    found = list(visible_alerts(request.user)[:MOST_SHOWN])
    waiting = list(open_alerts(request.user))
    names = {
        user.pk: user.get_full_name()
        for user in User.objects.filter(pk__in={each.seen_by_id for each in found + waiting})
    }
    past = [each for each in found if each.closed_at is not None]
    for each in [*waiting, *past]:
        each.seen_by = names.get(each.seen_by_id, "")
        each.lasted = _lasted(each)
    return {"waiting": waiting, "past": past}


def _lasted(alert: QueueAlert) -> str:
    """How long it was open, in words; empty while it is."""
    ended: datetime | None = alert.closed_at
    if ended is None:
        return ""
    minutes = round((ended - alert.opened_at).total_seconds() / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{max(1, minutes)} min"
