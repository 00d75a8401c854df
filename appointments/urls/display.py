"""Waiting-room screens, below /display/; no login."""

from django.urls import path

from appointments.views import display as views

app_name = "display"

urlpatterns = [
    path("", views.code, name="code"),
    path("claimed/", views.claimed, name="claimed"),
    path("<str:token>/", views.monitor, name="monitor"),
    path("<str:token>/status/", views.status, name="status"),
]
