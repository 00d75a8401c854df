"""The patient of a form: chosen by search, then carried along by key."""

from typing import Any

from appointments.views.htmx import key_of
from patients.models import PatientProfile
from patients.search import search

OPTIONS = 8
SHORTEST_QUERY = 2


def found_patients(query: str) -> list[PatientProfile]:
    """The best fits, once enough was typed."""
    return list(search(query)[:OPTIONS]) if len(query.strip()) >= SHORTEST_QUERY else []


def chosen_patient(value: Any) -> PatientProfile | None:
    """The active patient of the tenant with this key, as a form carries it."""
    key = key_of(str(value or ""))
    return PatientProfile.objects.filter(pk=key, is_active=True).first() if key else None
