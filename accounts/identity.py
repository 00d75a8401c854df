"""Finding out who asks, before any tenant is known.

Users stand behind row-level security, so the two look-ups that must cross it are functions of
the database that return keys only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction

from accounts.models import ApiToken
from core.clock import system_clock
from core.tenancy import tenant


@dataclass(frozen=True, slots=True)
class Located:
    """Keys of a user; ``tenant_id`` is None for a superuser of the platform."""

    user_id: int
    tenant_id: int | None


SESSION_BY_KEY = """
SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > %s
"""


def read_session(key: str) -> dict[str, Any]:
    """What the session holds; empty if it is unknown, over or not of our writing.

    By a constant statement, as ``load_user`` says.
    """
    with connection.cursor() as cursor:
        cursor.execute(SESSION_BY_KEY, [key, system_clock()])
        row = cursor.fetchone()
    return SessionStore().decode(row[0]) if row else {}


def locate_login(username: str) -> Located | None:
    return _one("SELECT user_id, tenant_id FROM accounts_locate_login(%s)", username)


def locate_user(key: int) -> Located | None:
    """The active user with this key, whichever tenant's."""
    return _one("SELECT user_id, tenant_id FROM accounts_locate_user(%s)", key)


def is_login_taken(username: str) -> bool:
    """Whether any account of any tenant, active or not, has this login."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_login_taken(%s)", [username])
        return cursor.fetchone()[0]


def locate_token(token: str) -> Located | None:
    """The owner of a token that is known and has not expired."""
    digest = ApiToken.digest_of(token)
    return _one("SELECT user_id, tenant_id FROM accounts_locate_token(%s)", digest)


def _one(sql: str, value: str | int) -> Located | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [value])
        row = cursor.fetchone()
    return Located(*row) if row else None


@contextmanager
def acting_in(tenant_id: int | None, *, actor_id: int | None = None) -> Iterator[None]:
    """``tenant()`` for a user's tenant; a platform user's work needs only a transaction."""
    if tenant_id is None:
        with transaction.atomic():
            yield
    else:
        with tenant(tenant_id, actor_id=actor_id):
            yield
