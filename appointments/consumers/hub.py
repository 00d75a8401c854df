"""One hub per process hears of each queue once, and tells all sockets that watch it.

A frame is built once and the same text goes to every socket.  What Redis does not bring, a look
every few seconds finds: delivery does not depend on it.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4
from weakref import WeakKeyDictionary

import orjson
from channels.layers import get_channel_layer
from django.db import Error as DatabaseFailure

from appointments import live
from appointments.consumers.frames import CLOSE_NOT_FOUND, CLOSE_TRY_LATER, Frame
from appointments.consumers.guarded import LAYER_DOWN, in_thread
from appointments.groups import login_group, queue_group
from appointments.live import Key, Status
from appointments.queue.moves import moved
from core.failures import kind_and_place

logger = logging.getLogger("hospital.sockets")

RESYNC_SECONDS = 3
FAILURES_BEFORE_CLOSE = 3
RETRY_SECONDS = 1
SOCKETS_AT_ONCE = 32
CALLS_REMEMBERED = 256
PLACE = ("entry_id", "ticket", "status", "position", "estimated_wait_minutes")


@dataclass(frozen=True, slots=True)
class News:
    """One publication, for all who watch the queue: what is new, and its frames."""

    status: Status
    update: Frame
    calls: list[dict[str, Any]]
    called: list[Frame]
    moved: dict[int, Frame]


class Watcher(Protocol):
    """A socket, as the hub sees it."""

    is_ended: bool

    async def take(self, news: News) -> None:
        """Pass on what concerns this socket; must not wait for a slow client."""

    async def close(self, code: int) -> None: ...

    async def recheck(self) -> bool: ...


@dataclass(slots=True, eq=False)
class Watch:
    """A queue that this process watches."""

    key: Key
    status: Status | None = None
    watchers: set[Watcher] = field(default_factory=set)
    first: asyncio.Future[None] | None = None
    interest: int = 0
    failures: int = 0
    told: dict[int, None] = field(default_factory=dict)

    def advance(self, status: Status) -> News | None:
        """Take over a newer status; None if it is not newer."""
        if self.status is not None and status.version <= self.status.version:
            return None
        before, self.status = self.status, status
        calls = [each for each in status.data["recent_calls"] if each["call_id"] not in self.told]
        self.told |= dict.fromkeys(each["call_id"] for each in calls)
        while len(self.told) > CALLS_REMEMBERED:
            del self.told[next(iter(self.told))]
        if before is None:
            return None
        return News(
            status,
            Frame("queue_update", status.version, status.text),
            calls,
            [write_call(status.version, each) for each in calls],
            {
                key: write_place(status, place_in(status, status.entries[key]))
                for key in _moved(before, status)
            },
        )


def _moved(before: Status, after: Status) -> list[int]:
    one, other = ([e["entry_id"] for e in each.data["entries"]] for each in (before, after))
    return moved(one, other)


def place_in(status: Status, entry: dict[str, Any]) -> dict[str, Any]:
    """Where an entry stands; the last two are None for one that is not in the line."""
    return {"queue_id": status.data["queue_id"], **{name: entry.get(name) for name in PLACE}}


def write_place(status: Status, place: dict[str, Any]) -> Frame:
    return Frame("position_change", status.version, orjson.dumps(place).decode())


def write_call(version: int, call: dict[str, Any]) -> Frame:
    return Frame("patient_called", version, orjson.dumps(call).decode())


class Hub:
    """Runs while any socket of its event loop watches something."""

    def __init__(self) -> None:
        self.watches: dict[Key, Watch] = {}
        self.logins: dict[int, set[Watcher]] = defaultdict(set)
        self._joined: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._rechecks: set[asyncio.Task[bool]] = set()

    async def watch(self, watcher: Watcher, key: Key) -> Watch | None:
        """Tell the watcher of the queue from now on; its present state is ``status``.

        Returns:
            None if there is no such queue.

        Raises:
            DatabaseFailure: its state could not be read.
        """
        self._start()
        watch = self.watches.setdefault(key, Watch(key))
        watch.interest += 1
        try:
            # Join before reading: a change between the two would otherwise be lost.
            await self._join(_group_of(key))
            if watch.status is None:
                if watch.first is None or watch.first.done():
                    watch.first = asyncio.ensure_future(self._read_first(watch))
                await asyncio.shield(watch.first)
        except BaseException:
            await self._lose_interest(watch)
            raise
        if watch.status is None:
            await self._lose_interest(watch)
            return None
        watch.watchers.add(watcher)
        return watch

    async def unwatch(self, watcher: Watcher, key: Key) -> None:
        watch = self.watches.get(key)
        if watch is not None and watcher in watch.watchers:
            watch.watchers.remove(watcher)
            await self._lose_interest(watch)

    async def watch_login(self, watcher: Watcher, user_id: int) -> None:
        """Let the watcher check itself again when the user's login changes."""
        self._start()
        self.logins[user_id].add(watcher)
        await self._join(login_group(user_id=user_id))

    async def unwatch_login(self, watcher: Watcher, user_id: int) -> None:
        self.logins[user_id].discard(watcher)
        if not self.logins[user_id]:
            del self.logins[user_id]
            await self._part(login_group(user_id=user_id))
            await self._stop_if_idle()

    async def _lose_interest(self, watch: Watch) -> None:
        watch.interest -= 1
        if watch.interest == 0:
            del self.watches[watch.key]
            await self._part(_group_of(watch.key))
            await self._stop_if_idle()

    async def _read_first(self, watch: Watch) -> None:
        status = await _read(watch.key)
        if status is not None:
            watch.advance(status)

    def _start(self) -> None:
        if self._tasks:
            return
        self._layer, self._channel = get_channel_layer(), f"hub.{uuid4().hex}"
        self._inbox: asyncio.Queue[tuple[Key, Status]] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        inbox = self._inbox

        def hear(key: Key, status: Status) -> None:
            if key in self.watches:
                with suppress(RuntimeError):  # the loop was closed meanwhile
                    loop.call_soon_threadsafe(inbox.put_nowait, (key, status))

        self._hear = hear
        live.publisher.hear.add(hear)
        self._tasks = [
            asyncio.create_task(_forever(work))
            for work in (self._listen, self._deliver, self._resync)
        ]

    async def _stop_if_idle(self) -> None:
        if self.watches or self.logins or not self._tasks:
            return
        live.publisher.hear.discard(self._hear)
        tasks, self._tasks = self._tasks, []
        self._joined.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _join(self, group: str) -> None:
        """Tolerates that Redis is down: ``_resync`` tries again."""
        if group in self._joined:
            return
        await asyncio.sleep(0)  # ``_listen`` has made the channel by then
        with suppress(*LAYER_DOWN):
            await self._layer.group_add(group, self._channel)
            self._joined.add(group)

    async def _part(self, group: str) -> None:
        self._joined.discard(group)
        with suppress(*LAYER_DOWN):
            await self._layer.group_discard(group, self._channel)

    async def _listen(self) -> None:
        message = await self._layer.receive(self._channel)
        if message["type"] == "login.changed":
            for watcher in tuple(self.logins.get(message["user_id"], ())):
                task = asyncio.create_task(watcher.recheck())
                self._rechecks.add(task)
                task.add_done_callback(self._rechecks.discard)
        else:
            self._inbox.put_nowait((tuple(message["key"]), Status.parse(message["text"])))

    async def _deliver(self) -> None:
        key, status = await self._inbox.get()
        watch = self.watches.get(key)
        news = watch.advance(status) if watch else None
        if news:
            await _tell(watch.watchers, news)

    async def _resync(self) -> None:
        """Finds what was not heard of, and what only time has changed."""
        await asyncio.sleep(RESYNC_SECONDS)
        groups = [_group_of(key) for key in self.watches]
        for group in (*groups, *(login_group(user_id=user) for user in self.logins)):
            await self._join(group)
        for watch in tuple(self.watches.values()):
            await self._compare(watch)

    async def _compare(self, watch: Watch) -> None:
        try:
            fresh = await _read(watch.key)
        except DatabaseFailure:
            watch.failures += 1
            if watch.failures >= FAILURES_BEFORE_CLOSE:
                await _close_all(watch, CLOSE_TRY_LATER)
            return
        watch.failures = 0
        if fresh is None:
            await _close_all(watch, CLOSE_NOT_FOUND)
        elif watch.status is None or fresh.version > watch.status.version:
            self._inbox.put_nowait((watch.key, fresh))
        elif not fresh.is_like(watch.status):
            live.publish(*watch.key)


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except LAYER_DOWN:
            await asyncio.sleep(RETRY_SECONDS)
        except Exception as error:  # noqa: BLE001 - sockets hang on it
            logger.error("The hub stumbled: %s", kind_and_place(error))
            await asyncio.sleep(RETRY_SECONDS)


async def _tell(watchers: set[Watcher], news: News) -> None:
    for number, watcher in enumerate(tuple(watchers)):
        if number % SOCKETS_AT_ONCE == 0:
            await asyncio.sleep(0)  # what was written leaves, and others get their turn
        if not watcher.is_ended:
            try:
                await watcher.take(news)
            except Exception as error:  # noqa: BLE001 - the next socket's turn must come
                logger.error("A socket could not be told: %s", kind_and_place(error))


async def _close_all(watch: Watch, code: int) -> None:
    for watcher in tuple(watch.watchers):
        if not watcher.is_ended:
            await watcher.close(code=code)


async def _read(key: Key) -> Status | None:
    return await in_thread(live.read_status, *key)


def _group_of(key: Key) -> str:
    tenant_id, queue_id = key
    return queue_group(tenant_id=tenant_id, queue_id=queue_id)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The running event loop's."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
