"""The socket of Today: who may listen, what is on the wire, and that no change is missed."""

import json
from datetime import time

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from channels_redis.pubsub import RedisPubSubLoopLayer
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.middleware import LAST_SEEN_SESSION_KEY
from accounts.models import ApiToken, User
from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.consumers import TodayConsumer, guarded
from appointments.consumers.frames import BURST, EXCESS_BEFORE_CLOSE
from hospital_management.asgi import application

PATH = "/ws/appointments/today/"
PATIENCE = 20  # seconds, on a machine that is busy with other tests


def socket_of(client, path=PATH):
    session = client.cookies.get("sessionid")
    headers = [(b"origin", b"http://localhost"), (b"host", b"localhost")]
    if session:
        headers.append((b"cookie", f"sessionid={session.value}".encode()))
    return WebsocketCommunicator(application, path, headers=headers)


@pytest.fixture
def logged_in(committed_riverside):
    """Browsers by role, made outside the event loop."""
    return {role: committed_riverside.client(role) for role in Role}


@database_sync_to_async
def book(clinic):
    with clinic.active():
        return BookingEngine(by=clinic.user(Role.FRONT_DESK)).book(
            patient_id=clinic.patients[0].pk,
            provider_id=clinic.providers[0].pk,
            appointment_type_id=clinic.types[0].pk,
            start=clinic.at(1, time(10)),
        )


async def opened(client):
    socket = socket_of(client)
    assert (await socket.connect(PATIENCE))[0]
    return socket, await socket.receive_json_from(PATIENCE)


async def test_it_greets_and_tells_of_each_change_without_patient_data(
    committed_riverside, logged_in
):
    socket, greeting = await opened(logged_in[Role.NURSE])
    assert (greeting["type"], greeting["data"]) == ("board_changed", {})
    await book(committed_riverside)
    frame = await socket.receive_json_from(PATIENCE)
    assert set(frame) == {"type", "version", "data"}
    assert (frame["type"], frame["data"]) == ("board_changed", {})
    assert frame["version"] > greeting["version"]
    assert await socket.receive_nothing()
    await socket.disconnect()


async def test_another_tenants_change_is_not_heard(
    committed_riverside, committed_lakeside, logged_in
):
    socket, _ = await opened(logged_in[Role.FRONT_DESK])
    await book(committed_lakeside)
    assert await socket.receive_nothing(0.5)
    await book(committed_riverside)
    assert (await socket.receive_json_from(PATIENCE))["type"] == "board_changed"
    await socket.disconnect()


async def test_a_refused_booking_is_no_change(committed_riverside, logged_in):
    await book(committed_riverside)
    socket, _ = await opened(logged_in[Role.FRONT_DESK])
    with pytest.raises(Exception, match="already taken"):
        await book(committed_riverside)
    assert await socket.receive_nothing(0.5)
    await socket.disconnect()


async def closed_with(client):
    socket = socket_of(client)
    accepted, code = await socket.connect(PATIENCE)
    return await close_code(socket) if accepted else code


async def close_code(socket):
    output = await socket.receive_output(PATIENCE)
    assert output["type"] == "websocket.close"
    return output["code"]


async def test_strangers_and_patients_are_closed_out(logged_in, monkeypatch):
    monkeypatch.setattr(guarded, "AUTH_SECONDS", 0.1)
    assert await closed_with(Client()) == 4401
    assert await closed_with(logged_in[Role.PATIENT]) == 4403


async def opened_with(frame):
    """A socket of another system, which has no cookie and no page it comes from."""
    socket = WebsocketCommunicator(application, PATH, headers=[(b"host", b"localhost")])
    assert (await socket.connect(PATIENCE))[0]
    await socket.send_to(text_data=json.dumps(frame))
    return socket


@database_sync_to_async
def token_of(clinic, role):
    return clinic.token(role)


