"""Pages of the logged-in patient."""

from django.urls import path

from appointments.portal import views

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("place/", views.place, name="place"),
]
