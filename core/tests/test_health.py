"""/healthz and /readyz: no login, and what is down is named."""

import pytest
from django.db import OperationalError, connection
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

from core.lifecycle import draining

UP = {"web": "ok", "database": "ok", "redis": "ok", "worker": "ok"}


@pytest.fixture
def worker_alive(db):
    """As if a worker had just beaten its heart."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        return cursor.fetchone()[0]


def readiness() -> tuple[int, dict]:
    response = Client().get("/readyz")
    return response.status_code, response.json()


def test_healthz_needs_nothing():
    response = Client().get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready(worker_alive):
    assert readiness() == (200, {"status": "ok", "down": [], "checks": UP})


@pytest.mark.django_db
def test_without_a_worker():
    assert readiness() == (
        503,
        {"status": "unavailable", "down": ["worker"], "checks": UP | {"worker": "down"}},
    )


def test_with_a_worker_that_has_been_silent(worker_alive):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"
        )
    assert readiness()[1]["down"] == ["worker"]


def test_without_redis(worker_alive, monkeypatch):
    def refuse(*args, **kwargs):
        raise RedisConnectionError("secret-host:6379 refused")

    monkeypatch.setattr("core.views.cache.set", refuse, raising=False)
    status, body = readiness()
    assert (status, body["down"]) == (503, ["redis"])
    assert "secret-host" not in str(body)


def test_without_a_database(monkeypatch):
    def refuse(*args, **kwargs):
        raise OperationalError("secret-host refused")

    monkeypatch.setattr("core.views.connection.cursor", refuse)
    status, body = readiness()
    assert (status, body["down"]) == (503, ["database", "worker"])
    assert "secret-host" not in str(body)


def test_while_the_server_drains(worker_alive):
    draining.set()
    try:
        assert readiness()[1]["down"] == ["web"]
    finally:
        draining.clear()
