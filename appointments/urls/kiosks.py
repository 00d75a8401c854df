"""Where staff set up kiosks, below /appointments/queue/kiosks/."""

from django.urls import path

from appointments.views import kiosks as views

app_name = "kiosks"

urlpatterns = [
    path("", views.kiosks, name="kiosks"),
    path("rows/", views.kiosk_rows, name="kiosk_rows"),
    path("add/", views.add, name="add"),
    path("<int:kiosk_id>/", views.kiosk, name="kiosk"),
    path("<int:kiosk_id>/address/", views.address, name="address"),
    path("<int:kiosk_id>/new-address/", views.new_address, name="new_address"),
    path("<int:kiosk_id>/revoke/", views.revoke, name="revoke"),
    path("<int:kiosk_id>/delete/", views.delete, name="delete"),
]
