"""All HTTP routes."""

from django.contrib import admin
from django.urls import include, path

from accounts.views import home
from core.views import healthz, readyz

urlpatterns = [
    path("", home, name="home"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("accounts/", include("accounts.urls")),
    path("patients/", include("patients.urls")),
    path("", include("appointments.urls")),
    path("api/", include("hospital_management.api_urls")),
    path("admin/", admin.site.urls),
]

handler400 = "core.refusals.bad_request"
handler403 = "core.refusals.permission_denied"
handler404 = "core.refusals.not_found"
