"""REST routes of appointments, below /api/appointments/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from appointments.api.booking_views import AppointmentViewSet, HoldViewSet
from appointments.api.catalogue_views import (
    AppointmentTypeViewSet,
    AvailabilityRuleViewSet,
    AvailabilityViewSet,
)
from appointments.api.display_views import DisplayViewSet
from appointments.api.figures_views import SchedulingMetricsViewSet
from appointments.api.icd10_views import Icd10View
from appointments.api.queue_views import QueueEntryViewSet, QueueManagementViewSet
from appointments.api.resource_views import ResourceViewSet, TimeOffViewSet
from appointments.api.rule_views import PriorityRuleViewSet
from appointments.api.scheduling_views import SmartSchedulingViewSet
from appointments.api.series_views import SeriesViewSet
from appointments.api.service_point_views import ServicePointViewSet
from appointments.api.trip_views import TripViewSet
from appointments.api.waitlist_views import WaitlistViewSet

router = SimpleRouter()
router.register("series", SeriesViewSet, basename="api-series")
router.register("trips", TripViewSet, basename="api-trip")
router.register("resources", ResourceViewSet, basename="api-resource")
router.register("time-off", TimeOffViewSet, basename="api-time-off")
router.register("appointments", AppointmentViewSet, basename="api-appointment")
router.register("holds", HoldViewSet, basename="api-hold")
router.register("appointment-types", AppointmentTypeViewSet, basename="api-appointment-type")
router.register("availability", AvailabilityViewSet, basename="api-availability")
router.register("availability-rules", AvailabilityRuleViewSet, basename="api-availability-rule")
router.register("priority-rules", PriorityRuleViewSet, basename="api-priority-rule")
router.register("queues", QueueManagementViewSet, basename="api-queue")
router.register("queue-entries", QueueEntryViewSet, basename="api-queue-entry")
router.register("service-points", ServicePointViewSet, basename="api-service-point")
router.register("displays", DisplayViewSet, basename="api-display")
router.register("waitlist", WaitlistViewSet, basename="api-waitlist")
router.register("scheduling-metrics", SchedulingMetricsViewSet, basename="api-scheduling-metrics")
router.register("scheduling", SmartSchedulingViewSet, basename="api-scheduling")

urlpatterns = [path("icd10/", Icd10View.as_view(), name="api-icd10"), *router.urls]
