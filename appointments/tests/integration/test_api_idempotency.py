"""``Idempotency-Key``: the work is done once, whatever happens in between."""

import threading
from datetime import time, timedelta

import pytest

from accounts.permissions import Role
from appointments.models import AppointmentRequest
from appointments.tests.api import Api, api_of, problem
from core import idempotency
from core.clock import system_clock
from core.models import IdempotencyRecord
from patients.models import PatientProfile

LIST = "appointments/appointments/"
KEY = "Idempotency-Key"


@pytest.fixture
def api(riverside):
    return api_of(riverside)


def wish_of(clinic):
    return {
        "patient_id": clinic.patients[0].pk,
        "provider_id": clinic.providers[0].pk,
        "appointment_type_id": clinic.types[0].pk,
        "scheduled_datetime": clinic.at(1, time(10)).isoformat(),
    }


def test_repeat_is_answered_the_same(riverside, api):
    wish = wish_of(riverside)
    first = api.post(LIST, wish, **{KEY: "a"})
    again = api.post(LIST, dict(reversed(wish.items())), **{KEY: "a"})
    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    for answer in (again.status_code, again.content), (again["ETag"], again["Location"]):
        assert answer in ((201, first.content), (first["ETag"], first["Location"]))
    assert again["Content-Type"] == first["Content-Type"]
    with riverside.active():
        assert AppointmentRequest.objects.count() == 1


def test_other_body_or_path_is_refused(riverside, api):
    wish = wish_of(riverside)
    key = api.post(LIST, wish, **{KEY: "a"}).json()["id"]
    for path, body in ((LIST, wish | {"reason": "x"}), (f"{LIST}{key}/confirm/", {})):
        answer = api.post(path, body, **{KEY: "a"})
        assert problem(answer)[:2] == (422, "idempotency_key_reused")


def test_commands_without_a_body_too(riverside, api):
    key = api.post(LIST, wish_of(riverside)).json()["id"]
    for _ in range(2):
        answer = api.post(f"{LIST}{key}/confirm/", **{KEY: "c"})
        assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert problem(api.post(f"{LIST}{key}/confirm/"))[:2] == (409, "illegal_transition")


def test_refusals_are_kept(riverside, api):
    wish = wish_of(riverside)
    taken = api.post(LIST, wish).json()
    first = api.post(LIST, wish, **{KEY: "a"})
    api.post(f"{LIST}{taken['id']}/cancel/", {"reason": "Ill"})
    again = api.post(LIST, wish, **{KEY: "a"})
    assert (first.status_code, again.status_code) == (409, 409)
    assert again.content == first.content
    assert api.post(LIST, wish, **{KEY: "b"}).status_code == 201


def test_what_is_refused_before_the_work_is_not_kept(riverside, api):
    nurse = api_of(riverside, Role.NURSE)
    assert nurse.post(LIST, wish_of(riverside), **{KEY: "n"}).status_code == 403
    assert api.send("POST", LIST, b"{", **{KEY: "p"}).status_code == 400
    with riverside.active():
        assert not IdempotencyRecord.objects.exists()


def test_failure_keeps_nothing_so_that_a_repeat_works(committed_riverside, monkeypatch):
    from appointments.api.booking_views import BookingEngine

    def fail(*args, **kwargs):
        raise RuntimeError

    clinic = committed_riverside
    api, wish = api_of(clinic), wish_of(clinic)
    api.client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(BookingEngine, "book", fail)
        broken = api.post(LIST, wish, **{KEY: "a"})
    assert (broken.status_code, broken.json()["type"]) == (500, "server_error")
    repeat = api.post(LIST, wish, **{KEY: "a"})
    assert repeat.status_code == 201
    assert "Idempotency-Replayed" not in repeat


def test_users_do_not_share_keys(riverside, api):
    body = {"first_name": "Same", "last_name": "Key", "birth_date": "1990-01-01"}
    manager = api_of(riverside, Role.MANAGER)
    assert api.post("patients/", body, **{KEY: "a"}).status_code == 201
    other = manager.post("patients/", body, **{KEY: "a"})
    assert "Idempotency-Replayed" not in other
    assert other.status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "t\tab", "\u00e9"])
def test_keys_that_are_none(api, key):
    answer = api.post("patients/", {}, **{KEY: key})
    assert problem(answer) == (400, "invalid_idempotency_key", KEY)


def test_key_means_nothing_outside_post(riverside, api):
    assert api.get("patients/", **{KEY: ""}).status_code == 200


def test_purge_takes_old_answers_only(riverside, api):
    api.post("patients/", {}, **{KEY: "a"})
    with riverside.active():
        assert idempotency.purge(timedelta(hours=24)) == 0
        tomorrow = system_clock() + timedelta(hours=25)
        assert idempotency.purge(timedelta(hours=24), clock=lambda: tomorrow) == 1


@pytest.mark.concurrency
def test_at_once_the_work_is_done_once(committed_riverside):
    clinic = committed_riverside
    body = {"first_name": "Only", "last_name": "Once", "birth_date": "1990-01-01"}
    assert _at_once(clinic, body, {KEY: "same"}) == [201] * 8
    with clinic.active():
        assert PatientProfile.objects.filter(last_name="Once").count() == 1


@pytest.mark.concurrency
def test_control_without_a_key_it_is_done_each_time(committed_riverside):
    clinic = committed_riverside
    body = {"first_name": "Many", "last_name": "Times", "birth_date": "1990-01-01"}
    assert _at_once(clinic, body, {}) == [201] * 8
    with clinic.active():
        assert PatientProfile.objects.filter(last_name="Times").count() == 8


def _at_once(clinic, body, headers):
    from django.db import connections

    token, ready = clinic.token(), threading.Barrier(8)
    statuses, contents = [], []

    def work():
        ready.wait()
        answer = Api(token).post("patients/", body, **headers)
        statuses.append(answer.status_code)
        contents.append(answer.content)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(contents)) == (1 if headers else 8)
    return statuses
