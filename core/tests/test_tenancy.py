"""Two hospitals in one database, and every way we know to reach from one into the other."""

from datetime import date

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import (
    DatabaseError,
    IntegrityError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.db.models import ForeignKey

from accounts.models import ProviderProfile, User
from accounts.permissions import Role
from appointments.models import AppointmentRequest, AppointmentTemplate, SlotAvailability
from core.audit import record_read
from core.constraints import RowLevelSecurity, SameTenantReference
from core.models import AuditEvent, Site, Tenant, TenantModel
from core.tenancy import TenantError, current_tenant_id
from patients.models import PatientProfile

pytestmark = pytest.mark.django_db

OURS = [
    model
    for app in ("core", "accounts", "patients", "appointments")
    for model in apps.get_app_config(app).get_models(include_auto_created=True)
]
TENANT_OWNED = [m for m in OURS if any(f.column == "tenant_id" for f in m._meta.concrete_fields)]
label = lambda model: model._meta.label  # noqa: E731


def rows(sql: str, *values, using: str = "default") -> list[tuple]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


# Reading


@pytest.mark.parametrize("model", TENANT_OWNED, ids=label)
def test_a_query_without_any_filter_shows_the_own_rows_only(model, riverside, lakeside):
    manager = model._base_manager if hasattr(model, "unscoped") else model.objects
    with lakeside.active():
        seen = set(manager.values_list("tenant_id", flat=True))
        raw = {key for (key,) in rows(f'SELECT tenant_id FROM "{model._meta.db_table}"')}
    assert seen == raw
    assert seen <= {lakeside.tenant.pk}


def test_the_clinics_have_rows_to_hide(riverside, lakeside):
    """Without this the test above could pass on empty tables."""
    for clinic in (riverside, lakeside):
        with clinic.active():
            assert PatientProfile.unscoped.count() == 3
            assert User.unscoped.count() == len(Role) + 1
            assert AuditEvent.unscoped.exists()
            assert SlotAvailability.unscoped.exists()


def test_without_a_tenant_managers_raise_and_the_database_is_empty(riverside):
    with pytest.raises(TenantError):
        list(PatientProfile.objects.all())
    with pytest.raises(TenantError):
        Site.objects.count()
    for model in TENANT_OWNED:
        assert rows(f'SELECT count(*) FROM "{model._meta.db_table}" WHERE tenant_id > 0') == [(0,)]


def test_joins_and_functions_do_not_reach_across(riverside, lakeside):
    with lakeside.active():
        assert rows(
            "SELECT count(*) FROM patients_patientprofile p FULL JOIN accounts_user u ON true"
            " WHERE p.tenant_id = %s OR u.tenant_id = %s",
            riverside.tenant.pk,
            riverside.tenant.pk,
        ) == [(0,)]
        assert rows("SELECT patient_id FROM patients_search(ARRAY['riversideson'], '{}', 9)") == []


# Writing


def test_updates_and_deletes_touch_no_foreign_row(riverside, lakeside):
    foreign = riverside.patients[0].pk
    with lakeside.active():
        assert PatientProfile.unscoped.filter(pk=foreign).update(first_name="X") == 0
        assert PatientProfile.unscoped.filter(pk=foreign).delete()[0] == 0
        with connection.cursor() as cursor:
            cursor.execute("UPDATE patients_patientprofile SET notes = 'x'")
            assert cursor.rowcount == len(lakeside.patients)
    with riverside.active():
        assert PatientProfile.objects.get(pk=foreign).notes == ""


def test_rows_of_another_tenant_are_neither_made_nor_given_away(riverside, lakeside):
    with lakeside.active():
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Site.unscoped.create(tenant_id=riverside.tenant.pk, name="Trojan")
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Site.unscoped.filter(pk=lakeside.site.pk).update(tenant_id=riverside.tenant.pk)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Tenant.objects.create(name="Third", slug="third")


def booking(clinic, **changes) -> AppointmentRequest:
    start, end = clinic.at(1, clinic_time(9)), clinic.at(1, clinic_time(10))
    return AppointmentRequest(
        **{
            "patient_id": clinic.patients[0].pk,
            "provider_id": clinic.providers[0].pk,
            "appointment_type_id": clinic.types[0].pk,
            "site_id": clinic.site.pk,
            "scheduled_datetime": start,
            "scheduled_end_datetime": end,
            "blocked_from": start,
            "blocked_until": end,
        }
        | changes
    )


def clinic_time(hour: int):
    from datetime import time

    return time(hour)


@pytest.mark.parametrize("field", ["patient", "provider", "appointment_type", "site"])
def test_a_reference_cannot_cross(field, riverside, lakeside):
    foreign = {
        "patient": riverside.patients[0].pk,
        "provider": riverside.providers[0].pk,
        "appointment_type": riverside.types[0].pk,
        "site": riverside.site.pk,
    }[field]
    with lakeside.active():
        booking(lakeside).save()
        forged = booking(lakeside, **{f"{field}_id": foreign, "status": "CANCELLED"})
        with pytest.raises(ValidationError) as refused:
            forged.validate_constraints()
        assert refused.value.error_dict[field][0].messages == ["No such record."]
        name = f"appointment_{field}_same_tenant"
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            forged.save()


def test_a_many_to_many_link_cannot_cross(riverside, lakeside):
    with lakeside.active():
        profile = ProviderProfile.objects.get(user=lakeside.providers[0])
        with pytest.raises(IntegrityError, match="same_tenant"), transaction.atomic():
            profile.sites.add(riverside.site.pk)
        with pytest.raises(IntegrityError, match="same_tenant"), transaction.atomic():
            lakeside.types[0].providers.add(riverside.providers[0].pk)


# The application's role


def test_the_application_role_is_bound():
    role = settings.DATABASES["default"]["USER"]
    assert rows(
        "SELECT current_user::text, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb"
        " FROM pg_roles WHERE rolname = current_user"
    ) == [(role, False, False, False, False)]
    assert rows(
        "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member"
        " WHERE r.rolname = current_user"
    ) == [(0,)]
    assert rows("SELECT count(*) FROM pg_tables WHERE tableowner = current_user") == [(0,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SET ROLE hospital",
        "SET SESSION AUTHORIZATION postgres",
        "SET session_replication_role = replica",
        "ALTER TABLE patients_patientprofile DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE patients_patientprofile NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE core_auditevent DISABLE TRIGGER ALL",
        "DROP POLICY patientprofile_of_tenant ON patients_patientprofile",
        "CREATE POLICY open ON patients_patientprofile USING (true)",
        "TRUNCATE patients_patientprofile CASCADE",
        "TRUNCATE core_auditevent",
        "UPDATE core_auditevent SET actor_id = NULL",
        "DELETE FROM core_auditevent",
        "UPDATE appointments_appointmentevent SET reason = ''",
        "DELETE FROM appointments_appointmentevent",
        "UPDATE django_migrations SET name = name",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "COPY patients_patientprofile TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "SET row_security = off; SELECT * FROM patients_patientprofile",
    ],
)
def test_the_application_role_cannot_escape(sql, riverside):
    with (
        riverside.active(),
        pytest.raises(DatabaseError, match=r"permission denied|must be|affected by|super"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)


# The block itself


def test_another_tenant_inside_a_tenant_is_refused_the_same_one_is_not(riverside, lakeside):
    with riverside.active():
        with pytest.raises(TenantError), lakeside.active():
            pass
        with riverside.active():
            assert PatientProfile.objects.count() == 3
        assert current_tenant_id() == riverside.tenant.pk
    assert current_tenant_id() is None


def test_a_savepoint_rolled_back_keeps_the_tenant(riverside):
    with riverside.active():
        with pytest.raises(IntegrityError), transaction.atomic():
            Site.objects.create(name=riverside.site.name)
        assert PatientProfile.unscoped.count() == 3


def test_a_read_cannot_be_recorded_outside_a_tenant():
    with pytest.raises(TenantError):
        record_read("patients_patientprofile", 1)


# Guards: whatever is added later must stand behind the same walls


@pytest.mark.parametrize("model", [m for m in OURS if m._meta.managed], ids=label)
def test_every_model_stands_behind_the_walls(model):
    walls = {type(rule) for rule in model._meta.constraints}
    assert RowLevelSecurity in walls
    if model is not Tenant:
        assert model in TENANT_OWNED
    guarded = {rule.field for rule in model._meta.constraints if type(rule) is SameTenantReference}
    needed = {
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.remote_field.model in TENANT_OWNED
    }
    assert guarded == needed
    for field in model._meta.many_to_many:
        assert not field.remote_field.through._meta.auto_created
    if issubclass(model, TenantModel):
        assert model._meta.default_manager.name == "objects"


def test_every_table_with_a_tenant_has_forced_row_level_security():
    found = rows(
        "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,"
        " (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid)"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
        " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
        " AND NOT a.attisdropped"
    )
    assert {name for name, *_ in found} == {m._meta.db_table for m in TENANT_OWNED}
    assert [row for row in found if row[1:] != (True, True, 1)] == []
    assert rows(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'core_tenant'"
    ) == [(True, True)]


def test_every_foreign_key_between_tenant_tables_carries_the_tenant():
    plain = rows(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint k WHERE contype = 'f'"
        " AND EXISTS (SELECT FROM pg_attribute"
        "             WHERE attrelid = confrelid AND attname = 'tenant_id')"
        " AND EXISTS (SELECT FROM pg_attribute"
        "             WHERE attrelid = conrelid AND attname = 'tenant_id')"
        " AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = conrelid"
        "                 AND attname = 'tenant_id' AND attnum = ANY (conkey))"
    )
    assert plain == []


def test_every_unique_key_and_index_of_a_tenant_table_starts_with_the_tenant():
    """Else a query of one tenant would walk through all of them."""
    tables = [model._meta.db_table for model in TENANT_OWNED]
    astray = rows(
        "SELECT i.indexrelid::regclass::text FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indrelid AND c.relname = ANY (%s)"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        " WHERE NOT i.indisprimary AND a.attname <> 'tenant_id'",
        tables,
    )
    across_tenants_by_design = {
        "accounts_user_username_key",
        "accounts_user_username_6088629e_like",
        "accounts_apitoken_digest_key",
        "accounts_apitoken_digest_d7d4bfcf_like",
    }
    one_to_one = {
        constraint
        for model in TENANT_OWNED
        for field in model._meta.concrete_fields
        if field.one_to_one
        for (constraint,) in rows(
            "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_attribute a"
            " ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
            " WHERE i.indrelid = %s::regclass AND a.attname = %s",
            model._meta.db_table,
            field.column,
        )
    }
    names = {name for (name,) in astray}
    assert {n for n in names - one_to_one if "username" not in n and "digest" not in n} == set()
    assert across_tenants_by_design & names


def test_templates_of_another_tenant_do_not_clash(riverside, lakeside):
    """Uniqueness is per tenant: both have a Consultation."""
    for clinic in (riverside, lakeside):
        with clinic.active():
            assert AppointmentTemplate.objects.get(name="Consultation")
    with riverside.active():
        PatientProfile.objects.create(
            mrn="L00001", first_name="A", last_name="B", birth_date=date(1980, 1, 1)
        )
