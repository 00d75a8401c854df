"""Two connections to one database: the owner, who migrates, and the application's bound role."""

import hashlib
import hmac
from typing import Any

from psycopg.conninfo import conninfo_to_dict

POOL_WAIT_SECONDS = 15


def app_password(secret_key: str, role: str) -> str:
    """The application role's password, derived so that there is nothing more to configure."""
    return hmac.new(
        secret_key.encode(), f"database role {role}".encode(), hashlib.sha256
    ).hexdigest()


def app_role(database: str) -> str:
    """Roles belong to the whole cluster, so the name carries the database's."""
    return f"{database}_app"


def connection_settings(url: str, secret_key: str, *, pool_size: int) -> dict[str, dict[str, Any]]:
    """Django's DATABASES from one owner URL.

    ``default`` never persists connections (``CONN_MAX_AGE`` leaks them under ASGI) and uses
    psycopg's pool instead; a ``pool_size`` of 0 means none, a connection per thread.
    """
    parts = conninfo_to_dict(url or "postgresql:///hospital")
    database = parts.pop("dbname", "hospital")
    owner = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database,
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "OPTIONS": parts,
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": 0,
    }
    role = app_role(database)
    pool = {"min_size": min(2, pool_size), "max_size": pool_size, "timeout": POOL_WAIT_SECONDS}
    options = parts | {"prepare_threshold": 0}  # the ORM's cursors prepare nothing all the same
    app = owner | {
        "USER": role,
        "PASSWORD": app_password(secret_key, role),
        "OPTIONS": options | ({"pool": pool} if pool_size else {}),
    }
    return {"default": app, "owner": owner}
