"""Service points: set up, opened and closed, and whose name they carry; a queue's doors."""

import pytest

from accounts.permissions import Role
from appointments.enums import ServicePointState
from appointments.models import QueueEntry, ServicePoint, ServicePointQueue, ServicePointType
from appointments.queue.doors import set_accepting
from appointments.queue.estimates import read_capacity, waits
from appointments.queue.events import QueueChanged
from appointments.queue.line import read_line
from appointments.queue.points import ServicePointEngine
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.selectors import configuration_of
from appointments.tests.queues import crowd, make_point, make_queue
from core.clock import system_clock
from core.errors import InvalidInputError, NotAllowedError, NotFoundError, StaleVersionError
from core.events import subscribe

pytestmark = pytest.mark.django_db
told: list[int] = []
State = ServicePointState


def note(event: QueueChanged) -> None:
    told.append(event.queue_id)


@pytest.fixture(autouse=True)
def listener():
    subscribe(QueueChanged, note)
    told.clear()


@pytest.fixture
def inside(riverside):
    with riverside.active():
        yield riverside


@pytest.fixture
def queue(inside):
    return make_queue()


def by(clinic, role=Role.MANAGER) -> ServicePointEngine:
    return ServicePointEngine(by=clinic.user(role))


def test_a_point_is_set_up_and_changed(inside, queue, django_capture_on_commit_callbacks):
    lab = make_queue("Lab", "L")
    kinds, doctor = inside.types, inside.providers[0]
    point = by(inside).create(
        name="  Room   1 ", queue_ids=[queue.pk], type_ids=[kinds[0].pk], provider_id=doctor.pk
    )
    assert (point.name, point.provider_id, point.state) == ("Room 1", doctor.pk, State.OPEN)
    with django_capture_on_commit_callbacks(execute=True):
        by(inside).change(
            point.pk,
            version=point.version,
            name="Room 2",
            queue_ids=[lab.pk],
            type_ids=[],
            provider_id=None,
            site_id=inside.site.pk,
        )
    point.refresh_from_db()
    assert (point.name, point.provider_id, point.site_id) == ("Room 2", None, inside.site.pk)
    assert [*ServicePointQueue.objects.values_list("queue_id", flat=True)] == [lab.pk]
    assert not ServicePointType.objects.exists()
    assert set(told) == {queue.pk, lab.pk}


@pytest.mark.parametrize(
    ("values", "attr"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "Room 1"}, "name"),
        ({"queue_ids": []}, "queue_ids"),
        ({"queue_ids": [987654321]}, "queue_ids"),
        ({"type_ids": [987654321]}, "type_ids"),
        ({"provider_id": 987654321}, "provider_id"),
        ({"site_id": -1}, "site_id"),
    ],
    ids=str,
)
def test_bad_input_names_its_field(values, attr, inside, queue):
    make_point(queue)
    with pytest.raises(InvalidInputError) as refused:
        by(inside).create(**{"name": "Room 2", "queue_ids": [queue.pk], **values})
    assert refused.value.attr == attr
    other = make_point(queue, "Room 3")
    with pytest.raises(InvalidInputError) as refused:
        by(inside).change(other.pk, **values)
    assert refused.value.attr == attr


def test_whoever_runs_queues_opens_and_closes_but_does_not_set_up(inside, queue):
    point = make_point(queue)
    nurse = by(inside, Role.NURSE)
    paused = nurse.set_state(point.pk, State.PAUSED, version=point.version)
    assert (paused.state, paused.version) == (State.PAUSED, point.version + 1)
    with pytest.raises(StaleVersionError):
        nurse.set_state(point.pk, State.OPEN, version=point.version)
    for act in (
        lambda: nurse.change(point.pk, name="Mine"),
        lambda: nurse.create(name="Mine", queue_ids=[queue.pk]),
        lambda: by(inside, Role.PATIENT).set_state(point.pk, State.OPEN),
    ):
        with pytest.raises(NotAllowedError):
            act()


