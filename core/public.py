"""Pages that are open to whoever knows their address: screens, kiosks, tickets."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from core.api import WindowThrottle
from core.refusals import refuse

PREFIXES = ("/display/", "/kiosk/", "/ticket/", "/check-in/")


def is_public(path: str) -> bool:
    """Whether the page behind the path asks for no login and must not depend on one."""
    return path.startswith(PREFIXES)


class PublicThrottle(WindowThrottle):
    """Per address.  A hospital's screens and its visitors' phones may share one."""

    scope = "public"

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        return self.get_ident(request)


def public_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Throttled, kept by no cache, found by no search engine, and named to no other site."""

    @never_cache
    @wraps(view)
    def inside(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        throttle = PublicThrottle()
        if throttle.allow_request(request, view):  # type: ignore[arg-type]
            response = view(request, *args, **kwargs)
        else:
            message = "Too many requests from your network. Try again in a minute."
            response = refuse(request, 429, "One moment, please", message, "throttled")
            response.headers["Retry-After"] = str(int(throttle.wait()) or 1)
        # Not "no-referrer": a form's POST would then come from nowhere and be refused.
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    return inside
