"""Commands on records: numbers, permissions, versions, duplicates."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connection

from accounts.permissions import Role
from core.errors import InvalidInputError, NotAllowedError, NotFoundError, StaleVersionError
from core.models import AuditEvent
from core.tenancy import tenant
from patients import registration
from patients.models import PatientProfile
from patients.registration import MrnTakenError, possible_duplicates, register, update

ADA = {"first_name": "Ada", "last_name": "Byron", "birth_date": "1984-03-12"}


@pytest.fixture
def desk(riverside):
    with riverside.active():
        yield riverside.user(Role.FRONT_DESK)


def test_numbers_count_up_from_the_tenants_own_counter(desk):
    mrns = [register(by=desk, **ADA).mrn for _ in range(3)]
    assert mrns == ["P0000001", "P0000002", "P0000003"]


def test_numbers_already_in_use_are_skipped(desk):
    register(by=desk, mrn="P0000001", **ADA)
    register(by=desk, mrn="P0000417", **ADA)
    assert register(by=desk, **ADA).mrn == "P0000418"


def test_a_number_is_unique_within_the_tenant_only(riverside, lakeside):
    for clinic in (riverside, lakeside):
        with clinic.active():
            assert register(by=None, mrn="SAME-1", **ADA).mrn == "SAME-1"
    with riverside.active(), pytest.raises(MrnTakenError) as refused:
        register(by=None, mrn="SAME-1", **ADA)
    assert refused.value.attr == "mrn"


def test_registration_is_audited(riverside):
    desk = riverside.user(Role.FRONT_DESK)
    with riverside.active(actor_id=desk.pk):
        patient = register(by=desk, **ADA)
        event = AuditEvent.objects.get(table="patients_patientprofile", record_id=patient.pk)
    assert (event.action, event.actor_id, event.after["last_name"]) == ("INSERT", desk.pk, "Byron")


@pytest.mark.parametrize("role", [Role.NURSE, Role.PROVIDER, Role.PATIENT])
def test_roles_that_may_not_edit_write_nothing(riverside, role):
    with riverside.active():
        before = PatientProfile.objects.count()
        with pytest.raises(NotAllowedError):
            register(by=riverside.user(role), **ADA)
        with pytest.raises(NotAllowedError):
            update(riverside.patients[0].pk, by=riverside.user(role), notes="x")
        assert PatientProfile.objects.count() == before


def test_bad_input_names_the_field_and_writes_nothing(desk):
    before = PatientProfile.objects.count()
    with pytest.raises(InvalidInputError) as refused:
        register(by=desk, **ADA | {"birth_date": "9999-01-01"})
    assert (refused.value.attr, refused.value.code) == ("birth_date", "in_the_future")
    assert PatientProfile.objects.count() == before


def test_a_change_raises_the_version_and_a_stale_one_is_refused(desk):
    patient = register(by=desk, **ADA)
    assert update(patient.pk, by=desk, version=1, notes="first").version == 2
    with pytest.raises(StaleVersionError):
        update(patient.pk, by=desk, version=1, notes="second")
    assert PatientProfile.objects.get(pk=patient.pk).notes == "first"


def test_saving_without_a_change_keeps_the_version(desk):
    patient = register(by=desk, **ADA)
    assert update(patient.pk, by=desk, **ADA).version == 1


def test_an_mrn_cannot_be_taken_over_or_emptied(desk):
    first, second = register(by=desk, **ADA), register(by=desk, **ADA)
    with pytest.raises(MrnTakenError):
        update(second.pk, by=desk, mrn=first.mrn)
    with pytest.raises(InvalidInputError):
        update(second.pk, by=desk, mrn="")
    assert PatientProfile.objects.get(pk=second.pk).mrn == second.mrn


def test_another_tenants_patient_does_not_exist_here(lakeside, desk):
    with pytest.raises(NotFoundError):
        update(lakeside.patients[0].pk, by=desk, notes="x")


@pytest.mark.parametrize(
    ("typed", "is_warned"),
    [
        ({"first_name": "Ada", "last_name": "Byron", "birth_date": date(1984, 3, 12)}, True),
        ({"first_name": "Adah", "last_name": "Biron", "birth_date": date(1984, 3, 12)}, True),
        ({"first_name": "Byron", "last_name": "Ada", "birth_date": date(1984, 3, 12)}, True),
        ({"first_name": "Ada", "last_name": "Byron", "birth_date": date(1984, 3, 13)}, False),
        ({"first_name": "Karl", "last_name": "Meier", "birth_date": date(1984, 3, 12)}, False),
        ({"first_name": "Karl", "phone": "030 901820"}, True),
        ({"first_name": "Karl", "phone": "030 901821"}, False),
        ({}, False),
    ],
)
def test_a_probable_duplicate_is_shown(desk, typed, is_warned):
    patient = register(by=desk, phone="+49 30 901820", **ADA)
    assert possible_duplicates(**typed) == ([patient] if is_warned else [])
    assert possible_duplicates(**typed, exclude_id=patient.pk) == []


def test_another_tenants_patient_is_never_a_duplicate(riverside, lakeside):
    with lakeside.active():
        register(by=None, phone="+49 30 901820", **ADA)
    with riverside.active():
        assert possible_duplicates(**ADA, phone="+49 30 901820") == []


def numbers_of_32_desks(tenant_id: int) -> list[str]:
    def one(_: int) -> str:
        try:
            with tenant(tenant_id):
                return register(by=None, **ADA).mrn
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(one, range(32)))


@pytest.mark.concurrency
def test_desks_registering_at_once_get_different_numbers(committed_riverside):
    mrns = numbers_of_32_desks(committed_riverside.tenant.pk)
    assert sorted(mrns) == [f"P{number:07d}" for number in range(1, 33)]


@pytest.mark.concurrency
def test_control_counting_rows_gives_numbers_out_twice(committed_riverside, monkeypatch):
    """Without the locked counter, desks choose the same number: only the constraint saves them."""
    chosen: list[str] = []

    def count_rows(at_least: int = 1) -> str:
        mrn = f"P{max(PatientProfile.objects.count(), at_least):07d}"
        chosen.append(mrn)
        return mrn

    monkeypatch.setattr(registration, "_next_mrn", count_rows)
    numbers_of_32_desks(committed_riverside.tenant.pk)
    assert len(set(chosen)) < len(chosen)
