"""Reads of patients' records for the screens."""

from dataclasses import dataclass
from datetime import date

from django.core.paginator import Page, Paginator

from patients.models import CommunicationNeed, PatientProfile
from patients.search import MAX_RESULTS, search

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class PatientPage:
    """One page of the list: everyone by name, or a search's hits, best first."""

    page: Page
    query: str
    total: int
    is_cut_off: bool


def patient_page(query: str, number: str | int, *, today: date) -> PatientPage:
    """
    Args:
        query: what was typed; blank lists everyone.
        number: the page, as it came: anything that is none shows the nearest.
    """
    query = query.strip()
    everyone = PatientProfile.objects.filter(is_active=True)
    found = search(query) if query else everyone.order_by("last_name", "first_name", "id")
    paginator = Paginator(found, PAGE_SIZE)
    page = paginator.get_page(number)
    page.object_list = [shown(patient, today) for patient in page.object_list]
    cut_off = bool(query) and paginator.count == MAX_RESULTS
    return PatientPage(page=page, query=query, total=paginator.count, is_cut_off=cut_off)


def shown(patient: PatientProfile, today: date) -> PatientProfile:
    """The record with what screens add to it: ``age``, ``initials`` and ``needs`` with labels."""
    patient.age = age_in_years(patient.birth_date, today)
    patient.initials = (patient.first_name[:1] + patient.last_name[:1]).upper()
    labels = dict(CommunicationNeed.choices)
    patient.needs = [(need, labels.get(need, need)) for need in patient.communication_needs]
    return patient


def age_in_years(birth_date: date, today: date) -> int:
    had_birthday = (today.month, today.day) >= (birth_date.month, birth_date.day)
    return today.year - birth_date.year - (not had_birthday)
