"""The waiting patient's own page, below /ticket/; no login."""

from django.urls import path

from appointments.views import ticket as views

app_name = "ticket"

urlpatterns = [
    path("<str:token>/", views.ticket, name="ticket"),
    path("<str:token>/place/", views.place, name="place"),
    path("<str:token>/leave/", views.leave, name="leave"),
    path("<str:token>/more-time/", views.more_time, name="more_time"),
    path("<str:token>/come-back/", views.come_back, name="come_back"),
    path("<str:token>/elsewhere/", views.elsewhere, name="elsewhere"),
]
