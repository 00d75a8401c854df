"""Who checks in for a visit waits in the provider's queue, and the queue follows the visit."""

from datetime import timedelta

import pytest

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.enums import AppointmentStatus, QueueEntryStatus, QueueStep, Step
from appointments.models import QueueEntry, QueueProvider, WaitingQueue
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.tests.visits import make_visit
from core.clock import system_clock

pytestmark = pytest.mark.django_db
S, A = QueueEntryStatus, AppointmentStatus


@pytest.fixture
def queue(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Consultations", site=riverside.site)
        QueueProvider.objects.create(queue=queue, provider=riverside.providers[0])
        return queue


@pytest.fixture
def visit(riverside):
    with riverside.active():
        return make_visit(riverside, system_clock() + timedelta(minutes=10))


@pytest.fixture
def step(riverside, django_capture_on_commit_callbacks):
    """Take a visit's step as the front desk, with all that happens after the commit."""

    def take(visit, name, **more) -> None:
        with django_capture_on_commit_callbacks(execute=True), riverside.active():
            booking = BookingEngine(by=riverside.user(Role.FRONT_DESK))
            if name == Step.UNDO:
                booking.undo(visit.pk)
            else:
                booking.take(name, visit.pk, **more)

    return take


def entries(clinic) -> list[tuple[str, str]]:
    with clinic.active():
        return list(QueueEntry.objects.order_by("pk").values_list("ticket", "status"))


def status_of(clinic, visit) -> str:
    with clinic.active():
        visit.refresh_from_db()
        return visit.status


def test_checking_in_joins_the_queue_and_the_visit_leads_on(riverside, queue, visit, step):
    step(visit, Step.CHECK_IN)
    assert entries(riverside) == [("A-001", S.WAITING)]
    step(visit, Step.START)
    assert entries(riverside) == [("A-001", S.IN_PROGRESS)]
    step(visit, Step.COMPLETE)
    assert entries(riverside) == [("A-001", S.COMPLETED)]
    assert status_of(riverside, visit) == A.COMPLETED


def test_a_step_that_is_undone_is_undone_in_the_queue(riverside, queue, visit, step):
    step(visit, Step.CHECK_IN)
    step(visit, Step.START)
    step(visit, Step.UNDO)
    assert entries(riverside) == [("A-001", S.CALLED)]  # starting called the patient, too
    step(visit, Step.START)
    step(visit, Step.COMPLETE)
    step(visit, Step.UNDO)
    assert entries(riverside) == [("A-001", S.IN_PROGRESS)]
    assert status_of(riverside, visit) == A.IN_PROGRESS


def test_who_is_checked_in_by_mistake_leaves_and_can_come_again(riverside, queue, visit, step):
    step(visit, Step.CHECK_IN)
    step(visit, Step.UNDO)
    assert entries(riverside) == [("A-001", S.LEFT)]
    assert status_of(riverside, visit) == A.CONFIRMED
    step(visit, Step.CHECK_IN)
    assert entries(riverside) == [("A-001", S.LEFT), ("A-002", S.WAITING)]
    assert status_of(riverside, visit) == A.CHECKED_IN


def test_a_cancelled_visit_waits_no_longer_and_keeps_its_ticket_when_undone(
    riverside, queue, visit, step
):
    step(visit, Step.CHECK_IN)
    step(visit, Step.CANCEL, reason="Patient asked")
    assert entries(riverside) == [("A-001", S.LEFT)]
    step(visit, Step.UNDO)
    assert entries(riverside) == [("A-001", S.WAITING)]
    assert status_of(riverside, visit) == A.CHECKED_IN


def test_the_queues_steps_do_not_echo(
    riverside, queue, visit, step, django_capture_on_commit_callbacks
):
    step(visit, Step.CHECK_IN)
    for name in (QueueStep.CALL, QueueStep.START, QueueStep.COMPLETE):
        with django_capture_on_commit_callbacks(execute=True), riverside.active():
            entry = QueueEntry.objects.get()
            AdvancedQueueEngine.of_entry(entry.pk).take(name, entry.pk)
    assert entries(riverside) == [("A-001", S.COMPLETED)]
    assert status_of(riverside, visit) == A.COMPLETED
    with riverside.active():
        steps = list(QueueEntry.objects.get().events.order_by("pk").values_list("step", flat=True))
    assert steps == ["join", "call", "start", "complete"]


@pytest.mark.parametrize("closed", [{"is_accepting_patients": False}, {"is_active": False}])
def test_a_closed_queue_does_not_keep_anybody_from_checking_in(
    riverside, queue, visit, step, closed
):
    with riverside.active():
        WaitingQueue.objects.update(**closed)
    step(visit, Step.CHECK_IN)
    assert entries(riverside) == []
    assert status_of(riverside, visit) == A.CHECKED_IN


def test_a_provider_without_a_queue_has_none(riverside, visit, step):
    step(visit, Step.CHECK_IN)
    assert entries(riverside) == []


def test_a_missed_visit_never_joins(riverside, queue, visit, step):
    step(visit, Step.NO_SHOW)
    assert entries(riverside) == []