def test_a_point_of_nobodys_queue_is_not_found(inside, queue):
    point = make_point(queue)
    with pytest.raises(NotFoundError):
        by(inside, Role.PROVIDER).set_state(point.pk, State.CLOSED)
    with pytest.raises(NotFoundError):
        by(inside).set_state(987654321, State.CLOSED)


def test_a_provider_serves_at_one_point(inside, queue):
    doctor = inside.user(Role.PROVIDER)
    first = make_point(queue, "Room 1", provider=doctor)
    second = make_point(queue, "Room 2")
    by(inside, Role.PROVIDER).serve_at(second.pk)
    assert ServicePoint.objects.get(provider=doctor) == second
    first.refresh_from_db()
    assert first.provider is None


def test_other_staff_attend_to_one_point_and_leave_it(inside, queue):
    nurse, doctor = inside.user(Role.NURSE), inside.user(Role.PROVIDER)
    first = make_point(queue, "Room 1", provider=doctor)
    second = make_point(queue, "Room 2")

    def attendants() -> list[int | None]:
        return list(ServicePoint.objects.order_by("name").values_list("attendant_id", flat=True))

    engine = by(inside, Role.NURSE)
    engine.serve_at(first.pk)
    assert attendants() == [nurse.pk, None]
    engine.serve_at(second.pk)
    assert attendants() == [None, nurse.pk]
    by(inside, Role.FRONT_DESK).attend_nowhere()
    assert attendants() == [None, nurse.pk], "only their own"
    engine.attend_nowhere()
    assert attendants() == [None, None]
    engine.serve_at(first.pk)
    engine.set_state(first.pk, State.PAUSED)
    assert attendants() == [nurse.pk, None]
    engine.set_state(first.pk, State.CLOSED)
    assert attendants() == [None, None]
    assert ServicePoint.objects.get(pk=first.pk).provider == doctor
    with pytest.raises(NotAllowedError):
        ServicePointEngine(by=None).serve_at(first.pk)


def test_a_queues_door(inside, queue, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assert not set_accepting(queue.pk, False, by=inside.user(Role.NURSE)).is_accepting_patients
        set_accepting(queue.pk, False, by=inside.user(Role.NURSE))
    assert told == [queue.pk]
    with pytest.raises(NotAllowedError):
        set_accepting(queue.pk, True, by=inside.user(Role.PATIENT))
    with pytest.raises(NotFoundError):
        set_accepting(queue.pk, True, by=inside.user(Role.PROVIDER))


class TestOnePointForTwoQueues:
    """It takes from them in turn, which whoever waits is told."""

    @pytest.fixture
    def lab(self, queue):
        """A second queue of the same room, in which two wait for 20 minutes each."""
        lab, room = make_queue("Lab", "L"), make_point(queue)
        ServicePointQueue.objects.create(point=room, queue=lab)
        crowd(lab, 2)
        QueueEntry.objects.update(estimated_service_time=20)
        crowd(queue, 4)
        QueueEntry.objects.filter(queue=queue).update(estimated_service_time=10)
        return lab

    def scheduled(self, queue) -> list[float]:
        capacity = read_capacity(queue, configuration_of(queue), now=system_clock())
        return waits(read_line(queue.pk), capacity).scheduled.tolist()

    def test_the_other_line_is_waited_for_as_long_as_it_lasts(self, queue, lab):
        assert self.scheduled(queue) == [0, 30, 60, 70]
        assert self.scheduled(lab) == [0, 30]

    def test_another_open_room_takes_its_part(self, queue, lab):
        make_point(lab, "Room 2")
        assert self.scheduled(queue) == [0, 30, 40, 50]

    def test_the_other_queue_comes_next_after_a_call_from_this_one(self, queue, lab):
        AdvancedQueueEngine(queue).get_next_patient(service_point_id=ServicePoint.objects.get().pk)
        assert self.scheduled(queue) == [30, 60, 70]

    def test_a_closed_room_gives_nothing(self, queue, lab):
        make_point(queue, "Room 2")
        ServicePoint.objects.filter(name="Room 1").update(state=State.CLOSED)
        assert self.scheduled(queue) == [0, 10, 20, 30]
