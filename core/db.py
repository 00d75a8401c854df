"""Database expressions, reads and writes the ORM lacks.  Migrations import these by path."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import psycopg
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import IntegrityError, connection, models
from django.db.models import Func
from psycopg.types.numeric import Int8Dumper


class LockClass(IntEnum):
    """What ``lock_until_commit`` keeps to one transaction at a time."""

    MOVES_OF_PROVIDER = 1
    MOVES_INTO_KIND = 2
    OVERFLOW_OF_TENANT = 3


def lock_until_commit(*locks: tuple[LockClass, int]) -> None:
    """Be the only transaction that holds any of these, each a class and a key of its own."""
    with connection.cursor() as cursor:
        keys = {(lock_class, key % 2**31) for lock_class, key in locks}
        for lock_class, key in sorted(keys):  # in one order for everybody
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [lock_class, key])


class TsTzRange(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


def violated_constraint(error: IntegrityError) -> str | None:
    """Name of the PostgreSQL constraint that refused the row, if it was one."""
    diagnostic = getattr(error.__cause__, "diag", None)
    return getattr(diagnostic, "constraint_name", None)


def insert_unless_conflict(instance: models.Model, constraint: str | None = None) -> bool:
    """INSERT the row unless it violates ``constraint``; sets its key when it was written.

    PostgreSQL's speculative insertion decides: no lock is taken before, no error is raised
    after, and contenders cannot deadlock.

    Args:
        constraint: unique or exclusion; any of the table's where None.

    Returns:
        Whether the row was written.
    """
    fields = [f for f in instance._meta.local_concrete_fields if not f.primary_key]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    values = [
        field.get_db_prep_save(field.pre_save(instance, True), connection) for field in fields
    ]
    table = quote(instance._meta.db_table)
    target = f"ON CONSTRAINT {quote(constraint)} " if constraint else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({places}) "  # noqa: S608 - our own names
            f"ON CONFLICT {target}DO NOTHING RETURNING id",
            values,
        )
        row = cursor.fetchone()
    if row is None:
        return False
    instance.pk = row[0]
    instance._state.adding = False
    instance._state.db = connection.alias
    return True


class PlannedCursor(psycopg.Cursor):
    """Has every statement planned once for its connection, whatever the values.

    A whole number is a bigint however small it is: each combination of types is planned apart.
    """

    def __init__(self, link: Any) -> None:
        super().__init__(link)
        self.adapters.register_dumper(int, Int8Dumper)

    def execute(self, query: Any, params: Any = None, **options: Any) -> "PlannedCursor":
        return super().execute(query, params, prepare=True, **options)


def planned_rows(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of a statement that takes longer to plan than to run and is asked often.

    Args:
        sql: casts those values whose type PostgreSQL cannot tell, such as a None.
    """
    connection.ensure_connection()
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    plain: Any = PlannedCursor(connection.connection)
    with wrap(plain) as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()
