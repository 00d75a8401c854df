"""People who would come sooner."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from appointments.enums import Priority, WaitingListStatus
from core.constraints import tenant_walls
from core.fields import TenantForeignKey
from core.models import TenantModel
from core.privacy import FieldPrivacy


class WaitingList(TenantModel):
    """A wish for an appointment of a type; empty wishes mean "any"."""

    patient = TenantForeignKey(
        "patients.PatientProfile", on_delete=models.PROTECT, related_name="waitlist_entries"
    )
    appointment_type = TenantForeignKey(
        "AppointmentTemplate", on_delete=models.PROTECT, related_name="waitlist_entries"
    )
    preferred_provider = TenantForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    preferred_date = models.DateField(null=True, blank=True)
    preferred_time = models.TimeField(null=True, blank=True)
    desired_date_range_start = models.DateField(null=True, blank=True)
    desired_date_range_end = models.DateField(null=True, blank=True)
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.ROUTINE)
    status = models.CharField(
        max_length=12, choices=WaitingListStatus, default=WaitingListStatus.ACTIVE
    )
    scheduled_appointment = TenantForeignKey(
        "AppointmentRequest", null=True, blank=True, on_delete=models.DO_NOTHING, related_name="+"
    )
    diagnosis_codes = ArrayField(
        models.CharField(max_length=8), default=list, blank=True, help_text="ICD-10 codes."
    )
    notes = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    privacy = FieldPrivacy(
        phi="patient preferred_date preferred_time desired_date_range_start "
        "desired_date_range_end scheduled_appointment diagnosis_codes notes",
        public="id tenant appointment_type preferred_provider priority status created_at version",
    )

    class Meta:
        verbose_name_plural = "waiting list"
        constraints = [
            *tenant_walls(
                "waitinglist",
                "patient",
                "appointment_type",
                "preferred_provider",
                "scheduled_appointment",
            ),
            models.CheckConstraint(
                condition=Q(desired_date_range_start__isnull=True)
                | Q(desired_date_range_end__isnull=True)
                | Q(desired_date_range_start__lte=F("desired_date_range_end")),
                name="waitinglist_range_ordered",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "status", "appointment_type"], name="waitinglist_open")
        ]

    def __str__(self) -> str:
        return f"Waiting list {self.pk}"
