"""REST routes of appointments, below /api/appointments/."""

from rest_framework.routers import SimpleRouter

from appointments.api.booking_views import AppointmentViewSet, HoldViewSet
from appointments.api.catalogue_views import (
    AppointmentTypeViewSet,
    AvailabilityRuleViewSet,
    AvailabilityViewSet,
)
from appointments.api.queue_views import QueueEntryViewSet, QueueViewSet
from appointments.api.waitlist_views import WaitlistViewSet

router = SimpleRouter()
router.register("appointments", AppointmentViewSet, basename="api-appointment")
router.register("holds", HoldViewSet, basename="api-hold")
router.register("appointment-types", AppointmentTypeViewSet, basename="api-appointment-type")
router.register("availability", AvailabilityViewSet, basename="api-availability")
router.register("availability-rules", AvailabilityRuleViewSet, basename="api-availability-rule")
router.register("queues", QueueViewSet, basename="api-queue")
router.register("queue-entries", QueueEntryViewSet, basename="api-queue-entry")
router.register("waitlist", WaitlistViewSet, basename="api-waitlist")

urlpatterns = router.urls
