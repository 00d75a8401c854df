"""HTTP routes of appointments, one module per area."""

from django.urls import include, path

urlpatterns = [
    path("today/", include("appointments.urls.today")),
    path("appointments/calendar/", include("appointments.urls.calendar")),
    path("appointments/scheduling/call-list/", include("appointments.urls.calls")),
    path("appointments/scheduling/", include("appointments.urls.scheduling")),
    path("appointments/queue/screens/", include("appointments.urls.screens")),
    path("appointments/queue/", include("appointments.urls.queue")),
    path("appointments/waitlist/", include("appointments.urls.waitlist")),
    path("appointments/queue/entries/", include("appointments.urls.tickets")),
    path("appointments/queue/kiosks/", include("appointments.urls.kiosks")),
    path("appointments/", include("appointments.urls.visits")),
    path("portal/", include("appointments.urls.portal")),
    path("display/", include("appointments.urls.display")),
    path("check-in/", include("appointments.urls.check_in")),
    path("kiosk/", include("appointments.urls.kiosk")),
    path("ticket/", include("appointments.urls.ticket")),
]
