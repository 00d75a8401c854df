from django.urls import path

from appointments.views import booking, conflicts
from appointments.views import calendar as views

app_name = "calendar"

urlpatterns = [
    path("", views.calendar, name="calendar"),
    path("grid/", views.grid, name="grid"),
    path("type-colours.css", views.type_colours, name="type_colours"),
    path("book/", booking.book, name="book"),
    path("book/patient-options/", booking.patient_options, name="patient_options"),
    path("book/slot-check/", conflicts.slot_check, name="slot_check"),
]
