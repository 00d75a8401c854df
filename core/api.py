"""Shared parts of the REST API: parsing, rendering, pages, throttles."""

from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.throttling import SimpleRateThrottle


class Pages(PageNumberPagination):
    page_size_query_param = "page_size"
    max_page_size = 500


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise ParseError(f"Not valid JSON: {error}.") from error


class FastJSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str)


class UserThrottle(SimpleRateThrottle):
    scope = "user"

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        return f"throttle:user:{request.user.pk}" if request.user.is_authenticated else None


class StrangerThrottle(SimpleRateThrottle):
    scope = "stranger"

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        if request.user.is_authenticated:
            return None
        return f"throttle:stranger:{self.get_ident(request)}"
