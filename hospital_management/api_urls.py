"""All REST routes, below /api/."""

from django.urls import include, path

from core.api_docs import DocsView, SchemaView

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    path("", include("accounts.api.urls")),
    path("", include("patients.api.urls")),
    path("appointments/", include("appointments.api.urls")),
]
