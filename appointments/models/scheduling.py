"""What slot search knows beyond the calendar: wishes, rules, weights, the no-show model."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from appointments.enums import DayPart, ReminderOutcome, Weekday
from core.constraints import tenant_walls
from core.fields import TenantForeignKey, TenantOneToOneField
from core.models import TenantModel
from core.privacy import FieldPrivacy

FRACTION = [MinValueValidator(0), MaxValueValidator(1)]
SCORE = [MinValueValidator(0), MaxValueValidator(100)]


class SchedulingPreference(TenantModel):
    """When and with whom a patient likes to come, and how past visits went.

    Learned after each finished visit, except the fields named in ``manual_fields``.
    ``average_no_show_rate`` is a fraction of 1, smoothed towards the tenant's.
    """

    patient = TenantOneToOneField(
        "patients.PatientProfile", on_delete=models.CASCADE, related_name="scheduling_preference"
    )
    preferred_days = ArrayField(
        models.CharField(max_length=9, choices=Weekday), default=list, blank=True
    )
    preferred_times = ArrayField(
        models.CharField(max_length=9, choices=DayPart), default=list, blank=True
    )
    preferred_providers = models.ManyToManyField(
        "accounts.User", through="PreferredProvider", related_name="+", blank=True
    )
    average_no_show_rate = models.FloatField(null=True, blank=True, validators=FRACTION)
    average_late_arrival_minutes = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(120)]
    )
    total_appointments = models.PositiveIntegerField(default=0)
    completed_appointments = models.PositiveIntegerField(default=0)
    home_address = models.CharField(max_length=250, blank=True)
    travel_time_to_clinic = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(24 * 60)],
        help_text="Minutes one way; replaces the estimate made from the address.",
    )
    manual_fields = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    privacy = FieldPrivacy(
        phi="patient preferred_days preferred_times average_no_show_rate "
        "average_late_arrival_minutes total_appointments completed_appointments home_address "
        "travel_time_to_clinic",
        public="id tenant manual_fields created_at updated_at version",
    )

    class Meta:
        constraints = [
            *tenant_walls("schedulingpreference", "patient"),
            models.CheckConstraint(
                condition=Q(average_no_show_rate__isnull=True)
                | Q(average_no_show_rate__gte=0, average_no_show_rate__lte=1),
                name="schedulingpreference_rate_is_fraction",
            ),
            models.CheckConstraint(
                condition=Q(completed_appointments__lte=F("total_appointments")),
                name="schedulingpreference_completed_within_total",
            ),
        ]

    def __str__(self) -> str:
        return f"Preference {self.pk}"


class PreferredProvider(TenantModel):
    """A provider whom a patient would rather see."""

    preference = TenantForeignKey(SchedulingPreference, on_delete=models.CASCADE)
    provider = TenantForeignKey("accounts.User", on_delete=models.CASCADE)

    privacy = FieldPrivacy(phi="preference provider", public="id tenant")

    class Meta:
        constraints = [
            *tenant_walls("preferredprovider", "preference", "provider"),
            models.UniqueConstraint(
                fields=["tenant", "preference", "provider"], name="preferredprovider_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"Preferred provider {self.pk}"


class AppointmentPriorityRule(TenantModel):
    """Which visits must come soon.

    A rule matches when each of its criteria that is not empty does.  Every rule that matches
    counts; where two set the same thing, the stricter one wins.
    """

    name = models.CharField(max_length=100)
    description = models.CharField(max_length=300, blank=True)
    appointment_types = models.ManyToManyField(
        "AppointmentTemplate", through="RuleType", related_name="+", blank=True
    )
    specialties = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    diagnosis_codes = ArrayField(
        models.CharField(max_length=8),
        default=list,
        blank=True,
        help_text="ICD-10 codes; E11 covers E11.9 too.",
    )
    base_priority_score = models.FloatField(
        default=50, validators=SCORE, help_text="From 80 on, the earliest slots are offered first."
    )
    urgency_multiplier = models.FloatField(
        default=1,
        validators=[MinValueValidator(0.1), MaxValueValidator(10)],
        help_text="2 halves the wait that counts as short.",
    )
    max_wait_days = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(365)]
    )
    requires_same_day = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    privacy = FieldPrivacy(
        public="id tenant name description specialties diagnosis_codes base_priority_score "
        "urgency_multiplier max_wait_days requires_same_day is_active created_at"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            *tenant_walls("appointmentpriorityrule"),
            models.UniqueConstraint(
                fields=["tenant", "name"], name="appointmentpriorityrule_name_unique"
            ),
            models.CheckConstraint(
                condition=Q(base_priority_score__gte=0, base_priority_score__lte=100),
                name="appointmentpriorityrule_score_0_to_100",
            ),
            models.CheckConstraint(
                condition=Q(urgency_multiplier__gt=0),
                name="appointmentpriorityrule_multiplier_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RuleType(TenantModel):
    """An appointment type to which a priority rule applies."""

    rule = TenantForeignKey(AppointmentPriorityRule, on_delete=models.CASCADE)
    appointment_type = TenantForeignKey("AppointmentTemplate", on_delete=models.CASCADE)

    privacy = FieldPrivacy(public="id tenant rule appointment_type")

    class Meta:
        constraints = [
            *tenant_walls("ruletype", "rule", "appointment_type"),
            models.UniqueConstraint(
                fields=["tenant", "rule", "appointment_type"], name="ruletype_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} for {self.appointment_type_id}"


class SchedulingWeights(TenantModel):
    """How much each factor counts in a tenant; fractions that sum to 1.

    A tenant without a row uses the defaults.
    """

    provider_availability = models.FloatField(default=0.30, validators=FRACTION)
    patient_priority = models.FloatField(default=0.25, validators=FRACTION)
    no_show_risk = models.FloatField(default=0.20, validators=FRACTION)
    geographic_proximity = models.FloatField(default=0.15, validators=FRACTION)
    patient_preference = models.FloatField(default=0.10, validators=FRACTION)
    version = models.PositiveIntegerField(default=1, editable=False)

    privacy = FieldPrivacy(
        public="id tenant provider_availability patient_priority no_show_risk "
        "geographic_proximity patient_preference version"
    )

    class Meta:
        verbose_name_plural = "scheduling weights"
        constraints = [
            *tenant_walls("schedulingweights"),
            models.UniqueConstraint(fields=["tenant"], name="schedulingweights_one_per_tenant"),
            models.CheckConstraint(
                condition=Q(
                    provider_availability__gte=0,
                    patient_priority__gte=0,
                    no_show_risk__gte=0,
                    geographic_proximity__gte=0,
                    patient_preference__gte=0,
                ),
                name="schedulingweights_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"Weights {self.version}"


class NoShowModel(TenantModel):
    """A fitted no-show model; the current one of a tenant is used, the others are history.

    Attributes:
        coefficients: log-odds by feature name.
        prior_missed, prior_kept: the beta prior (a, b) of a patient's own rate.
        metrics: figures on the newest part of the data, of this model and of the default.
    """

    version_number = models.PositiveIntegerField()
    coefficients = models.JSONField(default=dict)
    prior_missed = models.FloatField()
    prior_kept = models.FloatField()
    trained_from = models.DateField()
    trained_until = models.DateField()
    visits = models.PositiveIntegerField()
    metrics = models.JSONField(default=dict)
    is_current = models.BooleanField(default=False)
    fitted_at = models.DateTimeField(default=timezone.now, editable=False)

    privacy = FieldPrivacy(
        public="id tenant version_number coefficients prior_missed prior_kept trained_from "
        "trained_until visits metrics is_current fitted_at"
    )

    class Meta:
        ordering = ["-version_number"]
        constraints = [
            *tenant_walls("noshowmodel"),
            models.UniqueConstraint(
                fields=["tenant", "version_number"], name="noshowmodel_version_unique"
            ),
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(is_current=True), name="noshowmodel_one_current"
            ),
        ]

    def __str__(self) -> str:
        return f"No-show model {self.version_number}"


class ReminderCall(TenantModel):
    """A call to a patient about the visits up to ``visits_until``, so nobody is called twice."""

    patient = TenantForeignKey(
        "patients.PatientProfile", on_delete=models.PROTECT, related_name="reminder_calls"
    )
    visits_until = models.DateField()
    outcome = models.CharField(max_length=12, choices=ReminderOutcome)
    at = models.DateTimeField(default=timezone.now)
    by_id = models.BigIntegerField(null=True)
    by_name = models.CharField(max_length=200, blank=True)

    privacy = FieldPrivacy(phi="patient visits_until", public="id tenant outcome at by_id by_name")

    class Meta:
        ordering = ["-at"]
        constraints = tenant_walls("remindercall", "patient")
        indexes = [models.Index(fields=["tenant", "patient", "at"], name="remindercall_patient")]

    def __str__(self) -> str:
        return f"Call {self.pk}"


class SchedulingMetrics(TenantModel):
    """A provider's day in figures.  Rates are fractions of 1, everything else minutes or counts.

    ``utilization_rate`` is booked by available minutes.
    """

    provider = TenantForeignKey("accounts.User", on_delete=models.CASCADE, related_name="metrics")
    date = models.DateField()
    total_slots = models.PositiveIntegerField(default=0)
    booked_slots = models.PositiveIntegerField(default=0)
    completed_appointments = models.PositiveIntegerField(default=0)
    no_shows = models.PositiveIntegerField(default=0)
    cancellations = models.PositiveIntegerField(default=0)
    available_minutes = models.PositiveIntegerField(default=0)
    booked_minutes = models.PositiveIntegerField(default=0)
    average_appointment_duration = models.FloatField(null=True)
    average_wait_time = models.FloatField(null=True)
    total_overtime_minutes = models.PositiveIntegerField(default=0)
    utilization_rate = models.FloatField(null=True)
    no_show_rate = models.FloatField(null=True)
    computed_at = models.DateTimeField(default=timezone.now)

    privacy = FieldPrivacy(
        public="id tenant provider date total_slots booked_slots completed_appointments no_shows "
        "cancellations available_minutes booked_minutes average_appointment_duration "
        "average_wait_time total_overtime_minutes utilization_rate no_show_rate computed_at"
    )

    class Meta:
        verbose_name_plural = "scheduling metrics"
        ordering = ["-date", "provider"]
        constraints = [
            *tenant_walls("schedulingmetrics", "provider", audited=False),
            models.UniqueConstraint(
                fields=["tenant", "provider", "date"], name="schedulingmetrics_day_unique"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "date"], name="schedulingmetrics_date")]

    def __str__(self) -> str:
        return f"{self.provider_id} on {self.date}"
