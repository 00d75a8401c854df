"""Whether a queue takes somebody, and which other one would."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, Sum

from accounts.models import User
from appointments.booking.requests import existing_patient
from appointments.enums import EXPECTED, AppointmentStatus, ServicePointState
from appointments.models import (
    AppointmentRequest,
    AppointmentTemplate,
    QueueConfiguration,
    QueueEntry,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.queue.errors import QueueClosedError, QueueFullError, VisitNotExpectedError
from appointments.queue.routing_policy import QueueLoad, overflow_target
from appointments.queue.selectors import HERE_NOT_CALLED, size_of
from core.lookups import existing

MAY_WAIT = (*EXPECTED, AppointmentStatus.CHECKED_IN, AppointmentStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody whom ``queue`` takes, and what their entry is made with.

    ``is_limited`` says whether the queue's size counts: a visit that was booked, and a patient
    who is sent on, are not turned away.
    """

    queue: WaitingQueue
    kind: AppointmentTemplate | None
    fields: dict[str, Any]
    is_limited: bool

    @classmethod
    def of_transfer(cls, queue: WaitingQueue, sent: QueueEntry) -> "Admission":
        """They want nobody in particular there, unless their provider's visits wait there."""
        provider_id = sent.wanted_provider_id
        stays = provider_id and queue.queueprovider_set.filter(provider_id=provider_id).exists()
        fields = {
            "patient_id": sent.patient_id,
            "appointment_id": sent.appointment_id,
            "appointment_type_id": None,
            "wanted_provider_id": provider_id if stays else None,
            "is_flexible": sent.is_flexible,
            "is_remote": sent.is_remote,
        }
        return cls(queue, None, fields, is_limited=False)

    def check_open(
        self, configuration: QueueConfiguration, *, now: datetime, zone: ZoneInfo
    ) -> None:
        """
        Raises:
            QueueClosedError: with queues that are open.
        """
        reason = why_closed(self.queue, configuration, now=now, zone=zone)
        if reason:
            raise QueueClosedError(reason, alternatives=alternatives_to(self.queue))

    def check_room(self, size: int) -> None:
        """
        Raises:
            QueueFullError: with queues that have room.
        """
        if size >= self.queue.max_queue_size:
            raise QueueFullError(
                f"{self.queue.name} is full: {self.queue.max_queue_size} people wait.",
                alternatives=alternatives_to(self.queue),
            )


def admit(
    queue: WaitingQueue,
    configuration: QueueConfiguration,
    *,
    patient_id: int,
    appointment_id: int | None,
    now: datetime,
    zone: ZoneInfo,
    appointment_type_id: int | None = None,
    wanted_provider_id: int | None = None,
    wanted_specialty: str = "",
    is_flexible: bool = False,
    is_remote: bool = False,
) -> Admission:
    """Check what is asked, and choose the queue: beyond its threshold a walk-in overflows.

    Raises:
        InvalidInputError, QueueClosedError, VisitNotExpectedError.
    """
    patient = existing_patient(patient_id)
    visit = _visit_of(patient.pk, appointment_id) if appointment_id is not None else None
    kind = visit.appointment_type if visit else _kind(appointment_type_id)
    provider_id = visit.provider_id if visit else _provider(wanted_provider_id)
    fields = {
        "patient_id": patient.pk,
        "appointment_id": visit.pk if visit else None,
        "appointment_type_id": kind.pk if kind else None,
        "wanted_provider_id": provider_id,
        "wanted_specialty": wanted_specialty.strip(),
        "is_flexible": is_flexible,
        "is_remote": is_remote,
    }
    chosen = queue
    if visit is None and configuration.enable_overflow_queue:
        chosen = _overflowed(queue, configuration) or queue
    admission = Admission(chosen, kind, fields, is_limited=visit is None)
    if chosen == queue:
        admission.check_open(configuration, now=now, zone=zone)
        if visit is None and not queue.accepts_walk_ins:
            raise QueueClosedError(
                f"{queue.name} is for booked visits only.", alternatives=alternatives_to(queue)
            )
    return admission


