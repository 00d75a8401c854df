"""Sockets say *that* something changed, never *what*: no patient data on the wire."""

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from accounts.backends import load_user
from accounts.middleware import LAST_SEEN_SESSION_KEY, TENANT_SESSION_KEY
from accounts.models import User
from accounts.permissions import Permission, can
from appointments.groups import board_group
from appointments.signals import board_version
from core.clock import system_clock

CLOSE_NO_LOGIN, CLOSE_NOT_ALLOWED = 4401, 4403


class TodayConsumer(AsyncJsonWebsocketConsumer):
    """Sends ``{"type": "board_changed", "version": int, "data": {}}`` after each change of the
    tenant's visits, and once on connecting.  ``version`` grows; what changed is fetched.

    Closes with 4401 without a login and 4403 where the role may not see the board.
    """

    group: str | None = None

    async def connect(self) -> None:
        refusal, tenant_id = await self._admit()
        # A code reaches the browser only on an accepted socket.
        await self.accept()
        if refusal:
            await self.close(code=refusal)
            return
        # Join before the first frame: a change between the two would otherwise be lost.
        self.group = board_group(tenant_id=tenant_id)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.board_changed({"version": board_version()})

    async def disconnect(self, code: int) -> None:
        if self.group is not None:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if isinstance(content, dict) and content.get("type") == "ping":
            await self.send_json({"type": "pong", "version": board_version(), "data": {}})
        else:
            await self._complain()

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        try:
            await super().receive(text_data=text_data, bytes_data=bytes_data, **kwargs)
        except (ValueError, RecursionError):
            await self._complain()

    async def board_changed(self, message: dict[str, Any]) -> None:
        await self.send_json({"type": "board_changed", "version": message["version"], "data": {}})

    async def _complain(self) -> None:
        await self.send_json(
            {"type": "error", "version": board_version(), "data": {"code": "invalid"}}
        )

    @database_sync_to_async
    def _admit(self) -> tuple[int | None, int]:
        """Why the socket is refused, if it is, and the tenant whose board it watches."""
        session = self.scope["session"]
        user_id, tenant_id = session.get(SESSION_KEY), session.get(TENANT_SESSION_KEY)
        if user_id is None:
            return CLOSE_NO_LOGIN, 0
        is_platform = bool(session.get("platform_user"))
        user = load_user(int(user_id), None if is_platform else tenant_id)
        if user is None or not user.is_active or not _is_fresh(session, user):
            return CLOSE_NO_LOGIN, 0
        if tenant_id is None or not can(user, Permission.SEE_TODAY):
            return CLOSE_NOT_ALLOWED, 0
        return None, tenant_id


def _is_fresh(session: Any, user: User) -> bool:
    """Neither idle for too long nor opened with a password that was changed since."""
    known = session.get(HASH_SESSION_KEY, "")
    idle = system_clock().timestamp() - session.get(LAST_SEEN_SESSION_KEY, 0)
    return (
        constant_time_compare(known, user.get_session_auth_hash())
        and idle <= settings.SESSION_IDLE_SECONDS
    )
