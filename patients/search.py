"""Finding a patient by any part of name, MRN, phone or birth date, typing errors included."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.db.models import F, Func, IntegerField, QuerySet, Value

from core.models import Tenant
from core.tenancy import current_tenant_id
from patients.models import PatientProfile
from patients.phones import parse_phone, significant_digits

MAX_RESULTS = 200
MONTH_FIRST_LOCALES = ("en", "en-us")
YEARS_AHEAD_OF_TWO_DIGITS = 30  # 84 is 1984, 21 is 2021

PHONE_LIKE = re.compile(r"[+(]?[\d\s()/.\-]{3,}")
UNSEARCHABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
MRN_MARKS = re.compile(r"[./_-]")
DATE_LIKE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})([./])(\d{1,2})\5(\d{4}|\d{2})")


@dataclass(frozen=True, slots=True)
class Question:
    """A query taken apart: words that must all occur, days of which one must be the birth date."""

    words: tuple[str, ...]
    born: tuple[date, ...]


def read(query: str, *, month_first: bool) -> Question:
    """Take a typed query apart.

    Args:
        query: any text.
        month_first: whether 03/04/1984 is the 4th of March.
    """
    rest = UNSEARCHABLE.sub(" ", query).strip()
    born: tuple[date, ...] = ()
    if (match := DATE_LIKE.search(rest)) and (day := _day(match, month_first=month_first)):
        born = (day,)
        rest = f"{rest[: match.start()]} {rest[match.end() :]}".strip()
    if PHONE_LIKE.fullmatch(rest) and (digits := significant_digits(rest)):
        return Question((digits,), born)
    return Question(tuple(_words(rest)), born)


def _day(match: re.Match[str], *, month_first: bool) -> date | None:
    if match[1]:
        year, month, day = int(match[1]), int(match[2]), int(match[3])
    else:
        day, month, year = int(match[4]), int(match[6]), int(match[7])
        if match[5] == "/" and month_first and day <= 12:
            day, month = month, day
        if len(match[7]) == 2:
            year += 2000 if year <= YEARS_AHEAD_OF_TWO_DIGITS else 1900
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _words(text: str) -> Iterator[str]:
    for word in re.split(r"[\s,;]+", text):
        if PHONE_LIKE.fullmatch(word) and (digits := significant_digits(word)):
            yield digits
        elif any(map(str.isdecimal, word)):
            yield MRN_MARKS.sub("", word)  # MRNs are indexed without their punctuation
        elif any(map(str.isalpha, word)):
            yield word


def search(query: str) -> QuerySet[PatientProfile]:
    """Active patients who fit, best first, at most ``MAX_RESULTS``.

    One query of the database now, one when the result is read.  Nothing fits an empty query.
    """
    patients = PatientProfile.objects.all()  # refuses to go on outside a tenant
    locale = Tenant.objects.values_list("locale", flat=True).get(pk=current_tenant_id())
    question = read(query, month_first=locale.lower() in MONTH_FIRST_LOCALES)
    ids = ranked_ids(question)
    place = Func(Value(ids), F("pk"), function="array_position", output_field=IntegerField())
    return patients.filter(pk__in=ids).order_by(place)


def ranked_ids(question: Question, limit: int = MAX_RESULTS) -> list[int]:
    """Keys of the active tenant's fitting patients; the function itself checks the tenant."""
    if not (question.words or question.born):
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT patient_id FROM patients_search(%s::text[], %s::date[], %s)",
            [list(question.words), list(question.born), limit],
        )
        return [row[0] for row in cursor.fetchall()]


def by_phone(phone: str) -> list[PatientProfile]:
    """Active patients with exactly this number as their first or second."""
    number = parse_phone(phone, Tenant.objects.get(pk=current_tenant_id()))
    if number is None:
        return []
    ids = ranked_ids(Question((significant_digits(number.as_e164),), ()), limit=20)
    patients = PatientProfile.objects.filter(pk__in=ids).order_by("pk")
    return [patient for patient in patients if number in (patient.phone, patient.second_phone)]
