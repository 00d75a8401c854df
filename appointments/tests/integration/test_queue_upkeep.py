"""The minute's and the nightly jobs of queues."""

from datetime import time, timedelta
from types import SimpleNamespace

import pytest

from appointments import tasks
from appointments.enums import QueueStep
from appointments.models import (
    QueueConfiguration,
    QueueEntry,
    QueueMetrics,
    WaitCalibration,
    WaitingQueue,
)
from appointments.queue import learning, upkeep
from appointments.queue.estimates import expected_minutes, offsets_of
from appointments.queue.events import QueueChanged
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.selectors import configuration_of
from appointments.queue.wait_estimate import DEFAULT_OFFSETS
from core.clock import system_clock
from core.events import _handlers, subscribe
from patients.models import PatientProfile

pytestmark = pytest.mark.django_db
RUNNING = SimpleNamespace(should_abort=lambda: False)
Do = QueueStep


@pytest.fixture
def asked():
    """Queues that were to be published."""
    found = []

    def hear(event: QueueChanged) -> None:
        found.append(event.queue_id)

    subscribe(QueueChanged, hear)
    yield found
    _handlers[QueueChanged].remove(hear)


def test_queues_in_which_somebody_is_are_shown_anew_every_minute(
    riverside, asked, django_capture_on_commit_callbacks
):
    with riverside.active():
        busy = WaitingQueue.objects.create(name="Walk-in", prefix="A")
        WaitingQueue.objects.create(name="Empty", prefix="B")
        AdvancedQueueEngine(busy).add_to_queue(patient_id=riverside.patients[0].pk)
        with django_capture_on_commit_callbacks(execute=True):
            assert upkeep.publish_present(tenant_id=riverside.tenant.pk) == 1
    assert asked == [busy.pk]


def test_the_minutes_job_keeps_figures_in_every_tenant(riverside, lakeside):
    for clinic in (riverside, lakeside):
        with clinic.active():
            queue = WaitingQueue.objects.create(name="Walk-in", prefix="A")
            engine = AdvancedQueueEngine(queue, clock=lambda: system_clock() - timedelta(seconds=5))
            engine.add_to_queue(patient_id=clinic.patients[0].pk)
    tasks.keep_queue_metrics(RUNNING, timestamp=0)
    tasks.settle_queue_metrics(RUNNING, timestamp=0)
    for clinic in (riverside, lakeside):
        with clinic.active():
            assert sum(row.total_entries for row in QueueMetrics.objects.all()) == 1


