"""The queue engine: who may join, in which order people are served, and every step and its undo."""

from datetime import time, timedelta

import pytest

from accounts.permissions import Role
from appointments import live
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import NothingToUndoError
from appointments.enums import AppointmentStatus, QueueEntryStatus, QueueStep, ServicePointState
from appointments.models import (
    LinePosition,
    LineRank,
    QueueConfiguration,
    QueueEntry,
    QueueEvent,
    QueueProvider,
    ServicePoint,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.queue.arrivals import follow_visit
from appointments.queue.console import undoable_entries
from appointments.queue.errors import (
    AlreadyWaitingError,
    IllegalQueueStepError,
    QueueClosedError,
    QueueFullError,
    ServicePointNotOpenError,
)
from appointments.queue.history import replay
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.selectors import queue_status
from appointments.queue.settings import QueueSettings
from appointments.signals import SIGNALS
from core.clock import system_clock
from core.errors import InvalidInputError, NotAllowedError, NotFoundError, StaleVersionError
from patients.models import PatientProfile

pytestmark = pytest.mark.django_db
S, Do = QueueEntryStatus, QueueStep


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = system_clock()

    def __call__(self):
        return self.now

    def forward(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def clock():
    return Hands()


@pytest.fixture
def inside(riverside, lakeside):
    with riverside.active():
        yield riverside


@pytest.fixture
def queue(inside):
    return WaitingQueue.objects.create(name="Walk-in", prefix="A", max_queue_size=50)


@pytest.fixture
def engine(queue, clock):
    return AdvancedQueueEngine(queue, clock=clock)


@pytest.fixture
def people(inside):
    """Enough patients to fill a waiting room."""
    return PatientProfile.objects.bulk_create(
        PatientProfile(
            mrn=f"Q{number:04d}",
            first_name="Quinn",
            last_name=f"No{number}",
            birth_date="1990-01-01",
        )
        for number in range(30)
    )


def join(engine, patient, **more):
    return engine.add_to_queue(patient_id=patient.pk, **more)


def in_order(queue) -> list[str]:
    rows = QueueEntry.objects.filter(queue=queue, status=S.WAITING).select_related("line")
    return [entry.ticket for entry in sorted(rows, key=lambda entry: entry.queue_position)]


def positions(queue) -> list[int]:
    return sorted(
        LinePosition.objects.filter(entry__queue=queue).values_list("position", flat=True)
    )


def point_of(queue, name="Room 1", **more) -> ServicePoint:
    point = ServicePoint.objects.create(name=name, **more)
    ServicePointQueue.objects.create(point=point, queue=queue)
    return point


def test_newcomers_stand_by_arrival_and_get_the_days_tickets(engine, queue, people, clock):
    for patient in people[:3]:
        join(engine, patient)
        clock.forward(1)
    assert in_order(queue) == ["A-001", "A-002", "A-003"]
    assert positions(queue) == [1, 2, 3]


def test_an_urgent_newcomer_stands_first_before_anything_is_settled(engine, queue, people, clock):
    for patient in people[:4]:
        join(engine, patient)
        clock.forward(1)
    join(engine, people[4], priority_score=100)
    assert in_order(queue)[0] == "A-005"
    assert positions(queue) == [1, 2, 3, 4, 5]
    before, ranks = in_order(queue), LineRank.objects.filter(queue=queue).order_by("rank")
    stored = list(ranks.values_list("pk", "rank"))
    engine.reposition_queue_entries()
    assert in_order(queue) == before
    assert list(ranks.values_list("pk", "rank")) == stored


def test_fifo_mode_goes_by_arrival(engine, queue, people, clock):
    engine.configuration.use_dynamic_positioning = False
    engine.configuration.save()
    join(engine, people[0], priority_score=30)
    clock.forward(1)
    join(engine, people[1], priority_score=39)
    assert in_order(queue) == ["A-001", "A-002"]


def test_a_patient_waits_in_a_queue_once(engine, people):
    first = join(engine, people[0])
    with pytest.raises(AlreadyWaitingError) as refused:
        join(engine, people[0])
    assert refused.value.extra == {"entry_id": first.pk, "ticket": first.ticket}


def test_a_closed_queue_refuses_and_names_others(engine, queue, people):
    other = WaitingQueue.objects.create(name="Other", prefix="B")
    queue.is_accepting_patients = False
    queue.save()
    with pytest.raises(QueueClosedError) as refused:
        join(AdvancedQueueEngine(queue), people[0])
    assert [each["queue_id"] for each in refused.value.extra["alternatives"]] == [other.pk]


def test_a_full_queue_refuses_and_gives_no_ticket_away(engine, queue, people):
    queue.max_queue_size = 2
    queue.save()
    for patient in people[:2]:
        join(engine, patient)
    with pytest.raises(QueueFullError):
        join(engine, people[2])
    queue.max_queue_size = 3
    queue.save()
    assert join(engine, people[2]).ticket == "A-003"


def test_after_the_last_ticket_nobody_joins(engine, queue, people, clock, riverside):
    clock.now = riverside.at(0, time(17, 45))
    config = QueueConfiguration.objects.create(
        queue=queue, opens_at=time(8), closes_at=time(18), last_ticket_minutes=20
    )
    with pytest.raises(QueueClosedError, match="last ticket at 17:40"):
        join(AdvancedQueueEngine(queue, clock=clock), people[0])
    config.last_ticket_minutes = 10
    config.save()
    join(AdvancedQueueEngine(queue, clock=clock), people[0])


def test_who_joins_is_told_what_the_estimate_says_then(engine, queue, people, clock):
    """Walk-ins and whoever is sent on; of the line as it is with them in it."""
    point = point_of(queue, "Room 7")
    for patient in people[:3]:
        join(engine, patient)
    last = join(engine, people[3])
    told = [last.predicted_wait, last.predicted_p10, last.predicted_p50, last.predicted_p90]
    assert None not in told
    assert told[1] <= told[2] <= told[3]
    wait = engine.calculate_estimated_wait_time(last)
    assert told[2] == pytest.approx(wait.total_seconds() / 60)
    first = join(engine, people[8], priority_score=100)
    assert first.predicted_p50 < told[2]
    entries = engine.get_queue_status()["entries"]
    assert [
        each["estimated_wait_minutes"]["p50"]
        for each in entries
        if each["entry_id"] in (first.pk, last.pk)
    ] == [
        round(engine.calculate_estimated_wait_time(entry).total_seconds() / 60)
        for entry in (first, last)
    ], "as in the whole line"
    lab = WaitingQueue.objects.create(name="Lab", prefix="L")
    point_of(lab, "Lab 1")
    other = AdvancedQueueEngine(lab, clock=clock)
    for patient in people[4:6]:
        join(other, patient)
    sent = engine.transfer(last.pk, to_queue_id=lab.pk)
    wait = other.calculate_estimated_wait_time(sent)
    assert sent.predicted_p50 == pytest.approx(wait.total_seconds() / 60)
    point.state = ServicePointState.PAUSED
    point.save()
    assert join(engine, people[7]).predicted_p50 is None


def test_on_other_weekdays_nobody_joins(queue, people, clock, riverside):
    """Midnight parts the days on the hospital's clock, not in UTC."""
    monday = next(
        at
        for n in range(7)
        if (at := riverside.at(n, time(0, 30))).weekday() == 6  # in UTC
    )
    QueueConfiguration.objects.create(queue=queue, opening_days=[0])
    clock.now = monday
    join(AdvancedQueueEngine(queue, clock=clock), people[0])
    clock.now = monday - timedelta(hours=1)
    with pytest.raises(QueueClosedError, match="closed on Sundays"):
        join(AdvancedQueueEngine(queue, clock=clock), people[1])


def test_days_that_are_no_weekdays_are_refused(queue):
    for days in ([7], [-1], ["0"], "0", None):
        with pytest.raises(InvalidInputError) as refused:
            QueueSettings(queue).change(opening_days=days)
        assert refused.value.attr == "opening_days"


def test_beyond_the_threshold_walk_ins_overflow(queue, people):
    other = WaitingQueue.objects.create(name="Second", prefix="B")
    QueueConfiguration.objects.create(
        queue=queue, enable_overflow_queue=True, overflow_threshold=2, overflow_queue=other
    )
    tickets = [join(AdvancedQueueEngine(queue), patient).ticket for patient in people[:3]]
    assert tickets == ["A-001", "A-002", "B-001"]


@pytest.mark.parametrize("score", [-1, 101, float("nan")])
def test_a_score_outside_0_to_100_is_refused(engine, people, score):
    with pytest.raises(InvalidInputError) as refused:
        join(engine, people[0], priority_score=score)
    assert refused.value.attr == "priority_score"
    assert not QueueEntry.objects.exists()


def test_another_tenants_patient_is_unknown(engine, lakeside):
    with pytest.raises(InvalidInputError) as refused:
        join(engine, lakeside.patients[0])
    assert refused.value.attr == "patient_id"


def test_calling_follows_the_order_and_ends_with_none(engine, people, clock):
    for patient in people[:3]:
        join(engine, patient)
        clock.forward(1)
    called = [engine.get_next_patient() for _ in range(4)]
    assert [entry and entry.ticket for entry in called] == ["A-001", "A-002", "A-003", None]


def test_the_whole_way_of_a_patient(engine, queue, people, clock):
    point = point_of(queue)
    join(engine, people[0])
    clock.forward(5)
    entry = engine.get_next_patient(service_point_id=point.pk)
    assert (entry.status, entry.service_point, entry.called_at) == (S.CALLED, point, clock.now)
    called = clock.now
    clock.forward(4)
    assert engine.take(Do.RECALL, entry.pk).called_at == called  # the wait ended then
    clock.forward(1)
    engine.take(Do.START, entry.pk)
    clock.forward(12)
    entry = engine.take(Do.COMPLETE, entry.pk)
    assert entry.status == S.COMPLETED
    assert entry.completed_at - entry.started_at == timedelta(minutes=12)
    steps = QueueEvent.objects.filter(entry=entry).order_by("pk").values_list("step", flat=True)
    assert list(steps) == ["join", "call", "recall", "start", "complete"]


def test_an_illegal_step_says_what_is_legal(engine, people):
    entry = join(engine, people[0])
    with pytest.raises(IllegalQueueStepError) as refused:
        engine.take(Do.COMPLETE, entry.pk)
    assert "call" in refused.value.extra["legal"]
    assert "complete" not in refused.value.extra["legal"]


def test_a_skipped_patient_is_back_after_three_others(engine, queue, people, clock):
    entries = [join(engine, patient) for patient in people[:6]]
    engine.take(Do.SKIP, entries[0].pk)
    for _ in range(3):
        clock.forward(1)
        engine.get_next_patient()
        engine.reposition_queue_entries()
    entries[0].refresh_from_db()
    assert entries[0].status == S.WAITING
    assert in_order(queue)[0] == entries[0].ticket


def test_a_skipped_patient_is_back_at_once_when_nobody_else_waits(engine, people):
    entry = join(engine, people[0])
    engine.take(Do.SKIP, entry.pk)
    assert engine.get_next_patient() == entry


def test_a_hold_ends_at_its_time(engine, queue, people, clock):
    entry = join(engine, people[0])
    engine.take(Do.HOLD, entry.pk, until=clock.now + timedelta(minutes=10))
    engine.reposition_queue_entries()
    assert in_order(queue) == []
    clock.forward(10)
    engine.reposition_queue_entries()
    assert in_order(queue) == [entry.ticket]


def test_sending_on_keeps_the_arrival(engine, queue, people, clock):
    lab = WaitingQueue.objects.create(name="Lab", prefix="L")
    entry = join(engine, people[0])
    arrived = clock.now
    clock.forward(20)
    join(AdvancedQueueEngine(lab, clock=clock), people[1])
    sent = engine.transfer(entry.pk, to_queue_id=lab.pk)
    assert (sent.queue, sent.arrived_at, sent.ticket) == (lab, arrived, "L-002")
    assert in_order(lab) == ["L-002", "L-001"]
    entry.refresh_from_db()
    assert entry.status == S.TRANSFERRED
    engine.undo(entry.pk)
    assert in_order(queue) == [entry.ticket]
    assert in_order(lab) == ["L-001"]


def test_moving_by_hand_holds_until_the_call(engine, queue, people, clock):
    entries = [join(engine, patient) for patient in people[:5]]
    engine.move(entries[4].pk, position=2, reason="Faint")
    engine.reposition_queue_entries()
    assert in_order(queue) == ["A-001", "A-005", "A-002", "A-003", "A-004"]
    engine.get_next_patient()
    engine.reposition_queue_entries()
    assert in_order(queue) == ["A-005", "A-002", "A-003", "A-004"]
    engine.undo(entries[4].pk)
    engine.reposition_queue_entries()
    assert in_order(queue) == ["A-002", "A-003", "A-004", "A-005"]


def test_undoing_a_call_gives_the_place_back_to_which_the_entry_was_moved(engine, queue, people):
    entries = [join(engine, patient) for patient in people[:4]]
    engine.move(entries[3].pk, position=2, reason="Faint")
    engine.reposition_queue_entries()
    engine.take(Do.CALL, entries[3].pk)
    engine.reposition_queue_entries()
    engine.undo(entries[3].pk)
    engine.reposition_queue_entries()
    assert in_order(queue) == ["A-001", "A-004", "A-002", "A-003"]


def test_undoing_a_second_move_keeps_the_first(engine, queue, people, clock):
    entries = [join(engine, patient) for patient in people[:4]]
    engine.move(entries[3].pk, position=2, reason="Faint")
    first = LineRank.objects.values_list("manual_position", "manual_at").get(entry=entries[3])
    clock.forward(1)
    engine.move(entries[3].pk, position=1, reason="Fainter")
    engine.undo(entries[3].pk)
    place = LineRank.objects.values_list("manual_position", "manual_at").get(entry=entries[3])
    assert place == first == (2, clock.now - timedelta(minutes=1))


def test_moving_needs_a_reason_and_a_place(engine, people):
    entry = join(engine, people[0])
    for position, reason, attr in ((1, " ", "reason"), (2, "Faint", "position")):
        with pytest.raises(InvalidInputError) as refused:
            engine.move(entry.pk, position=position, reason=reason)
        assert refused.value.attr == attr


def test_changing_the_priority_changes_the_order_and_can_be_undone(engine, queue, people, clock):
    entries = []
    for patient in people[:3]:
        entries.append(join(engine, patient))
        clock.forward(1)
    engine.change(entries[2].pk, priority_score=100)
    engine.reposition_queue_entries()
    assert in_order(queue)[0] == "A-003"
    engine.undo(entries[2].pk)
    engine.reposition_queue_entries()
    assert in_order(queue) == ["A-001", "A-002", "A-003"]


@pytest.mark.parametrize(
    ("steps", "back"),
    [
        ([Do.CALL], S.WAITING),
        ([Do.CALL, Do.START], S.CALLED),
        ([Do.CALL, Do.START, Do.COMPLETE], S.IN_PROGRESS),
        ([Do.CALL, Do.NO_SHOW], S.CALLED),
        ([Do.LEAVE], S.WAITING),
        ([Do.HOLD], S.WAITING),
        ([Do.SKIP], S.WAITING),
    ],
)
def test_each_step_can_be_undone(engine, queue, people, steps, back):
    entry = join(engine, people[0])
    join(engine, people[1])
    for step in steps:
        engine.take(step, entry.pk)
        engine.reposition_queue_entries()
    assert engine.undo(entry.pk).status == back
    assert positions(queue) == list(range(1, len(positions(queue)) + 1))
    with pytest.raises(NothingToUndoError):
        engine.undo(entry.pk)


def test_undo_has_ten_minutes(engine, people, clock):
    entry = join(engine, people[0])
    clock.forward(10.1)
    with pytest.raises(NothingToUndoError):
        engine.undo(entry.pk)


def test_a_step_that_left_is_not_undone_into_a_second_stay(engine, people):
    entry = join(engine, people[0])
    engine.take(Do.LEAVE, entry.pk)
    join(engine, people[0])
    with pytest.raises(AlreadyWaitingError):
        engine.undo(entry.pk)


def test_a_stale_version_is_refused(engine, people):
    entry = join(engine, people[0])
    engine.change(entry.pk, notes="Wheelchair")
    with pytest.raises(StaleVersionError):
        engine.take(Do.CALL, entry.pk, version=entry.version)


def test_a_service_point_takes_whom_it_may(engine, queue, people, inside, clock):
    doctor, other = inside.providers
    kind = inside.types[0]
    room = point_of(queue, provider=doctor)
    room.types.add(kind, through_defaults={})
    wants_other = join(engine, people[0], wanted_provider_id=other.pk)
    clock.forward(1)
    wrong_kind = join(engine, people[1], appointment_type_id=inside.types[1].pk)
    clock.forward(1)
    flexible = join(engine, people[2], wanted_provider_id=other.pk, is_flexible=True)
    clock.forward(1)
    general = join(engine, people[3], wanted_specialty="general MEDICINE")
    called = [engine.get_next_patient(service_point_id=room.pk) for _ in range(3)]
    assert called == [flexible, general, None]
    assert {wants_other.ticket, wrong_kind.ticket} == set(in_order(queue))


@pytest.mark.parametrize("state", [ServicePointState.PAUSED, ServicePointState.CLOSED])
def test_a_point_that_is_not_open_calls_nobody(engine, queue, people, state):
    point = point_of(queue, state=state)
    join(engine, people[0])
    with pytest.raises(ServicePointNotOpenError):
        engine.get_next_patient(service_point_id=point.pk)


def test_a_point_of_another_queue_is_unknown(engine, people):
    other = WaitingQueue.objects.create(name="Other", prefix="B")
    with pytest.raises(InvalidInputError) as refused:
        engine.get_next_patient(service_point_id=point_of(other).pk)
    assert refused.value.attr == "service_point"


@pytest.fixture
def visit(inside, clock):
    visit = BookingEngine(by=None).book(
        patient_id=inside.patients[0].pk,
        provider_id=inside.providers[0].pk,
        appointment_type_id=inside.types[0].pk,
        start=inside.at(1, time(10)),
    )
    clock.now = inside.at(1, time(9, 50))
    return visit


def test_the_visit_follows_its_place_in_the_queue(engine, queue, visit, inside, clock):
    QueueProvider.objects.create(queue=queue, provider=visit.provider)
    entry = join(engine, inside.patients[0], appointment_id=visit.pk)
    visit.refresh_from_db()
    assert visit.status == AppointmentStatus.CHECKED_IN
    assert entry.wanted_provider == inside.providers[0]
    for step, status in (
        (Do.CALL, AppointmentStatus.CHECKED_IN),
        (Do.START, AppointmentStatus.IN_PROGRESS),
        (Do.COMPLETE, AppointmentStatus.COMPLETED),
    ):
        engine.take(step, entry.pk)
        visit.refresh_from_db()
        assert visit.status == status
    engine.undo(entry.pk)
    visit.refresh_from_db()
    assert visit.status == AppointmentStatus.IN_PROGRESS


def test_leaving_unseen_cancels_the_visit(engine, visit, inside):
    entry = join(engine, inside.patients[0], appointment_id=visit.pk)
    engine.take(Do.LEAVE, entry.pk)
    visit.refresh_from_db()
    assert visit.status == AppointmentStatus.CANCELLED
    engine.undo(entry.pk)
    visit.refresh_from_db()
    assert visit.status == AppointmentStatus.CHECKED_IN


def test_undoing_a_later_stay_leaves_what_the_visit_did_before(engine, visit, inside, clock):
    """Seen, then sent to the laboratory: what is undone there does not undo the consultation."""
    entry = join(engine, inside.patients[0], appointment_id=visit.pk)
    engine.take(Do.CALL, entry.pk)
    engine.take(Do.START, entry.pk)
    clock.forward(1)
    lab = WaitingQueue.objects.create(name="Laboratory", prefix="B")
    sent = engine.transfer(entry.pk, to_queue_id=lab.pk)
    there = AdvancedQueueEngine(lab, clock=clock)
    there.take(Do.CALL, sent.pk)
    there.take(Do.START, sent.pk)
    there.undo(sent.pk)
    visit.refresh_from_db()
    assert visit.status == AppointmentStatus.IN_PROGRESS


def test_somebody_elses_visit_is_refused(engine, visit, inside):
    with pytest.raises(InvalidInputError) as refused:
        join(engine, inside.patients[1], appointment_id=visit.pk)
    assert refused.value.attr == "appointment_id"


def test_a_provider_brings_own_visits_only(queue, visit, inside, clock):
    mine, other = (
        inside.user(Role.PROVIDER),
        next(each for each in inside.providers if each != inside.user(Role.PROVIDER)),
    )
    QueueProvider.objects.create(queue=queue, provider=mine)
    theirs = AdvancedQueueEngine(queue, by=mine, clock=clock)
    visit.provider = other
    visit.save(update_fields=["provider"])
    with pytest.raises(InvalidInputError) as refused:
        join(theirs, inside.patients[0], appointment_id=visit.pk)
    assert refused.value.attr == "appointment_id"
    visit.provider = mine
    visit.save(update_fields=["provider"])
    assert join(theirs, inside.patients[0], appointment_id=visit.pk).appointment_id == visit.pk


def test_roles(queue, people, inside):
    with pytest.raises(NotAllowedError):
        join(AdvancedQueueEngine(queue, by=inside.user(Role.PATIENT)), people[0])
    with pytest.raises(NotFoundError):
        join(AdvancedQueueEngine(queue, by=inside.user(Role.PROVIDER)), people[0])
    QueueProvider.objects.create(queue=queue, provider=inside.user(Role.PROVIDER))
    join(AdvancedQueueEngine(queue, by=inside.user(Role.PROVIDER)), people[0])


def test_the_status_shows_the_line_and_no_patient(engine, queue, people, clock):
    for patient in people[:3]:
        join(engine, patient, notes="Quinn is unwell")
        clock.forward(1)
    called = engine.get_next_patient(service_point_id=point_of(queue, "Room 7").pk)
    version = engine.settle_positions()
    status = queue_status(queue, now=clock.now)
    assert status["version"] == version
    assert [each["ticket"] for each in status["entries"]] == ["A-002", "A-003"]
    assert [each["position"] for each in status["entries"]] == [1, 2]
    assert status["now_serving"][0]["ticket"] == called.ticket
    assert status["recent_calls"][0]["service_point"] == "Room 7"
    assert "Quinn" not in str(status)
    ranges = [each["estimated_wait_minutes"] for each in status["entries"]]
    assert all(0 <= each["p10"] <= each["p50"] <= each["p90"] for each in ranges)


def test_the_status_knows_the_opening_hours(queue, inside, clock):
    QueueConfiguration.objects.create(
        queue=queue, opens_at=time(8), closes_at=time(18), last_ticket_minutes=30
    )
    for hour, minute, accepts in ((7, 59, False), (8, 0, True), (17, 29, True), (17, 30, False)):
        at = inside.at(1, time(hour, minute))
        assert queue_status(queue, now=at)["is_accepting"] is accepts


def test_who_was_sent_on_is_not_undone_into_waiting_nowhere(engine, people, clock):
    entry = join(engine, people[0])
    lab = WaitingQueue.objects.create(name="Laboratory", prefix="B")
    sent = engine.transfer(entry.pk, to_queue_id=lab.pk)
    with pytest.raises(NothingToUndoError):
        AdvancedQueueEngine(lab, clock=clock).undo(sent.pk)
    assert undoable_entries([entry.pk, sent.pk], now=clock.now) == {entry.pk}
    assert engine.undo(entry.pk).status == S.WAITING


def test_a_past_moment_is_replayed_from_the_history(engine, queue, people, clock):
    moments = []
    entries = []

    def remember():
        engine.reposition_queue_entries()
        now = {entry.ticket: entry.pk for entry in QueueEntry.objects.filter(queue=queue)}
        moments.append((clock.now, [now[ticket] for ticket in in_order(queue)]))
        clock.forward(1)

    for number, patient in enumerate(people[:6]):
        entries.append(join(engine, patient, priority_score=100 if number == 4 else 25))
        remember()
    engine.get_next_patient()
    remember()
    engine.move(entries[5].pk, position=1, reason="Faint")
    remember()
    engine.take(Do.SKIP, entries[0].pk)
    remember()
    engine.undo(entries[0].pk)
    remember()
    engine.clear_queue(reason="End of day")
    for at, waiting in moments:
        assert list(replay(queue.pk, at).waiting) == waiting
    assert replay(queue.pk, clock.now).waiting == ()


def test_a_visit_is_waited_for_in_one_queue(engine, visit, inside):
    entry = join(engine, inside.patients[0], appointment_id=visit.pk)
    other = AdvancedQueueEngine(WaitingQueue.objects.create(name="Lab", prefix="L"))
    with pytest.raises(AlreadyWaitingError) as refused:
        join(other, inside.patients[0], appointment_id=visit.pk)
    assert refused.value.extra["entry_id"] == entry.pk


def test_undo_takes_the_skip_back_not_the_return_that_followed_by_itself(engine, queue, people):
    entry = join(engine, people[0])
    engine.take(Do.CALL, entry.pk)
    engine.take(Do.SKIP, entry.pk)
    engine.return_absent()  # nobody else waits
    entry.refresh_from_db()
    assert entry.status == S.WAITING
    assert engine.undo(entry.pk).status == S.CALLED


def test_whoever_was_sent_on_still_waits_when_the_visit_is_finished(engine, visit, inside):
    lab = WaitingQueue.objects.create(name="Lab", prefix="L")
    entry = join(engine, inside.patients[0], appointment_id=visit.pk)
    for step in (Do.CALL, Do.START):
        engine.take(step, entry.pk)
    sent = engine.transfer(entry.pk, to_queue_id=lab.pk)
    BookingEngine(by=None).complete(visit.pk)
    follow_visit(visit.pk)
    sent.refresh_from_db()
    assert sent.status == S.WAITING


def test_other_applications_hear_of_an_entry(
    queue, people, inside, django_capture_on_commit_callbacks, monkeypatch
):
    monkeypatch.setattr(live, "publish", lambda *key: None)  # its thread has no part in this
    heard = []

    def hear(**told):
        heard.append((told["queue_id"], told["entry_id"]))

    for signal in SIGNALS.values():
        signal.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        engine = AdvancedQueueEngine(queue)
        entry = join(engine, people[0])
        for step in (Do.CALL, Do.START, Do.COMPLETE):
            engine.take(step, entry.pk)
    for signal in SIGNALS.values():
        signal.disconnect(hear)
    assert heard == [(queue.pk, entry.pk)] * 3
