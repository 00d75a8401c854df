"""Every write to a patient's record."""

from datetime import date
from typing import Any

from django.contrib.postgres.search import TrigramSimilarity
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Max, Value
from django.db.models.functions import Concat

from accounts.models import User
from accounts.permissions import Permission, check
from core.clock import Clock, system_clock
from core.db import insert_unless_conflict, violated_constraint
from core.errors import DomainError, InvalidInputError, NotFoundError, StaleVersionError
from core.tenancy import current_tenant_id
from patients import search, validation
from patients.models import PatientProfile

MRN_UNIQUE = "patientprofile_mrn_unique"
SIMILAR_NAME = 0.35
MAX_DUPLICATES = 5


class MrnTakenError(DomainError):
    code = "mrn_taken"
    message = "Another patient has this MRN."


@transaction.atomic
def register(*, by: User | None, clock: Clock = system_clock, **fields: Any) -> PatientProfile:
    """Add a patient; without ``mrn`` the next free number of the tenant is assigned.

    Args:
        by: who registers; None for the system itself.
        fields: as ``validation.clean`` takes them.

    Raises:
        NotAllowedError, InvalidInputError: see their ``attr``.
        MrnTakenError: the given ``mrn`` belongs to another patient.
    """
    if by is not None:
        check(by, Permission.EDIT_PATIENTS)
    patient = PatientProfile(created_at=clock(), **_cleaned(fields, partial=False, clock=clock))
    if patient.mrn:
        if not insert_unless_conflict(patient, MRN_UNIQUE):
            raise MrnTakenError(attr="mrn")
        return patient
    patient.mrn = _next_mrn()
    while not insert_unless_conflict(patient, MRN_UNIQUE):
        # Taken by hand or by an import: go on after the highest number in use.
        highest = PatientProfile.objects.filter(mrn__regex=r"^P\d{7}$").aggregate(Max("mrn"))
        patient.mrn = _next_mrn(at_least=int(highest["mrn__max"][1:]) + 1)
    return patient


@transaction.atomic
def update(
    patient_id: int,
    *,
    by: User | None,
    version: int | None = None,
    clock: Clock = system_clock,
    **fields: Any,
) -> PatientProfile:
    """Change the given fields of a patient.

    Args:
        version: the version the caller has seen; None to overwrite whatever is there.

    Raises:
        NotAllowedError, NotFoundError, InvalidInputError, StaleVersionError, MrnTakenError.
    """
    if by is not None:
        check(by, Permission.EDIT_PATIENTS)
    patient = PatientProfile.objects.select_for_update().filter(pk=patient_id).first()
    if patient is None:
        raise NotFoundError
    if version is not None and version != patient.version:
        raise StaleVersionError(attr="version")
    cleaned = _cleaned(fields, partial=True, clock=clock)
    if cleaned.get("mrn") == "":
        raise InvalidInputError("This field is required.", attr="mrn", code="required")
    changed = [name for name, value in cleaned.items() if getattr(patient, name) != value]
    if changed:
        for name in changed:
            setattr(patient, name, cleaned[name])
        patient.version += 1
        _save(patient, [*changed, "version"])
    return patient


def possible_duplicates(
    *,
    first_name: str = "",
    last_name: str = "",
    birth_date: date | None = None,
    phone: str = "",
    exclude_id: int | None = None,
) -> list[PatientProfile]:
    """Patients who may be the same person: born on that day with a similar name, or reachable
    under that phone number.  At most five, likeliest first."""
    found: dict[int, PatientProfile] = {}
    name = f"{first_name} {last_name}".strip()
    if birth_date and name:
        whole_name = Concat("first_name", Value(" "), "last_name")
        same_day = PatientProfile.objects.filter(birth_date=birth_date, is_active=True)
        alike = same_day.annotate(likeness=TrigramSimilarity(whole_name, name))
        close = alike.filter(likeness__gte=SIMILAR_NAME).order_by("-likeness", "pk")
        found |= {patient.pk: patient for patient in close[: MAX_DUPLICATES + 1]}
    if phone:
        found = {patient.pk: patient for patient in search.by_phone(phone)} | found
    found.pop(exclude_id, None)
    ranked = sorted(found.values(), key=lambda patient: -getattr(patient, "likeness", 0))
    return ranked[:MAX_DUPLICATES]


def _cleaned(fields: dict[str, Any], *, partial: bool, clock: Clock) -> dict[str, Any]:
    try:
        return validation.clean(fields, partial=partial, clock=clock)
    except ValidationError as error:
        name, (first, *_) = next(iter(error.error_dict.items()))
        raise InvalidInputError(first.messages[0], attr=name, code=first.code or "") from error


def _save(patient: PatientProfile, fields: list[str]) -> None:
    try:
        with transaction.atomic():
            patient.save(update_fields=fields)
    except IntegrityError as error:
        if violated_constraint(error) != MRN_UNIQUE:
            raise
        raise MrnTakenError(attr="mrn") from error


def _next_mrn(at_least: int = 1) -> str:
    """Count up; the row stays locked until COMMIT, so that no number is given out twice."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO patients_patientnumber (tenant_id, last) VALUES (%s, %s)"
            " ON CONFLICT ON CONSTRAINT patientnumber_one_per_tenant"
            " DO UPDATE SET last = greatest(patients_patientnumber.last + 1, EXCLUDED.last)"
            " RETURNING last",
            [current_tenant_id(), at_least],
        )
        return f"P{cursor.fetchone()[0]:07d}"
