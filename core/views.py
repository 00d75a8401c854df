"""Health, and the pages for refusals that Django itself raises."""

from datetime import timedelta

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from core.lifecycle import draining

WORKER_SILENT_AFTER = timedelta(seconds=30)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """The process can do its work: 200, or 503 naming what is down."""
    parts = {"web": not draining.is_set(), "database": _database(), "redis": _redis()}
    parts["worker"] = parts["database"] and _worker()
    down = [name for name, up in parts.items() if not up]
    body = {
        "status": "unavailable" if down else "ok",
        "down": down,
        "checks": {name: "ok" if up else "down" for name, up in parts.items()},
    }
    return JsonResponse(body, status=503 if down else 200)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis() -> bool:
    try:
        cache.set("readyz", 1, 5)
    except (RedisError, OSError):
        return False
    return True


def _worker() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM procrastinate_workers"
                " WHERE last_heartbeat > now() - %s)",
                [WORKER_SILENT_AFTER],
            )
            return cursor.fetchone()[0]
    except DatabaseError:
        return False
