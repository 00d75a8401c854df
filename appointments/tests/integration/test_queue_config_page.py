"""The pages on which managers set up queues and service points."""

import re

import pytest
from django.test import Client

from accounts.permissions import Role
from appointments.models import QueueProvider, ServicePoint, WaitingQueue
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.settings import QueueSettings, configuration_values, create_queue
from appointments.tests.queues import make_people, make_point

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(riverside):
    with riverside.active():
        return create_queue(name="Walk-in")


@pytest.fixture
def manager(riverside) -> Client:
    return riverside.client(Role.MANAGER)


def page_of(queue) -> str:
    return f"/appointments/queue/{queue.pk}/config/"


def filled(**changed) -> dict:
    """The form as it comes with a new queue."""
    return {
        "version": 1,
        "use_dynamic_positioning": "claims",
        "priority_weight": 50,
        "wait_time_weight": 30,
        "appointment_time_weight": 20,
        "guard_minutes": 60,
        "skip_return_after": 3,
        "max_queue_size": 50,
        "accepts_walk_ins": "on",
        "overflow_threshold": 10,
        "overflow_queue_id": "",
        "opens_at": "",
        "closes_at": "",
        "last_ticket_minutes": 0,
        "use_historical_data": "past",
        "default_service_time_minutes": 20,
        "load_yellow": 75,
        "load_red": 90,
        "alert_wait_minutes": 60,
        "enable_websocket_updates": "on",
        "update_interval_seconds": 30,
        "save": "1",
    } | changed


def values_of(riverside, queue):
    with riverside.active():
        return configuration_values(WaitingQueue.objects.get(pk=queue.pk))


def test_what_is_typed_is_saved(manager, riverside, queue):
    doctor = riverside.providers[0]
    response = manager.post(
        page_of(queue),
        filled(priority_weight=80, opens_at="08:00", closes_at="17:30", providers=[doctor.pk]),
    )
    assert (response.status_code, response.url) == (302, page_of(queue))
    values = values_of(riverside, queue)
    assert (values["priority_weight"], values["opens_at"], values["closes_at"]) == (
        0.8,
        "08:00",
        "17:30",
    )
    assert values["version"] == 2
    with riverside.active():
        assert QueueProvider.objects.get(queue=queue).provider == doctor


def test_weekdays_are_chosen_and_cleared(manager, riverside, queue):
    manager.post(page_of(queue), filled(opening_days=["4", "0", "2"]))
    assert values_of(riverside, queue)["opening_days"] == [0, 2, 4]
    page = manager.get(page_of(queue)).content.decode()
    assert page.count('name="opening_days"') == 7
    assert re.findall(r'name="opening_days" value="(\d)"[^>]* checked', page) == ["0", "2", "4"]
    manager.post(page_of(queue), filled(version=2))
    assert values_of(riverside, queue)["opening_days"] == []


