"""REST routes of logins, providers and sites."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.api.login import MeView, TokenView
from accounts.api.providers import ProviderViewSet
from accounts.api.sites import SiteViewSet

router = SimpleRouter()
router.register("accounts/providers", ProviderViewSet, basename="api-provider")
router.register("sites", SiteViewSet, basename="api-site")

urlpatterns = [
    path("auth/token/", TokenView.as_view(), name="api-token"),
    path("auth/me/", MeView.as_view(), name="api-me"),
    *router.urls,
]
