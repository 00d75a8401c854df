"""Who may hold a socket open, for how long, and what the client may say on it."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db import Error as DatabaseFailure
from django.db import connection
from django.utils.crypto import constant_time_compare
from redis.exceptions import RedisError

from accounts.backends import load_user
from accounts.identity import locate_token, read_session
from accounts.middleware import LAST_SEEN_SESSION_KEY, TENANT_SESSION_KEY
from accounts.models import User
from appointments.consumers.frames import (
    CLOSE_ABUSE,
    CLOSE_NO_LOGIN,
    CLOSE_NOT_ALLOWED,
    CLOSE_TRY_LATER,
    EXCESS_BEFORE_CLOSE,
    FrameError,
    Meter,
    read_frame,
    write_frame,
)
from appointments.queue.alerts import sockets_lost, sockets_seen
from core import pulse
from core.clock import system_clock
from core.models import Tenant
from core.tenancy import tenant

logger = logging.getLogger("hospital.sockets")

AUTH_SECONDS = 5
BROKEN_OFF = 1006  # RFC 6455: nobody said goodbye
LAYER_DOWN = (RedisError, OSError)
T = TypeVar("T")


async def in_thread(query: Callable[..., T], *args: Any) -> T:
    """Run a query beside the event loop, several at once."""
    return await asyncio.get_running_loop().run_in_executor(None, _tidily, query, args)


def _tidily(query: Callable[..., T], args: tuple[Any, ...]) -> T:
    try:
        return query(*args)
    finally:
        connection.close()


class SocketConsumer(AsyncWebsocketConsumer, ABC):
    """A socket that lives no longer than its right to be open.

    Closes with what ``admit`` says, on connecting and every ``recheck_seconds`` after; with 4503
    when the database (or Redis, where it is needed) is down, so that the client polls and comes
    back; with 4429 on abuse.  Frames that cannot be read are answered with an ``error`` frame.
    """

    # Channels would give each socket a channel of its own on Redis; the hub has one for all.
    channel_layer_alias = "none"
    recheck_seconds: float = 60

    watch: asyncio.Task[None] | None = None
    is_ended = False
    tenant_id = 0
    counted_in = 0

    @abstractmethod
    def admit(self) -> int | None:
        """The code to close with, or None; may query, and runs again and again."""

    @abstractmethod
    async def join(self) -> None:
        """Begin to hear of changes; runs before ``greet``, or one between would be lost."""

    @abstractmethod
    async def leave(self) -> None:
        """Undo ``join``, which may not have been run."""

    @abstractmethod
    async def greet(self) -> None:
        """Send the state as it is; on connecting, and when the client asks."""

    @abstractmethod
    async def pong(self, message: dict[str, Any] | None = None) -> None:
        """Answer a ping."""

    @abstractmethod
    def version(self) -> int:
        """Of what the client has been told."""

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        except (*LAYER_DOWN, DatabaseFailure) as error:
            logger.warning("A socket is closed for now: %s", type(error).__name__)
            # Not accepted yet, the handshake is refused, and the client retries just the same.
            await args[2]({"type": "websocket.close", "code": CLOSE_TRY_LATER})
        finally:
            self.is_ended = True  # a look that is under way must not join again
            if self.watch is not None:
                self.watch.cancel()
            await self.leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As Channels', without its hop to a thread for each message: queries tidy up anyway."""
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        # A code reaches the browser only on an accepted socket.
        await self.accept()
        self.meter = Meter(asyncio.get_running_loop().time())
        await self.enter()

    async def enter(self) -> None:
        """Open the socket for good, or close it."""
        refusal = await in_thread(self._admit)
        if refusal:
            await self.close(code=refusal)
            return
        await self.join()
        self.watch = asyncio.create_task(self._keep_checking())
        await self.greet()

    def _admit(self) -> int | None:
        """``admit``; an open socket is counted once a minute."""
        refusal, minute = self.admit(), int(system_clock().timestamp()) // 60
        if not refusal and self.tenant_id and minute != self.counted_in:
            pulse.count(sockets_seen(self.tenant_id))
            self.counted_in = minute
        return refusal

    async def disconnect(self, code: int) -> None:
        if code == BROKEN_OFF and self.tenant_id:
            await in_thread(pulse.count, sockets_lost(self.tenant_id))

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        self.is_ended = True
        await super().close(code=code, reason=reason)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.is_ended:
            return
        excess = self.meter.take(asyncio.get_running_loop().time())
        if excess > EXCESS_BEFORE_CLOSE:
            await self.close(code=CLOSE_ABUSE)
        elif excess == 1:
            await self.complain("too_frequent")
        elif not excess:
            try:
                await self.answer(read_frame(text_data))
            except FrameError as error:
                await self.complain(error.code)

    async def answer(self, frame: dict[str, Any]) -> None:
        """Do what the client asks.

        Raises:
            FrameError: ``unknown_type``.
        """
        if frame["type"] == "ping":
            await self.pong()
        elif frame["type"] == "get_status":
            await self.greet()
        else:
            raise FrameError("unknown_type")

    async def complain(self, code: str) -> None:
        await self.send(write_frame("error", self.version(), f'{{"code":"{code}"}}'))

    async def recheck(self, *, after_seconds: float = 0) -> bool:
        """Close the socket if it may be open no longer; whether it may stay."""
        await asyncio.sleep(after_seconds)
        try:
            refusal = await in_thread(self._admit)
        except DatabaseFailure:
            refusal = CLOSE_TRY_LATER
        if self.is_ended:
            return False
        if refusal:
            await self.close(code=refusal)
        else:
            await self.follow()
        return not self.is_ended

    async def follow(self) -> None:
        """What is to be heard may have changed since ``join``."""

    async def _keep_checking(self) -> None:
        """Sees what nobody tells of: an idle session, and users changed in bulk."""
        while await self.recheck(after_seconds=self.recheck_seconds):
            pass


