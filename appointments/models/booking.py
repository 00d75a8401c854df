"""Booked time: who is seen by whom, and when.

Only holds are ever deleted, in one statement: references to appointments are DO_NOTHING, and the
database refuses to orphan them.

Intervals are half-open as in RFC 5545, so a visit ending at 10:00 does not touch one starting
at 10:00.
"""

from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from appointments.enums import OCCUPYING, AppointmentStatus, Modality, Priority, Step
from core.constraints import AppendOnly, tenant_walls
from core.db import TsTzRange
from core.fields import TenantForeignKey
from core.models import TenantModel
from core.privacy import FieldPrivacy

NO_OVERLAP = "appointment_provider_no_overlap"
RESOURCE_NO_OVERLAP = "appointment_resource_no_overlap"


class AppointmentSeries(TenantModel):
    """Visits booked together by one recurrence rule (RFC 5545), on the tenant's wall clock."""

    rule = models.CharField(max_length=200, help_text="RRULE, such as FREQ=WEEKLY;COUNT=6.")
    created_by_id = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    privacy = FieldPrivacy(phi="rule", public="id tenant created_by_id created_at")

    class Meta:
        verbose_name_plural = "appointment series"
        constraints = tenant_walls("appointmentseries")

    def __str__(self) -> str:
        return f"Series {self.pk}"


