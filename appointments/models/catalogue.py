"""What can be booked."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from appointments.enums import Modality
from core.constraints import tenant_walls
from core.fields import TenantForeignKey
from core.models import TenantModel
from core.privacy import FieldPrivacy


class AppointmentTemplate(TenantModel):
    """An appointment type.  No listed site or provider means every one is allowed."""

    name = models.CharField(max_length=100)
    description = models.CharField(max_length=300, blank=True)
    duration_minutes = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(5), MaxValueValidator(12 * 60)]
    )
    buffer_before_minutes = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(120)]
    )
    buffer_after_minutes = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(120)]
    )
    colour = models.CharField(
        max_length=7, default="#0b6e69", validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$")]
    )
    specialty = models.CharField(max_length=60, blank=True)
    modality = models.CharField(
        max_length=10, choices=Modality, default=Modality.ON_SITE, help_text="How it takes place."
    )
    resource_kind = models.CharField(
        max_length=60, blank=True, help_text="The kind of room or equipment it needs, if any."
    )
    min_lead_minutes = models.PositiveIntegerField(
        default=0, help_text="How long before the start patients must book."
    )
    max_lead_days = models.PositiveSmallIntegerField(
        default=365,
        validators=[MinValueValidator(1), MaxValueValidator(730)],
        help_text="How many days ahead it may be booked.",
    )
    is_bookable_online = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    providers = models.ManyToManyField(
        "accounts.User", through="TemplateProvider", related_name="appointment_types", blank=True
    )
    sites = models.ManyToManyField(
        "core.Site", through="TemplateSite", related_name="+", blank=True
    )

    privacy = FieldPrivacy(
        public="id tenant name description duration_minutes buffer_before_minutes "
        "buffer_after_minutes colour specialty modality resource_kind min_lead_minutes "
        "max_lead_days is_bookable_online is_active"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            *tenant_walls("appointmenttemplate"),
            models.UniqueConstraint(
                fields=["tenant", "name"], name="appointmenttemplate_name_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(duration_minutes__gte=5),
                name="appointmenttemplate_duration_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateProvider(TenantModel):
    """A provider who offers an appointment type."""

    template = TenantForeignKey(AppointmentTemplate, on_delete=models.CASCADE)
    provider = TenantForeignKey("accounts.User", on_delete=models.CASCADE)

    privacy = FieldPrivacy(public="id tenant template provider")

    class Meta:
        constraints = [
            *tenant_walls("templateprovider", "template", "provider"),
            models.UniqueConstraint(
                fields=["tenant", "template", "provider"], name="templateprovider_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template_id} by {self.provider_id}"


class TemplateSite(TenantModel):
    """A site at which an appointment type is offered."""

    template = TenantForeignKey(AppointmentTemplate, on_delete=models.CASCADE)
    site = TenantForeignKey("core.Site", on_delete=models.CASCADE)

    privacy = FieldPrivacy(public="id tenant template site")

    class Meta:
        constraints = [
            *tenant_walls("templatesite", "template", "site"),
            models.UniqueConstraint(
                fields=["tenant", "template", "site"], name="templatesite_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template_id} at {self.site_id}"
