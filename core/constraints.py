"""The walls between tenants, as constraints that ``makemigrations`` writes.

Migrations import these classes by path: do not move or rename them.
"""

from abc import ABC, abstractmethod
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.ddl_references import Statement, Table

ACTIVE_TENANT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::bigint)"


class DatabaseRule(models.BaseConstraint, ABC):
    """A constraint that is more than a CONSTRAINT clause.

    Made at the end of its migration, when the tables and keys it names exist.
    """

    def constraint_sql(self, model, schema_editor) -> Any:
        self.create_sql(model, schema_editor)

    def create_sql(self, model, schema_editor) -> Any:
        table = Table(model._meta.db_table, schema_editor.quote_name)
        schema_editor.deferred_sql.append(
            Statement(self.create(model, schema_editor.quote_name), table=table)
        )

    def remove_sql(self, model, schema_editor) -> Any:
        table = Table(model._meta.db_table, schema_editor.quote_name)
        return Statement(self.remove(schema_editor.quote_name), table=table)

    @abstractmethod
    def create(self, model, quote) -> str:
        """SQL that makes it, with ``%(table)s`` for the quoted table."""

    @abstractmethod
    def remove(self, quote) -> str:
        """SQL that takes it away."""

    def validate(self, model, instance, exclude=None, using="default") -> None:
        """The database alone decides."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)


class RowLevelSecurity(DatabaseRule):
    """Forced row-level security with one policy: rows of the active tenant.

    Args:
        column: the column that holds the tenant's key.
        when_none: which rows are visible while no tenant is active: "none", "all" or
            "unowned" (those without a tenant).
    """

    OUTSIDE = {
        "none": "",
        "all": f" OR {ACTIVE_TENANT} IS NULL",
        "unowned": " OR ({column} IS NULL AND " + ACTIVE_TENANT + " IS NULL)",
    }

    def __init__(self, *, name: str, column: str = "tenant_id", when_none: str = "none") -> None:
        super().__init__(name=name)
        self.column, self.when_none = column, when_none

    def create(self, model, quote) -> str:
        column = quote(self.column)
        rule = f"{column} = {ACTIVE_TENANT}" + self.OUTSIDE[self.when_none].format(column=column)
        return (
            "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY; "
            "ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY; "
            f"CREATE POLICY {quote(self.name)} ON %(table)s USING ({rule}) WITH CHECK ({rule})"
        )

    def remove(self, quote) -> str:
        return (
            f"DROP POLICY {quote(self.name)} ON %(table)s; "
            "ALTER TABLE %(table)s NO FORCE ROW LEVEL SECURITY; "
            "ALTER TABLE %(table)s DISABLE ROW LEVEL SECURITY"
        )

    def deconstruct(self) -> tuple[str, tuple, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, tuple(args), kwargs | {"column": self.column, "when_none": self.when_none}


class SameTenantReference(DatabaseRule):
    """``FOREIGN KEY (tenant_id, field) REFERENCES target (tenant_id, id)``.

    An ordinary foreign key is checked past row-level security and would accept another tenant's
    row.  Checked at once, not at COMMIT, so that a bad reference is an error of its statement.
    """

    def __init__(self, *, name: str, field: str) -> None:
        super().__init__(
            name=name,
            violation_error_code="unknown_reference",
            violation_error_message="No such record.",
        )
        self.field = field

    def create(self, model, quote) -> str:
        field = model._meta.get_field(self.field)
        target = quote(field.remote_field.model._meta.db_table)
        return (
            f"ALTER TABLE %(table)s ADD CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY (tenant_id, {quote(field.column)}) REFERENCES {target} (tenant_id, id)"
        )

    def remove(self, quote) -> str:
        return f"ALTER TABLE %(table)s DROP CONSTRAINT {quote(self.name)}"

    def validate(self, model, instance, exclude=None, using="default") -> None:
        field = model._meta.get_field(self.field)
        value = getattr(instance, field.attname)
        if value is None or (exclude and self.field in exclude):
            return
        target = field.remote_field.model._base_manager.using(using)
        if not target.filter(pk=value, tenant_id=instance.tenant_id).exists():
            raise ValidationError({self.field: self.get_violation_error_message()})

    def deconstruct(self) -> tuple[str, tuple, dict[str, Any]]:
        _, _, kwargs = super().deconstruct()
        path = "core.constraints.SameTenantReference"
        return path, (), {"name": kwargs["name"], "field": self.field}


class Audited(DatabaseRule):
    """Every insert, update and delete of the table lands in the audit trail.

    Args:
        secret: columns whose values are left out (password hashes, token digests).
    """

    def __init__(self, *, name: str, secret: tuple[str, ...] = ()) -> None:
        super().__init__(name=name)
        self.secret = tuple(secret)

    def create(self, model, quote) -> str:
        hidden = ", ".join(f"'{column}'" for column in self.secret)
        return (
            f"CREATE TRIGGER {quote(self.name)} AFTER INSERT OR UPDATE OR DELETE ON %(table)s "
            f"FOR EACH ROW EXECUTE FUNCTION core_audit_row({hidden})"
        )

    def remove(self, quote) -> str:
        return f"DROP TRIGGER {quote(self.name)} ON %(table)s"

    def deconstruct(self) -> tuple[str, tuple, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, tuple(args), kwargs | {"secret": self.secret}


class AppendOnly(DatabaseRule):
    """Rows are never changed or deleted, not even by the table's owner.

    TRUNCATE, which only the owner may, still works.
    """

    def create(self, model, quote) -> str:
        return (
            f"CREATE TRIGGER {quote(self.name)} BEFORE UPDATE OR DELETE ON %(table)s "
            "FOR EACH ROW EXECUTE FUNCTION core_refuse_change()"
        )

    def remove(self, quote) -> str:
        return f"DROP TRIGGER {quote(self.name)} ON %(table)s"


def tenant_walls(
    model: str, *references: str, audited: bool = True, secret: tuple[str, ...] = ()
) -> list[models.BaseConstraint]:
    """The constraints every tenant-owned model carries.

    Args:
        model: the model's lower-case name, the prefix of the constraints' names.
        references: its foreign keys to other tenant-owned models.
        audited: whether its changes land in the audit trail.
        secret: columns the audit trail must not copy.
    """
    walls: list[models.BaseConstraint] = [
        RowLevelSecurity(name=f"{model}_of_tenant"),
        models.UniqueConstraint(fields=["tenant", "id"], name=f"{model}_tenant_id_key"),
        *(SameTenantReference(name=f"{model}_{f}_same_tenant", field=f) for f in references),
    ]
    if audited:
        walls.append(Audited(name=f"{model}_audited", secret=secret))
    return walls
