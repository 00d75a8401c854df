"""Check-in on the patient's own phone, below /check-in/; no login."""

from django.urls import path

from appointments.views import check_in as views

app_name = "check_in"

urlpatterns = [path("<str:token>/", views.check_in, name="check_in")]
