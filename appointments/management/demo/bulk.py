"""Writing many rows of many tenants at once, as the database's owner."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import connections, models, transaction

from core.constraints import Audited

OWNER = "owner"
BATCH = 2000
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
    """Write new rows of one model; their keys are set afterwards."""
    rows = list(rows)
    if rows:
        manager = models.Manager()
        manager.model = type(rows[0])
        manager.using(OWNER).bulk_create(rows, batch_size=BATCH)
    return rows


def analyse(*tables: type[models.Model]) -> None:
    """Let the planner see the new rows; outside any transaction that may still fail."""
    names = ", ".join(f'"{model._meta.db_table}"' for model in tables)
    with connections[OWNER].cursor() as cursor:
        cursor.execute(f"ANALYZE {names}")
