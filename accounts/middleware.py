"""Every request of a known user runs inside one tenant, in one transaction."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user, logout
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control
from django.utils.functional import SimpleLazyObject

from accounts.identity import Located, locate_token
from accounts.models import User
from core.models import Tenant
from core.public import is_public
from core.tenancy import TenantError, tenant

TENANT_SESSION_KEY = "tenant_id"
TENANT_HEADER = "X-Tenant"
LAST_SEEN_SESSION_KEY = "last_seen"
LAST_SEEN_STEP_SECONDS = 60
BACKGROUND_HEADER = "X-Background"
TOKEN_PATH = "/api/auth/token/"  # noqa: S105 - a path
GetResponse = Callable[[HttpRequest], HttpResponse]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and in which tenant the request runs; ``tenant_id`` None means in none."""

    user: User | AnonymousUser | SimpleLazyObject
    tenant_id: int | None
    user_id: int | None = None


class TenantMiddleware(AuthenticationMiddleware):
    """Sets ``request.user`` and ``request.tenant``, opens the tenant's transaction, and shows
    times in the tenant's zone and manner."""

    async_capable = False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        identity = identify(request)
        request.user = identity.user
        request.tenant = None
        if identity.tenant_id is None:
            return self.get_response(request)
        with ExitStack() as stack:
            stack.enter_context(tenant(identity.tenant_id, actor_id=identity.user_id))
            request.tenant = Tenant.objects.get(pk=identity.tenant_id)
            stack.enter_context(timezone.override(request.tenant.zone_info))
            stack.enter_context(translation.override(request.tenant.locale))
            # Loaded now: Django draws its error pages in another thread, outside this transaction.
            bool(request.user.is_authenticated)
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
            if getattr(response, "streaming", False):
                raise TenantError("A streaming response would outlive its tenant's transaction.")
            return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], *args: Any
    ) -> HttpResponse | None:
        """A superuser enters a tenant before opening a page that shows one."""
        match = request.resolver_match
        shows_tenant = hasattr(view, "permission") or match.app_name == "admin"
        if request.tenant or not shows_tenant or request.path.startswith("/api/"):
            return None
        if request.user.is_authenticated and request.user.is_superuser:
            return redirect_to_login(request.get_full_path(), resolve_url("accounts:choose_tenant"))
        return None


def identify(request: HttpRequest) -> Identity:
    if request.path_info == TOKEN_PATH and request.method == "POST":
        # A login stands outside every tenant, whatever cookie or token comes with it.
        return Identity(AnonymousUser(), None)
    if is_public(request.path_info):
        # The link says whose page it is, whoever is logged in beside.
        return Identity(AnonymousUser(), None)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "token":
        return _by_token(request, locate_token(token.strip()))
    return _by_session(request)


def _by_token(request: HttpRequest, located: Located | None) -> Identity:
    request.token_presented = True
    if located is None:
        return Identity(AnonymousUser(), None)
    if located.tenant_id is None:
        user = User.objects.filter(pk=located.user_id, is_active=True).first() or AnonymousUser()
        slug = request.headers.get(TENANT_HEADER, "")
        chosen = Tenant.objects.filter(slug=slug, is_active=True).first() if slug else None
        return Identity(user, chosen.pk if chosen else None, located.user_id)
    return Identity(
        SimpleLazyObject(lambda: _active_user(located.user_id)), located.tenant_id, located.user_id
    )


def _active_user(user_id: int) -> User | AnonymousUser:
    return User.objects.filter(pk=user_id, is_active=True).first() or AnonymousUser()


def _by_session(request: HttpRequest) -> Identity:
    session = request.session
    if SESSION_KEY not in session:
        return Identity(AnonymousUser(), None)
    user_id = int(session[SESSION_KEY])
    tenant_id = session.get(TENANT_SESSION_KEY)
    if session.get("platform_user"):
        # Read before the tenant is entered: inside it, platform users cannot be seen.
        user = get_user(request)
        return Identity(user, tenant_id if user.is_authenticated else None, user_id)
    return Identity(SimpleLazyObject(lambda: get_user(request)), tenant_id, user_id)


def remember_tenant(sender: object, request: HttpRequest, user: User, **kwargs: object) -> None:
    """On login: the session names the tenant in which its requests run."""
    request.session[TENANT_SESSION_KEY] = user.tenant_id
    request.session["platform_user"] = user.tenant_id is None
    request.session[LAST_SEEN_SESSION_KEY] = int(time.time())


class SessionTimeoutMiddleware:
    """Logs out a session that was idle for longer than ``SESSION_IDLE_SECONDS``.

    What a page asks for by itself carries ``X-Background`` and does not count as activity.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        seen = request.session.get(LAST_SEEN_SESSION_KEY)
        if seen is not None:
            now = int(time.time())
            if now - seen > settings.SESSION_IDLE_SECONDS:
                logout(request)
                request.tenant = None
            elif now - seen > LAST_SEEN_STEP_SECONDS and BACKGROUND_HEADER not in request.headers:
                request.session[LAST_SEEN_SESSION_KEY] = now
        response = self.get_response(request)
        if seen is not None and "Cache-Control" not in response:
            # Shared desks: nothing a person saw may come back with the browser's back button.
            patch_cache_control(response, private=True, no_store=True)
        return response
