"""The link by which a forgotten password is set anew."""

import hashlib

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.cache import cache
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from redis.exceptions import RedisError

from accounts.backends import load_user
from accounts.identity import locate_user
from accounts.models import User

MAILS_PER_HOUR = 3
SUBJECT = "Set a new password"
BODY = "accounts/mail/password_reset.txt"


def may_ask(login: str) -> bool:
    """Whether this login, known or not, was given fewer than ``MAILS_PER_HOUR`` times before.

    Without the cache it may: nobody stays locked out because a counter is down.
    """
    key = f"password-reset:{hashlib.sha256(login.lower().encode()).hexdigest()}"
    try:
        cache.add(key, 0, timeout=3600)
        return cache.incr(key) <= MAILS_PER_HOUR
    except (RedisError, OSError):
        return True


def mail_link(user_id: int, *, origin: str) -> None:
    """Mail the user a link that works once, for ``PASSWORD_RESET_TIMEOUT`` seconds from now.

    Nothing is sent to a user who is inactive by now or has no password.  Run it outside any
    transaction: it talks to the mail server.

    Args:
        origin: scheme and host of the link, as ``https://clinic.example``.
    """
    located = locate_user(user_id)
    user = load_user(located.user_id, located.tenant_id) if located else None
    if user is None or not user.has_usable_password():
        return
    send_mail(SUBJECT, _body(user, origin), None, [user.email or user.username])


def _body(user: User, origin: str) -> str:
    context = {
        "user": user,
        "origin": origin,
        "uid": urlsafe_base64_encode(force_bytes(user.pk)),
        "token": default_token_generator.make_token(user),
        "minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
    }
    return render_to_string(BODY, context)
