"""Sixty screens and a hundred and twenty people: everybody sees every change, and the work does
not grow with the line.  Durations are measured in ``benchmarks/``, not here."""

import asyncio
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.permissions import Role
from appointments import live
from appointments.models import LineRank, QueueEntry, WaitingQueue
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.selectors import queue_status
from appointments.tests.sockets import heard, in_thread, opened
from core.clock import system_clock
from patients.models import PatientProfile

SCREENS = 60
PEOPLE = 120


@pytest.fixture
def hall(committed_riverside):
    """A queue, and patients to fill it with."""
    with committed_riverside.active():
        queue = WaitingQueue.objects.create(name="Hall", max_queue_size=500)
        patients = PatientProfile.objects.bulk_create(
            PatientProfile(
                mrn=f"N{number}", first_name="A", last_name="B", birth_date=date(1980, 1, 1)
            )
            for number in range(PEOPLE)
        )
    return queue, patients


def join(clinic, queue, *patients) -> None:
    with clinic.active():
        engine = AdvancedQueueEngine(queue)
        for patient in patients:
            engine.add_to_queue(patient_id=patient.pk)


async def test_sixty_screens_see_the_newest_state_of_a_long_line(committed_riverside, hall):
    clinic, (queue, patients) = committed_riverside, hall
    await in_thread(join)(clinic, queue, *patients[:-1])
    nurse = await in_thread(clinic.client)(Role.NURSE)
    path = f"/ws/appointments/queue/{queue.pk}/"
    screens = [await opened(path, nurse) for _ in range(SCREENS)]
    await asyncio.gather(*(heard(screen, "queue_status") for screen in screens))

    async def until_full(screen) -> list[int]:
        """The versions it was told until everybody was in."""
        versions = []
        while True:
            frame = await heard(screen, "queue_update")
            versions.append(frame["version"])
            if frame["data"]["current_size"] == PEOPLE:
                return versions

    await in_thread(join)(clinic, queue, patients[-1])
    told = await asyncio.gather(*(until_full(screen) for screen in screens))
    assert all(versions == sorted(set(versions)) for versions in told)
    assert len({versions[-1] for versions in told}) == 1
    await asyncio.gather(*(screen.disconnect() for screen in screens))


def statements(clinic, queue, patient) -> tuple[int, int, int]:
    """How many it takes to join, to settle and to show."""
    with clinic.active():
        engine = AdvancedQueueEngine(queue)
        counts = []
        for work in (
            lambda: engine.add_to_queue(patient_id=patient.pk, priority_score=100),
            engine.settle_positions,
            lambda: queue_status(queue, now=system_clock()),
        ):
            with CaptureQueriesContext(connection) as captured:
                work()
            counts.append(len(captured))
    return tuple(counts)


def test_the_number_of_statements_does_not_grow_with_the_line(committed_riverside, hall):
    clinic, (queue, patients) = committed_riverside, hall
    join(clinic, queue, *patients[:4])
    live.flush()
    few = statements(clinic, queue, patients[4])
    join(clinic, queue, *patients[5:-1])
    live.flush()
    many = statements(clinic, queue, patients[-1])
    assert few == many
    with clinic.active():
        first = QueueEntry.objects.filter(queue=queue).select_related("line").get(line__position=1)
        assert first.priority_score == 100
        ranks = list(LineRank.objects.filter(queue=queue).values_list("rank", flat=True))
        assert len(set(ranks)) == len(ranks) == PEOPLE
