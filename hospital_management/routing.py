"""All WebSocket routes."""

from appointments.routing import websocket_urlpatterns

__all__ = ["websocket_urlpatterns"]
