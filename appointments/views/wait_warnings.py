"""The strip of patients who are about to wait too long."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import Permission, can
from appointments.scheduling import wait_warnings as selector
from appointments.views.htmx import HtmxRequest, staff_view
from core.clock import system_clock


@require_safe
@staff_view(Permission.SEE_WAITLIST)
def wait_warnings(request: HtmxRequest) -> HttpResponse:
    """Nothing at all where nobody is; loaded by the pages that show it."""
    zone = request.tenant.zone_info
    found = selector.wait_warnings(request.user, now=system_clock(), zone=zone)
    context = {
        "warnings": found,
        "soon": found.total - found.overdue,
        "can_edit": can(request.user, Permission.EDIT_WAITLIST),
        "can_book": can(request.user, Permission.BOOK),
    }
    return render(request, "appointments/scheduling/partials/wait_warnings.html", context)
