"""Queues over REST: every command, every refusal, and who may."""

from datetime import time

import pytest

from accounts.permissions import Role
from appointments.enums import QueueEntryStatus
from appointments.models import (
    QueueEntry,
    QueueProvider,
    ServicePoint,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.queue.settings import QueueSettings
from appointments.tests.api import api_of, problem

pytestmark = pytest.mark.django_db
QUEUES, ENTRIES = "appointments/queues", "appointments/queue-entries"


@pytest.fixture
def queue(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Walk-in", site=riverside.site, max_queue_size=10)
        for name in ("Room 1", "Room 2"):
            point = ServicePoint.objects.create(name=name, site=riverside.site)
            ServicePointQueue.objects.create(point=point, queue=queue)
    return queue


@pytest.fixture
def api(riverside):
    return api_of(riverside, Role.FRONT_DESK)


@pytest.fixture
def add(api, queue, riverside):
    def add(number=0, **more):
        patient = riverside.patients[number]
        return api.post(f"{QUEUES}/{queue.pk}/add_patient/", {"patient_id": patient.pk, **more})

    return add


def test_adding_answers_with_ticket_position_and_range(add, api, queue):
    added = add(0, priority="priority", notes="Wheelchair")
    body = added.json()
    assert added.status_code == 201
    assert (body["ticket"], body["queue_position"], body["status"]) == ("A-001", 1, "WAITING")
    assert (body["priority"], body["priority_score"]) == ("priority", 50)
    ranges = body["estimated_wait_minutes"]
    assert 0 <= ranges["p10"] <= ranges["p50"] <= ranges["p90"]
    shown = api.get(f"{ENTRIES}/{body['id']}/")
    assert shown.json() == body
    assert shown["ETag"].split("-")[0] == added["ETag"].split("-")[0]


def test_a_second_time_is_a_conflict_that_names_the_first(add):
    first = add().json()
    again = add()
    assert problem(again) == (409, "already_waiting", "patient_id")
    assert (again.json()["entry_id"], again.json()["ticket"]) == (first["id"], "A-001")


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({}, "required", "patient_id"),
        ({"patient_id": 10**12}, "does_not_exist", "patient_id"),
        ({"patient_id": "1"}, "invalid", "patient_id"),
        ({"patient_id": 1, "priority_score": -1}, "min_value", "priority_score"),
        ({"patient_id": 1, "priority_score": 101}, "max_value", "priority_score"),
        ({"patient_id": 1, "priority_score": "high"}, "invalid", "priority_score"),
        ({"patient_id": 1, "priority": "soon"}, "invalid_choice", "priority"),
        ({"patient_id": 1, "priority": "urgent", "priority_score": 1}, "ambiguous", "priority"),
        ({"patient_id": 1, "appointment_id": 10**12}, "does_not_exist", "appointment_id"),
        ({"patient_id": 1, "colour": "red"}, "unknown_field", "colour"),
        ({"patient_id": 1, "notes": "x" * 501}, "max_length", "notes"),
    ],
)
def test_bad_bodies_name_the_field_and_write_nothing(api, queue, riverside, body, code, attr):
    if body.get("patient_id") == 1:
        body = body | {"patient_id": riverside.patients[0].pk}
    answer = api.post(f"{QUEUES}/{queue.pk}/add_patient/", body)
    assert problem(answer) == (400, code, attr)
    with riverside.active():
        assert not QueueEntry.objects.exists()


def test_another_tenants_patient_and_queue_are_unknown(add, api, queue, riverside, lakeside):
    theirs = api_of(lakeside)
    patient = {"patient_id": lakeside.patients[0].pk}
    assert problem(api.post(f"{QUEUES}/{queue.pk}/add_patient/", patient)) == (
        400,
        "does_not_exist",
        "patient_id",
    )
    entry = add().json()
    for method, path in (
        ("POST", f"{QUEUES}/{queue.pk}/add_patient/"),
        ("POST", f"{QUEUES}/{queue.pk}/call_next/"),
        ("GET", f"{QUEUES}/{queue.pk}/status/"),
        ("POST", f"{ENTRIES}/{entry['id']}/mark_called/"),
        ("DELETE", f"{ENTRIES}/{entry['id']}/"),
    ):
        body = patient if path.endswith("add_patient/") else {}
        assert theirs.send(method, path, body).status_code == 404, path


