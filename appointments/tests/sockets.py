"""Sockets to test against: opened as a browser or another system opens them."""

import json
from typing import Any

from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import Client

from hospital_management.asgi import application

PATIENCE = 20  # seconds, on a machine that is busy with other tests


def socket_to(path: str, client: Client | None = None) -> WebsocketCommunicator:
    """As a page of the browser opens it; without one, as another system does."""
    headers = [(b"host", b"localhost")]
    if client is not None:
        headers.append((b"origin", b"http://localhost"))
        if session := client.cookies.get("sessionid"):
            headers.append((b"cookie", f"sessionid={session.value}".encode()))
    return WebsocketCommunicator(application, path, headers=headers)


async def opened(path: str, client: Client | None = None) -> WebsocketCommunicator:
    socket = socket_to(path, client)
    assert (await socket.connect(PATIENCE))[0]
    return socket


async def say(socket: WebsocketCommunicator, frame: Any) -> None:
    await socket.send_to(text_data=json.dumps(frame))


async def heard(socket: WebsocketCommunicator, *kinds: str) -> dict[str, Any]:
    """The next frame, or the next of these types."""
    while True:
        frame = await socket.receive_json_from(PATIENCE)
        assert set(frame) == {"type", "version", "data"}
        if not kinds or frame["type"] in kinds:
            return frame


async def close_code(socket: WebsocketCommunicator) -> int:
    """The code with which the server closes, after whatever it still sends."""
    while (output := await socket.receive_output(PATIENCE))["type"] == "websocket.send":
        pass
    return output["code"]


async def closed_with(path: str, client: Client | None = None) -> int:
    socket = socket_to(path, client)
    accepted, code = await socket.connect(PATIENCE)
    return await close_code(socket) if accepted else code


in_thread = database_sync_to_async
