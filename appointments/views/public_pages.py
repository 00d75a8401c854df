"""What patients' own pages and kiosks share: their languages, addresses and the page of an end."""

from typing import Any

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation.trans_real import parse_accept_lang_header

from appointments.queue.own_place import OwnPlace
from appointments.queue.words import DEFAULT, LANGUAGES, RIGHT_TO_LEFT, WORDS

LEFT_TO_RIGHT, END = "\u2066", "\u2069"
"""Around a range, which a right-to-left sentence would turn around."""


def language_of(request: HttpRequest) -> str:
    """The language that was chosen, or else the first of the browser's that is known."""
    chosen = request.POST.get("lang") or request.GET.get("lang", "")
    if chosen in WORDS:
        return chosen
    for code, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if code.partition("-")[0] in WORDS:
            return code.partition("-")[0]
    return DEFAULT


def written_in(language: str) -> dict[str, object]:
    """What a template needs to be written in the language."""
    return {
        "words": WORDS[language],
        "language": language,
        "languages": LANGUAGES.items(),
        "direction": "rtl" if language in RIGHT_TO_LEFT else "ltr",
    }


def gone(request: HttpRequest) -> HttpResponse:
    """The link is unknown, has expired or was revoked; which of these is not told."""
    context = written_in(language_of(request))
    return render(request, "appointments/public/gone.html", context, status=404)


def token_of_page(request: HttpRequest) -> str:
    return request.resolver_match.kwargs["token"]  # type: ignore[union-attr]


def address(name: str, *args: object, lang: str = "") -> str:
    """The path of a page, in the language."""
    path = reverse(name, args=args)
    return f"{path}?{urlencode({'lang': lang})}" if lang else path


def go(name: str, *args: object, lang: str = "") -> HttpResponse:
    return redirect(address(name, *args, lang=lang))


def qr_code(text: str) -> SafeString:
    """The text as a drawing of its own, black on white on any ground."""
    code = segno.make(text, error="m")
    drawn = code.svg_inline(scale=4, border=2, light="white", omitsize=True, svgclass="qr")
    return mark_safe(drawn)  # noqa: S308 - it holds nothing of the text but squares


def wait_words(place: OwnPlace, language: str) -> str:
    """The range of the wait, as people read it; empty where it is not known."""
    if place.p90 is None:
        return ""
    first, last = place.p10 or 0, place.p90
    span = str(last) if first == last else f"{LEFT_TO_RIGHT}{first}–{last}{END}"
    return WORDS[language]["minutes"].format(range=span)


def filled(language: str, key: str, **values: Any) -> str:
    return WORDS[language][key].format(**values)
