"""Figures of one queue: its analytics with files, and today as it goes."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import Permission
from appointments.models import WaitingQueue
from appointments.queue.report import report_of
from appointments.queue.selectors import queue_of, queue_status
from appointments.scheduling.analytics import Period
from appointments.views import figures_export
from appointments.views.figures_form import FiguresForm, said
from appointments.views.figures_words import compared_with
from appointments.views.htmx import HtmxRequest, staff_view
from appointments.views.queue_figures_charts import charts, day_charts, heat, scatter
from appointments.views.queue_figures_files import sheets
from appointments.views.queue_figures_tables import longest, tables, tiles, today_tiles
from core.clock import system_clock

FOLDER = "appointments/queue"


@require_safe
@staff_view(Permission.SEE_ANALYTICS)
def queue_analytics_view(request: HtmxRequest, queue_id: int) -> HttpResponse:
    queue = queue_of(request.user, queue_id)
    now, zone = system_clock(), request.tenant.zone_info
    form = FiguresForm(request.GET, today=now.astimezone(zone).date(), only=())
    if not form.is_valid():
        return _page(request, queue, form, {}, status=400)
    report = report_of(queue, form.period, zone=zone, now=now)
    if kind := figures_export.wanted(request.GET):
        name = f"queue-{queue.pk}"
        return figures_export.download(sheets(report), kind=kind, name=name, period=form.period)
    shown = {
        "report": report,
        "period": said(form.period),
        "compared_with": compared_with(form.period),
        "tiles": tiles(report),
        "charts": charts(report),
        "heat": heat(report),
        "scatter": scatter(report),
        "tables": tables(report),
        "longest": longest(report, zone),
    }
    return _page(request, queue, form, shown)


@require_safe
@staff_view(Permission.SEE_ANALYTICS)
def queue_metrics_dashboard_view(request: HtmxRequest, queue_id: int) -> HttpResponse:
    queue = queue_of(request.user, queue_id)
    now, zone = system_clock(), request.tenant.zone_info
    today = now.astimezone(zone).date()
    report = report_of(queue, Period(today, today), zone=zone, now=now)
    context = {
        "queue": queue,
        "report": report,
        "at": now,
        "tiles": today_tiles(report, queue_status(queue, now=now)),
        "charts": day_charts(report),
    }
    name = "partials/queue_metrics.html" if request.htmx else "queue_metrics_dashboard.html"
    return render(request, f"{FOLDER}/{name}", context)


def _page(
    request: HtmxRequest,
    queue: WaitingQueue,
    form: FiguresForm,
    context: dict[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    shown = {"queue": queue, "form": form, **context}
    return render(request, f"{FOLDER}/queue_analytics.html", shown, status=status)
