"""What patients read on their own pages and at kiosks, in the languages that these know.

One module per language, each with the same keys; ``{…}`` in a text is filled in by the view.
"""

from collections.abc import Mapping

from appointments.queue.words import ar, de, en, es, fr, tr

LANGUAGES: dict[str, str] = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "tr": "Türkçe",
    "ar": "العربية",
}
WORDS: dict[str, Mapping[str, str]] = {
    "en": en.WORDS,
    "de": de.WORDS,
    "fr": fr.WORDS,
    "es": es.WORDS,
    "tr": tr.WORDS,
    "ar": ar.WORDS,
}
RIGHT_TO_LEFT = frozenset({"ar"})
DEFAULT = "en"


def known_language(code: str) -> str:
    """The language of a code such as de-AT where it is known, else the default."""
    language = code.partition("-")[0]
    return language if language in WORDS else DEFAULT
