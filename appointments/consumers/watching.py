"""Sockets that the hub tells of queues, the slow ones without holding up the others."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from appointments.consumers.frames import CLOSE_TRY_LATER, Frame, write_frame
from appointments.consumers.guarded import SocketConsumer
from appointments.consumers.hub import News, Watch, hub, place_in, write_call, write_place
from appointments.enums import QUEUE_PRESENT
from appointments.live import Key, Status

MAX_CALLS_BEHIND = 100


class WatchingConsumer(SocketConsumer):
    """Sends ``queue_status`` on connecting, ``queue_update`` and ``patient_called`` after.

    To a client that does not keep up, the newest status of each queue is sent once it has room
    again, and every call.  ``admit`` sets ``wanted``.
    """

    wanted: tuple[Key, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.watching: dict[Key, Watch] = {}
        self._newest: dict[str, Frame] = {}
        self._calls: deque[Frame] = deque()
        self._catching_up: asyncio.Task[None] | None = None

    async def join(self) -> None:
        for key in self.watching.keys() - set(self.wanted):
            del self.watching[key]
            await hub().unwatch(self, key)
        for key in self.wanted:
            if key not in self.watching:
                watch = await hub().watch(self, key)
                if watch is not None:
                    self.watching[key] = watch

    async def leave(self) -> None:
        if self._catching_up is not None:
            self._catching_up.cancel()
        for key in tuple(self.watching):
            await hub().unwatch(self, key)

    async def follow(self) -> None:
        if self.watching.keys() != set(self.wanted):
            await self.join()
            await self.greet()

    async def greet(self) -> None:
        for watch in tuple(self.watching.values()):
            if watch.status is not None:
                text = self.shown(watch.status)
                frame = Frame("queue_status", watch.status.version, text)
                if not self._pushed(frame):
                    await self.send(frame.text)

    async def pong(self, message: dict[str, Any] | None = None) -> None:
        versions = {
            str(queue_id): watch.status.version
            for (_, queue_id), watch in self.watching.items()
            if watch.status is not None
        }
        data = orjson.dumps({"versions": versions}).decode()
        await self.send(write_frame("pong", self.version(), data))

    def version(self) -> int:
        statuses = (watch.status for watch in self.watching.values())
        return max((status.version for status in statuses if status is not None), default=0)

    def shown(self, status: Status) -> str:
        """What this socket may see of a queue, as JSON."""
        return status.text

    async def take(self, news: News) -> None:
        await self.queue_update(news)
        await self.patient_called(news)

    async def queue_update(self, news: News) -> None:
        await self.push(news.update, replaces=f"update {news.status.data['queue_id']}")

    async def patient_called(self, news: News) -> None:
        for frame in news.called:
            await self.push(frame)

    async def push(self, frame: Frame, *, replaces: str = "") -> None:
        """Send without ever waiting.

        Args:
            replaces: what the frame tells anew, where an older one may be left out.
        """
        if self._catching_up is None and self._push is None:
            await self.send(frame.text)
            return
        if self._pushed(frame):
            return
        if replaces:
            self._newest[replaces] = frame
        else:
            self._calls.append(frame)
        if len(self._calls) > MAX_CALLS_BEHIND:
            await self.close(code=CLOSE_TRY_LATER)
        elif self._catching_up is None:
            self._catching_up = asyncio.create_task(self._catch_up())

    def _pushed(self, frame: Frame) -> bool:
        """Whether it is on its way; not if others wait before it, or there is no such way."""
        return self._catching_up is None and self._push is not None and self._push(frame.wire)

    @cached_property
    def _push(self) -> Callable[[bytes], bool] | None:
        """The web server's way to many sockets, where it has one."""
        return self.scope.get("extensions", {}).get("push")

    async def _catch_up(self) -> None:
        while self._newest or self._calls:
            if self._newest:
                frame = self._newest.pop(next(iter(self._newest)))
            else:
                frame = self._calls.popleft()
            await self.send(frame.text)
        self._catching_up = None


@dataclass(frozen=True, slots=True)
class Place:
    """The entry whose place is shown, as the database has it."""

    entry_id: int
    ticket: str
    status: str


class PlaceConsumer(WatchingConsumer):
    """A patient's own place in a queue: the state without the others' entries, and
    ``position_change`` whenever the place, its estimate or the entry's status is a different one.

    ``admit`` sets ``place`` (None: the patient is not in the queue).
    """

    place: Place | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shown_place: Place | None = None
        self._told: dict[str, Any] | None = None
        self._newest_entry = 0
        self._looking: asyncio.Task[bool] | None = None

    def shown(self, status: Status) -> str:
        key = self.place.entry_id if self.place else None
        own = [each for each in status.data["entries"] if each["entry_id"] == key]
        return orjson.dumps(status.data | {"entries": own}).decode()

    async def follow(self) -> None:
        await super().follow()
        if self.place != self._shown_place:
            await self.greet()

    async def greet(self) -> None:
        await super().greet()
        self._told = None
        for watch in tuple(self.watching.values()):
            if watch.status is not None:
                await self.position_change(watch.status)

    async def take(self, news: News) -> None:
        await self.queue_update(news)
        await self.position_change(news.status)
        await self.patient_called(news)
        self._look_again(news.status)

    async def queue_update(self, news: News) -> None:
        frame = Frame("queue_update", news.status.version, self.shown(news.status))
        await self.push(frame, replaces="update")

    async def patient_called(self, news: News) -> None:
        for call in news.calls:
            if self.place and call["entry_id"] == self.place.entry_id:
                await self.push(write_call(news.status.version, call))

    async def position_change(self, status: Status) -> None:
        self._shown_place = self.place
        if self.place is None:
            return
        known = {
            "entry_id": self.place.entry_id,
            "ticket": self.place.ticket,
            "status": self.place.status,
        }
        told = place_in(status, known | status.entries.get(self.place.entry_id, {}))
        if told != self._told:
            self._told = told
            await self.push(write_place(status, told), replaces="place")

    def _look_again(self, status: Status) -> None:
        """Ask the database where the patient is, once they may have left, come or been sent on."""
        is_here = self.place is not None and self.place.entry_id in status.entries
        newest = max(status.entries, default=0)
        may_have_come, self._newest_entry = newest > self._newest_entry, newest
        has_left = self.place is not None and self.place.status in QUEUE_PRESENT
        if not is_here and (has_left or may_have_come) and not self._is_looking:
            self._looking = asyncio.create_task(self.recheck())

    @property
    def _is_looking(self) -> bool:
        return self._looking is not None and not self._looking.done()
