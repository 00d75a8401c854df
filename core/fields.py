"""Model fields.  Migrations import these by path: do not move or rename them."""

from typing import Any

from django.db import models


class TenantForeignKey(models.ForeignKey):
    """A foreign key to a tenant-owned model.

    ``SameTenantReference`` is its constraint in the database, so Django's own, which ignores the
    tenant, is left out; indexes are composite and led by the tenant, so its own index is too.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs["db_index"] = False
        super().__init__(to, on_delete, **kwargs)


class TenantOneToOneField(models.OneToOneField):
    """As ``TenantForeignKey``, at most one row per target."""

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)
