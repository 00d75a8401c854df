"""Queues, queue entries and the waitlist over HTTP, to read."""

import pytest

from accounts.permissions import Role
from appointments.models import QueueEntry, WaitingList, WaitingQueue
from appointments.tests.api import api_of, problem
from appointments.tests.queues import make_point


@pytest.fixture
def line(riverside):
    """Two who wait and one who was called, in one of two queues."""
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Walk-in", site=riverside.site)
        WaitingQueue.objects.create(name="Blood tests")
        for number, status in enumerate(("CALLED", "WAITING", "WAITING")):
            QueueEntry.objects.create(
                queue=queue,
                patient=riverside.patients[number],
                ticket=f"A{number:03d}",
                status=status,
            )
        return queue


def test_queues_say_how_many_wait(riverside, line):
    api = api_of(riverside, Role.NURSE)
    sizes = {
        row["name"]: row["current_size"]
        for row in api.get("appointments/queues/").json()["results"]
    }
    assert sizes == {"Blood tests": 0, "Walk-in": 2}


def test_entries_by_queue_patient_and_status(riverside, line):
    api, doctor, kind = api_of(riverside, Role.NURSE), riverside.providers[0], riverside.types[0]
    with riverside.active():
        room = make_point(line)
        wishes = {"wanted_provider": doctor, "appointment_type": kind, "service_point": room}
        QueueEntry.objects.filter(ticket="A001").update(**wishes)
    for params, tickets in (
        ({"queue_id": line.pk}, ["A000", "A001", "A002"]),
        ({"wanted_provider_id": doctor.pk}, ["A001"]),
        ({"appointment_type_id": kind.pk}, ["A001"]),
        ({"service_point_id": room.pk}, ["A001"]),
        ({"queue_id": 10**9}, []),
        ({"status": "WAITING"}, ["A001", "A002"]),
        ({"status": "WAITING,CALLED"}, ["A000", "A001", "A002"]),
        ({"patient_id": riverside.patients[2].pk}, ["A002"]),
        ({"status": "WAITING", "ordering": "-queue_position"}, ["A002", "A001"]),
    ):
        rows = api.get("appointments/queue-entries/", params).json()["results"]
        assert [row["ticket"] for row in rows] == tickets, params
    shown = api.get(f"appointments/queue-entries/{rows[0]['id']}/").json()
    assert (shown["queue_id"], shown["queue_position"], shown["status"]) == (line.pk, 2, "WAITING")
    assert shown["patient_name"] == "Pat3 Riversideson"
    refused = api.get("appointments/queue-entries/", {"status": "ASLEEP"})
    assert problem(refused) == (400, "invalid_choice", "status")


def test_waitlist_by_type_and_status(riverside):
    with riverside.active():
        for kind, status in zip(riverside.types, ("ACTIVE", "SCHEDULED"), strict=True):
            WaitingList.objects.create(
                patient=riverside.patients[0], appointment_type=kind, status=status
            )
    api = api_of(riverside)
    first = riverside.types[0].pk
    for params in ({"status": "ACTIVE"}, {"appointment_type_id": first}):
        (row,) = api.get("appointments/waitlist/", params).json()["results"]
        assert (row["appointment_type_id"], row["status"]) == (first, "ACTIVE")