class AppointmentRequest(TenantModel):
    """One patient with one provider during ``[scheduled_datetime, scheduled_end_datetime)``.

    ``[blocked_from, blocked_until)`` adds the type's buffers: the time the provider is taken.
    A HELD row keeps time for a caller until ``hold_expires_at`` and may lack a patient.
    """

    conflicts: tuple[int, ...] | list[int] = ()  # what a fresh overbooking overlaps; not stored

    patient = TenantForeignKey(
        "patients.PatientProfile",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="appointments",
    )
    provider = TenantForeignKey(
        "accounts.User", on_delete=models.PROTECT, related_name="appointments"
    )
    appointment_type = TenantForeignKey(
        "AppointmentTemplate", on_delete=models.PROTECT, related_name="appointments"
    )
    site = TenantForeignKey(
        "core.Site", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    resource = TenantForeignKey(
        "Resource", null=True, blank=True, on_delete=models.PROTECT, related_name="appointments"
    )
    series = TenantForeignKey(
        AppointmentSeries,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        related_name="appointments",
    )
    modality = models.CharField(max_length=10, choices=Modality, default=Modality.ON_SITE)
    scheduled_datetime = models.DateTimeField("start")
    scheduled_end_datetime = models.DateTimeField("end")
    blocked_from = models.DateTimeField(editable=False)
    blocked_until = models.DateTimeField(editable=False)
    status = models.CharField(
        max_length=12, choices=AppointmentStatus, default=AppointmentStatus.PENDING
    )
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.ROUTINE)
    reason = models.CharField(max_length=500, blank=True)
    diagnosis_codes = ArrayField(
        models.CharField(max_length=8), default=list, blank=True, help_text="ICD-10 codes."
    )
    cancellation_reason = models.CharField(max_length=500, blank=True)
    is_waitlist_conversion = models.BooleanField(default=False)
    overbooked = models.BooleanField(default=False, editable=False)
    override_reason = models.CharField(max_length=500, blank=True)
    hold_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    checked_in_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by_id = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    privacy = FieldPrivacy(
        phi="patient reason diagnosis_codes cancellation_reason override_reason scheduled_datetime "
        "scheduled_end_datetime blocked_from blocked_until",
        public="id tenant provider appointment_type site resource series modality status priority "
        "is_waitlist_conversion "
        "overbooked hold_expires_at confirmed_at checked_in_at started_at completed_at "
        "cancelled_at created_by_id created_at version",
    )

    class Meta:
        constraints = [
            *tenant_walls(
                "appointment",
                "patient",
                "provider",
                "appointment_type",
                "site",
                "resource",
                "series",
            ),
            models.CheckConstraint(
                condition=Q(scheduled_datetime__lt=F("scheduled_end_datetime")),
                name="appointment_start_before_end",
            ),
            models.CheckConstraint(
                condition=Q(blocked_from__lte=F("scheduled_datetime"))
                & Q(blocked_until__gte=F("scheduled_end_datetime")),
                name="appointment_blocked_covers_visit",
            ),
            models.CheckConstraint(
                condition=Q(status=AppointmentStatus.HELD, hold_expires_at__isnull=False)
                | (~Q(status=AppointmentStatus.HELD) & Q(hold_expires_at__isnull=True)),
                name="appointment_held_iff_expires",
            ),
            models.CheckConstraint(
                condition=Q(patient__isnull=False) | Q(status=AppointmentStatus.HELD),
                name="appointment_has_patient",
            ),
            models.CheckConstraint(
                condition=Q(overbooked=False) | ~Q(override_reason=""),
                name="appointment_overbooked_with_reason",
            ),
            ExclusionConstraint(
                name=NO_OVERLAP,
                expressions=[
                    ("tenant", RangeOperators.EQUAL),
                    ("provider", RangeOperators.EQUAL),
                    (
                        TsTzRange("blocked_from", "blocked_until", RangeBoundary()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(status__in=OCCUPYING, overbooked=False),
            ),
            # Overbooking a provider never puts two visits into one room.
            ExclusionConstraint(
                name=RESOURCE_NO_OVERLAP,
                expressions=[
                    ("tenant", RangeOperators.EQUAL),
                    ("resource", RangeOperators.EQUAL),
                    (
                        TsTzRange("blocked_from", "blocked_until", RangeBoundary()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(status__in=OCCUPYING, resource__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "provider", "scheduled_datetime"],
                include=["scheduled_end_datetime", "status"],
                name="appointment_provider_start",
            ),
            models.Index(
                fields=["tenant", "provider", "blocked_from"],
                include=["blocked_until", "hold_expires_at"],
                condition=Q(status__in=OCCUPYING),
                name="appointment_busy",
            ),
            models.Index(fields=["tenant", "scheduled_datetime"], name="appointment_start"),
            models.Index(
                fields=["tenant", "patient", "scheduled_datetime"], name="appointment_patient"
            ),
            models.Index(
                fields=["tenant", "resource", "blocked_from"],
                include=["blocked_until", "hold_expires_at"],
                condition=Q(status__in=OCCUPYING, resource__isnull=False),
                name="appointment_resource_busy",
            ),
            models.Index(
                fields=["tenant", "hold_expires_at"],
                condition=Q(status=AppointmentStatus.HELD),
                name="appointment_holds",
            ),
        ]

    def __str__(self) -> str:
        return f"Appointment {self.pk}"

    @property
    def interval(self) -> tuple[datetime, datetime]:
        return self.scheduled_datetime, self.scheduled_end_datetime


class AppointmentEvent(TenantModel):
    """One step in an appointment's life: its history, and what undo goes back to.

    ``before`` holds the values the step replaced, as JSON with ISO datetimes.
    """

    appointment = TenantForeignKey(
        AppointmentRequest, on_delete=models.DO_NOTHING, related_name="events"
    )
    step = models.CharField(max_length=12, choices=Step)
    from_status = models.CharField(max_length=12, choices=AppointmentStatus, blank=True)
    to_status = models.CharField(max_length=12, choices=AppointmentStatus)
    before = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)
    by_id = models.BigIntegerField(null=True)
    by_name = models.CharField(max_length=200, blank=True)

    privacy = FieldPrivacy(
        phi="appointment before reason",
        public="id tenant step from_status to_status at by_id by_name",
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            *tenant_walls("appointmentevent", "appointment", audited=False),
            AppendOnly(name="appointmentevent_append_only"),
        ]
        indexes = [
            models.Index(fields=["tenant", "appointment", "id"], name="appointmentevent_history")
        ]

    def __str__(self) -> str:
        return f"{self.step} of {self.appointment_id}"