def test_closed_and_full_queues_name_alternatives(add, api, queue, riverside):
    with riverside.active():
        other = WaitingQueue.objects.create(name="Other", site=riverside.site)
        WaitingQueue.objects.filter(pk=queue.pk).update(is_accepting_patients=False)
    refused = add()
    assert problem(refused)[:2] == (409, "queue_closed")
    assert refused.json()["alternatives"] == [
        {"queue_id": other.pk, "queue_name": "Other", "waiting": 0}
    ]
    with riverside.active():
        WaitingQueue.objects.filter(pk=queue.pk).update(
            is_accepting_patients=True, max_queue_size=1
        )
    assert add(0).status_code == 201
    assert problem(add(1))[:2] == (409, "queue_full")


def test_the_way_from_call_to_finish(add, api, queue):
    for number in range(3):
        add(number)
    called = api.post(f"{QUEUES}/{queue.pk}/call_next/", {"service_point": "Room 2"})
    body = called.json()
    assert called.status_code == 200
    assert (body["ticket"], body["status"], body["service_point"]) == ("A-001", "CALLED", "Room 2")
    for command, status in (
        ("recall", "CALLED"),
        ("mark_in_progress", "IN_PROGRESS"),
        ("mark_completed", "COMPLETED"),
    ):
        answer = api.post(f"{ENTRIES}/{body['id']}/{command}/")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    steps = api.get(f"{ENTRIES}/{body['id']}/history/").json()["results"]
    assert [step["step"] for step in steps] == ["complete", "start", "recall", "call", "join"]
    rows = api.get(f"{ENTRIES}/", {"queue_id": queue.pk, "status": "WAITING"}).json()["results"]
    assert sorted(row["queue_position"] for row in rows) == [1, 2]


def test_nobody_waiting_is_204(api, queue):
    assert api.post(f"{QUEUES}/{queue.pk}/call_next/").status_code == 204


def test_illegal_steps_say_which_are_legal(add, api):
    entry = add().json()
    refused = api.post(f"{ENTRIES}/{entry['id']}/mark_completed/")
    assert problem(refused) == (409, "illegal_transition", None)
    assert "call" in refused.json()["legal"]


def test_service_points_by_id_name_and_nonsense(add, api, queue, riverside):
    with riverside.active():
        point = ServicePoint.objects.get(name="Room 1")
        closed = ServicePoint.objects.create(name="Room 9", state="closed")
        ServicePointQueue.objects.create(point=closed, queue=queue)
    add()
    for wanted, expected in (
        ("Room 77", (400, "does_not_exist", "service_point")),
        (10**12, (400, "does_not_exist", "service_point")),
        (True, (400, "invalid", "service_point")),
        (closed.pk, (409, "service_point_not_open", None)),
    ):
        answer = api.post(f"{QUEUES}/{queue.pk}/call_next/", {"service_point": wanted})
        assert problem(answer) == expected
    answer = api.post(f"{QUEUES}/{queue.pk}/call_next/", {"service_point": point.pk})
    assert answer.json()["service_point"] == "Room 1"


def test_removing_skipping_holding_sending_on_moving_and_undoing(add, api, riverside):
    with riverside.active():
        lab = WaitingQueue.objects.create(name="Lab", prefix="L")
    entries = [add(number).json()["id"] for number in range(3)]
    first = f"{ENTRIES}/{entries[0]}"
    assert api.post(f"{first}/skip/").json()["status"] == "SKIPPED"
    assert api.post(f"{first}/return/").json()["status"] == "WAITING"
    assert api.post(f"{first}/hold/", {"reason": "Phone call"}).json()["status"] == "ON_HOLD"
    assert api.post(f"{first}/undo/").json()["status"] == "WAITING"
    moved = api.post(f"{ENTRIES}/{entries[2]}/move/", {"position": 1, "reason": "Faint"})
    assert moved.status_code == 200
    sent = api.post(f"{ENTRIES}/{entries[1]}/transfer/", {"to_queue_id": lab.pk})
    assert (sent.status_code, sent.json()["ticket"]) == (201, "L-001")
    assert sent.json()["transferred_from_id"] == entries[1]
    changed = api.patch(f"{first}/", {"priority": "urgent"})
    assert changed.json()["priority_score"] == 100
    assert api.delete(f"{first}/").status_code == 204
    assert api.delete(f"{ENTRIES}/{entries[2]}/remove/").status_code == 204
    with riverside.active():
        left = QueueEntry.objects.filter(status=QueueEntryStatus.LEFT)
        assert sorted(left.values_list("pk", flat=True)) == sorted([entries[0], entries[2]])


