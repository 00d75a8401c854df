"""Who did what, when, to which record: written by triggers, whichever way the change came."""

from datetime import date, time

import pytest
from django.db import DatabaseError, ProgrammingError, connection, connections, transaction

from accounts.models import ApiToken, User
from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.models import AppointmentEvent
from core.audit import record_read
from core.models import AuditEvent
from patients import registration
from patients.models import PatientProfile

SECRET = "correct-horse-battery"


def trail(record) -> list[AuditEvent]:
    table = record._meta.db_table
    return list(AuditEvent.objects.filter(table=table, record_id=record.pk).order_by("pk"))


@pytest.mark.django_db
def test_insert_update_and_delete_are_kept_with_what_changed(riverside):
    with riverside.active(actor_id=77):
        patient = PatientProfile.objects.create(
            mrn="T1", first_name="Ann", last_name="Lee", birth_date=date(1980, 1, 1)
        )
        patient.last_name = "Li"
        patient.save()
        patient.save()
        events = trail(patient)
        patient_id = patient.pk
        patient.delete()
        last = AuditEvent.objects.get(
            table="patients_patientprofile", record_id=patient_id, action="DELETE"
        )
    inserted, updated = events
    assert (inserted.action, inserted.actor_id, inserted.before) == ("INSERT", 77, None)
    assert inserted.after["mrn"] == "T1"
    assert (updated.action, updated.before, updated.after) == (
        "UPDATE",
        {"last_name": "Lee"},
        {"last_name": "Li"},
    )
    assert (last.after, last.before["last_name"]) == (None, "Li")


@pytest.mark.django_db
def test_an_appointments_steps_name_who_took_them(riverside):
    desk = riverside.user(Role.FRONT_DESK)
    with riverside.active(actor_id=desk.pk):
        row = BookingEngine(by=desk).book(
            patient_id=riverside.patients[0].pk,
            provider_id=riverside.providers[0].pk,
            appointment_type_id=riverside.types[0].pk,
            start=riverside.at(1, time(10)),
        )
    with riverside.active():
        BookingEngine(by=None).confirm(row.pk)
        booked, confirmed = trail(row)
    assert (booked.action, booked.actor_id) == ("INSERT", desk.pk)
    assert (confirmed.action, confirmed.actor_id) == ("UPDATE", None)
    assert confirmed.before["status"] == "PENDING"
    assert set(confirmed.after) == {"status", "confirmed_at", "version"}


@pytest.mark.django_db
def test_the_request_of_a_user_names_the_user(riverside):
    admin = riverside.user(Role.TENANT_ADMIN)
    client = riverside.client(Role.TENANT_ADMIN)
    form = {"name": "New wing", "opens_at": "08:00", "closes_at": "18:00"}
    assert client.post("/admin/core/site/add/", form).status_code == 302
    with riverside.active():
        event = AuditEvent.objects.filter(table="core_site").latest("pk")
    assert (event.action, event.actor_id, event.after["name"]) == ("INSERT", admin.pk, "New wing")


@pytest.mark.django_db
def test_secrets_stay_out_of_the_trail(riverside):
    with riverside.active():
        user = riverside.user(Role.NURSE)
        token = ApiToken.issue(user)
        user.set_password("another-secret-99")
        user.save()
        kept = str(list(AuditEvent.objects.values_list("before", "after")))
        hashed = User.objects.get(pk=user.pk).password
        assert AuditEvent.objects.filter(table="accounts_apitoken").exists()
    for secret in (SECRET, hashed, "argon2", "pbkdf2", token, ApiToken.digest_of(token)):
        assert secret not in kept


@pytest.mark.django_db
def test_a_change_that_is_rolled_back_leaves_no_trace(riverside):
    with riverside.active():
        before = AuditEvent.objects.count()
        with transaction.atomic():
            registration.register(
                by=None, first_name="A", last_name="B", birth_date=date(1980, 1, 1)
            )
            assert AuditEvent.objects.count() == before + 1
            transaction.set_rollback(True)
        assert AuditEvent.objects.count() == before


@pytest.mark.django_db
def test_a_reading_is_recorded_with_its_reader(riverside):
    patient = riverside.patients[0]
    with riverside.active(actor_id=5):
        record_read(patient._meta.db_table, patient.pk)
        event = trail(patient)[-1]
    assert (event.action, event.actor_id, event.before, event.after) == ("READ", 5, None, None)
    assert event.at is not None


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.NURSE])
def test_opening_a_patients_record_is_recorded(role, riverside):
    patient, reader = riverside.patients[0], riverside.user(role)
    assert riverside.client(role).get(f"/patients/{patient.pk}/").status_code == 200
    headers = {"Authorization": f"Token {riverside.token(role)}"}
    got = riverside.client(role).get(f"/api/patients/{patient.pk}/", headers=headers)
    assert got.status_code == 200
    with riverside.active():
        reads = [event.actor_id for event in trail(patient) if event.action == "READ"]
    assert reads == [reader.pk, reader.pk]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sql", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
@pytest.mark.parametrize("model", [AuditEvent, AppointmentEvent])
def test_the_application_may_only_add(model, sql, riverside):
    with (
        riverside.active(),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.format(model._meta.db_table))


@pytest.mark.parametrize("sql", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}"])
@pytest.mark.parametrize("model", [AuditEvent, AppointmentEvent])
def test_not_even_the_owner_changes_history(model, sql, committed_riverside):
    clinic = committed_riverside
    with clinic.active():
        BookingEngine(by=None).book(
            patient_id=clinic.patients[0].pk,
            provider_id=clinic.providers[0].pk,
            appointment_type_id=clinic.types[0].pk,
            start=clinic.at(1, time(10)),
        )
    with (
        connections["owner"].cursor() as cursor,
        pytest.raises(DatabaseError, match="is append-only"),
    ):
        cursor.execute(sql.format(model._meta.db_table))
