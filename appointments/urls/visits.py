from django.urls import path, register_converter

from appointments.enums import TRANSITIONS, Step
from appointments.views import tickets
from appointments.views import visits as views


class StepConverter:
    """A step that needs nothing but a click."""

    plain = [s.value for s in TRANSITIONS if s not in (Step.CANCEL, Step.RESCHEDULE)]
    regex = "|".join(plain)

    def to_python(self, value: str) -> Step:
        return Step(value)

    def to_url(self, value: str) -> str:
        return str(value)


register_converter(StepConverter, "step")

app_name = "visits"

urlpatterns = [
    path("<int:visit_id>/", views.visit, name="visit"),
    path("<int:visit_id>/undo/", views.undo, name="undo"),
    path("<int:visit_id>/cancel/", views.cancel, name="cancel"),
    path("<int:visit_id>/move/", views.move, name="move"),
    path("<int:visit_id>/ticket/", tickets.ticket_of_visit, name="ticket_of_visit"),
    path("<int:visit_id>/check-in-code/", tickets.check_in_code, name="check_in_code"),
    path(
        "<int:visit_id>/check-in-code/send/", tickets.send_check_in_code, name="send_check_in_code"
    ),
    path("<int:visit_id>/<step:step>/", views.take_step, name="take_step"),
    path("patient/<int:patient_id>/visits/", views.patient, name="patient"),
]
