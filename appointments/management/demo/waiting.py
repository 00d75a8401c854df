"""Queues in mid-flow, and people who would come sooner."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from accounts.models import User
from appointments.enums import AppointmentStatus, Priority, QueueEntryStatus, QueueStep
from appointments.models import (
    AppointmentRequest,
    AppointmentTemplate,
    LineRank,
    QueueEntry,
    QueueEvent,
    ServicePoint,
    WaitingList,
    WaitingQueue,
)
from patients.models import PatientProfile

SCORES = {Priority.ROUTINE: 25.0, Priority.PRIORITY: 50.0, Priority.URGENT: 100.0}
DONE, BEING_SERVED, CALLED, WAITING = 6, 2, 1, 7
SERVICE_MINUTES = 8
EVERY_NTH_DIABETIC = 9
AS_QUEUED = {
    AppointmentStatus.CHECKED_IN: QueueEntryStatus.WAITING,
    AppointmentStatus.IN_PROGRESS: QueueEntryStatus.IN_PROGRESS,
    AppointmentStatus.COMPLETED: QueueEntryStatus.COMPLETED,
}

GIVEN_UP = {
    QueueEntryStatus.NO_SHOW: QueueStep.NO_SHOW,
    QueueEntryStatus.LEFT: QueueStep.LEAVE,
}


def queue_of_visits(
    queue: WaitingQueue, visits: Sequence[AppointmentRequest], room: ServicePoint
) -> Iterator[QueueEntry]:
    """The provider's visits of today that have begun to wait, as entries of the queue."""
    for visit in visits:
        if visit.status in AS_QUEUED:
            yield QueueEntry(
                tenant_id=queue.tenant_id,
                queue=queue,
                patient=visit.patient,
                appointment=visit,
                appointment_type=visit.appointment_type,
                wanted_provider=visit.provider,
                priority_score=SCORES[visit.priority],
                estimated_service_time=visit.appointment_type.duration_minutes,
                status=AS_QUEUED[visit.status],
                service_point=room if visit.started_at else None,
                served_by=visit.provider if visit.started_at else None,
                arrived_at=visit.checked_in_at,
                joined_at=visit.checked_in_at,
                called_at=visit.started_at,
                started_at=visit.started_at,
                completed_at=visit.completed_at,
            )


