"""HTTP routes of appointments, one module per area."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
