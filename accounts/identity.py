"""Finding out who asks, before any tenant is known.

Users stand behind row-level security, so the two look-ups that must cross it are functions of
the database that return keys only.
"""

from dataclasses import dataclass

from django.db import connection

from accounts.models import ApiToken


@dataclass(frozen=True, slots=True)
class Located:
    """Keys of a user; ``tenant_id`` is None for a superuser of the platform."""

    user_id: int
    tenant_id: int | None


def locate_login(username: str) -> Located | None:
    return _one("SELECT user_id, tenant_id FROM accounts_locate_login(%s)", username)


def locate_token(token: str) -> Located | None:
    """The owner of a token that is known and has not expired."""
    digest = ApiToken.digest_of(token)
    return _one("SELECT user_id, tenant_id FROM accounts_locate_token(%s)", digest)


def _one(sql: str, value: str) -> Located | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [value])
        row = cursor.fetchone()
    return Located(*row) if row else None
