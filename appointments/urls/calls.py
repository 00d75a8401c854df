"""Routes of the call list."""

from django.urls import path

from appointments.views import calls as views

app_name = "calls"

urlpatterns = [
    path("", views.call_list_view, name="call_list"),
    path("rows/", views.call_rows, name="call_rows"),
    path("record/", views.record_call, name="record_call"),
]
