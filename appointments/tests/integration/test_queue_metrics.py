"""Stored hours of queues: exact, never stale, and the same when they are computed again."""

from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appointments.enums import QueueStep, legal_queue_steps
from appointments.models import QueueEntry, QueueMetrics, WaitingQueue
from appointments.queue import metrics
from appointments.queue.queue_engine import AdvancedQueueEngine
from core.errors import DomainError
from patients.models import PatientProfile

pytestmark = pytest.mark.django_db
Do = QueueStep
PLAYED = {Do.CALL, Do.START, Do.COMPLETE, Do.NO_SHOW, Do.SKIP, Do.RETURN, Do.RECALL}


class Hands:
    """A clock that is set by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def inside(riverside, lakeside):
    with riverside.active():
        yield riverside


@pytest.fixture
def clock(inside):
    return Hands(inside.at(-1, time(10)))


@pytest.fixture
def queue(inside):
    return WaitingQueue.objects.create(name="Walk-in", prefix="A")


@pytest.fixture
def engine(queue, clock):
    return AdvancedQueueEngine(queue, clock=clock)


@pytest.fixture
def people(inside):
    return PatientProfile.objects.bulk_create(
        PatientProfile(
            mrn=f"Q{n:04d}", first_name="Quinn", last_name=f"No{n}", birth_date="1990-01-01"
        )
        for n in range(40)
    )


def on(inside, clock) -> date:
    return clock.now.astimezone(inside.tenant.zone_info).date()


def stored(queue) -> dict[tuple[date, int], dict]:
    names = [name for name in metrics.FIELDS if name != "computed_at"]
    rows = QueueMetrics.objects.filter(queue=queue)
    return {(row.date, row.hour): {name: getattr(row, name) for name in names} for row in rows}


def serve(engine, clock, entry, *, after: float, lasting: float):
    clock.forward(after)
    engine.take(Do.CALL, entry.pk)
    clock.forward(1)
    engine.take(Do.START, entry.pk)
    clock.forward(lasting)
    return engine.take(Do.COMPLETE, entry.pk)


def test_one_hour_by_hand(engine, queue, people, clock, inside):
    first = engine.add_to_queue(patient_id=people[0].pk)
    second = engine.add_to_queue(patient_id=people[1].pk)
    third = engine.add_to_queue(patient_id=people[2].pk)
    serve(engine, clock, first, after=10, lasting=19)  # 10:10, until 10:30
    engine.take(Do.NO_SHOW, second.pk)
    clock.forward(15)
    engine.take(Do.LEAVE, third.pk)
    clock.forward(14)  # 10:59
    engine.update_queue_metrics()
    found = stored(queue)[on(inside, clock), 10]
    assert found == {
        "total_entries": 3,
        "served_entries": 1,
        "completed_entries": 1,
        "no_shows": 1,
        "left_entries": 1,
        "average_wait_time_minutes": 10,
        "max_wait_time_minutes": 10,
        "average_service_time_minutes": 19,
        "peak_queue_size": 3,
        "average_queue_size": pytest.approx((3 * 10 + 2 * 20 + 1 * 15) / 59),
    }


def test_what_was_undone_has_not_happened(engine, queue, people, clock, inside):
    entry = engine.add_to_queue(patient_id=people[0].pk)
    clock.forward(55)
    engine.take(Do.NO_SHOW, entry.pk)
    clock.forward(1)
    engine.update_queue_metrics()
    assert stored(queue)[on(inside, clock), 10]["no_shows"] == 1
    clock.forward(8)  # in the next hour
    engine.undo(entry.pk)
    engine.update_queue_metrics()
    assert stored(queue)[on(inside, clock), 10]["no_shows"] == 0


def test_who_is_sent_on_and_taken_back_was_in_one_queue(engine, queue, people, clock, inside):
    lab = WaitingQueue.objects.create(name="Lab", prefix="L")
    entry = engine.add_to_queue(patient_id=people[0].pk)
    engine.transfer(entry.pk, to_queue_id=lab.pk)
    clock.forward(5)
    engine.undo(entry.pk)
    clock.forward(5)
    metrics.keep_current(inside.tenant, clock=clock)
    found = stored(lab)[on(inside, clock), 10]
    assert (found["total_entries"], found["left_entries"], found["peak_queue_size"]) == (0, 0, 1)
    assert stored(queue)[on(inside, clock), 10]["total_entries"] == 1


def test_an_hour_in_which_nothing_happens_still_has_its_line(engine, queue, people, clock, inside):
    for patient in people[:3]:
        engine.add_to_queue(patient_id=patient.pk)
    clock.forward(150)
    today = on(inside, clock)
    assert metrics.keep_current(inside.tenant, clock=clock) == 2
    clock.forward(60)
    metrics.keep_current(inside.tenant, clock=clock)
    found = stored(queue)
    assert {hour: row["average_queue_size"] for (_, hour), row in found.items()} == {
        11: 3,
        12: 3,
        13: 3,
    }
    assert found[today, 12]["total_entries"] == 0


def play(engine, people, clock, rng: Random, steps: int) -> None:
    """Random commands, as legal as they happen to be; figures are kept along the way."""
    for _ in range(steps):
        clock.forward(rng.choice([0, 1, 3, 7, 20]))
        entries = list(QueueEntry.objects.filter(queue=engine.queue).order_by("pk"))
        try:
            if not entries or rng.random() < 0.35:
                engine.add_to_queue(patient_id=rng.choice(people).pk)
            elif rng.random() < 0.2:
                engine.undo(rng.choice(entries[-8:]).pk)
            else:
                entry = rng.choice([e for e in entries if legal_queue_steps(e.status)])
                legal = [step for step in legal_queue_steps(entry.status) if step in PLAYED]
                onward = [step for step in legal if step in (Do.CALL, Do.START, Do.COMPLETE)]
                engine.take(rng.choice(legal + 5 * onward), entry.pk)
        except (DomainError, IndexError):
            continue
        if rng.random() < 0.3:
            engine.update_queue_metrics()


@pytest.mark.parametrize("seed", range(2))
def test_kept_along_the_way_is_what_a_rebuild_gives(engine, queue, people, clock, inside, seed):
    play(engine, people, clock, Random(seed), steps=90)
    days = (on(inside, clock) - timedelta(days=3), on(inside, clock))
    metrics.settle(inside.tenant, queue_ids=[queue.pk], clock=clock)
    kept = stored(queue)
    QueueMetrics.objects.all().delete()
    metrics.rebuild(inside.tenant, *days, queue_ids=[queue.pk], clock=clock)
    assert stored(queue) == kept
    assert sum(row["served_entries"] for row in kept.values()) > 3
    for (day, hour), row in kept.items():
        alone = [
            each
            for each in metrics.hours_between(day, day, inside.tenant.zone_info)
            if each.hour == hour
        ]
        [found] = metrics.compute([queue.pk], alone, now=clock.now)[queue.pk]
        assert {name: getattr(found, name) for name in row} == row


def test_the_minutes_job_keeps_what_a_rebuild_gives_without_the_nightly_one(
    engine, queue, people, clock, inside
):
    rng = Random(7)
    start = on(inside, clock)
    for _ in range(30):
        play(engine, people, clock, rng, steps=1)
        for _ in range(rng.randint(0, 12)):
            clock.forward(1)
            metrics.keep_current(inside.tenant, clock=clock)
    for _ in range(90):
        clock.forward(1)
        metrics.keep_current(inside.tenant, clock=clock)
    kept = stored(queue)
    QueueMetrics.objects.all().delete()
    metrics.rebuild(inside.tenant, start, on(inside, clock), queue_ids=[queue.pk], clock=clock)
    assert stored(queue) == kept


@pytest.mark.parametrize(
    ("day", "hours", "minutes"),
    [(date(2025, 3, 30), [1, 3], [60, 60]), (date(2025, 10, 26), [1, 2, 3], [60, 120, 60])],
    ids=["a skipped hour", "a repeated hour"],
)
def test_the_days_on_which_clocks_change(engine, queue, people, clock, inside, day, hours, minutes):
    zone = inside.tenant.zone_info
    clock.now = datetime.combine(day, time(1), tzinfo=zone).astimezone(UTC)
    for patient in people[:5]:
        engine.add_to_queue(patient_id=patient.pk)
    gone = [each.pk for each in QueueEntry.objects.all()]
    elapsed = 0
    while elapsed < sum(minutes):
        clock.forward(30)
        elapsed += 30
        if elapsed == sum(minutes) // 2:
            for key in gone[:2]:
                engine.take(Do.LEAVE, key)
    for key in gone[2:]:
        engine.take(Do.LEAVE, key)
    clock.forward(120)
    metrics.rebuild(inside.tenant, day, day, queue_ids=[queue.pk], clock=clock)
    rows = stored(queue)
    shown = [hour for _, hour in rows]
    assert [hour for hour in shown if rows[day, hour]["average_queue_size"]] == hours
    areas = [
        rows[day, hour]["average_queue_size"] * lasted
        for hour, lasted in zip(hours, minutes, strict=True)
    ]
    assert sum(areas) == pytest.approx(5 * sum(minutes) / 2 + 3 * sum(minutes) / 2)


def test_this_hour_is_never_stale(engine, queue, people, clock, inside):
    zone, today = inside.tenant.zone_info, on(inside, clock)
    engine.update_queue_metrics()
    engine.add_to_queue(patient_id=people[0].pk)
    clock.forward(1)
    [hour] = metrics.hours_of(queue.pk, today, today, zone=zone, now=clock.now)
    assert (hour.total_entries, hour.peak_queue_size) == (1, 1)
    assert not stored(queue)


def test_a_job_costs_the_same_for_one_queue_and_for_ten(people, clock, inside):
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            metrics.keep_current(inside.tenant, clock=clock)
        return len(asked)

    def another(number: int) -> None:
        made = WaitingQueue.objects.create(name=f"Queue {number}", prefix="B")
        AdvancedQueueEngine(made, clock=clock).add_to_queue(patient_id=people[number].pk)

    another(0)
    one = cost()
    for number in range(1, 10):
        another(number)
    assert cost() == one


def test_the_command_rebuilds_every_tenant(riverside, lakeside):
    with riverside.active():
        clock = Hands(riverside.at(-1, time(10)))
        queue = WaitingQueue.objects.create(name="Walk-in", prefix="A")
        engine = AdvancedQueueEngine(queue, clock=clock)
        entry = engine.add_to_queue(patient_id=riverside.patients[0].pk)
        serve(engine, clock, entry, after=5, lasting=9)
        day = on(riverside, clock).isoformat()
    out = StringIO()
    call_command("rebuild_queue_metrics", "--from", day, "--to", day, stdout=out)
    assert out.getvalue().splitlines() == ["lakeside: 0 hours", "riverside: 1 hours"]
    with riverside.active():
        assert [row["served_entries"] for row in stored(queue).values()] == [1]


def test_the_commands_days_must_be_in_order():
    with pytest.raises(CommandError):
        call_command("rebuild_queue_metrics", "--from", "2030-01-02", "--to", "2030-01-01")
