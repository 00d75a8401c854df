"""What screens say: complete in every language."""

from dataclasses import fields
from string import Formatter

import pytest

from appointments.queue.spoken_calls import WORDS, Words, range_words, words_of

PLACES = {
    "call": {"ticket", "room"},
    "call_without_room": {"ticket"},
    "waiting": {"n"},
    "stale": {"age"},
}
TEXTS = [field.name for field in fields(Words) if field.type is str]


def places_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_the_languages_that_hospitals_asked_for_are_there():
    assert {"en", "de", "fr", "es", "tr", "ar"} <= set(WORDS)


@pytest.mark.parametrize("language", WORDS)
def test_each_text_is_there_and_names_what_it_has_to(language):
    for name in TEXTS:
        text = getattr(WORDS[language], name)
        assert text.strip() == text != "", name
        assert places_in(text) == PLACES.get(name, set()), name


def test_no_text_was_left_in_another_language():
    for name in ("call", "call_without_room", "serving", "following", "nobody_waits"):
        said = [getattr(words, name) for words in WORDS.values()]
        assert len(set(said)) == len(said), name


def test_only_arabic_is_written_from_right_to_left():
    assert [language for language, words in WORDS.items() if words.is_rtl] == ["ar"]


def test_a_screen_is_written_in_its_first_language():
    assert words_of(["tr", "en"]) is WORDS["tr"]
    assert words_of([]) is WORDS["en"]
    assert words_of(["xx"]) is WORDS["en"]


@pytest.mark.parametrize(
    ("p10", "p90", "said"),
    [
        (10, 15, "10–15"),
        (0, 9, "< 9"),
        (4, 4, "4"),
        (None, None, ""),
    ],
)
def test_waits_are_ranges(p10, p90, said):
    assert range_words(p10, p90) == said