def test_waits_that_were_always_too_long_raise_the_estimates(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Walk-in", prefix="A")
        people = PatientProfile.objects.bulk_create(
            PatientProfile(mrn=f"Q{n}", first_name="Q", last_name="N", birth_date="1990-01-01")
            for n in range(40)
        )
        start = system_clock() - timedelta(days=3)
        for number, patient in enumerate(people):
            at = start + timedelta(hours=number)
            _serve(queue, patient, at, told=5.0, waited=25)
        assert learning.learn_waits(queue, now=system_clock()) == 40
        offsets = offsets_of(queue)
        assert offsets != DEFAULT_OFFSETS
        assert offsets.p50[0] == pytest.approx(20, abs=0.5)
        first = WaitCalibration.objects.get(queue=queue, bucket=0)
        assert (first.samples, first.mean_error_minutes) == (40, 20)
        assert (first.within_10_minutes, first.coverage) == (0, 0)
    tasks.learn_waits(RUNNING, timestamp=0)


def _serve(queue, patient, at, *, told, waited) -> None:
    entry = AdvancedQueueEngine(queue, clock=lambda: at).add_to_queue(patient_id=patient.pk)
    QueueEntry.objects.filter(pk=entry.pk).update(
        predicted_wait=told, predicted_p10=told, predicted_p50=told, predicted_p90=told
    )
    later = at + timedelta(minutes=waited)
    engine = AdvancedQueueEngine(queue, clock=lambda: later)
    engine.take(Do.CALL, entry.pk)
    engine.take(Do.START, entry.pk)


def test_who_was_away_teaches_nothing(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Walk-in", prefix="A")
        at = system_clock() - timedelta(hours=2)
        engine = AdvancedQueueEngine(queue, clock=lambda: at)
        entry = engine.add_to_queue(patient_id=riverside.patients[0].pk)
        for step in (Do.HOLD, Do.RETURN, Do.CALL, Do.START):
            engine.take(step, entry.pk)
        assert learning.learn_waits(queue, now=system_clock()) == 0


class TestForgotten:
    """Nobody said what became of them."""

    @pytest.fixture
    def queue(self, riverside):
        with riverside.active():
            return WaitingQueue.objects.create(name="Walk-in", prefix="A")

    def stay(self, clinic, queue, at, *steps, patient=0):
        """Of somebody who joined then."""
        engine = AdvancedQueueEngine(queue, clock=lambda: at)
        entry = engine.add_to_queue(patient_id=clinic.patients[patient].pk)
        for step in steps:
            engine.take(step, entry.pk)
        return entry

    def end(self, clinic, now) -> dict[str, str]:
        upkeep.end_forgotten(zone=clinic.tenant.zone_info, clock=lambda: now)
        return dict(QueueEntry.objects.values_list("patient__mrn", "status"))

    def test_whoever_waits_has_left_and_whoever_is_served_was_seen(self, riverside, queue):
        now = system_clock()
        with riverside.active():
            old = now - timedelta(hours=17)
            self.stay(riverside, queue, old)
            self.stay(riverside, queue, old, Do.CALL, Do.START, patient=1)
            self.stay(riverside, queue, now - timedelta(hours=15), patient=2)
            ended = self.end(riverside, now)
        assert ended == {"R00001": "LEFT", "R00002": "COMPLETED", "R00003": "WAITING"}

    def test_the_patient_can_come_again(self, riverside, queue):
        now = riverside.at(0, time(9))  # 17 hours ago was yesterday
        with riverside.active():
            self.stay(riverside, queue, now - timedelta(hours=17), Do.CALL, Do.START)
            self.end(riverside, now)
            again = self.stay(riverside, queue, now)
            assert again.ticket == "A-001"

    def test_a_queue_with_hours_begins_its_day_an_hour_before_it_opens(self, riverside, queue):
        evening, early = riverside.at(-1, time(16, 30)), riverside.at(0, time(6, 30))
        with riverside.active():
            QueueConfiguration.objects.create(
                queue=queue, opens_at=time(8), closes_at=time(17), last_ticket_minutes=0
            )
            self.stay(riverside, queue, evening)
            assert self.end(riverside, riverside.at(0, time(6, 50))) == {"R00001": "WAITING"}
            QueueConfiguration.objects.update(opens_at=None, closes_at=None)
            self.stay(riverside, queue, early, patient=1)
            QueueConfiguration.objects.update(opens_at=time(8), closes_at=time(17))
            ended = self.end(riverside, riverside.at(0, time(7, 10)))
        assert ended == {"R00001": "LEFT", "R00002": "WAITING"}

    def test_a_weekday_on_which_it_is_closed_begins_no_day(self, riverside, queue):
        eight = riverside.at(0, time(8))
        today = eight.astimezone(riverside.tenant.zone_info).weekday()
        with riverside.active():
            configuration = QueueConfiguration.objects.create(
                queue=queue, opens_at=time(8), closes_at=time(17), last_ticket_minutes=0
            )
            self.stay(riverside, queue, riverside.at(-1, time(16, 50)))
            configuration.opening_days = [(today - 1) % 7]
            configuration.save()
            assert self.end(riverside, eight) == {"R00001": "WAITING"}
            configuration.opening_days = [today]
            configuration.save()
            assert self.end(riverside, eight) == {"R00001": "LEFT"}

    def test_a_visit_that_nobody_ended_is_in_no_average(self, riverside, queue):
        now = system_clock()
        with riverside.active():
            usual = expected_minutes(queue, configuration_of(queue), None, now=now)
            self.stay(riverside, queue, now - timedelta(hours=17), Do.CALL, Do.START)
            self.end(riverside, now)
            assert expected_minutes(queue, configuration_of(queue), None, now=now) == usual

    def test_the_hourly_job_does_it(self, riverside, queue):
        with riverside.active():
            self.stay(riverside, queue, system_clock() - timedelta(hours=17))
        tasks.clear_forgotten(RUNNING, timestamp=0)
        with riverside.active():
            assert QueueEntry.objects.get().status == "LEFT"
