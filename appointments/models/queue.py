"""Waiting rooms: queues, who stands in them, and what became of it."""

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Avg, F, Q
from django.utils import timezone

from appointments.enums import (
    QUEUE_PRESENT,
    QueueEntryStatus,
    QueueStep,
    ServicePointState,
)
from core.constraints import AppendOnly, tenant_walls
from core.fields import TenantForeignKey, TenantOneToOneField
from core.models import TenantModel
from core.privacy import FieldPrivacy

SCORE = [MinValueValidator(0), MaxValueValidator(100)]
SHARE = [MinValueValidator(0), MaxValueValidator(1)]
WAIT = models.ExpressionWrapper(
    F("called_at") - F("joined_at"), output_field=models.DurationField()
)
"""Of an entry, from joining to its call."""


class WaitingQueue(TenantModel):
    """A line of people who wait for one kind of service at one site."""

    name = models.CharField(max_length=100)
    site = TenantForeignKey(
        "core.Site", null=True, blank=True, on_delete=models.PROTECT, related_name="queues"
    )
    prefix = models.CharField(
        max_length=3,
        default="A",
        validators=[RegexValidator(r"^[A-Z]{1,3}$", "One to three capital letters.")],
        help_text="First part of each ticket.",
    )
    specialty = models.CharField(max_length=60, blank=True)
    max_queue_size = models.PositiveIntegerField(default=50, validators=[MinValueValidator(1)])
    is_accepting_patients = models.BooleanField(default=True)
    accepts_walk_ins = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    providers = models.ManyToManyField(
        "accounts.User",
        through="QueueProvider",
        related_name="queues",
        blank=True,
        help_text="Whoever checks in for a visit with one of them joins this queue.",
    )
    version = models.PositiveBigIntegerField(default=1, editable=False)

    privacy = FieldPrivacy(
        public="id tenant name site prefix specialty max_queue_size is_accepting_patients "
        "accepts_walk_ins is_active version"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            *tenant_walls("waitingqueue", "site"),
            models.UniqueConstraint(fields=["tenant", "name"], name="waitingqueue_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name

    def calculate_wait_time(self, now: datetime | None = None) -> float | None:
        """Mean minutes from joining to the call, of those called in the hour before ``now`` (None:
        this moment); None where nobody was.  What a newcomer is to expect, ``AdvancedQueueEngine``
        estimates."""
        now = now or timezone.now()
        called = self.entries.filter(called_at__gte=now - timedelta(hours=1))
        mean = called.aggregate(mean=Avg(WAIT))["mean"]
        return mean.total_seconds() / 60 if mean is not None else None


class QueueProvider(TenantModel):
    """A provider whose visits wait in a queue."""

    queue = TenantForeignKey(WaitingQueue, on_delete=models.CASCADE)
    provider = TenantForeignKey("accounts.User", on_delete=models.CASCADE)

    privacy = FieldPrivacy(public="id tenant queue provider")

    class Meta:
        constraints = [
            *tenant_walls("queueprovider", "queue", "provider"),
            models.UniqueConstraint(fields=["tenant", "provider"], name="queueprovider_once"),
        ]
        indexes = [models.Index(fields=["tenant", "queue"], name="queueprovider_queue")]

    def __str__(self) -> str:
        return f"{self.provider_id} in {self.queue_id}"


class QueueConfiguration(TenantModel):
    """How one queue works.  Weights need not sum to 1: only their ratios count."""

    queue = TenantOneToOneField(
        WaitingQueue, on_delete=models.CASCADE, related_name="configuration"
    )
    use_dynamic_positioning = models.BooleanField(default=True)
    priority_weight = models.FloatField(default=0.5, validators=SHARE)
    wait_time_weight = models.FloatField(default=0.3, validators=SHARE)
    appointment_time_weight = models.FloatField(default=0.2, validators=SHARE)
    guard_minutes = models.PositiveSmallIntegerField(
        default=60,
        validators=[MinValueValidator(10), MaxValueValidator(600)],
        help_text="Who waits longer goes first, after urgent patients.",
    )
    skip_return_after = models.PositiveSmallIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        help_text="How many others are called before a skipped patient's turn comes again.",
    )
    enable_overflow_queue = models.BooleanField(default=False)
    overflow_threshold = models.PositiveIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(10_000)]
    )
    overflow_queue = TenantForeignKey(
        WaitingQueue, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    opens_at = models.TimeField(null=True, blank=True, help_text="Always open where empty.")
    closes_at = models.TimeField(null=True, blank=True)
    opening_days = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="Weekdays it is open, Monday = 0; empty means all.",
    )
    last_ticket_minutes = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(240)],
        help_text="How long before closing the last ticket is given out.",
    )
    use_historical_data = models.BooleanField(default=True)
    default_service_time_minutes = models.PositiveSmallIntegerField(
        default=20, validators=[MinValueValidator(1), MaxValueValidator(480)]
    )
    enable_websocket_updates = models.BooleanField(default=True)
    update_interval_seconds = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(2), MaxValueValidator(600)]
    )
    load_yellow = models.FloatField(default=0.75, validators=SHARE)
    load_red = models.FloatField(default=0.9, validators=SHARE)
    alert_wait_minutes = models.PositiveSmallIntegerField(
        default=60, validators=[MinValueValidator(5), MaxValueValidator(600)]
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    privacy = FieldPrivacy(
        public="id tenant queue use_dynamic_positioning priority_weight wait_time_weight "
        "appointment_time_weight guard_minutes skip_return_after enable_overflow_queue "
        "overflow_threshold overflow_queue opens_at closes_at opening_days last_ticket_minutes "
        "use_historical_data default_service_time_minutes enable_websocket_updates "
        "update_interval_seconds load_yellow load_red alert_wait_minutes version"
    )

    class Meta:
        constraints = [
            *tenant_walls("queueconfiguration", "queue", "overflow_queue"),
            models.CheckConstraint(
                condition=Q(priority_weight__gte=0)
                & Q(wait_time_weight__gte=0)
                & Q(appointment_time_weight__gte=0)
                & (
                    Q(priority_weight__gt=0)
                    | Q(wait_time_weight__gt=0)
                    | Q(appointment_time_weight__gt=0)
                ),
                name="queueconfiguration_weights",
            ),
            models.CheckConstraint(
                condition=Q(load_yellow__lte=F("load_red")), name="queueconfiguration_loads"
            ),
            models.CheckConstraint(
                condition=Q(opens_at__isnull=True, closes_at__isnull=True)
                | Q(opens_at__lt=F("closes_at")),
                name="queueconfiguration_hours",
            ),
        ]

    def __str__(self) -> str:
        return f"Configuration of {self.queue_id}"


class ServicePoint(TenantModel):
    """A room or counter at which people of some queues are served."""

    name = models.CharField(max_length=60)
    site = TenantForeignKey(
        "core.Site", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    provider = TenantForeignKey(
        "accounts.User",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="service_points",
        help_text="Who serves there now.",
    )
    attendant = TenantForeignKey(
        "accounts.User",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who of the other staff serves there now; nobody is asked for by that name.",
    )
    state = models.CharField(
        max_length=6, choices=ServicePointState, default=ServicePointState.OPEN
    )
    state_at = models.DateTimeField(default=timezone.now, editable=False)
    is_active = models.BooleanField(default=True)
    queues = models.ManyToManyField(
        WaitingQueue, through="ServicePointQueue", related_name="service_points"
    )
    types = models.ManyToManyField(
        "AppointmentTemplate",
        through="ServicePointType",
        related_name="+",
        blank=True,
        help_text="What may be done there; everything where empty.",
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    privacy = FieldPrivacy(
        public="id tenant name site provider attendant state state_at is_active version"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            *tenant_walls("servicepoint", "site", "provider", "attendant"),
            models.UniqueConstraint(fields=["tenant", "name"], name="servicepoint_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class ServicePointQueue(TenantModel):
    """A queue from which a service point takes people."""

    point = TenantForeignKey(ServicePoint, on_delete=models.CASCADE)
    queue = TenantForeignKey(WaitingQueue, on_delete=models.CASCADE)

    privacy = FieldPrivacy(public="id tenant point queue")

    class Meta:
        constraints = [
            *tenant_walls("servicepointqueue", "point", "queue"),
            models.UniqueConstraint(
                fields=["tenant", "queue", "point"], name="servicepointqueue_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.queue_id} at {self.point_id}"


class ServicePointType(TenantModel):
    """An appointment type that a service point may take."""

    point = TenantForeignKey(ServicePoint, on_delete=models.CASCADE)
    appointment_type = TenantForeignKey("AppointmentTemplate", on_delete=models.CASCADE)

    privacy = FieldPrivacy(public="id tenant point appointment_type")

    class Meta:
        constraints = [
            *tenant_walls("servicepointtype", "point", "appointment_type"),
            models.UniqueConstraint(
                fields=["tenant", "point", "appointment_type"], name="servicepointtype_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.appointment_type_id} at {self.point_id}"


class QueueEntry(TenantModel):
    """A patient's stay in a queue; ``ticket`` is what is shown in public.

    Its place in the line is derived: ``LineRank`` sorts, ``LinePosition`` numbers.
    """

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
    appointment_type = TenantForeignKey(
        "AppointmentTemplate", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    wanted_provider = TenantForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    wanted_specialty = models.CharField(max_length=60, blank=True)
    is_flexible = models.BooleanField(default=False, help_text="Agrees to whoever is free first.")
    is_remote = models.BooleanField(default=False, help_text="Waits elsewhere.")
    ticket = models.CharField(max_length=12)
    priority_score = models.FloatField(default=25, validators=SCORE)
    estimated_service_time = models.PositiveSmallIntegerField(default=20, help_text="Minutes.")
    notes = models.CharField(max_length=500, blank=True)
    status = models.CharField(
        max_length=12, choices=QueueEntryStatus, default=QueueEntryStatus.WAITING
    )
    service_point = TenantForeignKey(
        ServicePoint, null=True, blank=True, on_delete=models.PROTECT, related_name="entries"
    )
    served_by = TenantForeignKey(
        "accounts.User",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The provider who saw the patient, whoever was booked.",
    )
    arrived_at = models.DateTimeField(
        default=timezone.now, help_text="Kept when the patient is sent on."
    )
    joined_at = models.DateTimeField(default=timezone.now)
    away_at = models.DateTimeField(null=True, blank=True, editable=False)
    away_until = models.DateTimeField(null=True, blank=True, editable=False)
    called_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    transferred_from = TenantForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="sent_on_to"
    )
    predicted_wait = models.FloatField(
        null=True, blank=True, help_text="By the plan alone, on joining; minutes."
    )
    predicted_p10 = models.FloatField(null=True, blank=True, help_text="As it was told.")
    predicted_p50 = models.FloatField(null=True, blank=True)
    predicted_p90 = models.FloatField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    privacy = FieldPrivacy(
        phi="patient appointment appointment_type wanted_provider wanted_specialty served_by notes",
        public="id tenant queue ticket priority_score estimated_service_time status is_flexible "
        "is_remote service_point arrived_at joined_at away_at away_until "
        "called_at started_at completed_at transferred_from predicted_wait predicted_p10 "
        "predicted_p50 predicted_p90 version",
    )

    class Meta:
        verbose_name_plural = "queue entries"
        constraints = [
            # Its own history says more than the audit trail would.
            *tenant_walls(
                "queueentry",
                "queue",
                "patient",
                "appointment",
                "appointment_type",
                "wanted_provider",
                "service_point",
                "served_by",
                "transferred_from",
                audited=False,
            ),
            models.UniqueConstraint(
                fields=["tenant", "queue", "patient"],
                condition=Q(status__in=QUEUE_PRESENT),
                name="queueentry_patient_once",
            ),
            models.CheckConstraint(
                condition=Q(priority_score__gte=0, priority_score__lte=100),
                name="queueentry_score_0_to_100",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "queue", "status", "joined_at"], name="queueentry_line"),
            models.Index(fields=["tenant", "queue", "joined_at"], name="queueentry_joined"),
            models.Index(fields=["tenant", "patient", "joined_at"], name="queueentry_patient"),
            models.Index(
                fields=["tenant", "appointment"],
                condition=Q(appointment__isnull=False),
                name="queueentry_appointment",
            ),
        ]

    def __str__(self) -> str:
        return self.ticket

    @property
    def queue_position(self) -> int:
        """1 is next; 0 when not in the line.  ``select_related("line")`` reads it along."""
        line = getattr(self, "line", None)
        return line.position if line else 0

    @property
    def wait_time_minutes(self) -> float:
        """From joining until the call, or until now; minutes."""
        return ((self.called_at or timezone.now()) - self.joined_at).total_seconds() / 60

    def mark_as_called(
        self, at: datetime | None = None, service_point: ServicePoint | None = None
    ) -> None:
        """Set what a call changes; nothing is written, and no table of transitions is asked:
        callers go through ``AdvancedQueueEngine``."""
        self.status, self.called_at = QueueEntryStatus.CALLED, at or timezone.now()
        self.away_at = self.away_until = None
        if service_point is not None:
            self.service_point = service_point


class LineRank(TenantModel):
    """Sorts the line: lower is served earlier.

    A table of its own, so that writing the order never locks the entries that callers claim.
    A newcomer's rank lies between its neighbours'; settling gives ranks to those alone who were
    overtaken or moved, so that a call or a newcomer changes nobody else's.
    ``manual_position`` is the place, from 1, to which staff moved the entry.
    """

    entry = TenantOneToOneField(QueueEntry, on_delete=models.CASCADE, related_name="rank")
    queue = TenantForeignKey(WaitingQueue, on_delete=models.CASCADE, related_name="+")
    rank = models.FloatField()
    manual_position = models.PositiveIntegerField(null=True)
    manual_at = models.DateTimeField(null=True)

    privacy = FieldPrivacy(public="id tenant entry queue rank manual_position manual_at")

    class Meta:
        constraints = tenant_walls("linerank", "entry", "queue", audited=False)
        indexes = [models.Index(fields=["tenant", "queue", "rank"], name="linerank_order")]

    def __str__(self) -> str:
        return f"{self.entry_id} at {self.rank}"


class LinePosition(models.Model):
    """A view of the database: the place of each waiting entry, 1..n without gaps per queue,
    whatever is being called, added or settled at the same moment."""

    entry = models.OneToOneField(
        QueueEntry,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="line",
    )
    position = models.PositiveIntegerField()

    privacy = FieldPrivacy(public="entry position")

    class Meta:
        managed = False
        db_table = "appointments_lineposition"

    def __str__(self) -> str:
        return f"{self.entry_id} is number {self.position}"


class QueueEvent(TenantModel):
    """One step of one entry: its history, what undo goes back to, and what a queue is replayed
    from.  ``before`` holds the values the step replaced, as JSON."""

    queue = TenantForeignKey(WaitingQueue, on_delete=models.PROTECT, related_name="events")
    entry = TenantForeignKey(QueueEntry, on_delete=models.DO_NOTHING, related_name="events")
    step = models.CharField(max_length=10, choices=QueueStep)
    from_status = models.CharField(max_length=12, choices=QueueEntryStatus, blank=True)
    to_status = models.CharField(max_length=12, choices=QueueEntryStatus)
    service_point = TenantForeignKey(
        ServicePoint, null=True, on_delete=models.DO_NOTHING, related_name="+"
    )
    rank = models.FloatField(null=True, help_text="In the line, on entering it.")
    before = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)
    by_id = models.BigIntegerField(null=True)
    by_name = models.CharField(max_length=200, blank=True)

    privacy = FieldPrivacy(
        phi="before reason",
        public="id tenant queue entry step from_status to_status service_point rank at by_id "
        "by_name",
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            *tenant_walls("queueevent", "queue", "entry", "service_point", audited=False),
            AppendOnly(name="queueevent_append_only"),
        ]
        indexes = [
            models.Index(fields=["tenant", "queue", "at"], name="queueevent_history"),
            models.Index(fields=["tenant", "entry", "id"], name="queueevent_of_entry"),
            models.Index(
                fields=["tenant", "queue", "at"],
                condition=Q(step__in=[QueueStep.CALL, QueueStep.RECALL]),
                name="queueevent_calls",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} of {self.entry_id}"


class QueuePublication(TenantModel):
    """Counts how often a queue's state was settled and shown; its row is the publishers' lock."""

    queue = TenantOneToOneField(WaitingQueue, on_delete=models.CASCADE, related_name="publication")
    version = models.PositiveBigIntegerField(default=1)
    at = models.DateTimeField(default=timezone.now)

    privacy = FieldPrivacy(public="id tenant queue version at")

    class Meta:
        constraints = tenant_walls("queuepublication", "queue", audited=False)

    def __str__(self) -> str:
        return f"{self.queue_id} at version {self.version}"


class QueueSnapshot(TenantModel):
    """The order in which a queue's entries waited after a settling that changed ranks."""

    queue = TenantForeignKey(WaitingQueue, on_delete=models.PROTECT, related_name="snapshots")
    version = models.PositiveBigIntegerField()
    at = models.DateTimeField(default=timezone.now)
    entry_ids = models.JSONField(default=list)
    ranks = models.JSONField(null=True, help_text="Of the entries; from 1 where empty.")

    privacy = FieldPrivacy(public="id tenant queue version at entry_ids ranks")

    class Meta:
        constraints = [
            *tenant_walls("queuesnapshot", "queue", audited=False),
            AppendOnly(name="queuesnapshot_append_only"),
        ]
        indexes = [models.Index(fields=["tenant", "queue", "at"], name="queuesnapshot_at")]

    def __str__(self) -> str:
        return f"{self.queue_id} at version {self.version}"


class TicketCounter(TenantModel):
    """The last ticket number of a queue on one day of the tenant's calendar."""

    queue = TenantForeignKey(WaitingQueue, on_delete=models.CASCADE, related_name="+")
    date = models.DateField()
    last = models.PositiveIntegerField(default=0)

    privacy = FieldPrivacy(public="id tenant queue date last")

    class Meta:
        constraints = [
            *tenant_walls("ticketcounter", "queue", audited=False),
            models.UniqueConstraint(fields=["tenant", "queue", "date"], name="ticketcounter_day"),
        ]

    def __str__(self) -> str:
        return f"{self.last} on {self.date}"