def why_closed(
    queue: WaitingQueue, configuration: QueueConfiguration, *, now: datetime, zone: ZoneInfo
) -> str:
    """What keeps the queue from taking anybody now, as a sentence; empty if nothing does."""
    if not queue.is_active:
        return f"{queue.name} is no longer in use."
    if not queue.is_accepting_patients:
        return f"{queue.name} is closed: it takes nobody at the moment."
    opens, closes = configuration.opens_at, configuration.closes_at
    if opens is None or closes is None:
        return ""
    clock = now.astimezone(zone)
    first = datetime.combine(clock.date(), opens, tzinfo=zone)
    last = datetime.combine(clock.date(), closes, tzinfo=zone) - timedelta(
        minutes=configuration.last_ticket_minutes
    )
    if clock < first:
        return f"{queue.name} opens at {opens:%H:%M}."
    if clock >= last:
        return f"{queue.name} gave out its last ticket at {last:%H:%M}."
    return ""


def alternatives_to(queue: WaitingQueue) -> list[dict[str, Any]]:
    """Queues of the same site, or of none, that take walk-ins, the shortest first."""
    same_site = Q(site=queue.site_id) | Q(site=None) if queue.site_id else Q()
    others = WaitingQueue.objects.filter(
        same_site, is_active=True, is_accepting_patients=True, accepts_walk_ins=True
    ).exclude(pk=queue.pk)
    loads = loads_of(list(others))
    ordered = sorted(
        (load for load in loads if load.is_accepting),
        key=lambda load: (load.minutes_per_point(), load.waiting),
    )
    names = {other.pk: other.name for other in others}
    return [
        {"queue_id": load.queue_id, "queue_name": names[load.queue_id], "waiting": load.waiting}
        for load in ordered
    ]


def loads_of(queues: list[WaitingQueue]) -> list[QueueLoad]:
    """How busy each is, read in two statements."""
    keys = [queue.pk for queue in queues]
    waiting = {
        row["queue"]: row
        for row in QueueEntry.objects.filter(queue__in=keys, status__in=HERE_NOT_CALLED)
        .values("queue")
        .annotate(count=Count("pk"), work=Sum("estimated_service_time"))
    }
    points = dict(
        ServicePointQueue.objects.filter(
            queue__in=keys, point__state=ServicePointState.OPEN, point__is_active=True
        )
        .values_list("queue")
        .annotate(count=Count("pk"))
    )
    return [
        QueueLoad(
            queue_id=queue.pk,
            waiting=waiting.get(queue.pk, {}).get("count", 0),
            work_minutes=float(waiting.get(queue.pk, {}).get("work") or 0),
            open_points=points.get(queue.pk, 1),
            is_accepting=queue.is_accepting_patients
            and waiting.get(queue.pk, {}).get("count", 0) < queue.max_queue_size,
        )
        for queue in queues
    ]


def _overflowed(queue: WaitingQueue, configuration: QueueConfiguration) -> WaitingQueue | None:
    """The queue in which a newcomer waits instead, if this one is beyond its threshold."""
    if size_of(queue) < configuration.overflow_threshold:
        return None
    others = WaitingQueue.objects.filter(
        is_active=True, is_accepting_patients=True, accepts_walk_ins=True
    ).exclude(pk=queue.pk)
    if configuration.overflow_queue_id:
        others = others.filter(pk=configuration.overflow_queue_id)
    else:
        others = others.filter(site=queue.site_id, specialty=queue.specialty)
    able = {other.pk: other for other in others}
    own, *loads = loads_of([queue, *able.values()])
    target = overflow_target(own, loads, threshold=configuration.overflow_threshold)
    return able[target] if target is not None else None


def _visit_of(patient_id: int, appointment_id: int) -> AppointmentRequest:
    visits = AppointmentRequest.objects.filter(patient_id=patient_id)
    visit = existing(visits.select_related("appointment_type"), appointment_id, "appointment_id")
    if visit.status not in MAY_WAIT:
        raise VisitNotExpectedError(attr="appointment_id")
    return visit


def _kind(key: int | None) -> AppointmentTemplate | None:
    if key is None:
        return None
    active = AppointmentTemplate.objects.filter(is_active=True)
    return existing(active, key, "appointment_type_id")


def _provider(key: int | None) -> int | None:
    if key is None:
        return None
    return existing(User.objects.providers(), key, "wanted_provider_id").pk
