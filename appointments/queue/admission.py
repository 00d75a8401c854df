"""Whether a queue takes somebody, and which others would."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import User
from appointments.booking.requests import existing_patient
from appointments.enums import EXPECTED, QUEUE_PRESENT, AppointmentStatus
from appointments.models import (
    AppointmentRequest,
    AppointmentTemplate,
    QueueConfiguration,
    QueueEntry,
    WaitingQueue,
)
from appointments.permissions import visible_appointments
from appointments.queue.errors import (
    AlreadyWaitingError,
    QueueClosedError,
    QueueFullError,
    VisitNotExpectedError,
)
from appointments.queue.loads import loads_of, open_queues, shortest_first
from appointments.queue.opening import why_closed
from appointments.queue.selectors import size_of
from appointments.queue.tickets import lock_room
from core.errors import InvalidInputError
from core.lookups import existing

MAY_WAIT = (*EXPECTED, AppointmentStatus.CHECKED_IN, AppointmentStatus.IN_PROGRESS)
MAX_SPECIALTY = 60


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody whom a queue takes, and what their entry is made with.

    Attributes:
        is_limited: whether the queue's size counts: a visit that was booked, and a patient who is
            sent on, are not turned away.
    """

    kind: AppointmentTemplate | None
    fields: dict[str, Any]
    is_limited: bool

    @classmethod
    def of_transfer(cls, queue: WaitingQueue, sent: QueueEntry) -> "Admission":
        """They want nobody in particular there, unless their provider serves there."""
        provider_id = sent.wanted_provider_id
        if provider_id is None and sent.appointment is not None:
            provider_id = sent.appointment.provider_id
        fields = {
            "patient_id": sent.patient_id,
            "appointment_id": sent.appointment_id,
            "appointment_type_id": None,
            "wanted_provider_id": _if_serving(queue, provider_id),
            "wanted_specialty": "",
            "is_flexible": sent.is_flexible,
            "is_remote": sent.is_remote,
        }
        return cls(None, fields, is_limited=False)

    def fields_in(self, queue: WaitingQueue) -> dict[str, Any]:
        """In a queue of the wanted specialty everybody has it: nobody in particular is asked."""
        wanted = self.fields["wanted_specialty"]
        is_its_own = wanted.lower() == queue.specialty.lower()
        return self.fields | {"wanted_specialty": "" if is_its_own else wanted}

    def check_room(self, queue: WaitingQueue) -> None:
        """Whether there is a place, now that the ticket counter keeps other newcomers away.

        Raises:
            QueueClosedError: the queue was retired meanwhile.
            QueueFullError: with queues that have room.
        """
        is_active, places = lock_room(queue)
        if not is_active:
            raise QueueClosedError(f"{queue.name} is no longer in use.", alternatives=[])
        if self.is_limited and size_of(queue) >= places:
            raise QueueFullError(f"{queue.name} is full: {places} people wait.")


def check_open(
    queue: WaitingQueue, configuration: QueueConfiguration, *, now: datetime, zone: ZoneInfo
) -> None:
    """
    Raises:
        QueueClosedError: with queues that are open.
    """
    reason = why_closed(queue, configuration, now=now, zone=zone)
    if reason:
        raise QueueClosedError(reason, alternatives=alternatives_to(queue, now=now, zone=zone))


def admit(
    queue: WaitingQueue,
    configuration: QueueConfiguration,
    *,
    patient_id: int,
    appointment_id: int | None,
    by: User | None,
    now: datetime,
    zone: ZoneInfo,
    appointment_type_id: int | None = None,
    wanted_provider_id: int | None = None,
    wanted_specialty: str = "",
    is_flexible: bool = False,
    is_remote: bool = False,
) -> Admission:
    """Check what is asked, and that the queue is open.

    Args:
        by: who may only bring visits that they may see (None: the system, any).

    Raises:
        InvalidInputError, QueueClosedError, VisitNotExpectedError.
    """
    patient = existing_patient(patient_id)
    visit = _visit_of(patient.pk, appointment_id, by) if appointment_id is not None else None
    kind = visit.appointment_type if visit else _kind(appointment_type_id)
    if visit is not None:
        provider_id = _if_serving(queue, visit.provider_id)
    else:
        provider_id = _provider(wanted_provider_id)
    fields = {
        "patient_id": patient.pk,
        "appointment_id": visit.pk if visit else None,
        "appointment_type_id": kind.pk if kind else None,
        "wanted_provider_id": provider_id,
        "wanted_specialty": _specialty(wanted_specialty),
        "is_flexible": is_flexible,
        "is_remote": is_remote,
    }
    check_open(queue, configuration, now=now, zone=zone)
    if visit is None and not queue.accepts_walk_ins:
        raise QueueClosedError(
            f"{queue.name} is for booked visits only.",
            alternatives=alternatives_to(queue, now=now, zone=zone),
        )
    return Admission(kind, fields, is_limited=visit is None)


def alternatives_to(queue: WaitingQueue, *, now: datetime, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Queues of the same site, or of none, that take walk-ins now, the shortest first."""
    others = open_queues(site_id=queue.site_id, now=now, zone=zone)
    names = {other.pk: other.name for other in others if other != queue}
    return [
        {"queue_id": load.queue_id, "queue_name": names[load.queue_id], "waiting": load.waiting}
        for load in shortest_first(loads_of([other for other in others if other != queue]))
    ]


def _visit_of(patient_id: int, appointment_id: int, by: User | None) -> AppointmentRequest:
    seen = AppointmentRequest.objects.all() if by is None else visible_appointments(by)
    visits = seen.filter(patient_id=patient_id)
    visit = existing(visits.select_related("appointment_type"), appointment_id, "appointment_id")
    if visit.status not in MAY_WAIT:
        raise VisitNotExpectedError(attr="appointment_id")
    # Of two stays with one visit, the first to end would end the visit for the other.
    stay = QueueEntry.objects.filter(appointment=visit, status__in=QUEUE_PRESENT).first()
    if stay is not None:
        raise AlreadyWaitingError(entry_id=stay.pk, ticket=stay.ticket)
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


def _if_serving(queue: WaitingQueue, provider_id: int | None) -> int | None:
    """The provider, where their visits wait in the queue or they serve at one of its points.

    A booked patient who waits elsewhere first, to be seen by a nurse say, is anybody's there.
    """
    waits_there = queue.queueprovider_set.filter(provider_id=provider_id)
    serves_there = queue.service_points.filter(provider_id=provider_id, is_active=True)
    found = provider_id is not None and (waits_there.exists() or serves_there.exists())
    return provider_id if found else None


def _specialty(text: str) -> str:
    if len(text) > MAX_SPECIALTY:
        raise InvalidInputError(
            f"Use at most {MAX_SPECIALTY} characters.", attr="wanted_specialty", code="max_length"
        )
    return text.strip()
