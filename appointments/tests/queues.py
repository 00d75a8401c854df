"""A queue for tests of its screens, and people to stand in it."""

from appointments.models import QueueEntry, ServicePoint, ServicePointQueue, WaitingQueue
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.tests.clinics import Clinic
from patients.models import PatientProfile


def make_queue(name: str = "Walk-in", prefix: str = "A", **fields: object) -> WaitingQueue:
    """Call inside ``clinic.active()``."""
    return WaitingQueue.objects.create(name=name, prefix=prefix, **fields)


def make_point(queue: WaitingQueue, name: str = "Room 1", **fields: object) -> ServicePoint:
    point = ServicePoint.objects.create(name=name, **fields)
    ServicePointQueue.objects.create(point=point, queue=queue)
    return point


def make_people(count: int, *, mrn: str = "Q") -> list[PatientProfile]:
    return PatientProfile.objects.bulk_create(
        PatientProfile(
            mrn=f"{mrn}{number:04d}",
            first_name="Quinn",
            last_name=f"No{number}",
            birth_date="1990-01-01",
        )
        for number in range(count)
    )


def fill(clinic: Clinic, queue: WaitingQueue) -> list[QueueEntry]:
    """Let the clinic's three patients wait, in a settled order."""
    engine = AdvancedQueueEngine(queue)
    entries = [engine.add_to_queue(patient_id=patient.pk) for patient in clinic.patients]
    engine.settle_positions()
    return entries


def crowd(queue: WaitingQueue, count: int) -> list[QueueEntry]:
    """Let ``count`` others wait, as rows, in a settled order."""
    entries = QueueEntry.objects.bulk_create(
        QueueEntry(queue=queue, patient=person, ticket=f"{queue.prefix}-{number:03d}")
        for number, person in enumerate(make_people(count, mrn=queue.prefix), start=1)
    )
    AdvancedQueueEngine(queue).settle_positions()
    return entries
