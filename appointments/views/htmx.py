"""What the screens share: the guard, the answer to a command, and the day that is shown."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import trigger_client_event

from accounts.permissions import Permission, requires
from core.errors import InvalidInputError
from core.lookups import MAX_KEY

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from accounts.models import User
    from core.models import Tenant

FIRST_YEAR, LAST_YEAR = 1900, 2200


class HtmxRequest(HttpRequest):
    if TYPE_CHECKING:
        htmx: HtmxDetails
        user: User
        tenant: Tenant


def staff_view(permission: Permission) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``requires``, and a platform user chooses a tenant first."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @requires(permission)
        @wraps(view)
        def inside(request: HtmxRequest, *args: Any, **kwargs: Any) -> Any:
            if request.tenant is None:
                return redirect("accounts:choose_tenant")
            return view(request, *args, **kwargs)

        return inside

    return decorate


def done(
    request: HtmxRequest,
    text: str,
    *,
    undo: str = "",
    link: tuple[str, str] | None = None,
    then: str,
    close: bool = False,
) -> HttpResponse:
    """The answer to a command that worked.

    Args:
        undo: where a POST takes it back.
        link: label and address of what one may want next.
        then: where a browser without htmx goes on; the form's own ``next`` comes first.
        close: whether the side panel has served its purpose.
    """
    if not request.htmx:
        messages.success(request, text)
        return redirect(_next(request) or then)
    response = HttpResponse(status=204)
    # In this order: a toast replaces the one whose undo may have asked, a closing panel its form.
    trigger_client_event(response, "visit-changed")
    toast: dict[str, Any] = {"text": text, "undo": undo}
    if link:
        toast["link"] = {"label": link[0], "url": link[1]}
    trigger_client_event(response, "toast", toast)
    return trigger_client_event(response, "panel:close") if close else response


def _next(request: HtmxRequest) -> str:
    url = request.POST.get("next", "")
    hosts = {request.get_host()}
    return url if url_has_allowed_host_and_scheme(url, hosts, request.is_secure()) else ""


def in_panel(
    request: HtmxRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """The partial for the side panel; without htmx, a page of its own around it."""
    name = f"appointments/{template}"
    if request.htmx:
        return render(request, name, context, status=status)
    return render(
        request, "appointments/panel_page.html", {**context, "panel": name}, status=status
    )


def version_of(request: HtmxRequest) -> int | None:
    """The version of the row the person looked at, as the form carries it."""
    text = request.POST.get("version", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidInputError("This version is not a number.", attr="version")
    return int(text)


def key_of(text: str) -> int | None:
    """A record's key as a query or a form carries it; None if it is none."""
    is_key = text.isascii() and text.isdecimal() and len(text) < 20
    return int(text) if is_key and 0 < int(text) <= MAX_KEY else None


def shown_day(request: HtmxRequest, now: datetime) -> date:
    """``?day=2026-03-24``, or the tenant's today.

    Raises:
        InvalidInputError: no such date, or one beyond any calendar.
    """
    text = request.GET.get("day", "")
    if not text:
        return now.astimezone(request.tenant.zone_info).date()
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError("This is not a date.", attr="day") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidInputError("This date is out of range.", attr="day")
    return day


def neighbours(day: date, days: int = 1) -> tuple[date, date]:
    return day - timedelta(days=days), day + timedelta(days=days)
