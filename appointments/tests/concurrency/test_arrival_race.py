"""The desk and kiosks check one patient in at the same moment: one entry, one ticket, one step of
the visit.  The control shows that without the constraint there would be several entries."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import time
from threading import Barrier

import pytest
from django.db import connections

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import IllegalStepError
from appointments.models import AppointmentEvent, QueueEntry, QueueProvider, WaitingQueue
from appointments.queue.self_service import AT_KIOSK, SelfService
from appointments.tests.visits import make_visit
from core.tenancy import tenant

pytestmark = pytest.mark.concurrency

KIOSKS = 5
ROUNDS = 3
ONCE = "queueentry_patient_once"


@pytest.fixture
def clinic(committed_riverside):
    clinic = committed_riverside
    with clinic.active():
        queue = WaitingQueue.objects.create(name="Consultations", site=clinic.site)
        QueueProvider.objects.create(queue=queue, provider=clinic.providers[0])
    return clinic


@pytest.fixture
def without_constraint(clinic) -> Iterator[None]:
    """A patient may stand in a queue twice."""
    constraint = next(each for each in QueueEntry._meta.constraints if each.name == ONCE)
    with connections["owner"].schema_editor() as editor:
        editor.remove_constraint(QueueEntry, constraint)
    yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("TRUNCATE appointments_queueentry CASCADE")
    with connections["owner"].schema_editor() as editor:
        editor.add_constraint(QueueEntry, constraint)
    connections["owner"].close()


def arrive_everywhere(clinic, number: int) -> tuple[list[str], int]:
    """The tickets of the patient, and how often the visit was checked in."""
    with clinic.active():
        visit = make_visit(clinic, clinic.at(1, time(8 + number)), patient=number)
    together = Barrier(KIOSKS + 1)

    def at_once(check_in: Callable[[], object]) -> None:
        together.wait()
        try:
            with tenant(clinic.tenant.pk):
                check_in()
        finally:
            connections.close_all()

    def at_desk() -> None:
        desk = BookingEngine(by=clinic.user(Role.FRONT_DESK))
        with suppress(IllegalStepError):  # second, it is told that the patient is here already
            at_once(lambda: desk.check_in(visit.pk))

    def at_kiosk() -> None:
        at_once(lambda: SelfService().check_in(visit.pk, reason=AT_KIOSK))

    with ThreadPoolExecutor(KIOSKS + 1) as pool:
        for done in [pool.submit(at_desk), *(pool.submit(at_kiosk) for _ in range(KIOSKS))]:
            done.result()
    with clinic.active():
        entries = QueueEntry.objects.filter(appointment=visit).order_by("pk")
        check_ins = AppointmentEvent.objects.filter(appointment=visit, step="check_in")
        return list(entries.values_list("ticket", flat=True)), check_ins.count()


def test_one_arrival_is_one_entry(clinic):
    found = [arrive_everywhere(clinic, number) for number in range(ROUNDS)]
    assert found == [([f"A-{number:03d}"], 1) for number in range(1, ROUNDS + 1)]


def test_control_without_the_constraint_it_is_several(clinic, without_constraint):
    assert max(len(arrive_everywhere(clinic, number)[0]) for number in range(ROUNDS)) > 1
