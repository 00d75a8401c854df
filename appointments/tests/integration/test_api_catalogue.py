"""Appointment types, availability, weekly rules, providers and sites over HTTP."""

from datetime import date, time

import pytest

from accounts.permissions import Role
from appointments.models import SlotAvailability
from appointments.tests.api import api_of, problem

TYPES = "appointments/appointment-types/"
WINDOWS = "appointments/availability/"
RULES = "appointments/availability-rules/"


@pytest.fixture
def api(riverside):
    return api_of(riverside, Role.MANAGER)


@pytest.fixture
def window(riverside):
    return {
        "provider_id": riverside.providers[0].pk,
        "site_id": riverside.site.pk,
        "date": "2035-01-31",
        "start_time": "08:00",
        "end_time": "12:00",
    }


def test_types_live_and_die(riverside, api):
    provider = riverside.providers[0].pk
    body = {"name": "X-ray", "duration_minutes": 20, "provider_ids": [provider, provider]}
    made = api.post(TYPES, body)
    assert made.status_code == 201, made.content
    shown = made.json()
    assert (shown["name"], shown["provider_ids"], shown["site_ids"]) == ("X-ray", [provider], [])
    path = f"{TYPES}{shown['id']}/"
    changed = api.patch(path, {"provider_ids": [], "site_ids": [riverside.site.pk]}).json()
    assert (changed["provider_ids"], changed["site_ids"]) == ([], [riverside.site.pk])
    assert changed["duration_minutes"] == 20
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"name": "Consultation"}, "name_taken", "name"),
        ({"name": ""}, "blank", "name"),
        ({"colour": "red"}, "invalid", "colour"),
        ({"duration_minutes": 4}, "min_value", "duration_minutes"),
        ({"buffer_after_minutes": -1}, "min_value", "buffer_after_minutes"),
        ({"max_lead_days": 10**9}, "max_value", "max_lead_days"),
        ({"provider_ids": [10**15]}, "does_not_exist", "provider_ids"),
        ({"provider_ids": [1.5]}, "invalid", "provider_ids.0"),
        ({"provider_ids": "7"}, "not_a_list", "provider_ids"),
        ({"is_active": "yes"}, "invalid", "is_active"),
    ],
)
def test_types_that_are_refused(api, change, code, attr):
    answer = api.post(TYPES, {"name": "New"} | change)
    assert problem(answer) == (409 if code == "name_taken" else 400, code, attr)
    assert api.get(TYPES).json()["count"] == 2


def test_foreign_keys_of_another_tenant_do_not_exist(lakeside, api, window):
    foreign = [lakeside.providers[0].pk]
    answer = api.post(TYPES, {"name": "New", "provider_ids": foreign})
    assert problem(answer) == (400, "does_not_exist", "provider_ids")
    answer = api.post(WINDOWS, window | {"site_id": lakeside.site.pk})
    assert problem(answer) == (400, "does_not_exist", "site_id")
    answer = api.post(WINDOWS, window | {"provider_id": foreign[0]})
    assert problem(answer) == (400, "does_not_exist", "provider_id")


def test_a_type_in_use_stays(riverside, api):
    api.post(
        "appointments/appointments/",
        {
            "patient_id": riverside.patients[0].pk,
            "provider_id": riverside.providers[0].pk,
            "appointment_type_id": riverside.types[0].pk,
            "scheduled_datetime": riverside.at(1, time(10)).isoformat(),
        },
    )
    answer = api.delete(f"{TYPES}{riverside.types[0].pk}/")
    assert problem(answer)[:2] == (409, "in_use")
    assert api.get(f"{TYPES}{riverside.types[0].pk}/").status_code == 200


def test_type_filters(riverside, api):
    first, second = (kind.pk for kind in riverside.types)
    api.patch(f"{TYPES}{first}/", {"provider_ids": [riverside.providers[0].pk]})
    own = api.get(TYPES, {"provider_id": riverside.providers[0].pk}).json()["results"]
    other = api.get(TYPES, {"provider_id": riverside.providers[1].pk}).json()["results"]
    assert {row["id"] for row in own} == {first, second}
    assert {row["id"] for row in other} == {second}
    assert api.get(TYPES, {"search": "ultra"}).json()["results"][0]["id"] == second


def test_etag_guards_configuration(riverside, api):
    path = f"{TYPES}{riverside.types[0].pk}/"
    tag = {"If-Match": api.get(path)["ETag"]}
    assert api.patch(path, {"duration_minutes": 40}, **tag).status_code == 200
    assert problem(api.patch(path, {"duration_minutes": 50}, **tag))[:2] == (412, "stale_version")
    assert problem(api.delete(path, **tag))[:2] == (412, "stale_version")
    assert api.get(path).json()["duration_minutes"] == 40


