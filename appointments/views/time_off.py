"""Time off: when providers are away, sites closed, and rooms or devices out of service."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission, can, check
from appointments.booking.selectors import visits_by_key
from appointments.models import TimeOff
from appointments.scheduling.catalogue import Catalogue
from appointments.scheduling.selectors import coming_time_off, visits_during
from appointments.views.htmx import HtmxRequest, done, key_of, staff_view
from appointments.views.time_off_form import TimeOffForm, owner_choices
from core.clock import system_clock
from core.errors import InvalidInputError, NotFoundError


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.SEE_CATALOGUE)
def time_off(request: HtmxRequest) -> HttpResponse:
    """What is to come; and, for those who may, the form to enter more."""
    zone = request.tenant.zone_info
    data = request.POST if request.method == "POST" else None
    today = system_clock().astimezone(zone).date()
    form = TimeOffForm(data, zone=zone, owners=owner_choices(), initial=_initial(request, today))
    if data is not None:
        check(request.user, Permission.EDIT_CATALOGUE)
        if form.is_valid():
            try:
                saved = Catalogue(by=request.user).save_time_off(TimeOff(), form.values())
            except InvalidInputError as error:
                form.refuse(error.attr, str(error))
            else:
                return redirect("scheduling:affected", time_off_id=saved.pk)
    context = {
        "form": form,
        "rows": coming_time_off(now=system_clock()),
        "can_edit": can(request.user, Permission.EDIT_CATALOGUE),
    }
    status = 400 if form.errors else 200
    return render(request, "appointments/scheduling/time_off.html", context, status=status)


@require_safe
@staff_view(Permission.SEE_CATALOGUE)
def affected(request: HtmxRequest, time_off_id: int) -> HttpResponse:
    """The visits that fall into it, to be moved one by one."""
    found = _existing(time_off_id)
    keys = visits_during(found, now=system_clock()).values_list("pk", flat=True)
    context = {
        "off": found,
        "visits": visits_by_key(request.user, keys),
        "can_edit": can(request.user, Permission.EDIT_CATALOGUE),
        "can_move": can(request.user, Permission.BOOK),
    }
    name = "partials/affected.html" if request.htmx else "affected.html"
    return render(request, f"appointments/scheduling/{name}", context)


@require_POST
@staff_view(Permission.EDIT_CATALOGUE)
def delete_time_off(request: HtmxRequest, time_off_id: int) -> HttpResponse:
    Catalogue(by=request.user).delete_time_off(_existing(time_off_id))
    return done(
        request, "Deleted: the time can be booked again", then=reverse("scheduling:time_off")
    )


def _existing(key: int) -> TimeOff:
    rows = TimeOff.objects.select_related("provider", "site", "resource")
    found = rows.filter(pk=key_of(str(key)) or 0).first()
    if found is None:
        raise NotFoundError("There is no such time off.")
    return found


def _initial(request: HtmxRequest, today: Any) -> dict[str, Any]:
    return {
        "owner": request.GET.get("owner", ""),
        "first_day": today,
        "last_day": today,
        "is_all_day": True,
    }