class GuardedConsumer(SocketConsumer):
    """A socket of someone who is logged in: by the session's cookie or, without one, by a first
    frame ``{"type": "auth", "token": …}`` within ``AUTH_SECONDS``.

    Closes with 4401 without a login, or when it ends; a token in the address is none.
    """

    token: str | None = None
    tenant_slug = ""  # a superuser names it, as with X-Tenant
    user_id = 0

    @abstractmethod
    def refusal_of(self, user: User) -> int | None:
        """The code to close with, or None; runs inside the tenant."""

    async def enter(self) -> None:
        if "token" in parse_qs(self.scope["query_string"].decode("latin1")):
            await self.close(code=CLOSE_NO_LOGIN)
        elif self._has_cookie:
            await super().enter()
        else:
            self.watch = asyncio.create_task(self._close_without_login())

    async def answer(self, frame: dict[str, Any]) -> None:
        if self.user_id:
            await super().answer(frame)
            return
        token, slug = frame.get("token"), frame.get("tenant", "")
        if frame["type"] != "auth" or not _is_plain(token) or not _is_plain(slug):
            await self.close(code=CLOSE_NO_LOGIN)
            return
        if self.watch is not None:
            self.watch.cancel()
        self.token, self.tenant_slug = token, slug
        await super().enter()

    async def complain(self, code: str) -> None:
        if self.user_id:
            await super().complain(code)
        else:
            await self.close(code=CLOSE_NO_LOGIN)

    async def login_changed(self, message: dict[str, Any] | None = None) -> None:
        await self.recheck()

    def admit(self) -> int | None:
        claim = self._by_session() if self.token is None else self._by_token(self.token)
        if claim is None:
            return CLOSE_NO_LOGIN
        with ExitStack() as stack:
            if claim.home_id is not None:
                stack.enter_context(tenant(claim.home_id))
            user = load_user(claim.user_id, claim.home_id)
            if user is None or not claim.is_good_for(user):
                return CLOSE_NO_LOGIN
            if claim.tenant_id is None:
                return CLOSE_NOT_ALLOWED
            if claim.home_id is None:
                stack.enter_context(tenant(claim.tenant_id))
            self.user_id, self.tenant_id = user.pk, claim.tenant_id
            return self.refusal_of(user)

    @property
    def _has_cookie(self) -> bool:
        return settings.SESSION_COOKIE_NAME in self.scope["cookies"]

    async def _close_without_login(self) -> None:
        await asyncio.sleep(AUTH_SECONDS)
        await self.close(code=CLOSE_NO_LOGIN)

    def _by_session(self) -> "Claim | None":
        session = read_session(self.scope["cookies"][settings.SESSION_COOKIE_NAME])
        user_id, tenant_id = session.get(SESSION_KEY), session.get(TENANT_SESSION_KEY)
        if user_id is None:
            return None
        home_id = None if session.get("platform_user") else tenant_id
        return Claim(int(user_id), home_id, tenant_id, session)

    def _by_token(self, token: str) -> "Claim | None":
        located = locate_token(token)
        if located is None:
            return None
        chosen = located.tenant_id
        if chosen is None and self.tenant_slug:
            named = Tenant.objects.filter(slug=self.tenant_slug, is_active=True).first()
            chosen = named.pk if named else None
        return Claim(located.user_id, located.tenant_id, chosen)


@dataclass(frozen=True, slots=True)
class Claim:
    """A user, the tenant they belong to (None: the platform), and the one to be watched."""

    user_id: int
    home_id: int | None
    tenant_id: int | None
    session: dict[str, Any] | None = None

    def is_good_for(self, user: User) -> bool:
        """Not if the session was idle for too long, or opened with a password changed since."""
        if not user.is_active or self.session is None:
            return user.is_active
        known = self.session.get(HASH_SESSION_KEY, "")
        idle = system_clock().timestamp() - self.session.get(LAST_SEEN_SESSION_KEY, 0)
        return (
            constant_time_compare(known, user.get_session_auth_hash())
            and idle <= settings.SESSION_IDLE_SECONDS
        )


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and (value.isprintable() or not value)