def walk_ins(
    queue: WaitingQueue,
    patients: Sequence[PatientProfile],
    *,
    now: datetime,
    rng: Random,
    points: Sequence[ServicePoint],
    waiting_only: bool = False,
) -> Iterator[QueueEntry]:
    """People who came without an appointment: served, called and waiting ones, by arrival."""
    plan = [QueueEntryStatus.COMPLETED] * DONE + [QueueEntryStatus.IN_PROGRESS] * BEING_SERVED
    plan += [QueueEntryStatus.CALLED] * CALLED + [QueueEntryStatus.WAITING] * WAITING
    if waiting_only:
        plan = [QueueEntryStatus.WAITING] * (WAITING // 2)
    joined = now - timedelta(minutes=len(plan) * 5 + rng.uniform(2, 5))
    for count, (status, patient) in enumerate(zip(plan, patients, strict=False)):
        entry = QueueEntry(
            tenant_id=queue.tenant_id,
            queue=queue,
            patient=patient,
            priority_score=SCORES[rng.choices(list(SCORES), (80, 15, 5))[0]],
            estimated_service_time=rng.choice((10, 15, 20)),
            status=status,
            service_point=(
                None if status == QueueEntryStatus.WAITING else points[count % len(points)]
            ),
            arrived_at=joined,
            joined_at=joined,
        )
        _serve(entry, now=now, rng=rng)
        yield entry
        joined += timedelta(minutes=rng.uniform(3, 5))


def _serve(entry: QueueEntry, *, now: datetime, rng: Random) -> None:
    if entry.status == QueueEntryStatus.WAITING:
        return
    if entry.status == QueueEntryStatus.CALLED:
        entry.called_at = now - timedelta(minutes=rng.uniform(0.5, 2))
        return
    entry.called_at = entry.joined_at + (now - entry.joined_at) * rng.uniform(0.2, 0.5)
    entry.started_at = entry.called_at + (now - entry.called_at) * 0.1
    entry.served_by_id = entry.service_point.provider_id
    if entry.status == QueueEntryStatus.COMPLETED:
        length = timedelta(minutes=SERVICE_MINUTES * rng.uniform(0.6, 1.4))
        entry.completed_at = min(entry.started_at + length, now)


def number(
    queue: WaitingQueue, entries: Sequence[QueueEntry], *, zone: ZoneInfo, given: Counter[date]
) -> list[QueueEntry]:
    """Give out tickets by arrival.

    Args:
        given: how many tickets each day of the tenant's calendar has had; counts on.
    """
    by_arrival = sorted(entries, key=lambda entry: entry.joined_at)
    for entry in by_arrival:
        day = entry.joined_at.astimezone(zone).date()
        given[day] += 1
        entry.ticket = f"{queue.prefix}-{given[day]:03d}"
    return by_arrival


def ranks(queue: WaitingQueue, by_arrival: Sequence[QueueEntry]) -> Iterator[LineRank]:
    """The line, by urgency and arrival; the first settling refines it."""
    line = [entry for entry in by_arrival if entry.status == QueueEntryStatus.WAITING]
    line.sort(key=lambda entry: -entry.priority_score)
    for place, entry in enumerate(line, start=1):
        yield LineRank(tenant_id=queue.tenant_id, queue=queue, entry=entry, rank=place)


def steps(entries: Sequence[QueueEntry]) -> Iterator[QueueEvent]:
    """What happened to each, as the engine would have written it down."""
    for place, entry in enumerate(entries, start=1):
        was = ""
        for step, status, at in _chain(entry):
            joins = step == QueueStep.JOIN
            yield QueueEvent(
                tenant_id=entry.tenant_id,
                queue=entry.queue,
                entry=entry,
                step=step,
                from_status=was,
                to_status=status,
                service_point=None if joins else entry.service_point,
                rank=place if joins else None,
                at=at,
            )
            was = status


def _chain(entry: QueueEntry) -> Iterator[tuple[QueueStep, QueueEntryStatus, datetime]]:
    yield QueueStep.JOIN, QueueEntryStatus.WAITING, entry.joined_at
    for step, status, at in (
        (QueueStep.CALL, QueueEntryStatus.CALLED, entry.called_at),
        (QueueStep.START, QueueEntryStatus.IN_PROGRESS, entry.started_at),
        (QueueStep.COMPLETE, QueueEntryStatus.COMPLETED, entry.completed_at),
    ):
        if at is not None:
            yield step, status, at
    if entry.status in GIVEN_UP:
        yield GIVEN_UP[entry.status], entry.status, entry.ended_at


def wishes(
    patients: Sequence[PatientProfile],
    kinds: Sequence[AppointmentTemplate],
    providers: Sequence[User],
    *,
    today: date,
    now: datetime,
    rng: Random,
) -> list[WaitingList]:
    """One open wish per patient; each part but the type may be left open."""
    made = []
    for count, patient in enumerate(patients):
        first = today + timedelta(days=rng.randint(1, 10))
        made.append(
            WaitingList(
                tenant_id=patient.tenant_id,
                patient=patient,
                appointment_type=rng.choice(kinds),
                preferred_provider=rng.choice(providers) if rng.random() < 0.6 else None,
                preferred_date=first if rng.random() < 0.5 else None,
                preferred_time=time(rng.randint(8, 16)) if rng.random() < 0.5 else None,
                desired_date_range_start=first,
                desired_date_range_end=first + timedelta(days=rng.randint(3, 28)),
                priority=rng.choices(list(Priority), (70, 22, 8))[0],
                diagnosis_codes=["E11.9"] if count % EVERY_NTH_DIABETIC == 0 else [],
                created_at=now - timedelta(days=rng.uniform(0.2, 45)),
            )
        )
    return made
