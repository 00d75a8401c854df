"""All REST routes, below /api/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
