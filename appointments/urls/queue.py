"""Pages below /appointments/queue/."""

from django.urls import path, register_converter

from appointments.enums import QueueStep, ServicePointState
from appointments.views import queue as views
from appointments.views import (
    queue_add,
    queue_alerts,
    queue_config,
    queue_entry,
    queue_figures,
    queue_point_setup,
    queue_points,
    queue_setup,
    queue_steps,
)
from appointments.views.queue_cards import STEPS


class QueueStepConverter:
    """A step that needs nothing but a click."""

    regex = "|".join(STEPS)

    def to_python(self, value: str) -> QueueStep:
        return QueueStep(value)

    def to_url(self, value: str) -> str:
        return str(value)


class PointStateConverter:
    regex = "|".join(ServicePointState.values)

    def to_python(self, value: str) -> ServicePointState:
        return ServicePointState(value)

    def to_url(self, value: str) -> str:
        return str(value)


register_converter(QueueStepConverter, "queue_step")
register_converter(PointStateConverter, "point_state")

app_name = "queue"

urlpatterns = [
    path("", views.queues, name="queues"),
    path("cards/", views.queue_cards, name="queue_cards"),
    path("entries/<int:entry_id>/", queue_entry.entry, name="entry"),
    path("entries/<int:entry_id>/undo/", queue_steps.undo, name="undo"),
    path("entries/<int:entry_id>/transfer/", queue_steps.transfer, name="transfer"),
    path("entries/<int:entry_id>/move/", queue_steps.move, name="move"),
    path("entries/<int:entry_id>/<queue_step:step>/", queue_steps.take_step, name="take_step"),
    path("add/", queue_setup.add_queue, name="add_queue"),
    path("points/", queue_point_setup.points, name="points"),
    path("points/rows/", queue_point_setup.point_rows, name="point_rows"),
    path("points/add/", queue_point_setup.add_point, name="add_point"),
    path("points/<int:point_id>/", queue_point_setup.edit_point, name="edit_point"),
    path("points/<int:point_id>/retire/", queue_point_setup.retire_point, name="retire_point"),
    path("points/<int:point_id>/restore/", queue_point_setup.restore_point, name="restore_point"),
    path("points/leave/", queue_points.leave_point, name="leave_point"),
    path("points/<int:point_id>/serve/", queue_points.serve_at, name="serve_at"),
    path(
        "points/<int:point_id>/<point_state:state>/",
        queue_points.set_point_state,
        name="set_point_state",
    ),
    path("<int:queue_id>/", views.AdvancedQueueManagementView.as_view(), name="console"),
    path("<int:queue_id>/status/", views.queue_status_htmx_view, name="queue_status"),
    path("<int:queue_id>/add/", queue_add.add_to_queue_htmx_view, name="add_to_queue"),
    path(
        "<int:queue_id>/call-next/",
        views.call_next_patient_htmx_view,
        name="call_next_patient",
    ),
    path("<int:queue_id>/open/", queue_points.open_queue, name="open_queue"),
    path("<int:queue_id>/close/", queue_points.close_queue, name="close_queue"),
    path("<int:queue_id>/config/", queue_config.queue_config_view, name="queue_config"),
    path("<int:queue_id>/config/preview/", queue_config.config_preview, name="config_preview"),
    path("<int:queue_id>/config/reset/", queue_config.reset_config, name="reset_config"),
    path("<int:queue_id>/edit/", queue_setup.edit_queue, name="edit_queue"),
    path("<int:queue_id>/retire/", queue_setup.retire_queue, name="retire_queue"),
    path("<int:queue_id>/restore/", queue_setup.restore_queue, name="restore_queue"),
    path("<int:queue_id>/analytics/", queue_figures.queue_analytics_view, name="analytics"),
    path("<int:queue_id>/metrics/", queue_figures.queue_metrics_dashboard_view, name="metrics"),
    path("alerts/", queue_alerts.alerts, name="alerts"),
    path("alerts/rows/", queue_alerts.alert_rows, name="alert_rows"),
    path("alerts/strip/", queue_alerts.alert_strip, name="alert_strip"),
    path("alerts/<int:alert_id>/seen/", queue_alerts.alert_seen, name="alert_seen"),
]
