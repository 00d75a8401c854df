"""Shared parts of the REST API that DRF's settings name: parsing, rendering, pages, throttles."""

import json
import logging
import time
from math import ceil
from typing import Any

import orjson
from django.conf import settings
from django.core.cache import cache
from django.core.paginator import InvalidPage, Page, Paginator
from redis.exceptions import RedisError
from rest_framework.exceptions import APIException, NotFound, ParseError, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

logger = logging.getLogger("hospital.throttle")


class PayloadTooLarge(APIException):
    status_code = 413
    default_code = "payload_too_large"
    default_detail = "The body is larger than 2 MB."


class CountedAgain(Paginator):
    """Ends a page where the rows end, not where they ended when they were counted: others write
    in between, and a list must not say that it is whole and leave somebody out."""

    def page(self, number: int | str) -> Page:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        return Page(self.object_list[first : first + self.per_page], number, self)

    def correct(self, number: int, seen: int) -> None:
        """Take over what the rows of a page say about the count."""
        until = (number - 1) * self.per_page + seen
        is_last = seen < self.per_page and (seen or number == 1)
        self.count = until if is_last else max(self.count, until)
        self.num_pages = max(1, ceil(self.count / self.per_page))


class Pages(PageNumberPagination):
    """Numbered pages; a ``page`` or ``page_size`` that is none is refused, not corrected.

    A view's ``rows`` turns the page into what its serializer reads; it runs after the count, so
    that counting joins nothing.
    """

    page_size: int
    page_size_query_param = "page_size"
    max_page_size = 500
    invalid_page_message = "There is no such page."

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        size, number = self.get_page_size(request), self.get_page_number(request, None)
        self.request = request
        try:
            paginator = CountedAgain(queryset, size)
            self.page = paginator.page(number)
        except InvalidPage as error:
            raise NotFound(self.invalid_page_message) from error
        rows = list(view.rows(self.page.object_list))
        paginator.correct(number, len(rows))
        return rows

    def get_page_size(self, request: Request) -> int:
        return _whole_number(request, "page_size", self.page_size, self.max_page_size)

    def get_page_number(self, request: Request, paginator: Any) -> int:
        return _whole_number(request, "page", 1, 2**31)


def _whole_number(request: Request, name: str, default: int, most: int) -> int:
    raw = request.query_params.get(name)
    if raw is None:
        return default
    if raw.isascii() and raw.isdigit() and len(raw) < 12 and 1 <= int(raw) <= most:
        return int(raw)
    raise ValidationError({name: f"Give a whole number from 1 to {most}."}, code="invalid")


class StrictJSONParser(BaseParser):
    """One JSON object in UTF-8, nested no deeper than a person would."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        raw = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise PayloadTooLarge
        try:
            data = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            data = _tolerated(raw, error)
        if not isinstance(data, dict):
            raise ParseError("The body must be a JSON object.")
        return data


def _tolerated(raw: bytes, error: orjson.JSONDecodeError) -> Any:
    """Numbers that overflow and lone surrogates are let in, so that their field can be named."""
    try:
        return json.loads(raw.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ParseError(f"The body is not valid JSON: {error}.") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


class FastJSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> bytes:
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=str)
        except orjson.JSONEncodeError:  # it quotes a lone surrogate of the request
            return json.dumps(data, default=str).encode()


class WindowThrottle(SimpleRateThrottle):
    """Counts requests per window in the cache; two small commands, whatever the rate.

    Without the cache everybody passes: care must not stop because a counter is down.
    """

    cache_is_down = False
    num_requests: int
    duration: int  # seconds

    def allow_request(self, request: Request, view: Any) -> bool:
        if self.rate is None:
            return True
        who = self.get_cache_key(request, view)
        if who is None:
            return True
        window = int(time.time()) // self.duration
        try:
            used = self._count(f"throttle:{self.scope}:{who}:{window}")
        except (RedisError, OSError) as error:
            self._say_once(error)
            return True
        WindowThrottle.cache_is_down = False
        return used <= self.num_requests

    def wait(self) -> float:
        """Seconds until the next window."""
        return self.duration - int(time.time()) % self.duration

    def _count(self, key: str) -> int:
        try:
            return cache.incr(key)
        except ValueError:  # the window's first
            return 1 if cache.add(key, 1, self.duration) else self._count(key)

    def _say_once(self, error: Exception) -> None:
        if not WindowThrottle.cache_is_down:
            logger.warning("The cache is down, so nothing is throttled: %s", type(error).__name__)
        WindowThrottle.cache_is_down = True


class UserThrottle(WindowThrottle):
    scope = "user"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return str(request.user.pk) if request.user.is_authenticated else None


class StrangerThrottle(WindowThrottle):
    scope = "stranger"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return None if request.user.is_authenticated else self.get_ident(request)


class TokenThrottle(WindowThrottle):
    """Tries to log in, per address."""

    scope = "token"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return self.get_ident(request)
