"""Figures for managers: the overview, the days behind it, and both as files."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import Permission
from appointments.scheduling.analytics import SchedulingAnalytics
from appointments.views import figures_days, figures_export
from appointments.views.figures_charts import charts
from appointments.views.figures_form import FILTERS, FiguresForm, said
from appointments.views.figures_tables import tables, tiles
from appointments.views.figures_words import compared_with
from appointments.views.htmx import HtmxRequest, staff_view

FOLDER = "appointments/scheduling"


@require_safe
@staff_view(Permission.SEE_ANALYTICS)
def scheduling_analytics_view(request: HtmxRequest) -> HttpResponse:
    analytics, form = _asked(request)
    if not form.is_valid():
        return _page(request, "analytics.html", form, {})
    report = analytics.report(form.period, form.scope)
    if kind := figures_export.wanted(request.GET):
        sheets = figures_export.report_sheets(report)
        return figures_export.download(sheets, kind=kind, name="figures", period=form.period)
    context = {
        "report": report,
        "tiles": tiles(report),
        "charts": charts(report),
        "tables": tables(report),
    }
    return _page(request, "analytics.html", form, context)


@require_safe
@staff_view(Permission.SEE_ANALYTICS)
def scheduling_metrics_dashboard(request: HtmxRequest) -> HttpResponse:
    _, form = _asked(request, only=("provider",))
    if not form.is_valid():
        return _page(request, "metrics_dashboard.html", form, {})
    provider_id = form.scope.provider_id
    if kind := figures_export.wanted(request.GET):
        sheets = figures_export.day_sheets(figures_days.stored(form.period, provider_id))
        return figures_export.download(sheets, kind=kind, name="figures-days", period=form.period)
    context = {
        "days": figures_days.days(form.period, provider_id),
        "heads": figures_days.HEADS,
    }
    return _page(request, "metrics_dashboard.html", form, context)


def _asked(
    request: HtmxRequest, only: tuple[str, ...] = FILTERS
) -> tuple[SchedulingAnalytics, FiguresForm]:
    analytics = SchedulingAnalytics(request.tenant)
    return analytics, FiguresForm(request.GET, today=analytics.today, only=only)


def _page(
    request: HtmxRequest, template: str, form: FiguresForm, context: dict[str, Any]
) -> HttpResponse:
    if form.errors:
        return render(request, f"{FOLDER}/{template}", {"form": form}, status=400)
    shown = {
        "form": form,
        "period": said(form.period),
        "compared_with": compared_with(form.period),
    }
    return render(request, f"{FOLDER}/{template}", shown | context)
