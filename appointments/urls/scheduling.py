"""Pages below /appointments/scheduling/."""

from django.urls import path

from appointments.views import (
    conflicts,
    figures,
    preferences,
    priority_rules,
    resources,
    scheduling,
    scheduling_book,
    scheduling_weights,
    series,
    time_off,
    trips,
    wait_warnings,
)

app_name = "scheduling"

urlpatterns = [
    path("", scheduling.SmartSchedulingView.as_view(), name="smart_scheduling"),
    path("find-optimal-slots/", scheduling.find_optimal_slots_view, name="find_optimal_slots"),
    path("hold/", scheduling_book.hold, name="hold"),
    path("book/", scheduling_book.book, name="book"),
    path("series/book/", series.book_series, name="book_series"),
    path("series/<int:series_id>/undo/", series.undo_series, name="undo_series"),
    path("trips/", trips.trips, name="trips"),
    path("trips/rows/", trips.trip_rows, name="trip_rows"),
    path("trips/book/", trips.book_trip, name="book_trip"),
    path("trips/undo/", trips.undo_trip, name="undo_trip"),
    path("weights/", scheduling_weights.weights, name="weights"),
    path("weights/preview/", scheduling_weights.weights_preview, name="weights_preview"),
    path("analytics/", figures.scheduling_analytics_view, name="analytics"),
    path("metrics/", figures.scheduling_metrics_dashboard, name="metrics"),
    path(
        "patient/<int:patient_id>/update-preferences/",
        preferences.update_patient_preferences_view,
        name="update_preferences",
    ),
    path("patient/<int:patient_id>/preferences/", preferences.preferences, name="preferences"),
    path("wait-warnings/", wait_warnings.wait_warnings, name="wait_warnings"),
    path("rules/", priority_rules.rules, name="rules"),
    path("rules/rows/", priority_rules.rule_rows, name="rule_rows"),
    path("rules/add/", priority_rules.add_rule, name="add_rule"),
    path("rules/<int:rule_id>/", priority_rules.rule, name="rule"),
    path("rules/<int:rule_id>/switch/", priority_rules.switch_rule, name="switch_rule"),
    path("rules/<int:rule_id>/delete/", priority_rules.delete_rule, name="delete_rule"),
    path("check-conflicts/", conflicts.check_scheduling_conflicts_view, name="check_conflicts"),
    path("check-conflicts/answer/", conflicts.conflicts, name="conflicts"),
    path("resources/", resources.resources, name="resources"),
    path("resources/rows/", resources.resource_rows, name="resource_rows"),
    path("resources/add/", resources.add_resource, name="add_resource"),
    path("resources/<int:resource_id>/", resources.resource, name="resource"),
    path("resources/<int:resource_id>/switch/", resources.switch_resource, name="switch_resource"),
    path("time-off/", time_off.time_off, name="time_off"),
    path("time-off/<int:time_off_id>/", time_off.affected, name="affected"),
    path("time-off/<int:time_off_id>/delete/", time_off.delete_time_off, name="delete_time_off"),
]
