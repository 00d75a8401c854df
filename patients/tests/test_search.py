"""Search finds by any part of what is known, forgives typing, and stays within the tenant."""

from datetime import date

import pytest
from django.db import ProgrammingError, connection, transaction

from core.models import AuditEvent
from core.tenancy import TenantError
from patients.registration import register
from patients.search import Question, ranked_ids, read, search

PEOPLE = [
    ("Zoë", "Müller-Lüdenscheidt", "1984-03-12", "+4930901820", "AB-12/7"),
    ("Friedrich", "Schmidt", "1951-12-01", "+493012345678", "P0000815"),
    ("John", "O’Brien", "1990-07-05", "", "P0000816"),
    ("مريم", "عبد الرحمن", "2001-01-31", "", "P0000817"),
    ("Anna", "Berg", "1975-05-05", "", "P0000818"),
    ("Hannah", "Annaberg", "1975-05-06", "", "P0000819"),
]


@pytest.fixture
def people(riverside, lakeside):
    with lakeside.active():
        for first, last, born, phone, _ in PEOPLE:
            register(by=None, first_name=first, last_name=last, birth_date=born, phone=phone)
    with riverside.active():
        yield {
            first: register(
                by=None, first_name=first, last_name=last, birth_date=born, phone=phone, mrn=mrn
            )
            for first, last, born, phone, mrn in PEOPLE
        }


@pytest.mark.parametrize(
    ("query", "first_name"),
    [
        ("schmidt", "Friedrich"),
        ("Schmidt, Friedrich", "Friedrich"),
        ("friedrich schmidt", "Friedrich"),
        ("chmid", "Friedrich"),
        ("fr", "Friedrich"),
        ("fr sch", "Friedrich"),
        ("schmitd", "Friedrich"),  # letters swapped
        ("schmid friedrch", "Friedrich"),  # letter lost
        ("Freidrich", "Friedrich"),
        ("jhon", "John"),  # a short word, swapped at its start
        ("Shmidt", "Friedrich"),
        ("obrien", "John"),
        ("o'brien", "John"),
        ("muller", "Zoë"),  # accents left out
        ("MUELLER zoe", "Zoë"),
        ("lüdenscheid", "Zoë"),
        ("عبد", "مريم"),
        ("P0000815", "Friedrich"),
        ("p0000815", "Friedrich"),
        ("0815", "Friedrich"),
        ("AB-12/7", "Zoë"),
        ("ab127", "Zoë"),
        ("030 901820", "Zoë"),
        ("+49 30 90 18-20", "Zoë"),
        ("(030) 1234", "Friedrich"),
        ("345678", "Friedrich"),
        ("1984-03-12", "Zoë"),
        ("12.03.1984", "Zoë"),
        ("12.3.84", "Zoë"),
        ("zoe 12.03.1984", "Zoë"),
    ],
)
def test_any_part_finds_the_patient_first(people, query, first_name):
    assert search(query).first() == people[first_name]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "xqzwv",
        "%",
        "_",
        "\\",
        "%%%a%",
        "' OR 1=1 --",
        "schmidt zoe",
        "schmidt 12.03.1984",
        "31.02.1984",
        "\x00",
        "\ud800",
        "9" * 500,
        "(" * 50,
    ],
)
def test_what_fits_nobody_finds_nobody(people, query):
    assert list(search(query)) == []


def test_the_best_fit_comes_first(people):
    assert list(search("anna berg")) == [people["Anna"], people["Hannah"]]
    assert search("anna").first() == people["Anna"]


def test_long_and_hostile_queries_are_harmless(people):
    for query in (
        "a" * 5000,
        "a " * 500,
        "$1 %s %(x)s {0}",
        "🩺",
        "a\u202eb",
        "'; DROP TABLE x;--",
    ):
        list(search(query))


def test_archived_patients_are_left_out(people):
    type(people["John"]).objects.filter(pk=people["John"].pk).update(is_active=False)
    assert list(search("O’Brien")) == []


def test_the_other_tenants_namesakes_are_never_found(people, lakeside, riverside):
    for first, last, born, phone, _ in PEOPLE:
        for query in (last, f"{first} {born}", phone, last[:-1] + "x"):
            assert {patient.tenant_id for patient in search(query)} <= {riverside.tenant.pk}


def test_the_function_itself_refuses_to_run_outside_a_tenant(db):
    with pytest.raises(TenantError):
        search("schmidt").first()
    with pytest.raises(ProgrammingError, match="outside a tenant"), transaction.atomic():
        ranked_ids(Question(("schmidt",), ()))


def test_the_database_does_not_let_strangers_call_the_function(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proacl::text, prosecdef, proconfig::text FROM pg_proc"
            " WHERE proname = 'patients_search'"
        )
        rights, is_definer, settings = cursor.fetchone()
    assert is_definer
    assert "search_path=public, pg_temp" in settings
    assert "{=X" not in rights
    assert ",=X" not in rights


@pytest.mark.parametrize(
    ("query", "month_first", "question"),
    [
        ("Ada Byron", False, Question(("Ada", "Byron"), ())),
        ("Byron,Ada", False, Question(("Byron", "Ada"), ())),
        ("03/04/1984", True, Question((), (date(1984, 3, 4),))),
        ("03/04/1984", False, Question((), (date(1984, 4, 3),))),
        ("13/04/1984", True, Question((), (date(1984, 4, 13),))),
        ("03.04.1984", True, Question((), (date(1984, 4, 3),))),
        ("1.2.21", False, Question((), (date(2021, 2, 1),))),
        ("0049 30 1234", False, Question(("49301234",), ())),
        ("(030) 12-34", False, Question(("301234",), ())),
        ("AB-12/7 ada", False, Question(("AB127", "ada"), ())),
        ("% - ' Ada", False, Question(("Ada",), ())),
    ],
)
def test_a_query_is_taken_apart(query, month_first, question):
    assert read(query, month_first=month_first) == question


def misspellings(word):
    """Every slip of neighbouring letters, letter lost, doubled, and wrong."""
    for n in range(len(word)):
        yield word[:n] + word[n + 1 :]
        yield word[:n] + word[n] + word[n:]
        yield word[:n] + "x" + word[n + 1 :]
        if n + 1 < len(word) and word[n] != word[n + 1]:
            yield word[:n] + word[n + 1] + word[n] + word[n + 2 :]


@pytest.mark.parametrize("first", ["", "Friedrich "])
@pytest.mark.parametrize("name", ["Schmidt", "Braun", "Lüdenscheidt"])
def test_every_single_typing_error_is_forgiven(people, first, name):
    wanted = people["Friedrich"]
    type(wanted).objects.filter(pk=wanted.pk).update(last_name=name)
    typed = [first + word for word in misspellings(name)]
    assert [query for query in typed if wanted not in search(query)] == []


def test_a_slip_in_both_words_is_forgiven(people):
    assert search("Firedrich Schmitd").first() == people["Friedrich"]


def test_a_changed_name_is_known_at_once(people):
    type(people["Anna"]).objects.filter(pk=people["Anna"].pk).update(last_name="Winterhalter")
    assert search("Witnerhalter").first() == people["Anna"]


def test_the_searched_text_stays_out_of_the_audit_trail(people):
    events = AuditEvent.objects.filter(table="patients_patientprofile").values_list(
        "after", flat=True
    )
    assert "Anna" in str(list(events))
    assert "search_text" not in str(list(events))
