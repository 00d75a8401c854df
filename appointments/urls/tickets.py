"""Paper tickets and patients' places, below /appointments/queue/entries/."""

from django.urls import path

from appointments.views import tickets as views

app_name = "tickets"

urlpatterns = [
    path("<int:entry_id>/ticket/", views.paper_ticket, name="paper_ticket"),
    path("patient/<int:patient_id>/", views.patient_places, name="patient_places"),
]
