"""REST routes of patients."""

from rest_framework.routers import SimpleRouter

from patients.api.views import PatientViewSet

router = SimpleRouter()
router.register("patients", PatientViewSet, basename="api-patient")

urlpatterns = router.urls
