"""How a refusal reaches a person: as a page, or in the alert area of the page they are on."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from core.errors import DomainError

GetResponse = Callable[[HttpRequest], HttpResponse]

PAGES = {
    400: ("bad_request", "That did not work", "The request could not be read."),
    403: ("permission_denied", "Not for your role", "Your role does not allow this."),
    404: ("not_found", "Nothing here", "This page or record does not exist, or is not for you."),
}


def refuse(request: HttpRequest, status: int, title: str, message: str, code: str) -> HttpResponse:
    """Answer with ``status``: JSON to API callers, an alert to htmx, else a page."""
    if request.path.startswith("/api/"):
        error = {"code": code, "detail": message, "attr": None}
        return JsonResponse({"type": "client_error", "errors": [error]}, status=status)
    words = {"title": title, "message": message, "status": status}
    if getattr(request, "htmx", False):
        response = render(request, "components/alert.html", {"message": message}, status=status)
        return reswap(retarget(response, "#alert"), "innerHTML")
    return render(request, "refusal.html", words, status=status)


def _page(request: HttpRequest, status: int) -> HttpResponse:
    code, title, message = PAGES[status]
    return refuse(request, status, title, message, code)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was too old, or came from another site."""
    message = "This page was open for too long. Reload it and try again; nothing was changed."
    return refuse(request, 403, "The form has expired", message, "csrf_failed")


class RefusalMiddleware:
    """Turns a domain error into an answer, and an expired login under htmx into a redirect."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        login = resolve_url(settings.LOGIN_URL)
        if request.htmx and response.status_code == 302 and response["Location"].startswith(login):
            # Followed by the browser itself, it would land inside a fragment.
            here = request.htmx.current_url_abs_path or "/"
            return HttpResponseClientRedirect(f"{login}?{urlencode({'next': here})}")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        status = exception.http_status
        title = PAGES[status][1] if status in PAGES else "That is not possible"
        return refuse(request, status, title, str(exception), exception.code)
