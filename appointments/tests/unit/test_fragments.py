"""One name per fragment: URL name = view name = partial file = DOM id."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import URLResolver, get_resolver

TEMPLATES = settings.BASE_DIR / "templates"
SHARED = {"#panel", "#alert"}  # places where many fragments land in turn
URL_TAG = re.compile(r"""{%\s*url\s+["']([\w:-]+)["'][^%]*?(?:\bas\s+(\w+)\s*)?%}""")
OTHER_TAG = re.compile(r"{%.*?%}|{#.*?#}", re.DOTALL)
VARIABLE = re.compile(r"{{\s*(\w+)[^}]*}}")

# Ids that would say too little beside what else is on their pages, and those they have instead.
DOM_IDS = {
    "visits:patient": "patient-visits",
    "patients:rows": "patient-rows",
    "waitlist:rows": "waitlist-rows",
    "queue:queue_status": "queue-status-",  # and the queue's key: several stand side by side
    "screens:rows": "screen-rows",
}

# Views whose names are given, or that share a form, with the fragment that each answers with.
GIVEN = {
    "scheduling:find_optimal_slots": ("find_optimal_slots_view", "optimal_slots"),
    "queue:metrics": ("queue_metrics_dashboard_view", "queue_metrics"),
    "scheduling:add_rule": ("add_rule", "rule"),
    "scheduling:add_resource": ("add_resource", "resource"),
    "scheduling:book_trip": ("book_trip", "trip_rows"),
    "scheduling:book_series": ("book_series", "optimal_slots"),
    "queue:add_queue": ("add_queue", "edit_queue"),
    "queue:add_point": ("add_point", "edit_point"),
    "queue:retire_queue": ("retire_queue", "edit_queue"),
    "queue:retire_point": ("retire_point", "edit_point"),
    "kiosks:add": ("add", "kiosk"),
    "kiosks:address": ("address", "kiosk"),
    "kiosks:new_address": ("new_address", "kiosk"),
    "waitlist:add": ("add", "form"),
    "waitlist:edit": ("edit", "form"),
    "queue:queue_status": ("queue_status_htmx_view", "queue_status"),
    "queue:add_to_queue": ("add_to_queue_htmx_view", "add_patient_form"),
    "screens:add": ("add", "screen"),
    "screens:pair": ("pair", "screen"),
    "screens:address": ("address", "screen"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """An element that fetches a fragment, and the id of the element that it lands in."""

    template: str
    url_name: str
    target: str

    @property
    def area(self) -> str:
        return self.url_name.rpartition(":")[0]

    @property
    def name(self) -> str:
        """Of the fragment."""
        return GIVEN.get(self.url_name, ("", self.url_name.rpartition(":")[2]))[1]

    @property
    def view(self) -> str:
        return GIVEN.get(self.url_name, (self.name,))[0]

    def __str__(self) -> str:
        return f"{self.template} {self.url_name}"


class Requests(HTMLParser):
    """Collects them from a template whose url tags have been replaced by the URLs' names."""

    def __init__(self, template: str) -> None:
        super().__init__()
        self.template, self.found = template, []

    def handle_starttag(self, tag, attrs) -> None:
        given = dict(attrs)
        asked = given.get("hx-get") or given.get("hx-post")
        is_command = given.get("hx-swap") == "none"
        if not asked or ":" not in asked or is_command:
            return
        own = f"#{given['id']}" if given.get("id") else ""
        target = given.get("hx-target", "this")
        self.found.append(
            Request(self.template, asked.partition("?")[0], own if target == "this" else target)
        )


def requests_of(path: Path) -> list[Request]:
    text = path.read_text()
    aliases = {alias: name for name, alias in URL_TAG.findall(text) if alias}
    text = URL_TAG.sub(lambda match: "" if match[2] else match[1], text)
    text = VARIABLE.sub(lambda match: aliases.get(match[1], ""), OTHER_TAG.sub("", text))
    parser = Requests(path.relative_to(TEMPLATES).as_posix())
    parser.feed(text)
    return parser.found


def views() -> dict[str, str]:
    """The name of each view by that of its URL."""
    return {
        f"{area.namespace}:{entry.name}": entry.callback.__name__
        for area in get_resolver().url_patterns
        if isinstance(area, URLResolver)
        for area in ([area] if area.namespace else area.url_patterns)
        if isinstance(area, URLResolver) and area.namespace
        for entry in area.url_patterns
        if not isinstance(entry, URLResolver)
    }


VIEWS = views()
PAGES = sorted(TEMPLATES.rglob("*.html"))
REQUESTS = [request for page in PAGES for request in requests_of(page)]
PARTIALS = [page for page in PAGES if page.parent.name == "partials"]


def partial_of(request: Request) -> Path | None:
    for folder in (TEMPLATES / request.area, TEMPLATES / "appointments" / request.area):
        path = folder / "partials" / f"{request.name}.html"
        if path.exists():
            return path
    return None


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_what_is_fetched_has_one_name(request_):
    assert VIEWS[request_.url_name] == request_.view
    assert partial_of(request_), "no partial of that name"
    if request_.target not in SHARED:
        wanted = DOM_IDS.get(request_.url_name, request_.name.replace("_", "-"))
        assert request_.target == f"#{wanted}"


@pytest.mark.parametrize("partial", PARTIALS, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_a_partial_is_a_fragment_or_a_part_of_a_page(partial):
    area = partial.parent.parent.name
    name = partial.relative_to(TEMPLATES).as_posix()
    is_fragment = VIEWS.get(f"{area}:{partial.stem}") == partial.stem or any(
        url.startswith(f"{area}:") and fragment == partial.stem
        for url, (_, fragment) in GIVEN.items()
    )
    is_part = any(f'"{name}"' in page.read_text() for page in PAGES)
    assert is_fragment or is_part


def test_the_search_for_fragments_finds_them():
    found = {request.url_name for request in REQUESTS}
    assert {"today:board_columns", "calendar:grid", "calendar:book", "visits:patient"} <= found
    assert set(DOM_IDS) | set(GIVEN) <= found