async def test_other_systems_log_in_by_a_first_frame(committed_riverside):
    token = await token_of(committed_riverside, Role.NURSE)
    socket = await opened_with({"type": "auth", "token": token})
    assert (await socket.receive_json_from(PATIENCE))["type"] == "board_changed"
    await book(committed_riverside)
    assert (await socket.receive_json_from(PATIENCE))["type"] == "board_changed"
    await socket.send_to(text_data=json.dumps({"type": "auth", "token": token}))
    assert (await socket.receive_json_from(PATIENCE))["data"] == {"code": "unknown_type"}
    await socket.disconnect()


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "ping"},
        {"type": "auth"},
        {"type": "auth", "token": "wrong"},
        {"type": "auth", "token": "\ud800"},
        {"type": "auth", "token": ["x"]},
        [],
    ],
)
async def test_any_other_first_frame_is_no_login(committed_riverside, frame):
    assert await close_code(await opened_with(frame)) == 4401


async def test_a_patients_token_opens_no_staff_socket(committed_riverside):
    token = await token_of(committed_riverside, Role.PATIENT)
    assert await close_code(await opened_with({"type": "auth", "token": token})) == 4403


@database_sync_to_async
def root_token():
    root = User.objects.create_superuser("root@test", "root@test", "correct-horse-battery")
    return ApiToken.issue(root)


async def test_a_superuser_names_the_tenant(committed_riverside):
    frame = {"type": "auth", "token": await root_token()}
    assert await close_code(await opened_with(frame)) == 4403
    socket = await opened_with(frame | {"tenant": "riverside"})
    assert (await socket.receive_json_from(PATIENCE))["type"] == "board_changed"
    await socket.disconnect()


async def test_a_token_in_the_address_is_refused(logged_in):
    socket = socket_of(logged_in[Role.NURSE], f"{PATH}?token=abc")
    assert (await socket.connect(PATIENCE))[0]
    assert await close_code(socket) == 4401


@database_sync_to_async
def change_password(clinic, role):
    with clinic.active():
        user = clinic.user(role)
        user.set_password("another-correct-horse")
        user.save(update_fields=["password"])


@database_sync_to_async
def deactivate(clinic, role):
    with clinic.active():
        user = clinic.user(role)
        user.is_active = False
        user.save(update_fields=["is_active"])


@pytest.mark.parametrize("end", [change_password, deactivate])
async def test_an_ended_login_is_none(committed_riverside, logged_in, end):
    await end(committed_riverside, Role.NURSE)
    assert await closed_with(logged_in[Role.NURSE]) == 4401


@database_sync_to_async
def log_out(client):
    client.post("/accounts/logout/")


async def is_open(socket):
    await socket.send_to(text_data=json.dumps({"type": "ping"}))
    return (await socket.receive_json_from(PATIENCE))["type"] == "pong"


async def test_a_socket_ends_with_its_own_session(committed_riverside, logged_in):
    own, _ = await opened(logged_in[Role.NURSE])
    elsewhere = await database_sync_to_async(committed_riverside.client)(Role.NURSE)
    other, _ = await opened(elsewhere)
    await log_out(logged_in[Role.NURSE])
    assert await close_code(own) == 4401
    assert await is_open(other)
    await other.disconnect()


@pytest.mark.parametrize("end", [change_password, deactivate])
async def test_an_open_socket_ends_with_its_login(committed_riverside, logged_in, end):
    socket, _ = await opened(logged_in[Role.NURSE])
    colleague, _ = await opened(logged_in[Role.FRONT_DESK])
    await end(committed_riverside, Role.NURSE)
    assert await close_code(socket) == 4401
    assert await is_open(colleague)
    await colleague.disconnect()


@database_sync_to_async
def demote_in_bulk(clinic, client):
    with clinic.active():
        User.objects.filter(role=Role.NURSE).update(role=Role.PATIENT)


@database_sync_to_async
def idle_too_long(clinic, client):
    session = client.session
    session[LAST_SEEN_SESSION_KEY] = 0
    session.save()


