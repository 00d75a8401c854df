"""Tokens over HTTP: logging in and out, lock-out, throttles, who am I."""

import pytest
from axes.models import AccessAttempt
from django.core.cache import cache
from django.test import Client, override_settings
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import ApiToken, User
from accounts.permissions import Role
from appointments.tests.api import Api, api_of, problem
from appointments.tests.clinics import PASSWORD, password_hash

TOKEN = "auth/token/"
NAME = f"{Role.FRONT_DESK}@riverside.test"


def log_in(username=NAME, password=PASSWORD, **headers):
    return Api(**headers).post(TOKEN, {"username": username, "password": password})


def test_log_in_use_and_log_out(riverside):
    answer = log_in()
    assert answer.status_code == 200, answer.content
    api = Api(answer.json()["token"])
    assert api.get("auth/me/").json()["username"] == NAME
    assert api.delete(TOKEN).status_code == 204
    assert problem(api.get("auth/me/"))[:2] == (401, "authentication_failed")


def test_name_is_matched_without_case(riverside):
    assert log_in(username=NAME.upper()).status_code == 200


@pytest.mark.parametrize(
    ("username", "password"),
    [(NAME, "wrong"), ("nobody@nowhere.test", PASSWORD), (NAME, PASSWORD + " ")],
)
def test_wrong_credentials(riverside, username, password):
    answer = log_in(username, password)
    assert problem(answer) == (401, "invalid_credentials", None)
    assert answer["WWW-Authenticate"] == "Token"


def test_disabled_user_and_tenant_look_like_wrong_credentials(riverside):
    with riverside.active():
        User.objects.filter(username=NAME).update(is_active=False)
    assert problem(log_in())[:2] == (401, "invalid_credentials")
    with riverside.active():
        User.objects.filter(username=NAME).update(is_active=True)
    riverside.tenant.is_active = False
    with riverside.active():
        riverside.tenant.save()
    assert problem(log_in())[:2] == (401, "invalid_credentials")


def test_disabling_a_user_ends_the_tokens(riverside):
    api = api_of(riverside)
    with riverside.active():
        User.objects.filter(pk=riverside.user(Role.FRONT_DESK).pk).update(is_active=False)
    assert problem(api.get("auth/me/"))[:2] == (401, "authentication_failed")


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "username"),
        ({"username": NAME}, "password"),
        ({"username": "", "password": "x"}, "username"),
        ({"username": 5, "password": "x"}, "username"),
        ({"username": NAME, "password": ["x"]}, "password"),
        ({"username": "a\0b", "password": "x"}, "username"),
        ({"username": "x" * 255, "password": "x"}, "username"),
        ({"username": NAME, "password": "x", "otp": "1"}, "otp"),
    ],
)
def test_bad_bodies(db, body, attr):
    answer = Api().post(TOKEN, body)
    assert (answer.status_code, problem(answer)[2]) == (400, attr)


def test_lock_out_holds_even_for_the_right_password(riverside, settings):
    settings.AXES_FAILURE_LIMIT = 3
    for _ in range(2):
        assert log_in(password="wrong").status_code == 401
    assert log_in(password="wrong").status_code in (401, 429)
    locked = log_in()
    assert problem(locked)[:2] == (429, "locked_out")
    assert int(locked["Retry-After"]) > 0
    assert log_in(username=f"{Role.NURSE}@riverside.test").status_code == 200


def test_success_forgets_failures(riverside):
    log_in(password="wrong")
    assert AccessAttempt.objects.exists()
    assert log_in().status_code == 200
    assert not AccessAttempt.objects.exists()


