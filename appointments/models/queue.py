"""Waiting rooms: queues and who stands in them."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from appointments.enums import QueueEntryStatus
from core.constraints import tenant_walls
from core.fields import TenantForeignKey
from core.models import TenantModel
from core.privacy import FieldPrivacy


class WaitingQueue(TenantModel):
    """A line of people who wait for one kind of service at one site."""

    name = models.CharField(max_length=100)
    site = TenantForeignKey(
        "core.Site", null=True, blank=True, on_delete=models.PROTECT, related_name="queues"
    )
    prefix = models.CharField(max_length=3, default="A", help_text="First part of each ticket.")
    max_queue_size = models.PositiveIntegerField(default=50, validators=[MinValueValidator(1)])
    is_accepting_patients = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    version = models.PositiveBigIntegerField(default=1, editable=False)

    privacy = FieldPrivacy(
        public="id tenant name site prefix max_queue_size is_accepting_patients is_active version"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            *tenant_walls("waitingqueue", "site"),
            models.UniqueConstraint(fields=["tenant", "name"], name="waitingqueue_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class QueueEntry(TenantModel):
    """A patient's stay in a queue; ``ticket`` is what is shown in public."""

    queue = TenantForeignKey(WaitingQueue, on_delete=models.PROTECT, related_name="entries")
    patient = TenantForeignKey(
        "patients.PatientProfile", on_delete=models.PROTECT, related_name="queue_entries"
    )
    appointment = TenantForeignKey(
        "AppointmentRequest",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        related_name="queue_entries",
    )
    ticket = models.CharField(max_length=12)
    queue_position = models.PositiveIntegerField(default=0, help_text="0 when not waiting.")
    priority_score = models.FloatField(
        default=25, validators=[MinValueValidator(0), MaxValueValidator(100)]
    )
    estimated_service_time = models.PositiveSmallIntegerField(default=20, help_text="Minutes.")
    notes = models.CharField(max_length=500, blank=True)
    status = models.CharField(
        max_length=12, choices=QueueEntryStatus, default=QueueEntryStatus.WAITING
    )
    joined_at = models.DateTimeField(default=timezone.now)
    called_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    privacy = FieldPrivacy(
        phi="patient appointment notes",
        public="id tenant queue ticket queue_position priority_score estimated_service_time status "
        "joined_at called_at started_at completed_at version",
    )

    class Meta:
        verbose_name_plural = "queue entries"
        constraints = [
            *tenant_walls("queueentry", "queue", "patient", "appointment"),
            models.UniqueConstraint(
                fields=["tenant", "queue", "patient"],
                condition=Q(status__in=["WAITING", "CALLED", "IN_PROGRESS"]),
                name="queueentry_patient_once",
            ),
            models.CheckConstraint(
                condition=Q(priority_score__gte=0, priority_score__lte=100),
                name="queueentry_score_0_to_100",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "queue", "status", "joined_at"], name="queueentry_line"),
        ]

    def __str__(self) -> str:
        return self.ticket
