"""Every address the product answers, with its variable parts filled in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern

SAMPLE_DAY = "2030-01-01"


@dataclass(frozen=True, slots=True)
class Route:
    """``name`` with its namespaces; ``varies`` tells whether an id was filled in."""

    name: str
    url: str
    varies: bool

    def __str__(self) -> str:
        return self.name or self.url


def all_routes(key: int) -> list[Route]:
    """Each route once, with ``key`` wherever it takes an id and a day wherever it takes one."""
    return [
        Route(name, f"/{path}", path != plain) for name, path, plain in _walk(get_resolver(), key)
    ]


def _walk(resolver: URLResolver, key: int) -> Iterator[tuple[str, str, str]]:
    for entry in resolver.url_patterns:
        path = _fill(entry.pattern, key)
        plain = _fill(entry.pattern, 0)
        if isinstance(entry, URLResolver):
            space = f"{entry.namespace}:" if entry.namespace else ""
            for name, below, plain_below in _walk(entry, key):
                yield f"{space}{name}", path + below, plain + plain_below
        elif isinstance(entry, URLPattern) and "format" not in entry.pattern.regex.groupindex:
            yield entry.name or "", path, plain


def _fill(pattern: object, key: int) -> str:
    if isinstance(pattern, RoutePattern):
        return re.sub(
            r"<(?:[^:>]+:)?([^>]+)>",
            lambda match: _sample(pattern.converters[match[1]].regex, key),
            pattern._route,
        )
    if isinstance(pattern, RegexPattern):
        route = pattern._regex.lstrip("^").replace(r"\Z", "").rstrip("$")
        route = re.sub(r"\(\?P<\w+>((?:[^()]|\([^()]*\))*)\)", lambda m: _sample(m[1], key), route)
        return re.sub(r"\\(.)", r"\1", route)
    return str(pattern)


def _sample(regex: str, key: int) -> str:
    for sample in (str(key), SAMPLE_DAY, "x", regex.split("|")[0]):
        if re.fullmatch(regex, sample):
            return sample
    raise AssertionError(f"No sample fits {regex}")
