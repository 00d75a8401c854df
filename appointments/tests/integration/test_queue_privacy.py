"""A day of a queue is played, and everything that leaves the house unguarded is recorded: frames,
public pages, addresses and log lines.  None of it carries a patient's name, number or key."""

import json
import logging
from datetime import date, timedelta

import pytest
from django.test import Client

from accounts.permissions import Role
from appointments import live
from appointments.booking.engine import BookingEngine
from appointments.enums import LinkKind
from appointments.models import (
    DisplayQueue,
    DisplayScreen,
    QueueEntry,
    QueueProvider,
    ServicePoint,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.queue.links import link_to, token_of
from appointments.tests.api import Api
from appointments.tests.sockets import PATIENCE, in_thread, opened
from core.clock import system_clock
from patients.models import PatientProfile

FIRST_KEY = 987_650_000
PEOPLE = 6


@pytest.fixture
def secret_people(committed_riverside):
    """Patients whose names, numbers and keys occur nowhere else."""
    with committed_riverside.active():
        return PatientProfile.objects.bulk_create(
            PatientProfile(
                pk=FIRST_KEY + number,
                mrn=f"ZQX{number:04d}",
                first_name=f"Zebulonia{number}",
                last_name=f"Quagmirova{number}",
                birth_date=date(1971, 3, 1),
            )
            for number in range(PEOPLE)
        )


def found_secrets(text: str) -> list[str]:
    wanted = ["Zebulonia", "Quagmirova", "ZQX0", str(FIRST_KEY)[:6]]
    return [each for each in wanted if each in text]


@pytest.fixture
def hall(committed_riverside, secret_people):
    clinic = committed_riverside
    with clinic.active():
        queue = WaitingQueue.objects.create(name="Hall", prefix="A", site=clinic.site)
        room = ServicePoint.objects.create(name="Room 3", provider=clinic.providers[0])
        ServicePointQueue.objects.create(point=room, queue=queue)
        QueueProvider.objects.create(queue=queue, provider=clinic.providers[0])
        screen = DisplayScreen.objects.create(name="Screen")
        DisplayQueue.objects.create(display=screen, queue=queue)
        display = token_of(link_to(LinkKind.DISPLAY, screen.pk))
    return queue, room, display


def play(clinic, queue, room, people) -> list[int]:
    """A visit that is checked in, walk-ins with notes, calls, skips, moves, changes, the end."""
    token = clinic.token(Role.NURSE)
    api = Api(token)
    start = system_clock() + timedelta(minutes=10)
    with clinic.active():
        visit = BookingEngine(by=None).book(
            patient_id=people[0].pk,
            provider_id=clinic.providers[0].pk,
            appointment_type_id=clinic.types[0].pk,
            start=start.replace(second=0, microsecond=0),
            reason="Zebulonia0 has chest pain",
        )
    assert api.post(f"appointments/appointments/{visit.pk}/check_in/").status_code == 200
    for number, patient in enumerate(people[1:]):
        body = {
            "patient_id": patient.pk,
            "notes": f"{patient.first_name} is dizzy",
            "priority": "urgent" if number == 2 else "routine",
        }
        assert api.post(f"appointments/queues/{queue.pk}/add_patient/", body).status_code == 201
    with clinic.active():
        keys = list(QueueEntry.objects.filter(queue=queue).values_list("pk", flat=True))
    assert len(keys) == len(people)
    entry = f"appointments/queue-entries/{keys[1]}"
    api.post(f"{entry}/skip/", {"reason": "Zebulonia1 went out"})
    api.post(f"{entry}/return/")
    api.post(f"{entry}/move/", {"position": 1, "reason": "Zebulonia1 is faint"})
    for _ in range(3):
        called = api.post(f"appointments/queues/{queue.pk}/call_next/", {"service_point": room.pk})
        key = called.json()["id"]
        api.post(f"appointments/queue-entries/{key}/recall/")
        api.post(f"appointments/queue-entries/{key}/mark_in_progress/")
        api.post(f"appointments/queue-entries/{key}/mark_completed/")
    refused = api.post(f"appointments/queue-entries/{key}/mark_called/")
    assert refused.status_code == 409
    assert found_secrets(refused.content.decode()) == []
    live.flush()
    return keys


def public_pages(clinic, display: str, keys: list[int]) -> list[str]:
    """What a stranger sees of the queue: the screen, and the patients' own pages."""
    with clinic.active():
        tickets = [token_of(link_to(LinkKind.TICKET, key)) for key in keys]
    stranger = Client()
    pages = [f"/display/{display}/", *(f"/ticket/{token}/" for token in tickets)]
    shown = []
    for path in pages:
        answer = stranger.get(path)
        assert answer.status_code == 200, path.split("/")[1]
        shown.append(answer.content.decode() + str(answer.headers))
    return shown


async def test_nothing_that_is_shown_sent_or_logged_names_a_patient(
    committed_riverside, secret_people, hall, caplog
):
    clinic = committed_riverside
    queue, room, display = hall
    caplog.set_level(logging.DEBUG)
    nurse = await in_thread(clinic.client)(Role.NURSE)
    sockets = [
        await opened(f"/ws/appointments/queue/{queue.pk}/", nurse),
        await opened(f"/ws/appointments/display/{display}/"),
        await opened(f"/ws/appointments/queue/{queue.pk}/patient/{secret_people[3].pk}/", nurse),
    ]
    keys = await in_thread(play)(clinic, queue, room, secret_people)
    frames = []
    for socket in sockets:
        while not await socket.receive_nothing(0.5):
            frames.append(await socket.receive_from(PATIENCE))
        await socket.disconnect()
    kinds = {json.loads(frame)["type"] for frame in frames}
    assert {"queue_status", "queue_update", "patient_called"} <= kinds
    assert [secret for frame in frames for secret in found_secrets(frame)] == []
    pages = await in_thread(public_pages)(clinic, display, keys)
    assert [secret for page in pages for secret in found_secrets(page)] == []
    lines = [
        record.getMessage() for record in caplog.records if record.name != "django.db.backends"
    ]
    assert [line for line in lines if found_secrets(line)] == []


def test_control_the_recorder_sees_a_name():
    assert found_secrets("Zebulonia3 Quagmirova3, ZQX0003, 987650003")
