"""Kiosks, below /kiosk/; no login."""

from django.urls import path

from appointments.views import kiosk as views

app_name = "kiosk"

urlpatterns = [
    path("<str:token>/", views.welcome, name="welcome"),
    path("<str:token>/visit/", views.visit, name="visit"),
    path("<str:token>/walk-in/", views.walk_in, name="walk_in"),
    path("<str:token>/code/", views.code, name="code"),
    path("<str:token>/done/<str:receipt>/", views.finished, name="finished"),
]
