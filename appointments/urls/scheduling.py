"""Pages below /appointments/scheduling/."""

from django.urls import path

from appointments.views import figures, preferences

app_name = "scheduling"

urlpatterns = [
    path("analytics/", figures.scheduling_analytics_view, name="analytics"),
    path("metrics/", figures.scheduling_metrics_dashboard, name="metrics"),
    path(
        "patient/<int:patient_id>/update-preferences/",
        preferences.update_patient_preferences_view,
        name="update_preferences",
    ),
    path("patient/<int:patient_id>/preferences/", preferences.preferences, name="preferences"),
]
