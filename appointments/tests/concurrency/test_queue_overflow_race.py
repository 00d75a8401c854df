"""Many join two queues that send on to each other, at once: nobody is lost, no queue overfills.
The control shows that without the ticket counter's lock it would."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import connections

from appointments.enums import QueueStep
from appointments.models import QueueConfiguration, QueueEntry, WaitingQueue
from appointments.queue import queue_engine, setting_checks
from appointments.queue.errors import (
    AlreadyWaitingError,
    QueueClosedError,
    QueueFullError,
    QueueNotEmptyError,
)
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.settings import QueueSettings
from core.errors import InvalidInputError
from core.tenancy import tenant
from patients.models import PatientProfile

pytestmark = pytest.mark.concurrency

THREADS = 16
PLACES = 10
PEOPLE = 40


@pytest.fixture
def clinic(committed_riverside):
    return committed_riverside


@pytest.fixture
def people(clinic):
    with clinic.active():
        return PatientProfile.objects.bulk_create(
            PatientProfile(
                mrn=f"Q{number:04d}", first_name="Quinn", last_name="Q", birth_date="1990-01-01"
            )
            for number in range(PEOPLE)
        )


@pytest.fixture
def queues(clinic):
    """Either sends on to the other from half its places on."""
    with clinic.active():
        made = [
            WaitingQueue.objects.create(name=name, prefix=name, max_queue_size=PLACES)
            for name in "AB"
        ]
        for queue in made:
            QueueConfiguration.objects.create(
                queue=queue, enable_overflow_queue=True, overflow_threshold=PLACES // 2
            )
    return made


def all_join(clinic, queues, people) -> int:
    """Everybody asks for one of the two; how many got in."""

    def join(number: int) -> int:
        try:
            with tenant(clinic.tenant.pk):
                queue = WaitingQueue.objects.get(pk=queues[number % 2].pk)
                AdvancedQueueEngine(queue).add_to_queue(patient_id=people[number].pk)
        except QueueFullError:
            return 0
        finally:
            connections.close_all()
        return 1

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(join, range(len(people))))


def sizes(clinic, queues) -> list[int]:
    with clinic.active():
        return [QueueEntry.objects.filter(queue=queue).count() for queue in queues]


def deadlocks() -> int:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def test_both_fill_to_the_last_place_and_no_further(clinic, queues, people):
    before = deadlocks()
    assert all_join(clinic, queues, people) == 2 * PLACES
    assert sizes(clinic, queues) == [PLACES, PLACES]
    with clinic.active():
        for queue in queues:
            tickets = QueueEntry.objects.filter(queue=queue).values_list("ticket", flat=True)
            assert sorted(tickets) == [f"{queue.prefix}-{n:03d}" for n in range(1, PLACES + 1)]
        assert QueueEntry.objects.values("patient").distinct().count() == 2 * PLACES
    assert deadlocks() == before


def test_control_without_the_counters_lock_they_overfill(clinic, queues, people, monkeypatch):
    barrier = Barrier(THREADS)
    insert = queue_engine.insert_unless_conflict

    def meet_then_insert(entry, constraint=None):
        with suppress(BrokenBarrierError):
            barrier.wait(0.5)
        return insert(entry, constraint)

    monkeypatch.setattr(queue_engine, "next_ticket", lambda queue, day: f"{queue.prefix}-000")
    monkeypatch.setattr(queue_engine, "insert_unless_conflict", meet_then_insert)
    all_join(clinic, queues, people)
    assert max(sizes(clinic, queues)) > PLACES


def test_a_queue_is_retired_or_joined_but_never_both(clinic, queues, people):
    """Rounds of one who joins against one who retires."""
    outcomes = []
    for number in range(12):
        with clinic.active():
            queue = WaitingQueue.objects.create(name=f"R{number}", prefix="R")
        barrier = Barrier(2)

        def attempt(act, refusals, queue=queue, barrier=barrier):
            try:
                with tenant(clinic.tenant.pk):
                    own = WaitingQueue.objects.get(pk=queue.pk)
                    barrier.wait(10)
                    act(own)
            except refusals:
                return False
            finally:
                connections.close_all()
            return True

        def join(own, patient=people[number]):
            AdvancedQueueEngine(own).add_to_queue(patient_id=patient.pk)

        with ThreadPoolExecutor(2) as pool:
            joined = pool.submit(attempt, join, QueueClosedError)
            retired = pool.submit(
                attempt, lambda own: QueueSettings(own).retire(), QueueNotEmptyError
            )
            outcomes.append((joined.result(), retired.result()))
    assert {joined != retired for joined, retired in outcomes} == {True}


def close_the_ring(clinic, letters: str) -> int:
    """Each of the queues is told to send on to the next; how many were."""
    with clinic.active():
        ring = [WaitingQueue.objects.create(name=name, prefix=name) for name in letters]
    barrier = Barrier(len(ring))

    def point(place: int) -> bool:
        target = ring[(place + 1) % len(ring)].pk
        try:
            with tenant(clinic.tenant.pk):
                settings = QueueSettings(WaitingQueue.objects.get(pk=ring[place].pk))
                barrier.wait(10)
                settings.change(enable_overflow_queue=True, overflow_queue_id=target)
        except InvalidInputError as error:
            return error.code != "overflow_circle"
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(len(ring)) as pool:
        return sum(pool.map(point, range(len(ring))))


def test_a_circle_is_not_closed_from_both_ends_at_once(clinic):
    assert [close_the_ring(clinic, letters) for letters in ("CDE", "FGH", "IJK", "LMN")] == [2] * 4


def test_control_without_the_lock_the_circle_closes(clinic, monkeypatch):
    monkeypatch.setattr(setting_checks, "lock_until_commit", lambda *locks: None)
    rounds = ("CDE", "FGH", "IJK", "LMN", "OPQ", "RST")
    assert 3 in [close_the_ring(clinic, letters) for letters in rounds]


def test_one_patient_sent_crosswise_is_refused_without_a_deadlock(clinic, queues, people):
    before = deadlocks()
    with clinic.active():
        stays = [
            AdvancedQueueEngine(queue).add_to_queue(patient_id=people[0].pk, is_flexible=True)
            for queue in queues
        ]
    barrier = Barrier(2)

    def send(number: int) -> bool:
        try:
            with tenant(clinic.tenant.pk):
                engine = AdvancedQueueEngine.of_entry(stays[number].pk)
                barrier.wait(10)
                engine.transfer(stays[number].pk, to_queue_id=queues[1 - number].pk)
        except AlreadyWaitingError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert not any(pool.map(send, range(2)))
    assert deadlocks() == before
    with clinic.active():
        for stay in stays:
            assert stay.events.count() == 1
            assert stay.events.get().step == QueueStep.JOIN
