"""All WebSocket routes; an unknown path is closed with 4404."""

from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import re_path

from appointments.routing import websocket_urlpatterns as appointments

CLOSE_NOT_FOUND = 4404


class NoSuchSocket(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.close(code=CLOSE_NOT_FOUND)


websocket_urlpatterns = [*appointments, re_path(r"", NoSuchSocket.as_asgi())]
