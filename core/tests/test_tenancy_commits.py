"""The tenant's walls under real commits, threads and pooled connections."""

import random
import threading

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, ProgrammingError, connection, connections, transaction
from psycopg_pool import ConnectionPool

from core.events import DomainEvent, publish_on_commit, subscribe
from core.models import Site
from core.tenancy import current_tenant_id, tenant
from patients.models import PatientProfile


def rows(sql: str, *values) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def test_a_finished_tenant_leaves_an_empty_setting_not_a_null_one(committed_riverside):
    """The policy's NULLIF is for this: '' is no number."""
    with committed_riverside.active():
        pass
    assert rows("SELECT current_setting('app.tenant_id', true)") == [("",)]
    assert rows("SELECT count(*) FROM patients_patientprofile") == [(0,)]


def test_control_an_ordinary_foreign_key_would_cross(committed_riverside, committed_lakeside):
    """Why composite keys: PostgreSQL checks plain ones as the table's owner, past the policy."""
    foreign = committed_riverside.patients[0].pk
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "CREATE TABLE control (id serial PRIMARY KEY, tenant_id bigint, patient_id bigint"
            " REFERENCES patients_patientprofile (id));"
            "ALTER TABLE control ENABLE ROW LEVEL SECURITY;"
            "CREATE POLICY control ON control USING"
            " (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::bigint));"
            f"GRANT ALL ON control, control_id_seq TO {settings.DATABASES['default']['USER']}"
        )
    try:
        with committed_lakeside.active():
            inserted = rows(
                "INSERT INTO control (tenant_id, patient_id) VALUES (%s, %s) RETURNING id",
                committed_lakeside.tenant.pk,
                foreign,
            )
        assert len(inserted) == 1
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("DROP TABLE control")


def test_the_owner_of_the_tables_is_bound_by_the_policy_too(committed_riverside):
    """FORCE; the migrating role sees rows only because it has BYPASSRLS."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
        cursor.execute("SET row_security = on")
        cursor.execute("SELECT count(*) FROM patients_patientprofile")
        assert cursor.fetchone() == (3,)
    forced = rows(
        "SELECT relforcerowsecurity FROM pg_class WHERE relname LIKE 'patients_patient%%'"
        " AND relkind = 'r'"
    )
    assert forced == [(True,)] * 2


def test_a_tenant_cannot_be_entered_inside_a_transaction(committed_riverside):
    """The binding would live on after the block, until that transaction ended."""
    with transaction.atomic(), pytest.raises(RuntimeError), committed_riverside.active():
        pass


def test_an_error_leaves_no_tenant_behind(committed_riverside):
    with pytest.raises(ValueError, match="oops"), committed_riverside.active():
        raise ValueError("oops")
    assert current_tenant_id() is None
    assert rows("SELECT count(*) FROM patients_patientprofile") == [(0,)]


def test_handlers_of_committed_events_run_outside_the_tenant(committed_riverside, monkeypatch):
    class SomethingHappened(DomainEvent):
        pass

    seen = []
    subscribe(
        SomethingHappened,
        lambda event: seen.append(
            (current_tenant_id(), connection.in_atomic_block, PatientProfile.unscoped.count())
        ),
    )
    with committed_riverside.active():
        publish_on_commit(SomethingHappened(tenant_id=committed_riverside.tenant.pk))
        assert seen == []
    assert seen == [(None, False, 0)]


class Wanderer:
    """Enters one tenant after the other as dice decide, and notes whatever should not be seen."""

    def __init__(self, seed: int, tenant_ids: list[int]) -> None:
        self.dice = random.Random(seed)
        self.tenant_ids = tenant_ids
        self.leaks: list[object] = []

    def run(self, visits: int) -> None:
        try:
            for _ in range(visits):
                self.visit()
        except Exception as error:  # noqa: BLE001 - the test's own thread reports it
            self.leaks.append(error)
        finally:
            connections.close_all()

    def visit(self) -> None:
        key, other = self.dice.sample(self.tenant_ids, 2)
        try:
            with tenant(key):
                self.look(key)
                if self.dice.random() < 0.2:
                    self.write_into(other)
                    self.look(key)
                if self.dice.random() < 0.2:
                    raise ValueError
                if self.dice.random() < 0.02:
                    connection.close()
        except (ValueError, DatabaseError):
            pass
        if Site.unscoped.exists():
            self.leaks.append("seen outside")

    def look(self, key: int) -> None:
        seen = set(Site.unscoped.values_list("tenant_id", flat=True))
        if seen != {key}:
            self.leaks.append((key, seen))

    def write_into(self, other: int) -> None:
        try:
            with transaction.atomic():
                Site.unscoped.create(tenant_id=other, name=str(self.dice.random()))
            self.leaks.append("written across")
        except ProgrammingError:
            pass


@pytest.mark.concurrency
def test_interleaved_threads_never_see_each_others_tenant(committed_riverside, committed_lakeside):
    """3,000 transactions with errors, refused writes and closed connections in between."""
    keys = [committed_riverside.tenant.pk, committed_lakeside.tenant.pk]
    wanderers = [Wanderer(seed, keys) for seed in range(6)]
    threads = [threading.Thread(target=w.run, args=(500,)) for w in wanderers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [w.leaks for w in wanderers] == [[]] * 6


def test_a_pooled_connection_forgets_its_tenant(committed_riverside, committed_lakeside):
    """One physical connection, lent out again and again, after commit, rollback and error."""
    app = settings.DATABASES["default"]
    conninfo = psycopg.conninfo.make_conninfo(
        dbname=app["NAME"], user=app["USER"], password=app["PASSWORD"], host=app["HOST"]
    )
    count = "SELECT count(*) FROM patients_patientprofile"
    bind = "SELECT set_config('app.tenant_id', %s, true)"
    with ConnectionPool(conninfo, min_size=1, max_size=1, open=True) as pool:
        with pool.connection() as lent:
            lent.execute(bind, [str(committed_riverside.tenant.pk)])
            assert lent.execute(count).fetchone() == (3,)
            first = lent.info.backend_pid
        with pool.connection() as lent:
            assert lent.info.backend_pid == first
            assert lent.execute(count).fetchone() == (0,)
        with pool.connection() as lent:
            lent.execute(bind, [str(committed_lakeside.tenant.pk)])
            with pytest.raises(psycopg.errors.DivisionByZero):
                lent.execute("SELECT 1 / 0")
        with pool.connection() as lent:
            assert lent.info.backend_pid == first
            assert lent.execute(count).fetchone() == (0,)
