"""When providers work: weekly rules, and the dated windows made from them."""

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q

from appointments.enums import TimeOffKind
from core.constraints import tenant_walls
from core.fields import TenantForeignKey
from core.models import TenantModel
from core.privacy import FieldPrivacy

WEEKDAYS = [
    (0, "Monday"),
    (1, "Tuesday"),
    (2, "Wednesday"),
    (3, "Thursday"),
    (4, "Friday"),
    (5, "Saturday"),
    (6, "Sunday"),
]


class AvailabilityRule(TenantModel):
    """Every such weekday, a provider works ``[start_time, end_time)`` on the tenant's clock."""

    provider = TenantForeignKey(
        "accounts.User", on_delete=models.CASCADE, related_name="availability_rules"
    )
    site = TenantForeignKey("core.Site", on_delete=models.CASCADE, related_name="+")
    weekday = models.PositiveSmallIntegerField(choices=WEEKDAYS, validators=[MaxValueValidator(6)])
    start_time = models.TimeField()
    end_time = models.TimeField()
    slot_minutes = models.PositiveSmallIntegerField(default=15)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True, help_text="Last day, included.")

    privacy = FieldPrivacy(
        public="id tenant provider site weekday start_time end_time slot_minutes valid_from "
        "valid_until"
    )

    class Meta:
        ordering = ["provider", "weekday", "start_time"]
        constraints = [
            *tenant_walls("availabilityrule", "provider", "site"),
            models.CheckConstraint(
                condition=Q(start_time__lt=F("end_time")),
                name="availabilityrule_start_before_end",
                violation_error_message="The end must be later than the start.",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "provider"], name="availabilityrule_provider")]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.start_time:%H:%M}–{self.end_time:%H:%M}"


class SlotAvailability(TenantModel):
    """A provider's working window on one date, on the tenant's wall clock.

    ``is_blocked`` closes it without deleting it; a window edited by hand has no ``rule`` and is
    left alone when rules are applied again.
    """

    provider = TenantForeignKey(
        "accounts.User", on_delete=models.CASCADE, related_name="availability"
    )
    site = TenantForeignKey("core.Site", on_delete=models.PROTECT, related_name="+")
    rule = TenantForeignKey(
        AvailabilityRule, null=True, blank=True, on_delete=models.SET_NULL, related_name="windows"
    )
    date = models.DateField()
    start_time = models.TimeField()
    end_time = models.TimeField()
    duration_minutes = models.PositiveSmallIntegerField(
        default=15, help_text="The grid on which slots start."
    )
    is_active = models.BooleanField(default=True)
    is_blocked = models.BooleanField(default=False)

    privacy = FieldPrivacy(
        public="id tenant provider site rule date start_time end_time duration_minutes is_active "
        "is_blocked"
    )

    class Meta:
        verbose_name_plural = "slot availability"
        ordering = ["date", "start_time", "provider"]
        constraints = [
            *tenant_walls("slotavailability", "provider", "site", "rule"),
            models.CheckConstraint(
                condition=Q(start_time__lt=F("end_time")),
                name="slotavailability_start_before_end",
                violation_error_message="The end must be later than the start.",
            ),
            models.UniqueConstraint(
                fields=["tenant", "provider", "date", "start_time"],
                name="slotavailability_start_unique",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "date", "provider"], name="slotavailability_day")]

    def __str__(self) -> str:
        return f"{self.date} {self.start_time:%H:%M}–{self.end_time:%H:%M}"


class TimeOff(TenantModel):
    """``[starts_at, ends_at)`` during which a provider is away, a site closed or a resource out.

    Exactly one of the three is set.
    """

    provider = TenantForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.CASCADE, related_name="time_off"
    )
    site = TenantForeignKey(
        "core.Site", null=True, blank=True, on_delete=models.CASCADE, related_name="time_off"
    )
    resource = TenantForeignKey(
        "Resource", null=True, blank=True, on_delete=models.CASCADE, related_name="time_off"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=TimeOffKind, default=TimeOffKind.LEAVE)
    note = models.CharField(max_length=200, blank=True)

    privacy = FieldPrivacy(public="id tenant provider site resource starts_at ends_at kind note")

    class Meta:
        verbose_name_plural = "time off"
        ordering = ["starts_at", "id"]
        constraints = [
            *tenant_walls("timeoff", "provider", "site", "resource"),
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")),
                name="timeoff_start_before_end",
                violation_error_message="The end must be later than the start.",
            ),
            models.CheckConstraint(
                condition=Q(provider__isnull=False, site__isnull=True, resource__isnull=True)
                | Q(provider__isnull=True, site__isnull=False, resource__isnull=True)
                | Q(provider__isnull=True, site__isnull=True, resource__isnull=False),
                name="timeoff_of_one",
                violation_error_message="Choose one: a provider, a site or a resource.",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ends_at"], name="timeoff_end")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def owner_name(self) -> str:
        """Who is away, or what is closed."""
        if self.provider is not None:
            return self.provider.get_full_name()
        return str(self.site or self.resource)

    @property
    def last_instant(self) -> datetime:
        """In the last day that it touches."""
        return self.ends_at - timedelta(microseconds=1)
