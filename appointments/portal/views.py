"""What a patient sees of the own care."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import Permission, requires
from appointments.portal.selectors import own_visits
from core.clock import system_clock


@require_safe
@requires(Permission.USE_PORTAL)
def home(request: HttpRequest) -> HttpResponse:
    """The coming visits, and the past ones below."""
    return render(
        request, "appointments/portal/home.html", own_visits(request.user, now=system_clock())
    )