def test_if_match_refuses_a_stale_write(add, api):
    entry = add().json()
    path = f"{ENTRIES}/{entry['id']}/mark_called/"
    assert problem(api.post(path, **{"If-Match": '"99"'})) == (412, "stale_version", None)
    assert api.post(path, **{"If-Match": f'"{entry["version"]}"'}).status_code == 200


def test_the_same_key_adds_once(api, queue, riverside):
    body = {"patient_id": riverside.patients[0].pk}
    path = f"{QUEUES}/{queue.pk}/add_patient/"
    answers = [api.post(path, body, **{"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


def test_the_status_is_free_of_names_and_keys_of_patients(add, api, queue):
    for number in range(3):
        add(number, notes="Pat is dizzy")
    api.post(f"{QUEUES}/{queue.pk}/call_next/")
    answer = api.get(f"{QUEUES}/{queue.pk}/status/")
    body = answer.json()
    assert body["current_size"] == 2
    assert [row["position"] for row in body["entries"]] == [1, 2]
    assert "Pat" not in answer.content.decode()
    assert "patient" not in answer.content.decode()


def test_roles(queue, riverside):
    status = f"{QUEUES}/{queue.pk}/status/"
    call = f"{QUEUES}/{queue.pk}/call_next/"
    expected = {
        Role.NURSE: (200, 204),
        Role.MANAGER: (200, 204),
        Role.PROVIDER: (404, 404),
        Role.PATIENT: (403, 403),
    }
    for role, codes in expected.items():
        api = api_of(riverside, role)
        assert (api.get(status).status_code, api.post(call).status_code) == codes, role
    with riverside.active():
        QueueProvider.objects.create(queue=queue, provider=riverside.user(Role.PROVIDER))
    api = api_of(riverside, Role.PROVIDER)
    assert (api.get(status).status_code, api.post(call).status_code) == (200, 204)


def test_lists_cost_the_same_at_any_length(add, api, queue):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for number in (0, 1, 2):
        add(number)
        with CaptureQueriesContext(connection) as captured:
            api.get(f"{ENTRIES}/", {"queue_id": queue.pk})
            api.get(f"{QUEUES}/{queue.pk}/status/")
        counts.append(len(captured))
    assert len(set(counts)) == 1


def test_the_configuration_is_read_and_written(queue, riverside, api):
    manager = api_of(riverside, Role.MANAGER)
    path = f"{QUEUES}/{queue.pk}/configuration/"
    before = manager.get(path)
    assert before.json()["priority_weight"] == 0.5
    written = manager.send(
        "PUT", path, {"priority_weight": 0.7, "opens_at": "08:00", "closes_at": "18:00"}
    )
    assert (written.status_code, written.json()["priority_weight"]) == (200, 0.7)
    assert written.json()["wait_time_weight"] == 0.3
    stale = manager.send("PUT", path, {"priority_weight": 0.1}, **{"If-Match": before["ETag"]})
    assert problem(stale) == (412, "stale_version", None)
    assert manager.get(path).json() == written.json()
    assert api.send("PUT", path, {"priority_weight": 0.1}).status_code == 403


def test_weekdays_of_a_queue_are_set_copied_and_reset(queue, riverside):
    manager = api_of(riverside, Role.MANAGER)
    path = f"{QUEUES}/{queue.pk}/configuration/"
    set_to = manager.send("PUT", path, {"opening_days": [4, 0, 4]})
    assert set_to.json()["opening_days"] == [0, 4]
    with riverside.active():
        other = WaitingQueue.objects.create(name="Lab", prefix="L")
        assert QueueSettings(other).copy_from(queue.pk).opening_days == [0, 4]
        assert QueueSettings(other).reset().opening_days == []


def test_a_queue_that_is_closed_today_is_no_alternative(add, api, queue, riverside):
    today = riverside.at(0, time(12)).astimezone(riverside.tenant.zone_info).weekday()
    with riverside.active():
        lab = WaitingQueue.objects.create(name="Lab", prefix="L")
        QueueSettings(lab).change(opening_days=[today])
        QueueSettings(queue).change(opening_days=[(today + 1) % 7])
    refused = add(0)
    assert problem(refused) == (409, "queue_closed", None)
    assert [each["queue_name"] for each in refused.json()["alternatives"]] == ["Lab"]
    with riverside.active():
        QueueSettings(lab).change(opening_days=[(today + 1) % 7])
    assert add(0).json()["alternatives"] == []


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"priority_weight": -0.1}, "priority_weight"),
        ({"priority_weight": "high"}, "priority_weight"),
        (
            {"priority_weight": 0, "wait_time_weight": 0, "appointment_time_weight": 0},
            "priority_weight",
        ),
        ({"overflow_queue_id": 10**12}, "overflow_queue_id"),
        ({"opens_at": "25:00"}, "opens_at"),
        ({"opens_at": "18:00", "closes_at": "08:00"}, "closes_at"),
        ({"opening_days": [7]}, "opening_days.0"),
        ({"opening_days": ["0"]}, "opening_days.0"),
        ({"opening_days": None}, "opening_days"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_configurations_name_the_field_and_change_nothing(queue, riverside, body, attr):
    manager = api_of(riverside, Role.MANAGER)
    path = f"{QUEUES}/{queue.pk}/configuration/"
    before = manager.get(path).json()
    answer = manager.send("PUT", path, body)
    assert (problem(answer)[0], problem(answer)[2]) == (400, attr)
    assert manager.get(path).json() == before


def test_queues_are_added_renamed_and_retired_by_a_manager(queue, riverside, api, add):
    manager = api_of(riverside, Role.MANAGER)
    added = manager.post(f"{QUEUES}/", {"name": "Blood tests", "prefix": "C"})
    assert (added.status_code, added.json()["prefix"]) == (201, "C")
    path = f"{QUEUES}/{added.json()['id']}/"
    assert manager.patch(path, {"name": "Blood"}).json()["name"] == "Blood"
    assert manager.delete(path).status_code == 204
    assert api.post(f"{QUEUES}/", {"name": "Mine"}).status_code == 403
    add()
    assert problem(manager.delete(f"{QUEUES}/{queue.pk}/"))[0] == 409


def test_a_walk_in_joins_the_shortest_line(queue, riverside, api, add):
    with riverside.active():
        other = WaitingQueue.objects.create(name="Other", prefix="B", site=riverside.site)
        ServicePointQueue.objects.create(
            point=ServicePoint.objects.create(name="Room 5"), queue=other
        )
    add(0)
    add(1)
    joined = api.post(f"{QUEUES}/join_shortest/", {"patient_id": riverside.patients[2].pk})
    assert (joined.status_code, joined.json()["queue_id"]) == (201, other.pk)


def test_figures_count_what_happened(queue, riverside, api, add):
    add(0)
    called = api.post(f"{QUEUES}/{queue.pk}/call_next/", {"service_point": "Room 1"}).json()
    for command in ("mark_in_progress", "mark_completed"):
        api.post(f"{ENTRIES}/{called['id']}/{command}/")
    add(1)
    manager = api_of(riverside, Role.MANAGER)
    today = manager.get(f"{QUEUES}/{queue.pk}/metrics/").json()
    assert (today["metrics"]["total_entries"], today["metrics"]["completed_entries"]) == (2, 1)
    assert today["now"]["current_size"] == 1
    assert sum(hour["total_entries"] for hour in today["hours"]) == 2
    week = manager.get(f"{QUEUES}/{queue.pk}/analytics/", {"days": 7}).json()
    assert (week["period"]["days"], week["metrics"]["served_entries"]) == (7, 1)
    assert api.get(f"{QUEUES}/{queue.pk}/metrics/").status_code == 403
    for days in ("0", "367", "x"):
        refused = manager.get(f"{QUEUES}/{queue.pk}/analytics/", {"days": days})
        assert (problem(refused)[0], problem(refused)[2]) == (400, "days")


def test_a_past_moment_is_shown(queue, api, add):
    first, second = (add(number).json() for number in (0, 1))
    called = api.post(f"{QUEUES}/{queue.pk}/call_next/", {"service_point": "Room 1"}).json()
    path = f"{QUEUES}/{queue.pk}/moment/"
    both = api.get(path, {"at": second["joined_at"]}).json()
    assert both["current_size"] == 2
    assert [(each["ticket"], each["position"]) for each in both["entries"]] == [
        (first["ticket"], 1),
        (second["ticket"], 2),
    ]
    later = api.get(path, {"at": called["called_at"]}).json()
    assert [(each["ticket"], each["position"], each["status"]) for each in later["entries"]] == [
        (second["ticket"], 1, "WAITING"),
        (first["ticket"], 0, "CALLED"),
    ]
    assert api.get(path, {"at": "2020-01-01T00:00:00Z"}).json()["entries"] == []


@pytest.mark.parametrize(
    "at", [None, "yesterday", "2999-01-01T00:00:00Z", "2026-02-30", "0001-01-01T00:00:00Z"]
)
def test_a_moment_that_cannot_be_shown_names_the_field(queue, api, at):
    refused = api.get(f"{QUEUES}/{queue.pk}/moment/", {} if at is None else {"at": at})
    assert (problem(refused)[0], problem(refused)[2]) == (400, "at")


def test_who_served_is_told_whoever_was_asked_for(queue, riverside, api, add):
    provider = riverside.user(Role.PROVIDER)
    with riverside.active():
        ServicePoint.objects.filter(name="Room 1").update(provider=provider)
    entry = add(0).json()
    assert entry["served_by_id"] is None
    api.post(f"{QUEUES}/{queue.pk}/call_next/", {"service_point": "Room 1"})
    started = api.post(f"{ENTRIES}/{entry['id']}/mark_in_progress/").json()
    assert started["served_by_id"] == provider.pk
    assert api.post(f"{ENTRIES}/{entry['id']}/undo/").json()["served_by_id"] is None


def test_service_points_are_set_up_by_managers_and_opened_by_staff(queue, riverside, api, add):
    manager, points = api_of(riverside, Role.MANAGER), "appointments/service-points"
    made = manager.post(f"{points}/", {"name": "Room 9", "queue_ids": [queue.pk]})
    assert (made.status_code, made.json()["state"], made.json()["queue_ids"]) == (
        201,
        "open",
        [queue.pk],
    )
    path = f"{points}/{made.json()['id']}/"
    assert api.patch(path, {"name": "Mine"}).status_code == 403
    changed = manager.patch(path, {"type_ids": [riverside.types[0].pk]})
    assert (changed.status_code, changed.json()["type_ids"]) == (200, [riverside.types[0].pk])
    assert manager.patch(path, {"type_ids": []}).json()["name"] == "Room 9"
    paused = api.post(f"{path}pause/")
    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    add()
    assert (
        api.post(f"{QUEUES}/{queue.pk}/call_next/", {"service_point": "Room 9"}).status_code == 409
    )
    assert api.send("POST", f"{path}open/", {}, **{"If-Match": made["ETag"]}).status_code == 412
    assert api.post(f"{path}open/").json()["state"] == "open"
    assert (
        api.post(f"{QUEUES}/{queue.pk}/call_next/", {"service_point": "Room 9"}).status_code == 200
    )
    assert problem(manager.delete(path))[0] == 409
    listed = api.get(f"{points}/", {"queue_id": queue.pk, "ordering": "name"}).json()["results"]
    assert [each["name"] for each in listed] == ["Room 1", "Room 2", "Room 9"]
    for wrong, attr in (({"queue_ids": []}, "queue_ids"), ({"queue_ids": [999_999]}, "queue_ids")):
        refused = manager.post(f"{points}/", {"name": "Room 10", **wrong})
        assert problem(refused)[0] == 400
        assert problem(refused)[2].startswith(attr)


def test_a_range_that_ends_before_it_begins_is_no_empty_list(api):
    for name in (
        "appointments/queue-entries",
        "appointments/appointments",
        "appointments/time-off",
    ):
        refused = api.get(f"{name}/", {"date_from": "2030-01-02", "date_to": "2030-01-01"})
        assert problem(refused) == (400, "end_before_start", "date_to")
