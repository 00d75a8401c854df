"""Writing many rows of many tenants at once, as the database's owner."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from django.db import connections, models, transaction
from phonenumber_field.modelfields import PhoneNumberField

from core.constraints import Audited

OWNER = "owner"
PREPARED = (models.JSONField, PhoneNumberField)  # whose Python values are not the database's
Row = TypeVar("Row", bound=models.Model)


@contextmanager
def unaudited(*tables: type[models.Model]) -> Iterator[None]:
    """One owner's transaction in which inserts into ``tables`` leave no audit rows.

    Invented history is nobody's act: tens of thousands of "INSERT by the system" would bury the
    first real change in the trail, and cost half of the loading time.  Others who write to the
    tables wait until it ends; their own changes are audited as ever.
    """
    triggers = [
        (model._meta.db_table, rule.name)
        for model in tables
        for rule in model._meta.constraints
        if isinstance(rule, Audited)
    ]
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        for table, trigger in triggers:
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER "{trigger}"')
        yield
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # none may be pending below
        for table, trigger in triggers:
            cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER "{trigger}"')


def insert(rows: Iterable[Row]) -> list[Row]:
    """Write new rows of one model with COPY; their keys are set.

    Values go as they are: neither ``save()`` nor signals nor validators run.
    """
    rows = list(rows)
    if rows:
        model = type(rows[0])
        _set_keys(model, rows)
        fields = model._meta.local_concrete_fields
        statement = copy_into(model, [field.column for field in fields])
        with connections[OWNER].cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([_value(row, field) for field in fields])
    return rows


def copy_into(model: type[models.Model], columns: Sequence[str]) -> str:
    """The COPY statement for these columns of the model's table."""
    quoted = ", ".join(f'"{column}"' for column in columns)
    return f'COPY "{model._meta.db_table}" ({quoted}) FROM STDIN'


def _set_keys(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    """Take them from the table's sequence beforehand: COPY does not return any."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, len(rows)],
        )
        for row, (key,) in zip(rows, cursor.fetchall(), strict=True):
            row.pk = key


def _value(row: models.Model, field: models.Field) -> object:
    value = getattr(row, field.attname)
    if isinstance(field, models.ForeignKey):
        # A row may have been assigned before it had its key.
        target = field.get_cached_value(row, default=None)
        return value if target is None else target.pk
    if isinstance(field, PREPARED):
        return field.get_db_prep_save(value, connections[OWNER])
    return value


def analyse(*tables: type[models.Model]) -> None:
    """Let the planner see the new rows; outside any transaction that may still fail."""
    names = ", ".join(f'"{model._meta.db_table}"' for model in tables)
    with connections[OWNER].cursor() as cursor:
        cursor.execute(f"ANALYZE {names}")
