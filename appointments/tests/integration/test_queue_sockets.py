"""Queues' sockets: who may listen, what is on the wire, and that what it says is how it is."""

import asyncio
import json
import random
import signal
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import date

import pytest
from channels.layers import get_channel_layer
from django.conf import settings
from django.test import Client
from django.test.utils import override_settings

from accounts.permissions import Role
from appointments import live
from appointments.consumers import DisplayConsumer, QueueConsumer, guarded, hub
from appointments.consumers.frames import Frame
from appointments.consumers.hub import PLACE
from appointments.consumers.watching import MAX_CALLS_BEHIND
from appointments.enums import LinkKind, QueueStep
from appointments.models import (
    DisplayQueue,
    DisplayScreen,
    QueueEntry,
    ServicePoint,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.queue.links import link_to, revoke_links, token_of
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.tests.sockets import (
    close_code,
    closed_with,
    heard,
    in_thread,
    opened,
    say,
)
from core.clock import system_clock
from core.errors import DomainError
from core.lookups import MAX_KEY
from hospital_management import embedded
from patients.models import PatientProfile

STATUS_KEYS = {
    "queue_id",
    "queue_name",
    "version",
    "current_size",
    "max_size",
    "average_wait_minutes",
    "load_factor",
    "load_level",
    "is_accepting",
    "entries",
    "now_serving",
    "recent_calls",
    "timestamp",
}
ENTRY_KEYS = {
    "entry_id",
    "ticket",
    "position",
    "status",
    "priority",
    "estimated_wait_minutes",
    "waiting_since",
}


@dataclass
class Desk:
    """A queue and whoever runs it; each method is one commit."""

    clinic: object
    queue: WaitingQueue
    room: ServicePoint
    patients: list[PatientProfile]

    @property
    def path(self) -> str:
        return f"/ws/appointments/queue/{self.queue.pk}/"

    def engine(self) -> AdvancedQueueEngine:
        return AdvancedQueueEngine(self.queue, by=self.clinic.user(Role.NURSE))

    @in_thread
    def join(self, number: int = 0, score: float = 25) -> int:
        with self.clinic.active():
            entry = self.engine().add_to_queue(
                patient_id=self.patients[number].pk, priority_score=score
            )
            return entry.pk

    @in_thread
    def call_next(self) -> int | None:
        with self.clinic.active():
            entry = self.engine().get_next_patient(service_point_id=self.room.pk)
            return entry and entry.pk

    @in_thread
    def take(self, step: QueueStep, entry_id: int) -> None:
        with self.clinic.active():
            self.engine().take(step, entry_id)

    @in_thread
    def move(self, entry_id: int, position: int) -> None:
        with self.clinic.active():
            self.engine().move(entry_id, position=position, reason="Faint")

    @in_thread
    def undo(self, entry_id: int) -> None:
        with self.clinic.active():
            self.engine().undo(entry_id)

    @in_thread
    def transfer(self, entry_id: int, queue: WaitingQueue) -> int:
        with self.clinic.active():
            return self.engine().transfer(entry_id, to_queue_id=queue.pk).pk

    @in_thread
    def link(self, kind: LinkKind, target_id: int) -> str:
        with self.clinic.active():
            return token_of(link_to(kind, target_id))

    @in_thread
    def revoke(self, kind: LinkKind, target_id: int) -> None:
        with self.clinic.active():
            revoke_links(kind, target_id, now=system_clock())

    @in_thread
    def screen(self, *queues: WaitingQueue) -> DisplayScreen:
        with self.clinic.active():
            screen = DisplayScreen.objects.create(name="Hall")
            for queue in queues:
                DisplayQueue.objects.create(display=screen, queue=queue)
            return screen

    def fresh(self) -> live.Status:
        return live.read_status(self.clinic.tenant.pk, self.queue.pk)


def open_desk(clinic, name: str = "Reception", prefix: str = "A", patients: int = 3) -> Desk:
    with clinic.active():
        queue = WaitingQueue.objects.create(name=name, prefix=prefix, max_queue_size=200)
        room = ServicePoint.objects.create(name=f"Room {prefix}")
        ServicePointQueue.objects.create(point=room, queue=queue)
        more = [
            PatientProfile(
                mrn=f"X{number:05d}",
                first_name="Somebody",
                last_name=f"Else{number}",
                birth_date=date(1980, 1, 1),
            )
            for number in range(3, patients)
        ]
        PatientProfile.objects.bulk_create(more)
        found = list(PatientProfile.objects.order_by("pk")[:patients])
    return Desk(clinic, queue, room, found)


@pytest.fixture
def desk(committed_riverside) -> Desk:
    return open_desk(committed_riverside)


@pytest.fixture
def elsewhere(committed_lakeside) -> Desk:
    return open_desk(committed_lakeside)


@pytest.fixture
def second(desk) -> Desk:
    return open_desk(desk.clinic, "Laboratory", "B")


@pytest.fixture
def nurse(desk) -> Client:
    return desk.clinic.client(Role.NURSE)


async def test_the_state_comes_first_and_then_each_change(desk, nurse):
    socket = await opened(desk.path, nurse)
    status = await heard(socket)
    assert status["type"] == "queue_status"
    assert status["data"].keys() == STATUS_KEYS
    assert status["data"]["entries"] == []
    entry = await desk.join()
    update = await heard(socket)
    assert (update["type"], update["version"]) == ("queue_update", status["version"] + 1)
    (shown,) = update["data"]["entries"]
    assert shown.keys() == ENTRY_KEYS
    assert (shown["entry_id"], shown["ticket"], shown["position"]) == (entry, "A-001", 1)
    await desk.call_next()
    update, called = await heard(socket, "queue_update"), await heard(socket)
    assert update["data"]["entries"] == []
    assert [each["ticket"] for each in update["data"]["now_serving"]] == ["A-001"]
    assert (called["type"], called["version"]) == ("patient_called", update["version"])
    assert called["data"] == update["data"]["recent_calls"][-1]
    assert called["data"]["entry_id"] == entry
    assert called["data"]["service_point"] == "Room A"
    await socket.disconnect()


async def test_the_state_comes_again_when_asked_for(desk, nurse):
    socket = await opened(desk.path, nurse)
    first = await heard(socket)
    await say(socket, {"type": "get_status"})
    assert await heard(socket) == first
    await say(socket, {"type": "ping"})
    pong = await heard(socket)
    assert (pong["type"], pong["version"]) == ("pong", first["version"])
    assert pong["data"] == {"versions": {str(desk.queue.pk): first["version"]}}
    await socket.disconnect()


async def test_a_call_is_told_once_and_a_recall_again(desk, nurse):
    await desk.join()
    socket = await opened(desk.path, nurse)
    await heard(socket)
    entry = await desk.call_next()
    first = await heard(socket, "patient_called")
    await desk.join(1)
    assert (await heard(socket))["type"] == "queue_update"
    await desk.take(QueueStep.RECALL, entry)
    again = await heard(socket, "patient_called")
    assert again["data"]["call_id"] != first["data"]["call_id"]
    assert (first["data"]["is_recall"], again["data"]["is_recall"]) == (False, True)
    late = await opened(desk.path, nurse)
    status = await heard(late)
    calls = [each["call_id"] for each in status["data"]["recent_calls"]]
    assert calls == [first["data"]["call_id"], again["data"]["call_id"]]
    assert await late.receive_nothing(0.3)
    await socket.disconnect()
    await late.disconnect()


async def test_who_is_moved_is_told_and_who_only_moves_up_is_not(desk, nurse):
    entries = [await desk.join(number) for number in range(3)]
    socket = await opened(desk.path, nurse)
    await heard(socket)
    await desk.move(entries[2], 1)
    place = await heard(socket, "position_change")
    assert (place["data"]["entry_id"], place["data"]["position"]) == (entries[2], 1)
    assert place["data"].keys() == {"queue_id", *PLACE}
    await desk.call_next()
    assert (await heard(socket, "position_change", "patient_called"))["type"] == "patient_called"
    assert await socket.receive_nothing(0.3)
    await socket.disconnect()


async def test_who_may_not_listen_is_told_why(desk, elsewhere, nurse, monkeypatch):
    monkeypatch.setattr(guarded, "AUTH_SECONDS", 0.1)
    patient = await in_thread(desk.clinic.client)(Role.PATIENT)
    assert await closed_with(desk.path, Client()) == 4401
    assert await closed_with(desk.path) == 4401
    assert await closed_with(f"{desk.path}?token=abc", nurse) == 4401
    assert await closed_with(desk.path, patient) == 4403
    assert await closed_with(elsewhere.path, nurse) == 4403
    assert await closed_with("/ws/appointments/queue/99999999/", nurse) == 4404
    assert await closed_with(f"/ws/appointments/queue/{MAX_KEY * 10}/", nurse) == 4404
    assert await closed_with("/ws/appointments/queue/abc/", nurse) == 4404


async def test_a_provider_hears_of_own_queues_only(desk):
    doctor = await in_thread(desk.clinic.client)(Role.PROVIDER)
    assert await closed_with(desk.path, doctor) == 4403
    with_room = in_thread(serve_in_room)
    await with_room(desk)
    socket = await opened(desk.path, doctor)
    assert (await heard(socket))["type"] == "queue_status"
    await socket.disconnect()


def serve_in_room(desk: Desk) -> None:
    with desk.clinic.active():
        desk.room.provider = desk.clinic.user(Role.PROVIDER)
        desk.room.save()


async def test_another_system_logs_in_by_a_first_frame(desk):
    token = await in_thread(desk.clinic.token)(Role.NURSE)
    socket = await opened(desk.path)
    await say(socket, {"type": "auth", "token": token})
    assert (await heard(socket))["type"] == "queue_status"
    await socket.disconnect()
    socket = await opened(desk.path)
    await say(socket, {"type": "get_status"})
    assert await close_code(socket) == 4401


async def test_bad_frames_are_answered_and_the_socket_lives_on(desk, nurse):
    socket = await opened(desk.path, nurse)
    await heard(socket)
    for text, code in (
        ("{", "invalid"),
        ("[" * 4000, "invalid"),
        ('{"type": "call_next"}', "unknown_type"),
        ('{"type": "auth", "token": "x"}', "unknown_type"),
        ('"' + "x" * 5000 + '"', "too_large"),
    ):
        await socket.send_to(text_data=text)
        frame = await heard(socket)
        assert (frame["type"], frame["data"]) == ("error", {"code": code})
    await socket.send_to(bytes_data=b"\x00\xff")
    assert (await heard(socket))["data"] == {"code": "invalid"}
    await say(socket, {"type": "ping"})
    assert (await heard(socket))["type"] == "pong"
    await socket.disconnect()


async def test_an_open_socket_ends_with_its_login(desk, nurse):
    socket = await opened(desk.path, nurse)
    await heard(socket)
    await in_thread(nurse.post)("/accounts/logout/")
    assert await close_code(socket) == 4401


async def test_other_tenants_queues_are_not_heard(desk, elsewhere, nurse):
    there = await in_thread(elsewhere.clinic.client)(Role.NURSE)
    own, foreign = await opened(desk.path, nurse), await opened(elsewhere.path, there)
    await heard(own), await heard(foreign)
    await desk.join()
    assert (await heard(own))["data"]["queue_id"] == desk.queue.pk
    assert await foreign.receive_nothing(0.5)
    await own.disconnect()
    await foreign.disconnect()


async def own_login(desk: Desk, number: int) -> Client:
    def make() -> Client:
        with desk.clinic.active():
            patient = desk.patients[number]
            patient.user = desk.clinic.user(Role.PATIENT)
            patient.save()
        return desk.clinic.client(Role.PATIENT)

    return await in_thread(make)()


async def test_a_patient_hears_of_the_own_place_only(desk, nurse):
    client = await own_login(desk, 1)
    path = f"{desk.path}patient/{desk.patients[1].pk}/"
    await desk.join(0)
    socket = await opened(path, client)
    status = await heard(socket)
    assert (status["type"], status["data"]["entries"]) == ("queue_status", [])
    entry = await desk.join(1)
    place = await heard(socket, "position_change")
    assert place["data"].keys() == {
        "queue_id",
        "entry_id",
        "ticket",
        "status",
        "position",
        "estimated_wait_minutes",
    }
    assert (place["data"]["entry_id"], place["data"]["position"]) == (entry, 2)
    await desk.call_next()
    update = await heard(socket, "queue_update")
    while update["version"] <= place["version"]:
        update = await heard(socket, "queue_update")
    assert [each["entry_id"] for each in update["data"]["entries"]] == [entry]
    assert (await heard(socket, "position_change"))["data"]["position"] == 1
    await desk.call_next()
    place = await heard(socket, "position_change")
    assert (place["data"]["status"], place["data"]["position"]) == ("CALLED", None)
    assert (await heard(socket, "patient_called"))["data"]["entry_id"] == entry
    await desk.take(QueueStep.START, entry)
    await desk.take(QueueStep.COMPLETE, entry)
    while place["data"]["status"] != "COMPLETED":
        place = await heard(socket, "position_change")
    await socket.disconnect()


async def test_a_patients_socket_is_for_the_patient_and_the_staff(desk, elsewhere, nurse):
    client = await own_login(desk, 1)
    assert await closed_with(f"{desk.path}patient/{desk.patients[0].pk}/", client) == 4403
    assert await closed_with(f"{desk.path}patient/{MAX_KEY}/", client) == 4403
    assert await closed_with(f"{desk.path}patient/{MAX_KEY * 10}/", nurse) == 4404
    assert await closed_with(f"{desk.path}patient/{elsewhere.patients[0].pk}/", nurse) == 4404
    assert await closed_with(f"{elsewhere.path}patient/{desk.patients[1].pk}/", client) == 4403
    socket = await opened(f"{desk.path}patient/{desk.patients[0].pk}/", nurse)
    assert (await heard(socket))["type"] == "queue_status"
    await socket.disconnect()


async def test_a_ticket_follows_its_patient_to_another_queue(desk, second):
    entry = await desk.join()
    token = await desk.link(LinkKind.TICKET, entry)
    socket = await opened(f"/ws/appointments/ticket/{token}/")
    assert [each["entry_id"] for each in (await heard(socket))["data"]["entries"]] == [entry]
    assert (await heard(socket))["data"]["position"] == 1
    sent = await desk.transfer(entry, second.queue)
    place = await heard(socket, "position_change")
    while place["data"]["entry_id"] != sent:
        place = await heard(socket, "position_change")
    assert (place["data"]["queue_id"], place["data"]["ticket"]) == (second.queue.pk, "B-001")
    await desk.undo(entry)
    while place["data"]["entry_id"] != entry:
        place = await heard(socket, "position_change")
    assert (place["data"]["status"], place["data"]["ticket"]) == ("WAITING", "A-001")
    await socket.disconnect()


@pytest.fixture
def quick_checks(monkeypatch):
    monkeypatch.setattr(DisplayConsumer, "recheck_seconds", 0.05)


async def test_a_display_shows_its_queues_until_its_link_is_revoked(desk, second, quick_checks):
    screen = await desk.screen(desk.queue, second.queue)
    token = await desk.link(LinkKind.DISPLAY, screen.pk)
    socket = await opened(f"/ws/appointments/display/{token}/")
    shown = [(await heard(socket))["data"]["queue_id"] for _ in range(2)]
    assert shown == [desk.queue.pk, second.queue.pk]
    await second.join()
    assert (await heard(socket))["data"]["queue_id"] == second.queue.pk
    await say(socket, {"type": "ping"})
    assert (await heard(socket))["data"]["versions"].keys() == {str(each) for each in shown}
    await desk.revoke(LinkKind.DISPLAY, screen.pk)
    assert await close_code(socket) == 4401
    assert await closed_with(f"/ws/appointments/display/{token}/") == 4401


async def test_a_display_follows_what_it_is_told_to_show(desk, second, quick_checks):
    screen = await desk.screen(desk.queue)
    token = await desk.link(LinkKind.DISPLAY, screen.pk)
    socket = await opened(f"/ws/appointments/display/{token}/")
    assert (await heard(socket))["data"]["queue_id"] == desk.queue.pk

    @in_thread
    def show_the_other() -> None:
        with desk.clinic.active():
            screen.displayqueue_set.update(queue=second.queue)

    await show_the_other()
    assert (await heard(socket))["data"]["queue_id"] == second.queue.pk
    await socket.disconnect()


async def test_a_link_of_another_kind_opens_no_display(desk):
    token = await desk.link(LinkKind.TICKET, await desk.join())
    for each in (token, "x", "x" * 500, "%00"):
        assert await closed_with(f"/ws/appointments/display/{each}/") == 4401


async def frames_until(socket, version: int) -> list[dict]:
    frames = [await heard(socket)]
    while frames[-1]["version"] < version:
        frames.append(await heard(socket))
    return frames


async def test_versions_have_no_gaps(desk, nurse):
    desk.patients = await in_thread(lambda: open_desk(desk.clinic, "More", "C", 40).patients)()
    socket = await opened(desk.path, nurse)
    first = (await heard(socket))["version"]
    await asyncio.gather(*(desk.join(number) for number in range(40)))
    await in_thread(live.flush)()
    last = (await in_thread(desk.fresh)()).version
    frames = await frames_until(socket, last)
    assert [frame["version"] for frame in frames] == list(range(first + 1, last + 1))
    assert frames[-1]["data"]["current_size"] == 40
    await socket.disconnect()


async def random_step(desk: Desk, draw: random.Random) -> None:
    entries = await in_thread(entry_ids)(desk)
    if draw.random() < 0.35:
        await desk.join(draw.randrange(len(desk.patients)), draw.choice([25, 50, 100]))
    elif draw.random() < 0.4 or not entries:
        await desk.call_next()
    else:
        steps = [step for step in QueueStep if step not in NOT_BY_TAKE]
        await desk.take(draw.choice(steps), draw.choice(entries))


NOT_BY_TAKE = (QueueStep.JOIN, QueueStep.TRANSFER, QueueStep.MOVE, QueueStep.CHANGE, QueueStep.UNDO)


def entry_ids(desk: Desk) -> list[int]:
    with desk.clinic.active():
        return list(QueueEntry.objects.filter(queue=desk.queue).values_list("pk", flat=True))


async def last_frame(desk: Desk, socket) -> dict:
    """The state as the socket has it, once it was told what only time has changed."""
    for _ in range(5):
        await in_thread(live.flush)()
        fresh = await in_thread(desk.fresh)()
        frame = {"version": 0}
        while frame["version"] < fresh.version:
            frame = await heard(socket, "queue_status", "queue_update")
        if live.Status.parse(json.dumps(frame["data"])).is_like(fresh):
            return frame
        live.publish(desk.clinic.tenant.pk, desk.queue.pk)
    raise AssertionError("what was told is not what is")


async def test_what_was_told_is_what_is_and_names_nobody(desk, nurse):
    desk.patients = await in_thread(lambda: open_desk(desk.clinic, "More", "C", 30).patients)()
    draw = random.Random(4)
    socket, recorder = await opened(desk.path, nurse), await opened(desk.path, nurse)
    place = await opened(f"{desk.path}patient/{desk.patients[0].pk}/", nurse)
    for _ in range(200):
        try:
            await random_step(desk, draw)
        except DomainError:
            continue
    frame = await last_frame(desk, socket)
    assert [each["position"] for each in frame["data"]["entries"]] == list(
        range(1, frame["data"]["current_size"] + 1)
    )
    texts = []
    for each in (recorder, place):
        while not await each.receive_nothing(0.2):
            texts.append(await each.receive_from())
    written = "".join(texts)
    assert written.count("queue_update") > 20
    with_names = await in_thread(names_of)(desk)
    assert not [name for name in with_names if name in written]
    assert '"patient_id"' not in written
    for each in (socket, recorder, place):
        await each.disconnect()


def names_of(desk: Desk) -> set[str]:
    with desk.clinic.active():
        rows = PatientProfile.objects.values_list("first_name", "last_name", "mrn")
        return {value for row in rows for value in row}


async def test_what_nobody_tells_of_is_found(desk, nurse, monkeypatch):
    """A process may die between its commit and the publication."""
    monkeypatch.setattr(hub, "RESYNC_SECONDS", 0.1)
    socket = await opened(desk.path, nurse)
    status = await heard(socket)

    @in_thread
    def rename() -> None:
        with desk.clinic.active():
            WaitingQueue.objects.filter(pk=desk.queue.pk).update(name="Renamed")

    await rename()
    update = await heard(socket)
    assert (update["data"]["queue_name"], update["version"]) == ("Renamed", status["version"] + 1)
    await socket.disconnect()


@pytest.fixture
def own_redis(tmp_path) -> Iterator["Redis"]:
    """A server that may be stopped, unlike the one that all tests share."""
    server = Redis(tmp_path / "redis.sock")
    server.start()
    layers = deepcopy(settings.CHANNEL_LAYERS)
    layers["default"]["CONFIG"]["hosts"][0]["address"] = f"unix://{server.socket}"
    with override_settings(CHANNEL_LAYERS=layers):
        yield server
        live.flush()
    server.stop()


class Redis:
    def __init__(self, socket) -> None:
        self.socket = socket

    def start(self) -> None:
        command = [embedded._valkey_binary(), "--port", "0", "--unixsocket", self.socket]
        self.process = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
        while not self.socket.exists():
            assert self.process.poll() is None

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait()


@pytest.mark.parametrize("fault", ["gone", "frozen"])
async def test_displays_go_on_without_redis(desk, nurse, monkeypatch, own_redis, fault):
    monkeypatch.setattr(hub, "RESYNC_SECONDS", 0.2)
    monkeypatch.setattr(hub, "RETRY_SECONDS", 0.2)
    socket = await opened(desk.path, nurse)
    await heard(socket)
    # As if another process had published: what this one hears of itself needs no Redis.
    monkeypatch.setattr(live.publisher, "hear", set())
    await desk.join(0)
    await shows(socket, 1)
    if fault == "gone":
        own_redis.stop()
    else:
        own_redis.process.send_signal(signal.SIGSTOP)
    await desk.join(1)
    await shows(socket, 2)
    late = await opened(desk.path, nurse)
    assert (await heard(late))["data"]["current_size"] == 2
    if fault == "gone":
        own_redis.start()
    else:
        own_redis.process.send_signal(signal.SIGCONT)
    await desk.join(2)
    for each in (socket, late):
        await shows(each, 3)
        await each.disconnect()


async def shows(socket, size: int) -> None:
    while (await heard(socket))["data"].get("current_size") != size:
        pass


async def test_a_closed_socket_leaves_nothing_behind(desk, nurse):
    socket = await opened(desk.path, nurse)
    await heard(socket)
    layer = get_channel_layer()._get_layer()
    assert len(layer.groups) == 2
    await socket.disconnect()
    assert (hub.hub().watches, hub.hub().logins) == ({}, {})
    assert (layer.groups, layer.channels) == ({}, {})


async def test_a_look_that_outlives_its_socket_does_not_join_again(desk, second):
    entry = await desk.join()
    socket = await opened(f"/ws/appointments/ticket/{await desk.link(LinkKind.TICKET, entry)}/")
    await heard(socket)
    (watch,) = hub.hub().watches.values()
    (consumer,) = watch.watchers
    await desk.transfer(entry, second.queue)  # the look would find another queue to watch
    await socket.disconnect()
    assert not await consumer.recheck()
    assert hub.hub().watches == {}


def frame(text: str) -> Frame:
    return Frame(text, 1, "{}")


async def test_a_slow_socket_gets_the_newest_state_and_every_call():
    room, got = asyncio.Event(), []

    async def send(message) -> None:
        await room.wait()
        got.append(json.loads(message["text"])["type"])

    consumer = QueueConsumer()
    consumer.scope, consumer.base_send = {"extensions": {"push": lambda wire: False}}, send
    for number in range(5):
        await consumer.push(frame(f"update {number}"), replaces="update")
        await consumer.push(frame(f"call {number}"))
    room.set()
    await consumer._catching_up
    assert got == ["update 4", *(f"call {number}" for number in range(5))]


async def test_a_socket_hopelessly_behind_is_closed():
    sent = []

    async def send(message) -> None:
        sent.append(message)
        if message["type"] == "websocket.send":
            await asyncio.Event().wait()

    consumer = QueueConsumer()
    consumer.scope, consumer.base_send = {"extensions": {"push": lambda wire: False}}, send
    for number in range(MAX_CALLS_BEHIND + 1):
        await consumer.push(frame(f"call {number}"))
    assert sent[-1] == {"type": "websocket.close", "code": 4503}
    consumer._catching_up.cancel()


async def test_a_burst_is_few_publications(desk):
    before = (await in_thread(desk.fresh)()).version
    for _ in range(1000):
        live.publish(desk.clinic.tenant.pk, desk.queue.pk)
    await in_thread(live.flush)()
    assert 1 <= (await in_thread(desk.fresh)()).version - before <= 3


async def test_a_queue_that_is_gone_is_not_published(desk):
    live.publish(desk.clinic.tenant.pk, MAX_KEY)
    assert await in_thread(live.flush)()
