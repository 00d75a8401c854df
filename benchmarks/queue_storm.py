"""Does a queue stay right while many change it at once and its processes are killed?

Starts the whole product on a folder and port of its own, opens sockets on two queues, lets writers
do random things over REST, sending people from one to the other too, and meanwhile kills the web
process, the worker and Valkey with signal 9.  Afterwards, and in samples during it: positions are
1..n, nobody is lost or twice in a queue, whoever was sent on stands in the other one, every call is
one person's, and what each socket was told last is what a fresh fetch says.  Exits with status 1
if not::

    python benchmarks/queue_storm.py [--seconds 60] [--writers 32] [--sockets 50] [--calm]
"""

import argparse
import asyncio
import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "demo-pass-2026"
START_SECONDS, SETTLE_SECONDS = 300, 20
STEPS = {
    "WAITING": (
        *("mark_called", "skip", "hold", "mark_no_show", "move", "priority", "remove"),
        *("transfer", "transfer"),
    ),
    "CALLED": ("mark_in_progress", "mark_in_progress", "recall", "skip", "mark_no_show"),
    "IN_PROGRESS": ("mark_completed", "transfer"),
    "SKIPPED": ("return", "mark_called"),
    "ON_HOLD": ("return",),
}
PASSING = ("timestamp", "version", "average_wait_minutes")
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10  # RFC 6455, 5.2
KILLS = (
    ("web", "hospital_management.web"),
    ("worker", "procrastinate"),
    ("valkey", "valkey-server"),
)


class Product:
    """``make run``'s program, on a throw-away folder."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory(prefix="queue-storm-")
        variables = os.environ | {
            "PORT": str(self.port),
            "DATA_DIR": self.folder.name,
            "LOG_LEVEL": "ERROR",
        }
        command = [sys.executable, "-m", "hospital_management.run"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=variables)

    def start(self) -> None:
        wait_until(lambda: self.get("/readyz")[0] == 200, START_SECONDS)

    def get(self, path: str, token: str = "") -> tuple[int, dict]:
        return self.ask("GET", path, None, token)

    def ask(self, method: str, path: str, body: dict | None, token: str = "") -> tuple[int, dict]:
        """Status and body; status 0 where nobody answered."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Token {token}"
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                raw = answer.read()
                return answer.status, json.loads(raw) if raw else {}
        except urllib.error.HTTPError as error:
            raw = error.read()
            try:
                return error.code, json.loads(raw)
            except ValueError:
                return error.code, {}
        except (OSError, ValueError):
            return 0, {}

    def kill(self, what: str) -> int:
        """Signal 9 to every child whose command line has this in it; how many there were."""
        found = 0
        for line in children_of(self.process.pid):
            command = Path(f"/proc/{line}/cmdline")
            try:
                if what in command.read_text().replace("\0", " "):
                    os.kill(line, signal.SIGKILL)
                    found += 1
            except OSError:
                continue
        return found

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.folder.cleanup()


def children_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *children_of(int(child))]
    return found


def wait_until(condition, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"Not within {seconds} s.")
        time.sleep(0.5)


class Screen:
    """One socket that comes back whenever it is cut; ``data`` is the newest state it was told."""

    def __init__(self, port: int, queue: int, token: str) -> None:
        self.port, self.queue, self.token = port, queue, token
        self.version, self.data, self.cuts = -1, {}, 0

    async def watch(self) -> None:
        while True:
            try:
                await self._listen()
            except (OSError, asyncio.IncompleteReadError, ConnectionError, TimeoutError):
                self.cuts += 1
            await asyncio.sleep(0.5 + random.random() / 2)

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            writer.write(
                f"GET /ws/appointments/queue/{self.queue}/ HTTP/1.1\r\n"
                f"Host: 127.0.0.1:{self.port}\r\n"
                f"Origin: http://127.0.0.1:{self.port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            if b" 101 " not in head:
                raise ConnectionError
            await self._say(writer, {"type": "auth", "token": self.token})
            while True:
                try:
                    opcode, text = await asyncio.wait_for(read_frame(reader), 5)
                except TimeoutError:
                    await self._say(writer, {"type": "ping"})
                    opcode, text = await asyncio.wait_for(read_frame(reader), 5)
                if opcode == CLOSE:
                    raise ConnectionError
                if opcode == PING:
                    await self._send(writer, PONG, text)
                if opcode == TEXT:
                    await self._hear(json.loads(text), writer)
        finally:
            writer.close()

    async def _hear(self, frame: dict, writer: asyncio.StreamWriter) -> None:
        if frame["type"] not in ("queue_status", "queue_update"):
            return
        if frame["type"] == "queue_update" and frame["version"] > self.version + 1:
            await self._say(writer, {"type": "get_status"})
        if frame["version"] >= self.version:
            self.version, self.data = frame["version"], frame["data"]

    async def _say(self, writer: asyncio.StreamWriter, message: dict) -> None:
        await self._send(writer, TEXT, json.dumps(message).encode())

    @staticmethod
    async def _send(writer: asyncio.StreamWriter, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        length = bytes([0x80 | len(payload)])
        if len(payload) > 125:
            length = bytes([0x80 | 126]) + len(payload).to_bytes(2, "big")
        writer.write(bytes([0x80 | opcode]) + length + mask + masked)
        await writer.drain()


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readexactly(2)
    size = head[1] & 127
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8), "big")
    return head[0] & 15, await reader.readexactly(size)


