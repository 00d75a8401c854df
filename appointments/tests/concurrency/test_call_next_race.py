"""Many press "next patient" at once: each patient is called once.  The control shows that without
the lock on the claimed entry several would call the same one."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import connections

from appointments.enums import QueueEntryStatus, QueueStep
from appointments.models import LinePosition, QueueEntry, QueueEvent, WaitingQueue
from appointments.queue import calling, queue_engine
from appointments.queue.queue_engine import AdvancedQueueEngine
from core.tenancy import tenant
from patients.models import PatientProfile

pytestmark = pytest.mark.concurrency

CALLERS = 8
WAITING = 40


@pytest.fixture
def queue(committed_riverside):
    with committed_riverside.active():
        queue = WaitingQueue.objects.create(name="Hall", max_queue_size=100)
        patients = PatientProfile.objects.bulk_create(
            PatientProfile(
                mrn=f"N{number}", first_name="A", last_name="B", birth_date=date(1980, 1, 1)
            )
            for number in range(WAITING)
        )
        engine = AdvancedQueueEngine(queue)
        for patient in patients:
            engine.add_to_queue(patient_id=patient.pk)
    return queue


@pytest.fixture
def rendezvous(monkeypatch):
    """Hold each caller who has chosen until the others have, or half a second has passed."""
    barrier = Barrier(CALLERS)
    choose = calling.claim

    def choose_then_wait(*args, **kwargs):
        chosen = choose(*args, **kwargs)
        with suppress(BrokenBarrierError):
            barrier.wait(0.5)
        return chosen

    monkeypatch.setattr(queue_engine, "claim", choose_then_wait)


def tickets_of_callers(queue: WaitingQueue, calls: int) -> list[str | None]:
    def call(_: int) -> str | None:
        try:
            with tenant(queue.tenant_id):
                entry = AdvancedQueueEngine(queue).get_next_patient()
                return entry and entry.ticket
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(call, range(calls)))


def test_each_patient_is_called_once_and_nobody_is_left_out(committed_riverside, queue):
    tickets = tickets_of_callers(queue, WAITING + CALLERS)
    called = [ticket for ticket in tickets if ticket is not None]
    assert len(called) == len(set(called)) == WAITING
    with committed_riverside.active():
        assert set(QueueEntry.objects.values_list("status", flat=True)) == {"CALLED"}
        calls = QueueEvent.objects.filter(step=QueueStep.CALL).values_list("entry", flat=True)
        assert max(Counter(calls).values()) == 1


def test_those_who_choose_at_the_same_moment_choose_differently(queue, rendezvous):
    tickets = tickets_of_callers(queue, CALLERS)
    assert len(set(tickets)) == CALLERS


def test_control_without_the_lock_they_choose_the_same(queue, rendezvous, monkeypatch):
    def first(queue, point, *, return_absent):
        return calling.eligible_entries(queue, point).first()

    barrier = Barrier(CALLERS)

    def choose_then_wait(*args, **kwargs):
        chosen = first(*args, **kwargs)
        with suppress(BrokenBarrierError):
            barrier.wait(0.5)
        return chosen

    monkeypatch.setattr(queue_engine, "claim", choose_then_wait)
    tickets = tickets_of_callers(queue, CALLERS)
    assert len(set(tickets)) < CALLERS


def test_positions_are_a_permutation_in_every_answer_meanwhile(committed_riverside, queue):
    """Readers look while others call and nobody settles the order."""
    seen: list[list[int]] = []

    def look(_: int) -> None:
        try:
            with tenant(queue.tenant_id):
                rows = QueueEntry.objects.filter(queue=queue, status=QueueEntryStatus.WAITING)
                places = rows.select_related("line").values_list("line__position", flat=True)
                seen.append(sorted(places))
        finally:
            connections.close_all()

    def call(_: int) -> None:
        tickets_of_callers(queue, 1)

    with ThreadPoolExecutor(CALLERS) as pool:
        works = [pool.submit(look if n % 2 else call, n) for n in range(2 * CALLERS)]
        for work in works:
            work.result()
    assert all(places == list(range(1, len(places) + 1)) for places in seen)
    with committed_riverside.active():
        assert LinePosition.objects.count() == WAITING - CALLERS
