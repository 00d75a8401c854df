"""Today: the flow board, by state."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import Permission, can
from appointments.booking.board import FLAGS, HEAD_CARDS, Column, columns
from appointments.booking.selectors import day_bounds, undoable_visits, visits_between
from appointments.enums import AppointmentStatus
from appointments.queue.own_place import tickets_of
from appointments.views.filters import Filters
from appointments.views.htmx import HtmxRequest, neighbours, shown_day, staff_view
from appointments.views.today_cards import Drawing, DrawnColumn
from core.clock import system_clock


@require_safe
@staff_view(Permission.SEE_TODAY)
def board(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/today/board.html", _context(request))


@require_safe
@staff_view(Permission.SEE_TODAY)
def board_columns(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/today/partials/board_columns.html", _context(request))


def _context(request: HtmxRequest) -> dict[str, Any]:
    now, zone = system_clock(), request.tenant.zone_info
    day, filters = shown_day(request, now), Filters(request)
    start, end = day_bounds(day, zone)
    visits = [
        visit
        for visit in visits_between(request.user, start, end, now=now)
        if visit.status != AppointmentStatus.HELD and filters.lets_through(visit)
    ]
    only = request.GET.get("only", "")
    show_all = bool(request.GET.get("all") or only)
    shown = columns(visits, now=now)
    previous, following = neighbours(day)
    return {
        "day": day,
        "today": now.astimezone(zone).date(),
        "previous": previous,
        "following": following,
        "filters": filters,
        "columns": _drawn(request, shown, only=only, show_all=show_all, now=now),
        "total": sum(len(column.cards) for column in shown),
        "alerts": _alerts(shown),
        "only": only,
        "show_all": show_all,
        "can_flow": can(request.user, Permission.RUN_FLOW),
        "can_book": can(request.user, Permission.BOOK),
    }


def _drawn(
    request: HtmxRequest, shown: list[Column], *, only: str, show_all: bool, now: datetime
) -> list[DrawnColumn]:
    parts = [
        (c, c.cards, c.aside) if show_all else (c, c.cards[:HEAD_CARDS], c.aside[:HEAD_CARDS])
        for c in shown
    ]
    keys = [card.visit.id for _, cards, aside in parts for card in (*cards, *aside)]
    drawing = Drawing(
        only=only,
        undoable=undoable_visits(request.user, keys, now=now),
        tickets=tickets_of(keys),
    )
    return [drawing.column(*part) for part in parts]


def _alerts(shown: list[Column]) -> list[dict[str, object]]:
    flags = [flag for column in shown for card in column.cards for flag in card.flags]
    return [
        {"key": key, "label": label, "count": flags.count(key)}
        for key, label in FLAGS.items()
        if key in flags
    ]
