"""Publishes what a queue looks like: whenever it has changed, at most ten times a second.

Whoever commits a change asks for a publication; a thread of each process makes it after that
commit: it settles the order, reads the state once, and hands the finished JSON to the hubs of all
processes.  Many changes at once are one publication, and the last of them is never left out.
"""

import asyncio
import atexit
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from channels.layers import get_channel_layer
from django.db import Error as DatabaseFailure
from django.db import connection
from redis.exceptions import RedisError

from appointments.groups import queue_group
from appointments.models import WaitingQueue
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.selectors import queue_status
from core.clock import system_clock
from core.failures import kind_and_place
from core.tenancy import tenant

logger = logging.getLogger("hospital.live")

INTERVAL_SECONDS = 0.1
SEND_SECONDS = 1.0
SILENCE_SECONDS = 2.0
FLUSH_SECONDS = 5.0

Key = tuple[int, int]
"""A tenant's and a queue's."""


@dataclass(frozen=True, slots=True)
class Status:
    """A queue's state as ``selectors.queue_status`` gives it; ``text`` is the same as JSON, and
    ``entries`` who waits or is served, by key."""

    data: dict[str, Any]
    text: str
    entries: dict[int, dict[str, Any]]

    @property
    def version(self) -> int:
        return self.data["version"]

    def is_like(self, other: "Status") -> bool:
        """Whether both show the same, whenever and as whichever version they were read."""
        passing = {"timestamp": None, "version": None}
        return self.data | passing == other.data | passing

    @classmethod
    def of(cls, data: dict[str, Any]) -> "Status":
        return cls(data, orjson.dumps(data).decode(), _by_key(data))

    @classmethod
    def parse(cls, text: str) -> "Status":
        data = orjson.loads(text)
        return cls(data, text, _by_key(data))


def _by_key(data: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {each["entry_id"]: each for each in (*data["now_serving"], *data["entries"])}


def read_status(tenant_id: int, queue_id: int) -> Status | None:
    """The queue as it is now; None if there is no such queue."""
    with tenant(tenant_id):
        queue = WaitingQueue.objects.filter(pk=queue_id).first()
        return Status.of(queue_status(queue, now=system_clock())) if queue else None


def settle_status(tenant_id: int, queue_id: int) -> Status | None:
    """As ``read_status``, as the queue's next version and in its due order."""
    with tenant(tenant_id):
        queue = WaitingQueue.objects.filter(pk=queue_id).first()
        if queue is None:
            return None
        return Status.of(AdvancedQueueEngine(queue).settled_status())


class Publisher:
    """The publications of one process.

    ``hear`` receives each of them in the publishing thread, so that screens that hang on this
    process do not depend on Redis.
    """

    def __init__(self) -> None:
        self.hear: set[Callable[[Key, Status], None]] = set()
        self._changed = threading.Condition()
        self._due: dict[Key, float] = {}
        self._shown: dict[Key, float] = {}
        self._is_busy = False
        self._thread: threading.Thread | None = None
        self._silent_until = 0.0

    def ask(self, key: Key) -> None:
        """Publish the queue soon; returns at once."""
        with self._changed:
            if key not in self._due:
                earliest = self._shown.get(key, 0) + INTERVAL_SECONDS
                self._due[key] = max(time.monotonic(), earliest)
                self._changed.notify_all()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="live", daemon=True)
                self._thread.start()

    def flush(self, timeout_seconds: float = FLUSH_SECONDS) -> bool:
        """Publish what is due without further waiting; whether all of it was in time."""
        with self._changed:
            self._due = dict.fromkeys(self._due, 0.0)
            self._changed.notify_all()
            return self._changed.wait_for(
                lambda: not self._due and not self._is_busy, timeout_seconds
            )

    def _run(self) -> None:
        # A loop of its own keeps one connection to Redis open from publication to publication.
        with asyncio.Runner() as runner:
            while True:
                key = self._next()
                try:
                    self._publish(key, runner)
                except (DatabaseFailure, RedisError, OSError) as error:
                    # The hubs read every few seconds, and find what was not said.
                    logger.warning("A queue is not published: %s", type(error).__name__)
                except Exception as error:  # noqa: BLE001 - the next queue's turn must come
                    logger.error("A queue is not published: %s", kind_and_place(error))

    def _next(self) -> Key:
        """Wait for the next queue that is due, and take it."""
        with self._changed:
            self._is_busy = False
            self._changed.notify_all()
            while True:
                now = time.monotonic()
                key = min(self._due, key=self._due.__getitem__, default=None)
                if key is not None and self._due[key] <= now:
                    break
                connection.close()
                self._changed.wait(None if key is None else self._due[key] - now)
            # Whoever commits from now on asks again, as the read below may miss it.
            del self._due[key]
            recent = now - INTERVAL_SECONDS
            self._shown = {each: at for each, at in self._shown.items() if at > recent}
            self._shown[key] = now
            self._is_busy = True
            return key

    def _publish(self, key: Key, runner: asyncio.Runner) -> None:
        try:
            status = settle_status(*key)
        except DatabaseFailure:
            connection.close()
            raise
        if status is None:
            return
        for hear in tuple(self.hear):
            hear(key, status)
        if time.monotonic() < self._silent_until:
            return
        try:
            runner.run(_send(key, status))
        except TimeoutError:
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            raise


async def _send(key: Key, status: Status) -> None:
    tenant_id, queue_id = key
    group = queue_group(tenant_id=tenant_id, queue_id=queue_id)
    message = {"type": "queue.changed", "key": list(key), "text": status.text}
    async with asyncio.timeout(SEND_SECONDS):
        await get_channel_layer().group_send(group, message)


publisher = Publisher()
flush = publisher.flush
atexit.register(flush)


def publish(tenant_id: int, queue_id: int) -> None:
    """Let every screen of the queue see its present state; returns at once and never raises."""
    publisher.ask((tenant_id, queue_id))
