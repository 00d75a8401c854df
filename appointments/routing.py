"""WebSocket routes of appointments."""

from django.urls import path

from appointments.consumers import (
    DisplayConsumer,
    PatientQueueConsumer,
    QueueConsumer,
    TicketConsumer,
    TodayConsumer,
)

websocket_urlpatterns = [
    path("ws/appointments/today/", TodayConsumer.as_asgi()),
    path("ws/appointments/queue/<int:queue_id>/", QueueConsumer.as_asgi()),
    path(
        "ws/appointments/queue/<int:queue_id>/patient/<int:patient_id>/",
        PatientQueueConsumer.as_asgi(),
    ),
    path("ws/appointments/display/<str:token>/", DisplayConsumer.as_asgi()),
    path("ws/appointments/ticket/<str:token>/", TicketConsumer.as_asgi()),
]
