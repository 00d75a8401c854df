"""The web server's end: what is in flight is finished, what is open is told."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import lifecycle, pulse
from core.clock import system_clock

ROOT = Path(__file__).resolve().parent.parent.parent
SERVER = """
import asyncio, sys
from hospital_management import web

sent = 0

async def application(scope, receive, send):
    global sent
    await receive()
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while scope["path"] == "/flood" and sent < 1000:
            await send({"type": "websocket.send", "text": "x" * 65536})
            sent += 1
            await asyncio.sleep(0)
        while scope["path"] == "/pushed" and sent < 1000:
            if scope["extensions"]["push"](bytes([0x81, 127]) + (65536).to_bytes(8) + b"x" * 65536):
                sent += 1
            await asyncio.sleep(0)
        await receive()
        return
    if scope["path"] == "/sent":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(sent).encode()})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(1.5)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})

endpoints = [f"tcp:port={sys.argv[1]}:interface=127.0.0.1"]
web.DrainingServer(application, endpoints=endpoints, verbosity=0).run()
"""
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
def server():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], cwd=ROOT)
    try:
        _wait_for(port)
        yield process, port
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not start")


def _get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return response.read()


def test_a_request_in_flight_is_finished(server):
    process, port = server
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(_get, port, "/slow")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(urllib.error.URLError):  # no new work is taken meanwhile
            _get(port, "/")
        assert slow.result() == b"done"
    assert process.wait(10) == 0


def test_a_socket_is_told_to_come_back(server):
    process, port = server
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(HANDSHAKE.format(path="/ws/").encode())
        assert b"101" in client.recv(4096).split(b"\r\n")[0]
        process.send_signal(signal.SIGTERM)
        frame = client.recv(4)
    close_opcode, service_restart = 0x88, 1012
    assert frame[0] == close_opcode
    assert struct.unpack("!H", frame[2:4])[0] == service_restart


def _sent(port: int) -> int:
    """How much was taken off the application's hands, once that no longer grows."""
    before, now = -1, 0
    while now != before:
        time.sleep(0.5)
        before, now = now, int(_get(port, "/sent"))
    return now


@pytest.mark.parametrize("path", ["/flood", "/pushed"])
def test_a_client_that_does_not_read_is_not_buffered_for_without_limit(server, path):
    _, port = server
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(HANDSHAKE.format(path=path).encode())
        assert 0 < _sent(port) < 1000
        received = 0
        while received < 1000 * 65536:
            received += client.recv(1 << 20).count(b"x")
        assert _sent(port) == 1000


def test_a_server_that_was_killed_is_missed_when_the_next_one_begins():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(end: signal.Signals) -> int:
        """How many crashes are known once it has begun."""
        command = [sys.executable, "-m", "hospital_management.web", "--port", str(port)]
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "hospital_management.settings"}
        process = subprocess.Popen(command, cwd=ROOT, env=environment)
        try:
            _wait_for(port)
            time.sleep(2 * pulse.TOLD_AFTER_SECONDS)
            known = pulse.by_minute(lifecycle.CRASHES, minutes=15, now=system_clock())
            process.send_signal(end)
            process.wait(20)
        finally:
            process.kill()
        return sum(known)

    assert [run(end) for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)] == [0, 0, 1]
