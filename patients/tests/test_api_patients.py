"""``/api/patients/`` over HTTP."""

import pytest

from accounts.permissions import Role
from appointments.tests.api import api_of, problem
from patients.models import PatientProfile

LIST = "patients/"
ADA = {"first_name": "Ada", "last_name": "Lindqvist", "birth_date": "1984-03-12"}


@pytest.fixture
def api(riverside):
    return api_of(riverside)


def test_register_and_read_again(api):
    answer = api.post(LIST, ADA | {"phone": "030 901820", "communication_needs": ["hearing"]})
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert shown["full_name"] == "Ada Lindqvist"
    assert shown["mrn"]
    assert shown["phone"] == "+4930901820"
    assert shown.pop("possible_duplicates") == []
    again = api.get(f"{LIST}{shown['id']}/")
    assert again.json() == shown
    assert again["ETag"] == answer["ETag"]
    assert answer["Location"] == f"/api/patients/{shown['id']}/"


def test_possible_duplicates_are_named_and_do_not_stop(api):
    first = api.post(LIST, ADA).json()
    second = api.post(LIST, ADA | {"first_name": "Aida"})
    assert second.status_code == 201
    assert second.json()["possible_duplicates"] == [first["id"]]


def test_correct_a_record(api):
    shown = api.post(LIST, ADA).json()
    path = f"{LIST}{shown['id']}/"
    answer = api.patch(path, {"last_name": "Berg", "consents_to_sms": True})
    assert answer.status_code == 200, answer.content
    assert answer.json() == shown_without(shown) | {
        "last_name": "Berg",
        "full_name": "Ada Berg",
        "consents_to_sms": True,
        "version": 2,
    }
    assert api.patch(path, {}).json()["version"] == 2


def shown_without(shown):
    return {key: value for key, value in shown.items() if key != "possible_duplicates"}


def test_etag_guards_a_correction(api):
    answer = api.post(LIST, ADA)
    path = f"{LIST}{answer.json()['id']}/"
    tag = {"If-Match": answer["ETag"]}
    assert api.get(path, **{"If-None-Match": answer["ETag"]}).status_code == 304
    assert api.patch(path, {"notes": "One"}, **tag).status_code == 200
    assert problem(api.patch(path, {"notes": "Two"}, **tag))[:2] == (412, "stale_version")
    assert api.get(path).json()["notes"] == "One"


def test_mrn_is_unique_and_read_only_fields_stay(api):
    first = api.post(LIST, ADA | {"mrn": "X-1"}).json()
    assert problem(api.post(LIST, ADA | {"mrn": "X-1"})) == (409, "mrn_taken", "mrn")
    second = api.post(LIST, ADA).json()
    path = f"{LIST}{second['id']}/"
    assert problem(api.patch(path, {"mrn": first["mrn"]})) == (409, "mrn_taken", "mrn")
    assert problem(api.patch(path, {"id": 5})) == (400, "unknown_field", "id")
    assert problem(api.patch(path, {"colour": "red"})) == (400, "unknown_field", "colour")


def test_every_field_at_fault_is_named(api):
    answer = api.post(LIST, {"first_name": 5, "birth_date": "1850-01-01", "shoe": 44})
    found = {(error["code"], error["attr"]) for error in answer.json()["errors"]}
    assert answer.status_code == 400
    assert found >= {
        ("invalid", "first_name"),
        ("required", "last_name"),
        ("unknown_field", "shoe"),
    }


@pytest.mark.parametrize(
    "name", ["Zoë", "José María", "李小龍", "محمد", "O'Neil-Smith", "<script>", "🙂"]
)
def test_names_of_the_world(api, name):
    answer = api.post(LIST, ADA | {"last_name": name})
    assert (answer.status_code, answer.json()["last_name"]) == (201, name)


@pytest.mark.parametrize("query", ["lindqvist", "Lindqivst", "1984-03-12", "ada lind"])
def test_search_forgives(api, query):
    key = api.post(LIST, ADA).json()["id"]
    answer = api.get(LIST, {"search": query})
    assert [row["id"] for row in answer.json()["results"]] == [key]


def test_filters_and_order(api):
    ada = api.post(LIST, ADA | {"mrn": "A1"}).json()
    assert api.get(LIST, {"mrn": "a1"}).json()["results"][0]["id"] == ada["id"]
    assert api.get(LIST, {"birth_date": "1984-03-12"}).json()["count"] == 1
    assert api.get(LIST, {"is_active": "false"}).json()["count"] == 0
    names = [row["last_name"] for row in api.get(LIST, {"ordering": "last_name"}).json()["results"]]
    assert names == sorted(names)


def test_nobody_deletes_and_some_only_read(riverside, api):
    key = riverside.patients[0].pk
    assert problem(api.delete(f"{LIST}{key}/"))[:2] == (405, "method_not_allowed")
    nurse = api_of(riverside, Role.NURSE)
    assert nurse.get(f"{LIST}{key}/").status_code == 200
    assert problem(nurse.patch(f"{LIST}{key}/", {"notes": "x"}))[:2] == (403, "permission_denied")
    with riverside.active():
        assert PatientProfile.objects.get(pk=key).notes == ""


def test_another_tenants_patient_is_none(lakeside, api):
    key = lakeside.patients[0].pk
    assert problem(api.get(f"{LIST}{key}/"))[:2] == (404, "not_found")
    assert problem(api.patch(f"{LIST}{key}/", {"notes": "x"}))[:2] == (404, "not_found")
    foreign = {patient.pk for patient in lakeside.patients}
    for query in ({}, {"search": "Lakesideson"}, {"search": lakeside.patients[0].mrn}):
        assert not foreign & {row["id"] for row in api.get(LIST, query).json()["results"]}
