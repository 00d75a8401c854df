"""What a patient sees of the own care."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.permissions import Permission, requires
from appointments.portal.selectors import own_visits
from appointments.queue.own_place import present_entry_of
from appointments.queue.patient_links import ticket_token
from core.clock import system_clock


@require_safe
@requires(Permission.USE_PORTAL)
def home(request: HttpRequest) -> HttpResponse:
    """The coming visits, the past ones below, and where the patient waits at this moment."""
    now = system_clock()
    context = {**own_visits(request.user, now=now), "waiting": present_entry_of(request.user)}
    return render(request, "appointments/portal/home.html", context)


@require_safe
@requires(Permission.USE_PORTAL)
def place(request: HttpRequest) -> HttpResponse:
    """To the page of the patient's own ticket, which the link alone opens."""
    entry = present_entry_of(request.user)
    if entry is None:
        return redirect("portal:home")
    return redirect("ticket:ticket", ticket_token(entry, zone=request.tenant.zone_info))