def test_login_is_throttled_by_address(riverside, settings):
    from core.api import TokenThrottle

    rate = TokenThrottle.THROTTLE_RATES | {"token": "2/min"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TokenThrottle, "THROTTLE_RATES", rate)
        first = [log_in(**{"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(2)]
        refused = log_in(**{"X-Forwarded-For": "10.0.0.9"})
    assert first == [200, 200]
    assert problem(refused)[:2] == (429, "throttled")
    assert 1 <= int(refused["Retry-After"]) <= 60


def test_everyone_passes_while_the_cache_is_down(riverside, monkeypatch, caplog):
    def down(*args, **kwargs):
        raise RedisConnectionError("refused")

    api = api_of(riverside)
    monkeypatch.setattr(cache, "add", down)
    assert [api.get("auth/me/").status_code for _ in range(3)] == [200, 200, 200]
    assert len([r for r in caplog.records if r.name == "hospital.throttle"]) == 1
    monkeypatch.undo()
    assert api.get("auth/me/").status_code == 200


def test_logging_in_does_not_mind_another_tenants_cookie(riverside, lakeside):
    browser = lakeside.client(Role.NURSE)
    answer = browser.post(
        "/api/auth/token/",
        {"username": NAME, "password": PASSWORD},
        content_type="application/json",
    )
    assert answer.status_code == 200
    assert Api(answer.json()["token"]).get("auth/me/").json()["tenant"]["slug"] == "riverside"


def test_session_login_needs_csrf_for_writes(riverside):
    browser = Client(enforce_csrf_checks=True)
    with riverside.active():
        browser.force_login(
            riverside.user(Role.FRONT_DESK), backend="accounts.backends.TenantBackend"
        )
    assert browser.get("/api/auth/me/").status_code == 200
    refused = browser.post("/api/patients/", {}, content_type="application/json")
    assert problem(refused)[:2] == (403, "permission_denied")
    assert problem(browser.delete("/api/auth/token/"))[0] == 403


def test_session_has_no_token_to_revoke(riverside):
    answer = riverside.client().delete("/api/auth/token/")
    assert problem(answer) == (400, "token_required", "Authorization")


def test_me(riverside):
    shown = api_of(riverside, Role.PATIENT).get("auth/me/").json()
    patient = riverside.user(Role.PATIENT)
    assert shown == {
        "id": patient.pk,
        "username": patient.username,
        "full_name": patient.get_full_name(),
        "role": "patient",
        "tenant": {"slug": "riverside", "name": "Riverside Hospital", "zone": "Europe/Berlin"},
        "permissions": ["use_portal"],
    }


@pytest.mark.parametrize("token", ["", "x", "Token", "a b", "\u00e9", "x" * 5000])
def test_bad_tokens_are_401(db, token):
    answer = Client().get("/api/patients/", headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Token"


@pytest.fixture
def root(db):
    return User.objects.create(
        username="root@platform.test", password=password_hash(), is_superuser=True, is_staff=True
    )


def test_superuser_names_the_tenant(root, riverside, lakeside):
    token = log_in(username=root.username).json()["token"]
    assert Api(token).get("auth/me/").json()["tenant"] is None
    assert problem(Api(token).get("patients/")) == (400, "tenant_required", "X-Tenant")
    wrong = Api(token, **{"X-Tenant": "nowhere"})
    assert problem(wrong.get("patients/")) == (400, "tenant_required", "X-Tenant")
    inside = Api(token, **{"X-Tenant": "lakeside"})
    names = {row["last_name"] for row in inside.get("patients/").json()["results"]}
    assert names == {"Lakesideson"}
    assert problem(inside.delete(TOKEN))[0] == 400
    assert Api(token).delete(TOKEN).status_code == 204
    assert not ApiToken.objects.exists()


def test_tenant_header_moves_nobody_else(riverside, lakeside):
    api = Api(riverside.token(), **{"X-Tenant": "lakeside"})
    assert api.get("auth/me/").json()["tenant"]["slug"] == "riverside"


@override_settings(AXES_ENABLED=True)
def test_login_ignores_an_idempotency_key(riverside):
    tokens = {log_in(**{"Idempotency-Key": "one"}).json()["token"] for _ in range(2)}
    assert len(tokens) == 2
