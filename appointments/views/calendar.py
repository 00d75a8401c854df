"""Calendar: a day with a column per provider, or one provider's week."""

import re
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from accounts.permissions import Permission, can
from appointments.booking.day_grid import CELL
from appointments.models import AppointmentTemplate
from appointments.views.calendar_columns import day_columns, week_columns
from appointments.views.calendar_drawing import Drawing
from appointments.views.filters import Filters
from appointments.views.htmx import HtmxRequest, neighbours, shown_day, staff_view
from core.clock import system_clock
from core.errors import NotFoundError

HEAD_COLUMNS = 30  # wider than any screen; who needs more of them at once asks for all
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@require_safe
@staff_view(Permission.SEE_TODAY)
def calendar(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/calendar/calendar.html", _context(request))


@require_safe
@staff_view(Permission.SEE_TODAY)
def grid(request: HtmxRequest) -> HttpResponse:
    return render(request, "appointments/calendar/partials/grid.html", _context(request))


@require_safe
@staff_view(Permission.SEE_TODAY)
def type_colours(request: HtmxRequest) -> HttpResponse:
    """Each appointment type's colour as a class: the security policy forbids inline styles."""
    pairs = AppointmentTemplate.objects.order_by("pk").values_list("pk", "colour")
    rules = [
        f".type-{key}{{--colour:{colour}}}" for key, colour in pairs if COLOUR.fullmatch(colour)
    ]
    response = HttpResponse("\n".join(rules), content_type="text/css")
    patch_cache_control(response, private=True, max_age=60)
    return response


def _context(request: HtmxRequest) -> dict[str, Any]:
    now, zone = system_clock(), request.tenant.zone_info
    day, filters = shown_day(request, now), Filters(request)
    is_week, show_all = request.GET.get("view") == "week", bool(request.GET.get("all"))
    can_book = can(request.user, Permission.BOOK)
    if is_week:
        provider = _provider(request, filters)
        grid = week_columns(request.user, provider, day, zone=zone, now=now)
    else:
        provider = None
        limit = None if show_all else HEAD_COLUMNS
        grid = day_columns(request.user, filters, day, zone=zone, now=now, limit=limit)
    previous, following = neighbours(day, 7 if is_week else 1)
    return {
        "day": day,
        "today": now.astimezone(zone).date(),
        "previous": previous,
        "following": following,
        "is_week": is_week,
        "provider": provider,
        "filters": filters,
        "columns": grid.columns,
        "drawn_columns": Drawing(bookable_from=now - CELL if can_book else None).columns(
            grid.columns
        ),
        "more_providers": grid.more,
        "show_all": show_all,
        "total": grid.visit_count,
        "can_book": can_book,
        "can_configure": can(request.user, Permission.EDIT_CATALOGUE),
        "book_url": reverse("calendar:book"),
        "calendar_url": reverse("calendar:calendar"),
        "sprite": static("img/icons.svg"),
    }


def _provider(request: HtmxRequest, filters: Filters) -> Any:
    """Whose week: the one asked for, else the first one watched, else the first of all."""
    wanted = request.GET.get("provider", "")
    for provider in filters.all_providers:
        if str(provider.pk) == wanted:
            return provider
    if wanted:
        raise NotFoundError("There is no such provider.")
    watched = [p for p in filters.all_providers if p.pk in filters.provider_ids]
    return next(iter(watched or filters.all_providers), None)
