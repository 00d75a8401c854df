"""WebSocket routes of appointments."""

from django.urls import path

from appointments.consumers import TodayConsumer

websocket_urlpatterns = [
    path("ws/appointments/today/", TodayConsumer.as_asgi()),
]
