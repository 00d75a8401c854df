"""What the database's triggers cannot see: who looked at a patient's record."""

from django.db import connection

from core.tenancy import TenantError, current_tenant_id


def record_read(table: str, record_id: int) -> None:
    """Add to the audit trail that the active user read this record.

    Args:
        table: the record's table, as the triggers name it (``_meta.db_table``).
        record_id: its key.

    Raises:
        TenantError: no tenant is active.
    """
    tenant_id = current_tenant_id()
    if tenant_id is None:
        raise TenantError("A read was recorded outside a tenant.")
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO core_auditevent (tenant_id, actor_id, action, "table", record_id) VALUES'
            " (%s, NULLIF(current_setting('app.actor_id', true), '')::bigint, 'READ', %s, %s)",
            [tenant_id, table, record_id],
        )