class Storm:
    def __init__(self, product: Product, options: argparse.Namespace) -> None:
        self.product, self.options = product, options
        login = {"username": "manager@riverside.demo", "password": PASSWORD}
        self.token = product.ask("POST", "/api/auth/token/", login)[1]["token"]
        self.queues = [self.new_queue(name) for name in ("Storm", "Storm, the second")]
        page = product.get("/api/patients/?page_size=500", self.token)[1]
        self.patients = [row["id"] for row in page["results"]]
        self.statuses: Counter = Counter()
        self.added: list[int] = []
        self.faults: list[str] = []
        self.samples = self.transfers = 0
        self.ends = threading.Event()

    def new_queue(self, name: str) -> int:
        made = self.product.ask("POST", "/api/appointments/queues/", {"name": name}, self.token)[1]
        path = f"/api/appointments/queues/{made['id']}/configuration/"
        self.product.ask("PUT", path, {"max_queue_size": 1000}, self.token)
        return made["id"]

    def api(self, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        status, answer = self.product.ask(method, f"/api/appointments/{path}", body, self.token)
        self.statuses[status] += 1
        if not status:
            time.sleep(0.1)  # or the clients would keep the server from starting
        if status == 500:
            self.faults.append(f"500 for {method} {path}")
        return status, answer

    def fill(self) -> None:
        for number, patient in enumerate(self.patients[:240]):
            queue = self.queues[number % 2]
            status, entry = self.api(
                "POST", f"queues/{queue}/add_patient/", {"patient_id": patient}
            )
            if status == 201:
                self.added.append(entry["id"])

    def write(self, seed: int) -> None:
        rng = random.Random(seed)
        while not self.ends.is_set():
            choice, queue = rng.random(), rng.choice(self.queues)
            if choice < 0.3:
                body = {
                    "patient_id": rng.choice(self.patients),
                    "priority": rng.choices(["routine", "priority", "urgent"], [8, 2, 1])[0],
                }
                status, entry = self.api("POST", f"queues/{queue}/add_patient/", body)
                if status == 201:
                    self.added.append(entry["id"])
            elif choice < 0.55:
                self.api("POST", f"queues/{queue}/call_next/", {})
            elif self.added:
                self.step(rng, rng.choice(self.added[-200:]))

    def step(self, rng: random.Random, key: int) -> None:
        status, entry = self.api("GET", f"queue-entries/{key}/")
        steps = STEPS.get(entry.get("status", ""), ())
        if status != 200 or not steps:
            return
        step = rng.choice(steps)
        path = f"queue-entries/{key}/"
        if step == "remove":
            self.api("DELETE", path)
        elif step == "priority":
            self.api("PATCH", path, {"priority_score": rng.uniform(0, 100)})
        elif step == "transfer":
            other = next(queue for queue in self.queues if queue != entry["queue_id"])
            status, sent = self.api("POST", f"{path}transfer/", {"to_queue_id": other})
            if status in (200, 201):
                self.added.append(sent["id"])
        elif step == "move":
            self.api("POST", f"{path}move/", {"position": rng.randint(1, 5), "reason": "Storm"})
        else:
            self.api("POST", f"{path}{step}/", {})
            if rng.random() < 0.1:
                self.api("POST", f"{path}undo/", {})

    def sample(self) -> None:
        while not self.ends.wait(0.5):
            for queue in self.queues:
                self.check_line(queue)

    def check_line(self, queue: int) -> None:
        """One answer of REST: positions are 1..n, and nobody stands there twice."""
        query = f"queue-entries/?queue_id={queue}&status=WAITING&page_size=500"
        status, page = self.api("GET", query)
        if status != 200:
            return
        self.samples += 1
        waiting = [row for row in page["results"] if row["status"] == "WAITING"]
        places = sorted(row["queue_position"] for row in waiting)
        if len(places) == page["count"] and places != list(range(1, len(places) + 1)):
            self.faults.append(f"positions {places}")
        people = Counter(row["patient_id"] for row in waiting)
        if people and max(people.values()) > 1:
            self.faults.append("a patient waits twice")

    def hurt(self) -> None:
        part = self.options.seconds / (len(KILLS) + 1)
        for name, what in KILLS:
            if self.ends.wait(part):
                return
            print(f"  kill -9 {name}: {self.product.kill(what)} processes", flush=True)

    def run(self) -> None:
        self.fill()
        works = [
            threading.Thread(target=self.write, args=(n,)) for n in range(self.options.writers)
        ]
        works += [threading.Thread(target=self.sample)]
        works += [] if self.options.calm else [threading.Thread(target=self.hurt)]
        for work in works:
            work.start()
        time.sleep(self.options.seconds)
        self.ends.set()
        for work in works:
            work.join()

    def verify(self, screens: list[Screen]) -> None:
        wait_until(lambda: self.product.get("/readyz")[0] == 200, SETTLE_SECONDS * 3)
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            fresh = {
                queue: lasting(self.api("GET", f"queues/{queue}/status/")[1])
                for queue in self.queues
            }
            behind = [screen for screen in screens if lasting(screen.data) != fresh[screen.queue]]
            if not behind or time.monotonic() > deadline:
                break
            time.sleep(1)
        if behind:
            self.faults.append(f"{len(behind)} sockets show an old state")
        for queue in self.queues:
            self.check_line(queue)
        for key in self.added:
            status, page = self.api("GET", f"queue-entries/{key}/history/?page_size=500")
            steps = [row["step"] for row in reversed(page.get("results", []))]
            if status != 200 or steps[:1] != ["join"]:
                self.faults.append(f"entry {key} was acknowledged and is not there")
            self.check_steps(key, page.get("results", []))
        self.check_sent()

    def check_sent(self) -> None:
        """Whoever was sent on is in the other queue, once; of a transfer that was undone there the
        patient has left it."""
        entries = [
            row
            for queue in self.queues
            for row in self.everything(f"queue-entries/?queue_id={queue}")
        ]
        followers: dict[int | None, list[dict]] = defaultdict(list)
        for row in entries:
            followers[row["transferred_from_id"]].append(row)
        for row in entries:
            there = followers[row["id"]]
            if any(each["queue_id"] == row["queue_id"] for each in there):
                self.faults.append(f"entry {row['id']} was sent on to its own queue")
            if row["status"] != "TRANSFERRED":
                continue
            self.transfers += 1
            if not there or sum(each["status"] != "LEFT" for each in there) > 1:
                self.faults.append(f"entry {row['id']} was sent on and is there {len(there)} times")

    def everything(self, query: str) -> list[dict]:
        found, page = [], 1
        while True:
            status, answer = self.api("GET", f"{query}&page_size=500&page={page}")
            if status != 200:
                self.faults.append(f"{status} for {query}")
                return found
            found += answer["results"]
            if not answer["next"]:
                return found
            page += 1

    def check_steps(self, key: int, newest_first: list[dict]) -> None:
        """Each step left the state that the one before had reached: none overwrote another."""
        was = ""
        for row in reversed(newest_first):
            if row["from_status"] != was:
                self.faults.append(
                    f"entry {key}: {row['step']} from {row['from_status']}, was {was}"
                )
            was = row["to_status"]


@contextmanager
def watched(screens: list[Screen]) -> Iterator[None]:
    """The screens watch in a thread of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    watching = [asyncio.run_coroutine_threadsafe(screen.watch(), loop) for screen in screens]
    try:
        yield
    finally:
        for each in watching:
            each.cancel()
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.5), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def lasting(data: dict) -> dict:
    """A state without what time alone changes."""
    kept = {name: value for name, value in data.items() if name not in PASSING}
    entries = kept.get("entries", [])
    kept["entries"] = [
        {name: value for name, value in row.items() if name != "estimated_wait_minutes"}
        for row in entries
    ]
    kept.pop("recent_calls", None)  # they age
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--writers", type=int, default=32)
    parser.add_argument("--sockets", type=int, default=50)
    parser.add_argument("--calm", action="store_true", help="kill nothing")
    options = parser.parse_args()
    product = Product()
    try:
        product.start()
        storm = Storm(product, options)
        screens = [
            Screen(product.port, storm.queues[n % 2], storm.token) for n in range(options.sockets)
        ]
        with watched(screens):
            storm.run()
            storm.verify(screens)
    finally:
        product.stop()
    print(f"answers by status (0: nobody answered): {dict(sorted(storm.statuses.items()))}")
    print(
        f"{len(storm.added)} joined, {storm.transfers} of them sent on, "
        f"{storm.samples} samples of a line"
    )
    print(f"sockets: {options.sockets}, cut {sum(screen.cuts for screen in screens)} times")
    for fault, count in Counter(storm.faults).most_common(20):
        print(f"FAULT {count} x {fault}")
    if storm.faults:
        raise SystemExit(1)
    print("Nobody lost, nobody twice, positions 1..n, every socket up to date.")


if __name__ == "__main__":
    main()
