"""What happens to every request, whoever sends it."""

import logging
import time
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException

from core.masks import masked
from core.refusals import refuse

GetResponse = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger("hospital.request")


def request_log(get_response: GetResponse) -> GetResponse:
    """One line per request, without query string or body: those may hold a patient's name; and
    without the tokens of unguessable links."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.request_id = uuid.uuid4().hex[:12]
        started = time.perf_counter()
        response = get_response(request)
        milliseconds = (time.perf_counter() - started) * 1000
        if not request.path.startswith(("/static/", "/healthz")):
            logger.info(
                "%s %s %s %d %.0fms",
                request.request_id,
                request.method,
                masked(request.path.encode("unicode_escape").decode()),
                response.status_code,
                milliseconds,
            )
        response.headers["X-Request-Id"] = request.request_id
        return response

    return middleware


def refuse_unreadable_input(get_response: GetResponse) -> GetResponse:
    """400 for NUL bytes in paths, queries and forms: PostgreSQL cannot store or compare them."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path or _has_nul(request.GET):
            return _unreadable(request, "The address contains a NUL character.")
        is_form = request.content_type in {
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        }
        if is_form and request.method == "POST" and _has_nul(_form(request)):
            return _unreadable(request, "The form contains a NUL character.")
        return get_response(request)

    return middleware


def _unreadable(request: HttpRequest, message: str) -> HttpResponse:
    return refuse(request, 400, "That could not be read", message, "control_characters")


def _form(request: HttpRequest):
    try:
        return request.POST
    except RawPostDataException:
        return {}


def _has_nul(values) -> bool:
    return any(
        "\x00" in key or any("\x00" in value for value in values.getlist(key)) for key in values
    )
