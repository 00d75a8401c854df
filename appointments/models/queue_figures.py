"""What queues teach: figures by the hour, how good estimates are, and what went wrong."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from appointments.enums import QueueAlertKind
from appointments.models.queue import WaitingQueue
from core.constraints import tenant_walls
from core.fields import TenantForeignKey
from core.models import TenantModel
from core.privacy import FieldPrivacy


class QueueMetrics(TenantModel):
    """One hour of one queue, on the tenant's calendar.

    Averages are None where there was nothing to average.  ``average_queue_size`` weighs each
    size by how long it lasted; a repeated hour of the clock counts both times.
    """

    queue = TenantForeignKey(WaitingQueue, on_delete=models.CASCADE, related_name="metrics")
    date = models.DateField()
    hour = models.PositiveSmallIntegerField(validators=[MaxValueValidator(23)])
    total_entries = models.PositiveIntegerField(default=0)
    served_entries = models.PositiveIntegerField(default=0, help_text="Visits begun.")
    completed_entries = models.PositiveIntegerField(default=0)
    no_shows = models.PositiveIntegerField(default=0)
    left_entries = models.PositiveIntegerField(default=0)
    average_wait_time_minutes = models.FloatField(null=True)
    max_wait_time_minutes = models.FloatField(null=True)
    average_service_time_minutes = models.FloatField(null=True)
    peak_queue_size = models.PositiveIntegerField(default=0)
    average_queue_size = models.FloatField(default=0)
    computed_at = models.DateTimeField(default=timezone.now)

    privacy = FieldPrivacy(
        public="id tenant queue date hour total_entries served_entries completed_entries no_shows "
        "left_entries average_wait_time_minutes max_wait_time_minutes "
        "average_service_time_minutes peak_queue_size average_queue_size computed_at"
    )

    class Meta:
        verbose_name_plural = "queue metrics"
        ordering = ["date", "hour"]
        constraints = [
            *tenant_walls("queuemetrics", "queue", audited=False),
            models.UniqueConstraint(
                fields=["tenant", "queue", "date", "hour"], name="queuemetrics_hour"
            ),
            models.CheckConstraint(condition=Q(hour__lte=23), name="queuemetrics_hour_of_day"),
        ]

    def __str__(self) -> str:
        return f"{self.queue_id} on {self.date} at {self.hour:02d}"


class WaitCalibration(TenantModel):
    """By how much a queue's waits missed their estimate, for estimates of one size.

    ``bucket`` is the lower end of the estimates, in minutes; offsets are minutes to add.
    """

    queue = TenantForeignKey(WaitingQueue, on_delete=models.CASCADE, related_name="calibrations")
    bucket = models.PositiveSmallIntegerField()
    offset_p10 = models.FloatField()
    offset_p50 = models.FloatField()
    offset_p90 = models.FloatField()
    samples = models.PositiveIntegerField()
    mean_error_minutes = models.FloatField(null=True, help_text="Mean absolute error.")
    within_10_minutes = models.FloatField(null=True, help_text="Share, 0 to 1.")
    coverage = models.FloatField(null=True, help_text="Share inside P10 to P90, 0 to 1.")
    fitted_at = models.DateTimeField(default=timezone.now)

    privacy = FieldPrivacy(
        public="id tenant queue bucket offset_p10 offset_p50 offset_p90 samples "
        "mean_error_minutes within_10_minutes coverage fitted_at"
    )

    class Meta:
        ordering = ["queue", "bucket"]
        constraints = [
            *tenant_walls("waitcalibration", "queue", audited=False),
            models.UniqueConstraint(
                fields=["tenant", "queue", "bucket"], name="waitcalibration_bucket"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.queue_id} from {self.bucket} minutes"


class QueueAlert(TenantModel):
    """Something that staff should look at; open until ``closed_at``."""

    kind = models.CharField(max_length=16, choices=QueueAlertKind)
    queue = TenantForeignKey(
        WaitingQueue, null=True, blank=True, on_delete=models.CASCADE, related_name="alerts"
    )
    detail = models.CharField(max_length=200, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    notified_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    seen_by_id = models.BigIntegerField(null=True)
    closed_at = models.DateTimeField(null=True)

    privacy = FieldPrivacy(
        public="id tenant kind queue detail opened_at notified_at seen_at seen_by_id closed_at"
    )

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            *tenant_walls("queuealert", "queue", audited=False),
            models.UniqueConstraint(
                fields=["tenant", "kind", "queue"],
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
                name="queuealert_open_once",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "opened_at"], name="queuealert_opened")]

    def __str__(self) -> str:
        return f"{self.kind} since {self.opened_at:%Y-%m-%d %H:%M}"
