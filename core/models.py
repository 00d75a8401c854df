"""Tenants and what every tenant-owned record shares."""

from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from core.constraints import AppendOnly, Audited, RowLevelSecurity, tenant_walls
from core.privacy import FieldPrivacy
from core.tenancy import TenantManager, current_tenant_id


def validate_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError("Not an IANA time zone, such as Europe/Berlin.", code="invalid_zone")


class Tenant(models.Model):
    """One hospital or clinic."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=50, unique=True)
    zone = models.CharField(max_length=64, default="UTC", validators=[validate_zone])
    locale = models.CharField(max_length=10, choices=settings.LANGUAGES, default="en-gb")
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=30, blank=True)
    no_show_grace_minutes = models.PositiveSmallIntegerField(
        default=60,
        validators=[MinValueValidator(5), MaxValueValidator(24 * 60)],
        help_text="Minutes after the start until a visit nobody came to counts as missed.",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    privacy = FieldPrivacy(
        public="id name slug zone locale email phone no_show_grace_minutes is_active created_at"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            RowLevelSecurity(name="tenant_self", column="id", when_none="all"),
            Audited(name="tenant_audited"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class TenantModel(models.Model):
    """A record of one tenant.  Subclasses put ``tenant_walls(...)`` into their constraints."""

    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.PROTECT,
        default=current_tenant_id,
        editable=False,
        db_index=False,
        related_name="+",
    )

    objects = TenantManager()
    unscoped = models.Manager()  # row-level security still applies

    class Meta:
        abstract = True
        base_manager_name = "unscoped"
        default_manager_name = "objects"


class Site(TenantModel):
    """A place where patients are seen."""

    name = models.CharField(max_length=120)
    address = models.CharField(max_length=250, blank=True)
    latitude = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(-90), MaxValueValidator(90)]
    )
    longitude = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(-180), MaxValueValidator(180)]
    )
    phone = models.CharField(max_length=30, blank=True)
    opens_at = models.TimeField(default="08:00", help_text="Opening time on working days.")
    closes_at = models.TimeField(default="18:00")
    opening_days = models.JSONField(
        default=list, blank=True, help_text="Weekdays it is open, Monday = 0; empty means all."
    )
    is_active = models.BooleanField(default=True)

    privacy = FieldPrivacy(
        public="id tenant name address latitude longitude phone opens_at closes_at opening_days "
        "is_active"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            *tenant_walls("site"),
            models.UniqueConstraint(fields=["tenant", "name"], name="site_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class AuditEvent(TenantModel):
    """One change of one record, written by a database trigger, or one reading of a patient's.

    ``before`` and ``after`` hold the changed columns only.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    actor_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=6)  # INSERT, UPDATE, DELETE, READ
    table = models.CharField(max_length=63)
    record_id = models.BigIntegerField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    privacy = FieldPrivacy(
        phi="before after", public="id tenant at actor_id action table record_id"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            *tenant_walls("auditevent", audited=False),
            AppendOnly(name="auditevent_append_only"),
        ]
        indexes = [
            models.Index(fields=["tenant", "table", "record_id", "id"], name="auditevent_record"),
            models.Index(fields=["tenant", "at"], name="auditevent_at"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.table} {self.record_id}"


class IdempotencyRecord(TenantModel):
    """The first answer to a POST that carried an ``Idempotency-Key``."""

    user_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    content_type = models.CharField(max_length=100, default="application/json")
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    privacy = FieldPrivacy(
        phi="body",
        public="id tenant user_id key fingerprint status content_type headers created_at",
    )

    class Meta:
        constraints = [
            *tenant_walls("idempotencyrecord", audited=False),
            models.UniqueConstraint(
                fields=["tenant", "user_id", "key"], name="idempotencyrecord_key_unique"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "created_at"], name="idempotency_created")]

    def __str__(self) -> str:
        return self.key
