"""The load of ``realtime.py``: thousands of sockets in one process, without a library.

Reads one JSON command per line from standard input and answers each with one line; ``realtime.py``
says what for.
"""

import json
import random
import re
import select
import socket
import sys
import time
from collections import defaultdict

KIND = re.compile(rb'\{"type":"(\w+)","version":(\d+)')
HEAD_BYTES = 96  # frame header and the part of the payload that KIND looks at
FIRST_RETRY, MAX_RETRY = 0.5, 2.0  # seconds, as static/js/queue_websocket.js
TEXT, CLOSE, PING = 1, 8, 9
PONG_BYTE = 0x8A


def extent(data: bytes) -> tuple[int, int]:
    """Where the payload of the frame at the front starts, and its length; HEAD_BYTES where that
    cannot be seen yet."""
    short = data[1] & 127 if len(data) > 1 else 0
    start = {126: 4, 127: 10}.get(short, 2)
    if len(data) < start:
        return start, HEAD_BYTES
    if short < 126:
        return start, short
    return start, int.from_bytes(data[2:start], "big")


class Client:
    """One socket; ``version`` is the newest it was told."""

    __slots__ = ("back_at", "buffer", "is_open", "kind", "need", "retry", "socket", "version")

    def __init__(self) -> None:
        self.version = -1
        self.retry = FIRST_RETRY
        self.back_at = 0.0
        self.reset()

    def reset(self) -> None:
        self.is_open, self.need, self.buffer, self.kind = False, 0, b"", None


class Crowd:
    def __init__(self) -> None:
        self.poll = select.epoll()
        self.by_fd: dict[int, Client] = {}
        self.clients: list[Client] = []
        self.waiting: list[tuple[float, Client]] = []
        self.seen: dict[int, list[float]] = defaultdict(list)
        self.greeted = 0
        self.lost = 0
        self.reconnects = False
        self.address, self.handshake = ("127.0.0.1", 0), b""

    def open(self, count: int, port: int, path: str, cookie: str) -> None:
        self.address = ("127.0.0.1", port)
        self.handshake = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nCookie: sessionid={cookie}\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        for number in range(count):
            client = Client()
            self.clients.append(client)
            self.connect(client)
            if number % 20 == 19:
                self.turn(0.01)

    def connect(self, client: Client) -> None:
        client.reset()
        try:
            client.socket = socket.create_connection(self.address, timeout=5)
            client.socket.sendall(self.handshake)
        except OSError:
            self.retry(client)
            return
        client.socket.setblocking(False)
        self.by_fd[client.socket.fileno()] = client
        self.poll.register(client.socket, select.EPOLLIN)

    def retry(self, client: Client) -> None:
        if self.reconnects:
            wait = client.retry * (0.5 + random.random() / 2)
            self.waiting.append((time.monotonic() + wait, client))
            client.retry = min(client.retry * 2, MAX_RETRY)

    def turn(self, timeout: float) -> None:
        for fd, _ in self.poll.poll(timeout, 256):
            client = self.by_fd.get(fd)
            if client is None:
                continue
            try:
                data = client.socket.recv(1 << 18)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if data:
                self.feed(client, data, time.monotonic())
            else:
                self.drop(client)
        now = time.monotonic()
        if self.waiting:
            due = [client for at, client in self.waiting if at <= now]
            self.waiting = [each for each in self.waiting if each[0] > now]
            for client in due:
                self.connect(client)

    def drop(self, client: Client) -> None:
        self.lost += 1
        fd = client.socket.fileno()
        if fd in self.by_fd:
            self.poll.unregister(fd)
            del self.by_fd[fd]
        client.socket.close()
        self.retry(client)

    def feed(self, client: Client, data: bytes, now: float) -> None:
        if client.need:
            if len(data) < client.need:
                client.need -= len(data)
                return
            data, client.need = data[client.need :], 0
            self.complete(client, now)
        if client.buffer:
            data, client.buffer = client.buffer + data, b""
        if not client.is_open:
            head, mark, rest = data.partition(b"\r\n\r\n")
            if not mark:
                client.buffer = data
                return
            if b" 101 " not in head[:20]:
                self.drop(client)
                return
            client.is_open, data = True, rest
        while data:
            data = self.frame(client, data, now)

    def frame(self, client: Client, data: bytes, now: float) -> bytes:
        """Take one frame off the front; what is incomplete is kept for later."""
        start, size = extent(data)
        if len(data) < min(start + size, HEAD_BYTES):
            client.buffer = data
            return b""
        code = data[0] & 15
        if code == PING:
            payload = data[start : start + size]
            client.socket.send(bytes([PONG_BYTE, 0x80 | size]) + b"\0\0\0\0" + payload)
        client.kind = KIND.match(data[start : start + HEAD_BYTES]) if code == TEXT else None
        left = len(data) - start - size
        if left < 0:
            client.need = -left
            return b""
        self.complete(client, now)
        return data[start + size :]

    def complete(self, client: Client, now: float) -> None:
        if client.kind is None:
            return
        kind, version = client.kind[1], int(client.kind[2])
        if kind == b"queue_update":
            self.seen[version].append(now)
            client.version = max(client.version, version)
        elif kind == b"queue_status":
            self.greeted += 1
            client.version = version
            client.back_at, client.retry = now, FIRST_RETRY

    def run(self) -> None:
        stdin = sys.stdin.fileno()
        commands = select.epoll()
        commands.register(stdin, select.EPOLLIN)
        while True:
            if commands.poll(0):
                line = sys.stdin.readline()
                if not line:
                    return
                print(json.dumps(self.obey(**json.loads(line))), flush=True)
            self.turn(0.002)

    def obey(self, do: str, **given) -> object:
        return getattr(self, f"do_{do}")(**given)

    def do_open(self, count: int, port: int, path: str, cookie: str) -> int:
        self.open(count, port, path, cookie)
        until = time.monotonic() + 120
        while self.greeted < len(self.clients) and time.monotonic() < until:
            self.turn(0.05)
        return self.greeted

    def do_await(self, version: int, seconds: float) -> int:
        """How many have been told of this version, or of a later one, at the latest then."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if all(client.version >= version for client in self.clients):
                break
            for _ in range(50):
                self.turn(0.002)
                if len(self.seen.get(version, ())) >= len(self.clients):
                    break
        return sum(client.version >= version for client in self.clients)

    def do_take(self) -> dict[int, list[float]]:
        taken, self.seen = self.seen, defaultdict(list)
        return taken

    def do_versions(self) -> list[int]:
        return sorted({client.version for client in self.clients})

    def do_reconnect(self) -> None:
        """From now on, come back as the pages do."""
        self.reconnects, self.lost = True, 0
        for client in self.clients:
            client.back_at = 0.0

    def do_back(self, seconds: float) -> list[float]:
        """When each was told the state again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not all(client.back_at for client in self.clients):
            self.turn(0.01)
        return sorted(client.back_at for client in self.clients)

    def do_close(self) -> int:
        self.reconnects = False
        lost = self.lost
        for client in tuple(self.by_fd.values()):
            self.drop(client)
        self.clients, self.seen, self.greeted = [], defaultdict(list), 0
        return lost


if __name__ == "__main__":
    Crowd().run()
