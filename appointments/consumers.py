"""Sockets say *that* something changed, never *what*: no patient data on the wire."""

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError
from django.utils.crypto import constant_time_compare
from redis.exceptions import RedisError

from accounts.backends import load_user
from accounts.middleware import LAST_SEEN_SESSION_KEY, TENANT_SESSION_KEY
from accounts.models import User
from accounts.permissions import Permission, can
from appointments.groups import board_group, login_group
from appointments.signals import board_version
from core.clock import system_clock

logger = logging.getLogger("hospital.sockets")

# Daphne sends no code of the standard but 1000; the others are ours, after HTTP's.
CLOSE_NO_LOGIN, CLOSE_NOT_ALLOWED, CLOSE_TRY_LATER = 4401, 4403, 4503
RECHECK_SECONDS = 60
LAYER_DOWN = (RedisError, OSError)


class GuardedConsumer(AsyncJsonWebsocketConsumer, ABC):
    """A socket that lives no longer than its login, and only while it can hear of changes.

    Closes with 4401 without a login, or when it ends; with 4403 where ``may_watch`` says no; with
    4503 when Redis or the database is down, so that the client polls and comes back.
    """

    watch: asyncio.Task[None] | None = None
    joined: tuple[str, ...] = ()

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        except (*LAYER_DOWN, DatabaseError) as error:
            logger.warning("A socket is closed for now: %s", type(error).__name__)
            # Not accepted yet, the handshake is refused, and the client retries just the same.
            await args[2]({"type": "websocket.close", "code": CLOSE_TRY_LATER})
        finally:
            if self.watch is not None:
                self.watch.cancel()
            with suppress(*LAYER_DOWN):
                for group in self.joined:
                    await self.channel_layer.group_discard(group, self.channel_name)

    @abstractmethod
    def may_watch(self, user: User) -> bool:
        """Whether the user's role allows it."""

    @abstractmethod
    def groups_of(self, tenant_id: int) -> tuple[str, ...]:
        """The groups whose messages this socket passes on."""

    @abstractmethod
    async def greet(self) -> None:
        """Send the first frame."""

    async def connect(self) -> None:
        refusal, user_id, tenant_id = await self._admit()
        # A code reaches the browser only on an accepted socket.
        await self.accept()
        if refusal:
            await self.close(code=refusal)
            return
        # Join before the first frame: a change between the two would otherwise be lost.
        self.joined = (login_group(user_id=user_id), *self.groups_of(tenant_id))
        for group in self.joined:
            await self.channel_layer.group_add(group, self.channel_name)
        self.watch = asyncio.create_task(self._watch_login())
        await self.greet()

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if isinstance(content, dict) and content.get("type") == "ping":
            # Round by Redis: a pong proves that changes arrive, too.
            await self.channel_layer.send(self.channel_name, {"type": "pong"})
        else:
            await self._complain()

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        try:
            await super().receive(text_data=text_data, bytes_data=bytes_data, **kwargs)
        except (ValueError, RecursionError):
            await self._complain()

    async def pong(self, message: dict[str, Any]) -> None:
        await self.send_json({"type": "pong", "version": board_version(), "data": {}})

    async def login_changed(self, message: dict[str, Any]) -> None:
        await self._recheck()

    async def _complain(self) -> None:
        await self.send_json(
            {"type": "error", "version": board_version(), "data": {"code": "invalid"}}
        )

    async def _watch_login(self) -> None:
        """Sees what nobody tells of: an idle session, and users changed in bulk."""
        while await self._recheck(after_seconds=RECHECK_SECONDS):
            pass

    async def _recheck(self, *, after_seconds: float = 0) -> bool:
        """Close the socket if its login has ended; whether it may stay."""
        await asyncio.sleep(after_seconds)
        try:
            refusal, _, _ = await self._admit()
        except DatabaseError:
            refusal = CLOSE_TRY_LATER
        if refusal:
            await self.close(code=refusal)
        return refusal is None

    @database_sync_to_async
    def _admit(self) -> tuple[int | None, int, int]:
        """Why the socket is refused, if it is; whose it is; and the tenant it watches."""
        session = SessionStore(self.scope["session"].session_key)  # as it is now
        user_id, tenant_id = session.get(SESSION_KEY), session.get(TENANT_SESSION_KEY)
        if user_id is None:
            return CLOSE_NO_LOGIN, 0, 0
        is_platform = bool(session.get("platform_user"))
        user = load_user(int(user_id), None if is_platform else tenant_id)
        if user is None or not user.is_active or not _is_fresh(session, user):
            return CLOSE_NO_LOGIN, 0, 0
        if tenant_id is None or not self.may_watch(user):
            return CLOSE_NOT_ALLOWED, 0, 0
        return None, user.pk, tenant_id


class TodayConsumer(GuardedConsumer):
    """Sends ``{"type": "board_changed", "version": int, "data": {}}`` after each change of the
    tenant's visits, and once on connecting.  ``version`` grows; what changed is fetched.
    """

    def may_watch(self, user: User) -> bool:
        return can(user, Permission.SEE_TODAY)

    def groups_of(self, tenant_id: int) -> tuple[str, ...]:
        return (board_group(tenant_id=tenant_id),)

    async def greet(self) -> None:
        await self.board_changed({"version": board_version()})

    async def board_changed(self, message: dict[str, Any]) -> None:
        await self.send_json({"type": "board_changed", "version": message["version"], "data": {}})


def _is_fresh(session: SessionStore, user: User) -> bool:
    """Neither idle for too long nor opened with a password that was changed since."""
    known = session.get(HASH_SESSION_KEY, "")
    idle = system_clock().timestamp() - session.get(LAST_SEEN_SESSION_KEY, 0)
    return (
        constant_time_compare(known, user.get_session_auth_hash())
        and idle <= settings.SESSION_IDLE_SECONDS
    )
