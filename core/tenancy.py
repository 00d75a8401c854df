"""Whose data a piece of work may touch.

``tenant(id)`` is the outermost transaction of every request, job, frame and command.  Inside it
the scoped managers filter by the tenant and the database's row-level security shows nothing else;
outside it a scoped manager raises and the database shows no tenant's rows at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction

_current: ContextVar[int | None] = ContextVar("tenant", default=None)


class TenantError(RuntimeError):
    """Tenant data was touched outside a tenant, or a second tenant inside the first."""


def current_tenant_id() -> int | None:
    """The active tenant's id, or None outside ``tenant()``."""
    return _current.get()


@contextmanager
def tenant(
    tenant_id: int, *, actor_id: int | None = None, using: str = DEFAULT_DB_ALIAS
) -> Iterator[None]:
    """Run a block as one transaction bound to one tenant.

    Args:
        tenant_id: the tenant's key.
        actor_id: the user in whose name it happens, written to the audit trail; None for the
            system itself.
        using: the database alias.

    Raises:
        TenantError: another tenant is active.
        RuntimeError: a transaction is already open, so the binding could outlive the block.
    """
    active = _current.get()
    if active is not None:
        if active != tenant_id:
            raise TenantError(f"Tenant {active} is active; refusing to enter {tenant_id}.")
        with transaction.atomic(using=using):
            yield
        return
    connection = connections[using]
    with transaction.atomic(using=using, durable=True):
        token = _current.set(int(tenant_id))
        try:
            bind(connection, tenant_id, actor_id)
            yield
            outermost: Any = connection.atomic_blocks[0]
            if outermost._from_testcase and not connection.needs_rollback:
                _unbind(connection)
        finally:
            # Before the commit, so that on_commit handlers enter a tenant of their own.
            _current.reset(token)


def bind(connection, tenant_id: int, actor_id: int | None) -> None:
    """Set the tenant and the actor for the rest of the open transaction only."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('app.tenant_id', %s, true), set_config('app.actor_id', %s, true)",
            [str(tenant_id), "" if actor_id is None else str(actor_id)],
        )


def _unbind(connection) -> None:
    """A test runs inside one long transaction, in which the local setting would live on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', '', true)")


class TenantManager(models.Manager):
    """Rows of the active tenant.

    Raises:
        TenantError: no tenant is active.
    """

    def get_queryset(self) -> models.QuerySet:
        active = current_tenant_id()
        if active is None:
            raise TenantError(f"{self.model.__name__} was queried outside a tenant.")
        return super().get_queryset().filter(tenant_id=active)
