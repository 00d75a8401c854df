"""How a queue works: settings that go together, its name, whose visits wait there, retiring."""

from datetime import time

import pytest

from accounts.permissions import Role
from appointments.models import QueueConfiguration, QueueProvider, WaitingQueue
from appointments.queue.errors import NameTakenError, QueueClosedError, QueueNotEmptyError
from appointments.queue.events import QueueChanged
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.settings import (
    QueueSettings,
    configuration_values,
    create_queue,
    default_values,
    free_prefix,
    warnings_about,
)
from core.errors import InvalidInputError, NotAllowedError, NotFoundError, StaleVersionError

pytestmark = pytest.mark.django_db


@pytest.fixture
def inside(riverside, lakeside):
    with riverside.active():
        yield riverside


@pytest.fixture
def queue(inside):
    return create_queue(name="Walk-in")


def test_a_new_queue_has_the_plans_defaults(queue):
    values = configuration_values(queue)
    assert queue.prefix == "A"
    assert values["version"] == 1
    assert (
        values
        | {
            "use_dynamic_positioning": True,
            "priority_weight": 0.5,
            "wait_time_weight": 0.3,
            "appointment_time_weight": 0.2,
            "enable_overflow_queue": False,
            "overflow_threshold": 10,
            "use_historical_data": True,
            "default_service_time_minutes": 20,
            "enable_websocket_updates": True,
            "update_interval_seconds": 30,
            "max_queue_size": 50,
        }
        == values
    )


def test_what_is_given_changes_and_the_rest_stays(queue):
    QueueSettings(queue).change(
        version=1, priority_weight=1, opens_at=time(8), closes_at=time(18), max_queue_size=7
    )
    values = configuration_values(queue)
    assert (values["priority_weight"], values["wait_time_weight"]) == (1, 0.3)
    assert (values["opens_at"], values["closes_at"], values["max_queue_size"]) == (
        "08:00",
        "18:00",
        7,
    )
    assert values["version"] == 2


