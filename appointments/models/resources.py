"""Rooms and equipment that some visits need."""

from django.db import models

from core.constraints import tenant_walls
from core.fields import TenantForeignKey
from core.models import TenantModel
from core.privacy import FieldPrivacy


class Resource(TenantModel):
    """One room or one piece of equipment at a site.

    Those of one ``kind`` at one site are interchangeable: a visit takes whichever is free.
    """

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=60, help_text="Such as Ultrasound room.")
    site = TenantForeignKey("core.Site", on_delete=models.PROTECT, related_name="resources")
    is_active = models.BooleanField(default=True)

    privacy = FieldPrivacy(public="id tenant name kind site is_active")

    class Meta:
        ordering = ["name"]
        constraints = [
            *tenant_walls("resource", "site"),
            models.UniqueConstraint(fields=["tenant", "name"], name="resource_name_unique"),
        ]
        indexes = [models.Index(fields=["tenant", "kind", "site"], name="resource_kind")]

    def __str__(self) -> str:
        return self.name
