"""Where staff connect waiting-room screens, below /appointments/queue/screens/."""

from django.urls import path

from appointments.views import screens as views

app_name = "screens"

urlpatterns = [
    path("", views.screens, name="screens"),
    path("rows/", views.rows, name="rows"),
    path("add/", views.add, name="add"),
    path("<int:screen_id>/", views.screen, name="screen"),
    path("<int:screen_id>/pair/", views.pair, name="pair"),
    path("<int:screen_id>/address/", views.address, name="address"),
    path("<int:screen_id>/disconnect/", views.disconnect, name="disconnect"),
    path("<int:screen_id>/delete/", views.delete, name="delete"),
]