def test_what_is_not_touched_keeps_its_digits(manager, riverside, queue):
    with riverside.active():
        QueueSettings(queue).change(wait_time_weight=0.333)
    manager.post(page_of(queue), filled(version=2, wait_time_weight=33, guard_minutes=40))
    values = values_of(riverside, queue)
    assert (values["wait_time_weight"], values["guard_minutes"]) == (0.333, 40)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"priority_weight": 101}, "id_priority_weight_error"),
        ({"priority_weight": -1}, "id_priority_weight_error"),
        ({"priority_weight": "high"}, "id_priority_weight_error"),
        (
            dict.fromkeys(("priority_weight", "wait_time_weight", "appointment_time_weight"), 0),
            "id_priority_weight_error",
        ),
        ({"load_yellow": 95}, "id_load_yellow_error"),
        ({"opens_at": "09:00"}, "id_closes_at_error"),
        ({"enable_overflow_queue": "on", "overflow_threshold": 60}, "id_overflow_threshold_error"),
        ({"overflow_queue_id": "999999"}, "id_overflow_queue_id_error"),
        ({"providers": ["999999"]}, "id_providers_error"),
        ({"opening_days": ["7"]}, "id_opening_days_error"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(manager, riverside, queue, changed, said):
    response = manager.post(page_of(queue), filled(**changed))
    assert response.status_code == 400
    assert f'id="{said}"' in response.content.decode()
    assert values_of(riverside, queue)["version"] == 1


def test_a_stale_form_says_so_and_can_be_saved_again(manager, riverside, queue):
    with riverside.active():
        QueueSettings(queue).change(guard_minutes=30)
    response = manager.post(page_of(queue), filled(priority_weight=80))
    assert response.status_code == 412
    assert 'name="version" value="2"' in response.content.decode()
    assert manager.post(page_of(queue), filled(version=2, priority_weight=80)).status_code == 302


def test_the_preview_sorts_todays_line_and_saves_nothing(manager, riverside, queue):
    with riverside.active():
        first, second = make_people(2)
        engine = AdvancedQueueEngine(queue)
        engine.add_to_queue(patient_id=first.pk)
        engine.add_to_queue(patient_id=second.pk, priority_score=35)
        engine.settle_positions()
    preview = f"{page_of(queue)}preview/"
    body = manager.post(preview, filled(use_dynamic_positioning="claims")).content.decode()
    assert body.index("A-002") < body.index("A-001")
    assert "stays" in body
    by_arrival = filled(use_dynamic_positioning="arrival")
    body = manager.post(preview, by_arrival).content.decode()
    assert body.index("A-001") < body.index("A-002")
    assert "was 2" in body
    assert "2 of 2 waiting would have another place" in body
    assert values_of(riverside, queue)["version"] == 1


@pytest.mark.parametrize("pressed", [{"preview": "1"}, {"preset": "arrival"}])
def test_without_scripts_buttons_show_the_effect_and_save_nothing(
    manager, riverside, queue, pressed
):
    form = {name: value for name, value in filled(guard_minutes=45).items() if name != "save"}
    response = manager.post(page_of(queue), form | pressed)
    body = response.content.decode()
    assert response.status_code == 200
    assert 'name="guard_minutes" value="45"' in body
    assert "these people are made up" in body
    assert values_of(riverside, queue)["version"] == 1


def test_nothing_that_counts_has_no_preview(manager, queue):
    zeros = dict.fromkeys(("priority_weight", "wait_time_weight", "appointment_time_weight"), 0)
    response = manager.post(f"{page_of(queue)}preview/", filled(**zeros))
    assert response.status_code == 200
    assert "Let at least one of the three count" in response.content.decode()


def test_another_queues_settings_are_shown_before_they_are_saved(manager, riverside, queue):
    with riverside.active():
        other = create_queue(name="Other")
        QueueSettings(other).change(guard_minutes=25)
    response = manager.post(page_of(queue), filled(copy_from=other.pk, copy="1"))
    body = response.content.decode()
    assert 'name="guard_minutes" value="25"' in body
    assert "These are the settings of" in body
    assert values_of(riverside, queue)["guard_minutes"] == 60


def test_reset(manager, riverside, queue):
    manager.post(page_of(queue), filled(guard_minutes=25))
    assert manager.post(f"{page_of(queue)}reset/").status_code == 302
    assert values_of(riverside, queue)["guard_minutes"] == 60


def test_fewer_places_than_people_is_a_warning(manager, riverside, queue):
    with riverside.active():
        for person in make_people(2):
            AdvancedQueueEngine(queue).add_to_queue(patient_id=person.pk)
    response = manager.post(
        page_of(queue), filled(max_queue_size=1, overflow_threshold=1), follow=True
    )
    assert "2 people wait already" in response.content.decode()


def test_a_queue_is_added_named_retired_and_taken_back(manager, riverside, queue):
    assert 'value="B"' in manager.get("/appointments/queue/add/").content.decode()
    response = manager.post("/appointments/queue/add/", {"name": "Blood", "prefix": "BL"})
    with riverside.active():
        blood = WaitingQueue.objects.get(name="Blood")
    assert response.url == page_of(blood)
    for wrong in ({"name": "Blood"}, {"name": ""}, {"prefix": "A"}, {"prefix": "b1"}):
        form = {"name": "New", "prefix": "X"} | wrong
        response = manager.post("/appointments/queue/add/", form)
        assert response.status_code in (400, 409), wrong
        assert "field-error" in response.content.decode()
    manager.post(f"/appointments/queue/{blood.pk}/edit/", {"name": "Lab", "prefix": "L"})
    manager.post(f"/appointments/queue/{blood.pk}/retire/")
    with riverside.active():
        blood.refresh_from_db()
    assert (blood.name, blood.prefix, blood.is_active) == ("Lab", "L", False)
    assert "Lab" in manager.get("/appointments/queue/").content.decode()
    manager.post(f"/appointments/queue/{blood.pk}/restore/")
    with riverside.active():
        blood.refresh_from_db()
    assert blood.is_active


def test_a_queue_in_which_somebody_is_stays_in_use(manager, riverside, queue):
    with riverside.active():
        AdvancedQueueEngine(queue).add_to_queue(patient_id=make_people(1)[0].pk)
    response = manager.post(f"/appointments/queue/{queue.pk}/retire/")
    assert response.status_code == 409
    assert "1 person is still in this queue" in response.content.decode()


def test_a_service_point_is_added_changed_and_retired(manager, riverside, queue):
    add = "/appointments/queue/points/add/"
    assert "No service points yet" in manager.get("/appointments/queue/points/").content.decode()
    form = {"name": "Room 1", "queue_ids": [queue.pk], "type_ids": [riverside.types[0].pk]}
    assert manager.post(add, form).status_code == 302
    with riverside.active():
        room = ServicePoint.objects.get()
        assert list(room.queues.all()) == [queue]
        assert list(room.types.all()) == [riverside.types[0]]
    for wrong in ({"queue_ids": []}, {"name": "Room 1"}, {"name": ""}, {"provider_id": "x"}):
        response = manager.post(add, form | {"name": "Room 2"} | wrong)
        assert response.status_code == 400, wrong
    manager.post(
        f"/appointments/queue/points/{room.pk}/",
        {"name": "Room 9", "queue_ids": [queue.pk], "provider_id": riverside.providers[0].pk},
    )
    manager.post(f"/appointments/queue/points/{room.pk}/retire/")
    with riverside.active():
        room.refresh_from_db()
        assert (room.name, room.provider, room.is_active) == (
            "Room 9",
            riverside.providers[0],
            False,
        )
        assert not room.types.exists()
    assert "Not in use" in manager.get("/appointments/queue/points/rows/").content.decode()
    manager.post(f"/appointments/queue/points/{room.pk}/restore/")
    with riverside.active():
        room.refresh_from_db()
    assert room.is_active


def test_a_point_at_which_somebody_is_served_stays_in_use(manager, riverside, queue):
    with riverside.active():
        room = make_point(queue)
        engine = AdvancedQueueEngine(queue)
        engine.add_to_queue(patient_id=make_people(1)[0].pk)
        engine.get_next_patient(service_point_id=room.pk)
    response = manager.post(f"/appointments/queue/points/{room.pk}/retire/")
    assert response.status_code == 409
    assert "Somebody is still being served there" in response.content.decode()


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.NURSE, Role.PROVIDER, Role.PATIENT])
def test_others_may_not(riverside, queue, role):
    client = riverside.client(role)
    for page in (page_of(queue), "/appointments/queue/points/", "/appointments/queue/add/"):
        assert client.get(page).status_code == 403