@pytest.mark.parametrize(("end", "code"), [(demote_in_bulk, 4403), (idle_too_long, 4401)])
async def test_what_nobody_tells_of_is_seen_before_long(
    committed_riverside, logged_in, monkeypatch, end, code
):
    monkeypatch.setattr(TodayConsumer, "recheck_seconds", 0.05)
    socket, _ = await opened(logged_in[Role.NURSE])
    await end(committed_riverside, logged_in[Role.NURSE])
    assert await close_code(socket) == code


async def test_an_open_login_outlives_its_rechecks(logged_in, monkeypatch):
    monkeypatch.setattr(TodayConsumer, "recheck_seconds", 0.01)
    socket, _ = await opened(logged_in[Role.NURSE])
    assert await socket.receive_nothing(0.5)
    assert await is_open(socket)
    await socket.disconnect()


def refuse(*args, **kwargs):
    raise RedisConnectionError("Redis is down.")


@pytest.mark.parametrize("call", ["new_channel", "group_add"])
async def test_while_redis_is_down_the_client_is_told_to_come_back(logged_in, monkeypatch, call):
    with monkeypatch.context() as outage:
        outage.setattr(RedisPubSubLoopLayer, call, refuse)
        assert await closed_with(logged_in[Role.NURSE]) == 4503
    socket, _ = await opened(logged_in[Role.NURSE])
    await socket.disconnect()


async def test_a_socket_that_can_no_longer_hear_closes_at_its_next_ping(logged_in, monkeypatch):
    socket, _ = await opened(logged_in[Role.NURSE])
    monkeypatch.setattr(RedisPubSubLoopLayer, "send", refuse)
    await socket.send_to(text_data=json.dumps({"type": "ping"}))
    assert await close_code(socket) == 4503


async def test_a_closed_socket_leaves_nothing_behind(logged_in):
    socket, _ = await opened(logged_in[Role.NURSE])
    layer = get_channel_layer()._get_layer()
    assert len(layer.groups) == 2
    await socket.disconnect()
    assert (layer.groups, layer.channels) == ({}, {})


async def test_a_foreign_page_cannot_open_it(logged_in):
    client = logged_in[Role.NURSE]
    socket = socket_of(client)
    socket.scope["headers"][0] = (b"origin", b"https://evil.example")
    assert (await socket.connect(PATIENCE))[0] is False


@pytest.mark.parametrize(
    "junk", [" ", "{", "[]", '"x"', "1e400", "null", "[" * 4000, '{"type": 1}']
)
async def test_junk_is_answered_and_the_socket_lives_on(logged_in, junk):
    socket, _ = await opened(logged_in[Role.NURSE])
    await socket.send_to(text_data=junk)
    frame = await socket.receive_json_from(PATIENCE)
    assert (frame["type"], frame["data"]) == ("error", {"code": "invalid"})
    await socket.send_to(text_data=json.dumps({"type": "ping"}))
    assert (await socket.receive_json_from(PATIENCE))["type"] == "pong"
    await socket.disconnect()


async def test_what_nobody_knows_or_is_too_large_is_answered(logged_in):
    socket, _ = await opened(logged_in[Role.NURSE])
    for text, code in (('{"type": "x"}', "unknown_type"), (" " * 5000, "too_large")):
        await socket.send_to(text_data=text)
        assert (await socket.receive_json_from(PATIENCE))["data"] == {"code": code}
    await socket.disconnect()


async def test_a_flood_is_warned_of_once_and_ended(logged_in):
    socket, _ = await opened(logged_in[Role.NURSE])
    for _ in range(BURST + EXCESS_BEFORE_CLOSE + 200):
        await socket.send_to(text_data='{"type": "x"}')
    codes = []
    while (output := await socket.receive_output(PATIENCE))["type"] == "websocket.send":
        codes.append(json.loads(output["text"])["data"]["code"])
    assert output["code"] == 4429
    assert codes.count("too_frequent") == 1


async def test_bytes_are_answered_too(logged_in):
    socket, _ = await opened(logged_in[Role.NURSE])
    await socket.send_to(bytes_data=b"\xff\x00")
    assert (await socket.receive_json_from(PATIENCE))["type"] == "error"
    await socket.disconnect()
