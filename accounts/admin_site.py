"""The administration site: a tenant administrator sees the tenant, a superuser a chosen one."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.permissions import Permission, can
from core.admin_base import label_of

OUR_APPS = {"core", "accounts", "patients", "appointments"}


class Suggestions(AutocompleteJsonView):
    """Autocomplete that tells people of the same name apart."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        return super().serialize_result(obj, to_field_name) | {"text": label_of(obj)}


class TenantAdminSite(AdminSite):
    """Login and logout are the product's own; records of other packages, which know no tenant,
    are not shown."""

    site_header = "Administration"
    site_title = "Administration"
    index_title = "Records"
    site_url = "/"
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else None
        wanted = [
            model for model in (models or [model_or_iterable]) if model._meta.app_label in OUR_APPS
        ]
        super().register(wanted, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return request.tenant is not None and can(request.user, Permission.USE_ADMIN)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        guarded = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            refusal = self._refusal(request)
            return guarded(request, *args, **kwargs) if refusal is None else refusal

        return inner

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        """Where a user without access goes instead; never back to a login that sends them here."""
        if self.has_permission(request):
            return None
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not can(request.user, Permission.USE_ADMIN):
            raise PermissionDenied
        chosen_next = urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})
        return redirect(f"{reverse('accounts:choose_tenant')}?{chosen_next}")

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if self.has_permission(request):
            return redirect("admin:index")
        target = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
        return redirect_to_login(target)

    @method_decorator(never_cache)
    @method_decorator(require_POST)
    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        logout(request)
        return redirect("accounts:login")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("accounts:password_change")

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return Suggestions.as_view(admin_site=self)(request)

    def get_log_entries(self, request: HttpRequest) -> Any:
        """None: Django's log knows no tenant; the audit trail replaces it."""
        return super().get_log_entries(request).none()
