"""WebSocket routes of appointments."""

from django.urls import URLPattern

websocket_urlpatterns: list[URLPattern] = []
