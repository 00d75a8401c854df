"""Logging other systems in and out."""

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest  # noqa: TID251 - Django's own login takes it

from accounts.identity import acting_in
from accounts.models import ApiToken, User
from core.errors import DomainError


class InvalidCredentialsError(DomainError):
    """Also for a disabled user or tenant: who may log in is not told to strangers."""

    code = "invalid_credentials"
    http_status = 401
    message = "The user name or the password is wrong."


class LockedOutError(DomainError):
    code = "locked_out"
    http_status = 429
    message = "Too many failed attempts. Try again later."

    @property
    def retry_after_seconds(self) -> int:
        return int(settings.AXES_COOLOFF_TIME * 3600)


def log_in(request: HttpRequest, username: str, password: str) -> str:
    """A new token for the user.

    Run it outside any tenant: the user's own is entered here.

    Raises:
        InvalidCredentialsError: or the user may not log in.
        LockedOutError: too many failed attempts came before.
    """
    user = authenticate(request, username=username, password=password)
    if getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # or its middleware answers with a page
        raise LockedOutError
    if not isinstance(user, User):
        raise InvalidCredentialsError
    AxesProxyHandler.user_logged_in(sender=User, request=request, user=user)
    with acting_in(user.tenant_id, actor_id=user.pk):
        return ApiToken.issue(user)


def revoke(token: str) -> bool:
    """Make the token worthless.

    Returns:
        False if it cannot be seen: its tenant must be active, and none for a superuser's.
    """
    return bool(ApiToken.objects.filter(digest=ApiToken.digest_of(token)).delete()[0])