@pytest.mark.parametrize(
    ("values", "attr"),
    [
        ({"priority_weight": -0.1}, "priority_weight"),
        ({"wait_time_weight": 1.1}, "wait_time_weight"),
        ({"appointment_time_weight": float("nan")}, "appointment_time_weight"),
        (
            {"priority_weight": 0, "wait_time_weight": 0, "appointment_time_weight": 0},
            "priority_weight",
        ),
        ({"load_yellow": 0.95}, "load_yellow"),
        ({"load_red": 1.2}, "load_red"),
        ({"opens_at": time(8)}, "closes_at"),
        ({"closes_at": time(8)}, "opens_at"),
        ({"opens_at": time(18), "closes_at": time(8)}, "closes_at"),
        (
            {"opens_at": time(8), "closes_at": time(9), "last_ticket_minutes": 60},
            "last_ticket_minutes",
        ),
        ({"enable_overflow_queue": True, "overflow_threshold": 51}, "overflow_threshold"),
        ({"overflow_threshold": 0}, "overflow_threshold"),
        ({"overflow_queue_id": 2**70}, "overflow_queue_id"),
        ({"max_queue_size": 0}, "max_queue_size"),
        ({"skip_return_after": 0}, "skip_return_after"),
        ({"guard_minutes": 9}, "guard_minutes"),
        ({"update_interval_seconds": 1}, "update_interval_seconds"),
        ({"default_service_time_minutes": 0}, "default_service_time_minutes"),
        ({"opens_at": "late", "closes_at": time(8)}, "opens_at"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name_and_nothing_is_kept(queue, values, attr):
    before = configuration_values(queue)
    with pytest.raises(InvalidInputError) as refused:
        QueueSettings(queue).change(**values)
    assert refused.value.attr == attr
    assert configuration_values(WaitingQueue.objects.get()) == before


def test_an_unknown_setting_is_the_callers_mistake(queue):
    with pytest.raises(TypeError):
        QueueSettings(queue).change(colour="red")


def test_a_stale_version_is_refused(queue):
    QueueSettings(queue).change(version=1, guard_minutes=30)
    with pytest.raises(StaleVersionError):
        QueueSettings(queue).change(version=1, guard_minutes=90)
    with pytest.raises(StaleVersionError):
        QueueSettings(queue).rename(version=queue.version - 1, name="Other")


def test_queues_do_not_send_on_in_a_circle(queue):
    second, third = create_queue(name="Second"), create_queue(name="Third")
    send = {"enable_overflow_queue": True}
    QueueSettings(queue).change(overflow_queue_id=second.pk, **send)
    QueueSettings(second).change(overflow_queue_id=third.pk, **send)
    for last in (queue, third):
        with pytest.raises(InvalidInputError) as refused:
            QueueSettings(third).change(overflow_queue_id=last.pk, **send)
        assert (refused.value.attr, refused.value.code) == ("overflow_queue_id", "overflow_circle")
    QueueSettings(second).change(enable_overflow_queue=False)
    QueueSettings(third).change(overflow_queue_id=queue.pk, **send)


def test_another_tenants_queue_is_unknown(riverside, lakeside):
    with lakeside.active():
        foreign = create_queue(name="Far")
    with riverside.active():
        queue = create_queue(name="Near")
        with pytest.raises(NotFoundError):
            QueueSettings(foreign).change(guard_minutes=30)
        with pytest.raises(InvalidInputError) as refused:
            QueueSettings(queue).change(overflow_queue_id=foreign.pk)
        with pytest.raises(InvalidInputError) as refused_too:
            QueueSettings(queue).copy_from(foreign.pk)
    assert (refused.value.attr, refused.value.code) == ("overflow_queue_id", "does_not_exist")
    assert refused_too.value.attr == "copy_from"


def test_reset_puts_the_defaults_back_and_leaves_it_closed(queue):
    settings = QueueSettings(queue)
    settings.change(
        priority_weight=1, guard_minutes=10, max_queue_size=3, is_accepting_patients=False
    )
    settings.reset(version=2)
    values = configuration_values(queue)
    assert values == values | default_values()
    assert values["is_accepting_patients"] is False


def test_settings_are_taken_over_from_another_queue(queue):
    other = create_queue(name="Other")
    QueueSettings(other).change(
        guard_minutes=45, enable_overflow_queue=True, overflow_queue_id=queue.pk
    )
    QueueSettings(queue).copy_from(other.pk)
    values = configuration_values(queue)
    assert (values["guard_minutes"], values["enable_overflow_queue"]) == (45, False)
    with pytest.raises(InvalidInputError):
        QueueSettings(queue).copy_from(queue.pk)


def test_fewer_places_than_people_is_said_and_allowed(queue, inside):
    for patient in inside.patients[:2]:
        AdvancedQueueEngine(queue).add_to_queue(patient_id=patient.pk)
    configuration = QueueSettings(queue).change(max_queue_size=1)
    assert "2 people wait already" in warnings_about(queue, configuration)[0]


def test_a_providers_visits_wait_in_one_queue(queue, inside):
    other = create_queue(name="Other")
    both = [provider.pk for provider in inside.providers]
    QueueSettings(queue).set_providers(both)
    QueueSettings(other).set_providers(both[:1])
    assert list(QueueProvider.objects.order_by("queue").values_list("queue", "provider")) == [
        (queue.pk, both[1]),
        (other.pk, both[0]),
    ]
    with pytest.raises(InvalidInputError) as refused:
        QueueSettings(queue).set_providers([inside.user(Role.FRONT_DESK).pk])
    assert refused.value.attr == "providers"


@pytest.mark.parametrize(
    ("values", "attr"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"prefix": "a"}, "prefix"),
        ({"prefix": "ABCD"}, "prefix"),
        ({"site_id": 10_000}, "site_id"),
    ],
)
def test_a_name_that_cannot_be_is_refused(queue, values, attr):
    with pytest.raises(InvalidInputError) as refused:
        QueueSettings(queue).rename(**values)
    assert refused.value.attr == attr


def test_names_and_ticket_letters_are_given_once(queue):
    assert free_prefix() == "B"
    with pytest.raises(NameTakenError):
        create_queue(name=queue.name)
    with pytest.raises(InvalidInputError) as refused:
        create_queue(name="Second", prefix=queue.prefix)
    assert refused.value.attr == "prefix"


def test_a_queue_that_is_used_again_has_letters_of_its_own(queue):
    QueueSettings(queue).retire()
    second = create_queue(name="Second")
    assert second.prefix == queue.prefix
    assert QueueSettings(queue).restore().prefix == "B"
    QueueSettings(queue).retire()
    assert QueueSettings(queue).restore().prefix == "B"


def test_a_queue_is_retired_when_nobody_is_in_it_and_taken_back(queue, inside):
    engine = AdvancedQueueEngine(queue)
    engine.add_to_queue(patient_id=inside.patients[0].pk)
    entry = engine.get_next_patient()
    with pytest.raises(QueueNotEmptyError) as refused:
        QueueSettings(queue).retire()
    assert refused.value.extra == {"present": 1}
    engine.undo(entry.pk)
    engine.take("leave", entry.pk)
    QueueSettings(queue).retire()
    with pytest.raises(QueueClosedError, match="no longer in use"):
        AdvancedQueueEngine(queue).add_to_queue(patient_id=inside.patients[0].pk)
    QueueSettings(queue).restore()
    AdvancedQueueEngine(queue).add_to_queue(patient_id=inside.patients[0].pk)


def test_who_may(queue, inside):
    for role in (Role.FRONT_DESK, Role.NURSE, Role.PROVIDER, Role.PATIENT):
        user = inside.user(role)
        settings = QueueSettings(queue, by=user)
        for act in (
            lambda settings=settings: settings.change(guard_minutes=30),
            lambda settings=settings: settings.set_providers([]),
            lambda settings=settings: settings.rename(name="Other"),
            lambda settings=settings: settings.retire(),
            lambda user=user: create_queue(by=user, name="Other"),
        ):
            with pytest.raises(NotAllowedError):
                act()
    QueueSettings(queue, by=inside.user(Role.MANAGER)).change(guard_minutes=30)


def test_screens_are_told_after_the_commit(queue, django_capture_on_commit_callbacks, monkeypatch):
    told = []
    from core import events

    monkeypatch.setitem(events._handlers, QueueChanged, [told.append])
    with django_capture_on_commit_callbacks(execute=True):
        QueueSettings(queue).change(priority_weight=1)
    assert {event.queue_id for event in told} == {queue.pk}


def test_a_queue_without_stored_settings_can_be_changed(inside):
    bare = WaitingQueue.objects.create(name="Bare", prefix="Z")
    QueueSettings(bare).change(version=1, guard_minutes=30)
    assert QueueConfiguration.objects.get(queue=bare).guard_minutes == 30