def test_windows_live_and_die(api, window):
    made = api.post(WINDOWS, window)
    assert made.status_code == 201, made.content
    shown = made.json()
    assert shown | window == shown | {"start_time": "08:00", "end_time": "12:00"}
    assert (shown["start_time"], shown["end_time"]) == ("08:00:00", "12:00:00")
    assert (shown["rule_id"], shown["is_active"], shown["is_blocked"]) == (None, True, False)
    path = f"{WINDOWS}{shown['id']}/"
    assert api.patch(path, {"is_blocked": True}).json()["is_blocked"] is True
    assert api.delete(path).status_code == 204


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"end_time": "08:00"}, "end_before_start", "end_time"),
        ({"start_time": "25:00"}, "invalid", "start_time"),
        ({"start_time": "8"}, "invalid", "start_time"),
        ({"start_time": 800}, "invalid", "start_time"),
        ({"date": "2035-02-30"}, "invalid", "date"),
        ({"date": "20350131"}, "invalid", "date"),
        ({"date": None}, "null", "date"),
        ({"duration_minutes": 0}, "min_value", "duration_minutes"),
        ({"rule_id": 1}, "unknown_field", "rule_id"),
    ],
)
def test_windows_that_are_refused(api, window, change, code, attr):
    assert problem(api.post(WINDOWS, window | change)) == (400, code, attr)


def test_two_windows_cannot_start_at_once(api, window):
    api.post(WINDOWS, window)
    assert problem(api.post(WINDOWS, window)) == (409, "window_taken", "start_time")


def test_windows_by_provider_and_days(riverside, api):
    today = riverside.at(0, time(12)).astimezone(riverside.tenant.zone_info).date()
    params = {
        "provider_id": riverside.providers[0].pk,
        "date_from": today.isoformat(),
        "date_to": today.isoformat(),
    }
    rows = api.get(WINDOWS, params).json()["results"]
    assert [(row["date"], row["start_time"]) for row in rows] == [(today.isoformat(), "08:00:00")]


def test_moving_a_window_by_hand_leaves_its_rule(riverside, api):
    with riverside.active():
        made = SlotAvailability.objects.filter(rule__isnull=False).order_by("-date").first()
    path = f"{WINDOWS}{made.pk}/"
    assert api.patch(path, {"is_blocked": True}).json()["rule_id"] == made.rule_id
    assert api.patch(path, {"end_time": "17:00"}).json()["rule_id"] is None


def test_rules_make_and_withdraw_windows(riverside, api):
    body = {
        "provider_id": riverside.providers[0].pk,
        "site_id": riverside.site.pk,
        "weekday": 2,
        "start_time": "19:00",
        "end_time": "21:00",
    }
    made = api.post(RULES, body)
    assert made.status_code == 201, made.content
    path = f"{RULES}{made.json()['id']}/"

    def windows():
        with riverside.active():
            found = SlotAvailability.objects.filter(rule_id=made.json()["id"])
            return set(found.values_list("date", "start_time"))

    assert len(windows()) in (25, 26)
    assert {(day.weekday(), start) for day, start in windows()} == {(2, time(19))}
    assert api.patch(path, {"weekday": 4, "start_time": "20:00"}).status_code == 200
    assert {(day.weekday(), start) for day, start in windows()} == {(4, time(20))}
    assert api.delete(path).status_code == 204
    assert windows() == set()


def test_rules_that_are_refused(riverside, api):
    body = {
        "provider_id": riverside.providers[0].pk,
        "site_id": riverside.site.pk,
        "weekday": 7,
        "start_time": "19:00",
        "end_time": "21:00",
    }
    assert problem(api.post(RULES, body)) == (400, "max_value", "weekday")
    wrong = body | {"weekday": 1, "valid_from": "2035-02-01", "valid_until": "2035-01-01"}
    assert problem(api.post(RULES, wrong)) == (400, "end_before_start", "valid_until")


def test_providers(riverside, api):
    first, second = riverside.providers
    shown = api.get(f"accounts/providers/{first.pk}/").json()
    assert shown["full_name"] == first.get_full_name()
    assert (shown["specialties"], shown["site_ids"]) == (["General medicine"], [riverside.site.pk])
    for params, ids in (
        ({}, {first.pk, second.pk}),
        ({"site_id": riverside.site.pk}, {first.pk, second.pk}),
        ({"site_id": 10**9}, set()),
        ({"specialty": "General medicine"}, {first.pk, second.pk}),
        ({"specialty": "Magic"}, set()),
        ({"search": "riverside2"}, {second.pk}),
    ):
        rows = api.get("accounts/providers/", params).json()["results"]
        assert {row["id"] for row in rows} == ids, params
    nurse = riverside.user(Role.NURSE)
    assert api.get(f"accounts/providers/{nurse.pk}/").status_code == 404


def test_sites(riverside, api):
    shown = api.get(f"sites/{riverside.site.pk}/").json()
    assert (shown["name"], shown["opening_days"]) == ("Main building", [])
    assert api.get("sites/", {"search": "main"}).json()["count"] == 1


def test_dates_are_the_tenants(riverside, api):
    assert date.fromisoformat(api.get(WINDOWS).json()["results"][0]["date"])
