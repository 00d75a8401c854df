"""Settings from the environment: what is wrong stops the start, with its name."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from hospital_management import env
from hospital_management.databases import app_password, app_role, connection_settings

LONG_SECRET = "f3Kq8zR1vN6bT0yXw7Hc5JmD2sLpA9gEuQiVoWnZrYtBxCe4Gh7Mn2Kd"
INHERITED = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "hospital_management.settings"}


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=INHERITED | variables,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_refuses_to_start_without_a_secret(tmp_path):
    result = manage("check", DEBUG="0", DATA_DIR=str(tmp_path))
    assert result.returncode != 0
    assert "SECRET_KEY is not set" in result.stderr
    assert not (tmp_path / "secret_key").exists()


@pytest.mark.parametrize("secret", ["change-me", "django-insecure-abc"])
def test_production_refuses_an_example_secret(secret, tmp_path):
    result = manage("check", DEBUG="0", DATA_DIR=str(tmp_path), SECRET_KEY=secret)
    assert result.returncode != 0
    assert "example value" in result.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {
            "DEBUG": "0",
            "HTTPS": "1",
            "HOST": "0.0.0.0",
            "ALLOWED_HOSTS": "clinic.example",
            "SECRET_KEY": LONG_SECRET,
            "DATABASE_URL": "postgresql://owner@db/hospital",
            "REDIS_URL": "redis://redis:6379",
        },
    ],
    ids=["embedded", "production"],
)
def test_the_deployment_checks_have_nothing_to_say(variables, tmp_path):
    result = manage(
        "check", "--deploy", "--fail-level", "WARNING", DATA_DIR=str(tmp_path), **variables
    )
    assert result.returncode == 0, result.stderr


def test_a_wrong_number_is_named(tmp_path):
    result = manage("check", DATA_DIR=str(tmp_path), DATABASE_POOL_SIZE="many")
    assert result.returncode != 0
    assert "DATABASE_POOL_SIZE must be a whole number, not 'many'" in result.stderr


@pytest.mark.parametrize(
    ("raw", "value"), [("1", True), ("Yes", True), ("off", False), ("", False), (None, True)]
)
def test_flag(raw, value, monkeypatch):
    monkeypatch.delenv("SOME_FLAG", raising=False)
    if raw is not None:
        monkeypatch.setenv("SOME_FLAG", raw)
    assert env.flag("SOME_FLAG", default=True) is value


def test_a_flag_that_is_neither_is_named(monkeypatch):
    monkeypatch.setenv("SOME_FLAG", "maybe")
    with pytest.raises(ImproperlyConfigured, match="SOME_FLAG must be 1 or 0, not 'maybe'"):
        env.flag("SOME_FLAG", default=False)


def test_words_are_trimmed_and_never_empty(monkeypatch):
    monkeypatch.setenv("SOME_LIST", " a.example, b.example ,,")
    assert env.words("SOME_LIST") == ["a.example", "b.example"]


def test_two_roles_share_one_database():
    url = "postgresql://owner:pw@db.example:5433/clinic?sslmode=require"
    databases = connection_settings(url, LONG_SECRET, pool_size=4)
    owner, app = databases["owner"], databases["default"]
    assert (owner["USER"], app["USER"]) == ("owner", app_role("clinic"))
    assert app["PASSWORD"] == app_password(LONG_SECRET, app["USER"]) != owner["PASSWORD"]
    for one in (owner, app):
        assert (one["NAME"], one["HOST"], str(one["PORT"])) == ("clinic", "db.example", "5433")
        assert one["OPTIONS"]["sslmode"] == "require"
        assert one["CONN_MAX_AGE"] == 0
    assert app["OPTIONS"]["pool"]["max_size"] == 4
    assert "pool" not in owner["OPTIONS"]
