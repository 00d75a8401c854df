"""The socket of Today says *that* something changed, never *what*."""

from contextlib import suppress
from typing import Any

from channels import DEFAULT_CHANNEL_LAYER

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.consumers.frames import CLOSE_NOT_ALLOWED, write_frame
from appointments.consumers.guarded import LAYER_DOWN, GuardedConsumer
from appointments.groups import board_group, login_group
from appointments.signals import board_version


class TodayConsumer(GuardedConsumer):
    """Sends ``{"type": "board_changed", "version": int, "data": {}}`` after each change of the
    tenant's visits, and once on connecting.  ``version`` grows; what changed is fetched.
    """

    channel_layer_alias = DEFAULT_CHANNEL_LAYER
    joined: tuple[str, ...] = ()

    def refusal_of(self, user: User) -> int | None:
        return None if can(user, Permission.SEE_TODAY) else CLOSE_NOT_ALLOWED

    async def join(self) -> None:
        self.joined = (login_group(user_id=self.user_id), board_group(tenant_id=self.tenant_id))
        for group in self.joined:
            await self.channel_layer.group_add(group, self.channel_name)

    async def leave(self) -> None:
        with suppress(*LAYER_DOWN):
            for group in self.joined:
                await self.channel_layer.group_discard(group, self.channel_name)

    async def greet(self) -> None:
        await self.board_changed({"version": board_version()})

    async def board_changed(self, message: dict[str, Any]) -> None:
        await self.send(write_frame("board_changed", message["version"]))

    async def answer(self, frame: dict[str, Any]) -> None:
        if self.user_id and frame["type"] == "ping":
            # Round by Redis: a pong proves that changes arrive, too.
            await self.channel_layer.send(self.channel_name, {"type": "pong"})
        else:
            await super().answer(frame)

    async def pong(self, message: dict[str, Any] | None = None) -> None:
        await self.send(write_frame("pong", self.version()))

    def version(self) -> int:
        return board_version()
