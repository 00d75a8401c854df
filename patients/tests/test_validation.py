"""Which values a record takes, and what is said about those it does not."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.admin.utils import flatten
from django.core.exceptions import ValidationError

from patients.admin import PatientProfileAdmin
from patients.api.serializers import PatientWriteSerializer
from patients.models import WRITTEN
from patients.validation import FIELDS, clean

pytestmark = pytest.mark.django_db
GOOD = {"first_name": "Ada", "last_name": "Byron", "birth_date": "1984-03-12"}


def noon() -> datetime:
    return datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def inside(riverside):
    with riverside.active():
        yield


@pytest.mark.parametrize(
    "name",
    [
        "O’Brien-Łukasz",
        "عبد الرحمن",
        "<script>alert(1)</script>",
        "Zoë 👩🏽‍⚕️",
        "李",
        "Robert'); DROP TABLE--",
        "x" * 100,
    ],
)
def test_any_name_people_have_is_taken_as_it_is(name):
    assert clean(GOOD | {"last_name": name})["last_name"] == name


def test_names_are_tidied():
    assert clean(GOOD | {"first_name": "  Ada \u00a0 King "})["first_name"] == "Ada King"
    assert clean(GOOD | {"first_name": "Zoe\u0308"})["first_name"] == "Zoë"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("first_name", "", "required"),
        ("first_name", None, "required"),
        ("last_name", " \u200b ", "required"),
        ("last_name", "x" * 101, "max_length"),
        ("last_name", "a\x00b", "control_characters"),
        ("last_name", "a\x1bb", "control_characters"),
        ("last_name", "a\ud800", "control_characters"),
        ("last_name", "abc\u202etxt", "direction_override"),
        ("last_name", ["a"], "invalid"),
        ("birth_date", "", "required"),
        ("birth_date", "12/03/84", "invalid"),
        ("birth_date", "1984-02-30", "invalid"),
        ("birth_date", 19840312, "invalid"),
        ("birth_date", "2026-03-03", "in_the_future"),
        ("birth_date", "9999-12-31", "in_the_future"),
        ("birth_date", "1899-12-31", "too_early"),
        ("sex", "f", "invalid_choice"),
        ("sex", {}, "invalid_choice"),
        ("phone", "12", "invalid_phone"),
        ("phone", "call me", "invalid_phone"),
        ("email", "nobody", "invalid"),
        ("mrn", "A 1", "invalid"),
        ("mrn", "1" * 33, "max_length"),
        ("language", "german!", "invalid"),
        ("communication_needs", "wheelchair", "invalid"),
        ("communication_needs", ["helicopter"], "invalid_choice"),
        ("communication_needs", [["wheelchair"]], "invalid_choice"),
        ("latitude", 91, "invalid"),
        ("latitude", float("nan"), "invalid"),
        ("longitude", 10**400, "invalid"),
        ("longitude", True, "invalid"),
        ("consents_to_sms", "yes", "invalid"),
        ("notes", "x" * 4001, "max_length"),
        ("tenant", 1, "unknown_field"),
        ("version", 1, "unknown_field"),
    ],
)
def test_bad_values_name_their_field(field, value, code):
    with pytest.raises(ValidationError) as refused:
        clean(GOOD | {field: value}, clock=noon)
    assert {
        name: [e.code for e in errors] for name, errors in refused.value.error_dict.items()
    } == {field: [code]}


def test_a_missing_required_field_is_named_unless_it_is_a_change():
    with pytest.raises(ValidationError) as refused:
        clean({"first_name": "Ada"})
    assert set(refused.value.error_dict) == {"last_name", "birth_date"}
    assert clean({"first_name": "Ada"}, partial=True) == {"first_name": "Ada"}


def test_today_is_the_tenants_and_not_the_servers():
    late = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # in Berlin it is the 3rd
    born = clean(GOOD | {"birth_date": date(2026, 3, 3)}, clock=lambda: late)["birth_date"]
    assert born == date(2026, 3, 3)


def test_a_number_without_country_is_read_in_the_tenants():
    assert clean(GOOD | {"phone": "030 901820"})["phone"].as_e164 == "+4930901820"


def test_notes_keep_their_lines():
    assert clean(GOOD | {"notes": "one\ntwo"})["notes"] == "one\ntwo"


def test_every_door_takes_the_same_fields():
    assert set(WRITTEN) == FIELDS
    assert set(PatientWriteSerializer().fields) == set(WRITTEN)
    shown = {name for _, part in PatientProfileAdmin.fieldsets for name in flatten(part["fields"])}
    assert shown == set(WRITTEN)
