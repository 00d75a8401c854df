"""A day of a queue is played, and everything that leaves the house unguarded is recorded: frames,
public pages, addresses and log lines.  None of it carries a patient's name, number or key.

One address does, by contract: that of a patient's own socket for systems that know the key, which
only staff and the patient may open.
"""

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
from appointments.queue.kiosks import Kiosks
from appointments.queue.links import link_to, token_of
from appointments.tests.api import Api
from appointments.tests.sockets import PATIENCE, in_thread, opened
from core.clock import system_clock
from patients.models import PatientProfile

TODAY, PAGES = "/ws/appointments/today/", ("", "place/")
FIRST_KEY = 987_650_000
PEOPLE = 7


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
        lab = WaitingQueue.objects.create(name="Lab", prefix="L", site=clinic.site)
        desk = Kiosks(by=None)
        stand = desk.add(name="Door", site_id=clinic.site.pk, walk_in_queue_id=lab.pk)
        screen = DisplayScreen.objects.create(name="Screen")
        DisplayQueue.objects.create(display=screen, queue=queue)
        display = token_of(link_to(LinkKind.DISPLAY, screen.pk))
        kiosk = desk.token(stand.pk)
    return queue, room, lab, display, kiosk


def play(clinic, queue, room, lab, people) -> list[int]:
    """A visit that is checked in, walk-ins with notes, calls, skips, moves, changes, somebody who
    is sent on, one who does not come and one who leaves, with undo, and the end."""
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
    steps = {
        f"{entry}/hold/": {"reason": "Zebulonia1 phones"},
        f"{entry}/undo/": None,
        f"appointments/queue-entries/{keys[2]}/mark_called/": {"service_point": room.pk},
        f"appointments/queue-entries/{keys[2]}/mark_no_show/": {"reason": "No Quagmirova2"},
        f"appointments/queue-entries/{keys[2]}/undo/": None,
        f"appointments/queue-entries/{keys[3]}/transfer/": {"to_queue_id": lab.pk},
    }
    for path, body in steps.items():
        assert api.post(path, body).status_code < 300, path
    assert api.patch(f"{entry}/", {"notes": "Zebulonia1 is better"}).status_code == 200
    for _ in range(2):
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


def ticket_of(clinic, key: int) -> str:
    with clinic.active():
        return token_of(link_to(LinkKind.TICKET, key))


def public_pages(clinic, display: str, kiosk: str, keys: list[int], comer) -> list[str]:
    """What a stranger sees, and where they are led: the screen, the kiosk at which somebody takes a
    ticket, and the patients' own pages with all that can be pressed there."""
    stranger = Client(headers={"Accept-Language": "en"})
    born = {"day": "1", "month": "3", "year": "1971", "lang": "en"}
    waits = f"/ticket/{ticket_of(clinic, keys[-1])}/"
    asked = [
        *[(path, None) for path in (f"/display/{display}/", f"/display/{display}/status/")],
        *[(f"/kiosk/{kiosk}/{name}", None) for name in ("", "visit/", "walk-in/", "code/")],
        (f"/kiosk/{kiosk}/visit/", born | {"mrn": comer.mrn}),
        (f"/kiosk/{kiosk}/walk-in/", born | {"mrn": "ZQX9999"}),
        (f"/kiosk/{kiosk}/walk-in/", born | {"mrn": comer.mrn}),
        *[(f"/ticket/{ticket_of(clinic, key)}/{name}", None) for key in keys for name in PAGES],
        (f"{waits}more-time/", {"minutes": "10"}),
        (f"{waits}come-back/", {}),
        (f"{waits}elsewhere/", {"away": "yes"}),
        (f"{waits}leave/", {}),
    ]
    shown = []
    for path, typed in asked:
        answer = stranger.get(path) if typed is None else stranger.post(path, typed)
        while answer.status_code == 302:
            shown.append(answer["Location"])
            answer = stranger.get(answer["Location"])
        assert answer.status_code < 500, path.split("/")[1]
        shown.append(path + answer.content.decode() + str(answer.headers))
    with clinic.active():
        assert QueueEntry.objects.filter(patient=comer).exists()
    return shown


async def test_nothing_that_is_shown_sent_or_logged_names_a_patient(
    committed_riverside, secret_people, hall, caplog
):
    clinic = committed_riverside
    queue, room, lab, display, kiosk = hall
    *people, comer = secret_people
    caplog.set_level(logging.DEBUG)
    nurse = await in_thread(clinic.client)(Role.NURSE)
    sockets = [
        await opened(f"/ws/appointments/queue/{queue.pk}/", nurse),
        await opened(f"/ws/appointments/display/{display}/"),
        await opened(f"/ws/appointments/queue/{queue.pk}/patient/{secret_people[3].pk}/", nurse),
    ]
    keys = await in_thread(play)(clinic, queue, room, lab, people)
    for path in (f"/ws/appointments/ticket/{await in_thread(ticket_of)(clinic, keys[4])}/", TODAY):
        sockets.append(await opened(path, nurse))
    frames = []
    for socket in sockets:
        while not await socket.receive_nothing(0.5):
            frames.append(await socket.receive_from(PATIENCE))
        await socket.disconnect()
    kinds = {json.loads(frame)["type"] for frame in frames}
    assert {"queue_status", "queue_update", "patient_called"} <= kinds
    assert [secret for frame in frames for secret in found_secrets(frame)] == []
    pages = await in_thread(public_pages)(clinic, display, kiosk, keys, comer)
    assert [secret for page in pages for secret in found_secrets(page)] == []
    lines = [
        record.getMessage() for record in caplog.records if record.name != "django.db.backends"
    ]
    assert [line for line in lines if found_secrets(line)] == []


def test_control_the_recorder_sees_a_name():
    assert found_secrets("Zebulonia3 Quagmirova3, ZQX0003, 987650003")
