"""Unguessable links: made, shown again, revoked, and looked up before any tenant is known."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from appointments.enums import LinkKind
from appointments.models import PublicLink

MAX_TOKEN_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Located:
    """Whose record a token opens."""

    tenant_id: int
    target_id: int


def make_link(kind: LinkKind, target_id: int, *, expires_at: datetime | None = None) -> PublicLink:
    """A new link; ``token_of`` gives the token that it is known by."""
    link = PublicLink(
        kind=kind, target_id=target_id, nonce=secrets.token_urlsafe(32), expires_at=expires_at
    )
    link.digest = digest_of(token_of(link))
    link.save()
    return link


def current_link(kind: LinkKind, target_id: int) -> PublicLink | None:
    """The newest link to the record that still opens it."""
    links = PublicLink.objects.filter(kind=kind, target_id=target_id, revoked_at=None)
    opening = links.filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
    return opening.order_by("-pk").first()


def link_to(kind: LinkKind, target_id: int, *, expires_at: datetime | None = None) -> PublicLink:
    """The present link to the record; a new one where there is none."""
    return current_link(kind, target_id) or make_link(kind, target_id, expires_at=expires_at)


def revoke_links(kind: LinkKind, target_id: int, *, now: datetime) -> int:
    """No link to the record opens anything from now on; returns how many were cut."""
    links = PublicLink.objects.filter(kind=kind, target_id=target_id, revoked_at=None)
    return links.update(revoked_at=now)


def token_of(link: PublicLink) -> str:
    """256 bits that cannot be guessed nor read from the database alone."""
    message = f"{link.kind}:{link.nonce}".encode()
    key = hashlib.sha256(b"public-link:" + settings.SECRET_KEY.encode()).digest()
    code = hmac.digest(key, message, "sha256")
    return urlsafe_b64encode(code).decode().rstrip("=")


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def locate(kind: LinkKind, token: str) -> Located | None:
    """The record that the token opens; None for a wrong, expired or revoked one.

    Needs no tenant: only keys are read, by a function of the database.
    """
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, target_id FROM appointments_locate_link(%s, %s)",
            [kind, digest_of(token)],
        )
        row = cursor.fetchone()
    return Located(*row) if row else None
