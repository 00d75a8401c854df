"""Priority rules and ICD-10 codes over HTTP."""

import pytest

from accounts.permissions import Role
from appointments.models import AppointmentPriorityRule, RuleType
from appointments.scheduling.rules import active_rules
from appointments.tests.api import api_of, problem

RULES = "appointments/priority-rules/"
CODES = "appointments/icd10/"


@pytest.fixture
def api(riverside):
    return api_of(riverside, Role.MANAGER)


def test_rules_live_and_die(riverside, api):
    kind = riverside.types[0].pk
    body = {
        "name": "Heart",
        "appointment_type_ids": [kind, kind],
        "specialties": ["Cardiology", "Cardiology"],
        "diagnosis_codes": ["i21", " I21.0", "I21"],
        "max_wait_days": 7,
    }
    made = api.post(RULES, body)
    assert made.status_code == 201, made.content
    shown = made.json()
    assert shown["appointment_type_ids"] == [kind]
    assert shown["specialties"] == ["Cardiology"]
    assert shown["diagnosis_codes"] == ["I21", "I21.0"]
    assert (shown["base_priority_score"], shown["urgency_multiplier"]) == (50, 1)
    path = f"{RULES}{shown['id']}/"
    stale = made["ETag"]
    changed = api.patch(path, {"appointment_type_ids": [], "max_wait_days": None})
    assert changed.json()["appointment_type_ids"] == []
    assert changed.json()["max_wait_days"] is None
    assert changed.json()["diagnosis_codes"] == ["I21", "I21.0"]
    assert problem(api.patch(path, {"name": "Other"}, **{"If-Match": stale}))[0] == 412
    with riverside.active():
        assert [rule.name for rule in active_rules()] == ["Heart"]
    assert api.patch(path, {"is_active": False}).json()["is_active"] is False
    with riverside.active():
        assert active_rules() == []
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_rule_with_types_can_be_deleted(riverside, api):
    made = api.post(RULES, {"name": "X", "appointment_type_ids": [riverside.types[0].pk]})
    assert api.delete(f"{RULES}{made.json()['id']}/").status_code == 204
    with riverside.active():
        assert not RuleType.objects.exists()


@pytest.mark.parametrize(
    ("change", "status", "code", "attr"),
    [
        ({"name": ""}, 400, "blank", "name"),
        ({"name": "Taken"}, 409, "name_taken", "name"),
        ({"diagnosis_codes": ["E11", "X99.99"]}, 400, "unknown_code", "diagnosis_codes"),
        ({"diagnosis_codes": "E11"}, 400, "not_a_list", "diagnosis_codes"),
        ({"diagnosis_codes": [""]}, 400, "blank", "diagnosis_codes.0"),
        ({"diagnosis_codes": ["E00-E90"]}, 400, "unknown_code", "diagnosis_codes"),
        ({"appointment_type_ids": [10**15]}, 400, "does_not_exist", "appointment_type_ids"),
        ({"base_priority_score": 101}, 400, "max_value", "base_priority_score"),
        ({"urgency_multiplier": 0}, 400, "min_value", "urgency_multiplier"),
        ({"max_wait_days": -1}, 400, "min_value", "max_wait_days"),
        ({"max_wait_days": "7"}, 400, "invalid", "max_wait_days"),
        ({"requires_same_day": 1}, 400, "invalid", "requires_same_day"),
        ({"surprise": 1}, 400, "unknown_field", "surprise"),
    ],
)
def test_rules_that_are_refused(api, change, status, code, attr):
    api.post(RULES, {"name": "Taken"})
    assert problem(api.post(RULES, {"name": "New"} | change)) == (status, code, attr)
    assert api.get(RULES).json()["count"] == 1


def test_rules_of_another_tenant_do_not_exist(riverside, lakeside, api):
    with lakeside.active():
        foreign = AppointmentPriorityRule.objects.create(name="Secret").pk
    path = f"{RULES}{foreign}/"
    assert api.get(path).status_code == 404
    assert api.patch(path, {"name": "Mine"}).status_code == 404
    assert api.delete(path).status_code == 404
    refused = api.post(RULES, {"name": "New", "appointment_type_ids": [lakeside.types[0].pk]})
    assert problem(refused) == (400, "does_not_exist", "appointment_type_ids")


def test_staff_read_rules_and_only_managers_change_them(riverside, api):
    api.post(RULES, {"name": "Heart"})
    nurse = api_of(riverside, Role.NURSE)
    assert nurse.get(RULES).json()["count"] == 1
    assert problem(nurse.post(RULES, {"name": "Mine"}))[:2] == (403, "permission_denied")
    assert api_of(riverside, Role.PATIENT).get(RULES).status_code == 403


def test_rules_by_type_and_state(riverside, api):
    first, second = (kind.pk for kind in riverside.types)
    api.post(RULES, {"name": "All"})
    api.post(RULES, {"name": "First", "appointment_type_ids": [first]})
    api.post(RULES, {"name": "Off", "is_active": False})
    for params, names in (
        ({"appointment_type_id": first}, ["All", "First", "Off"]),
        ({"appointment_type_id": second, "is_active": "true"}, ["All"]),
        ({"search": "fir"}, ["First"]),
    ):
        assert [row["name"] for row in api.get(RULES, params).json()["results"]] == names, params


def test_the_list_of_rules_takes_as_many_queries_for_many(
    riverside, api, django_assert_max_num_queries
):
    def fill(start, count):
        with riverside.active():
            for n in range(start, start + count):
                rule = AppointmentPriorityRule.objects.create(name=f"Rule {n}")
                rule.appointment_types.set(riverside.types)

    counts = []
    for start, count in ((0, 1), (1, 30)):
        fill(start, count)
        with django_assert_max_num_queries(12) as queries:
            assert api.get(RULES).json()["count"] == start + count
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_codes_are_found_by_code_and_by_words(riverside):
    nurse = api_of(riverside, Role.NURSE)
    found = nurse.get(CODES, {"search": "e11.9"}).json()
    assert found == {
        "results": [
            {"code": "E11.9", "title": "Type 2 diabetes mellitus without complications"},
        ]
    }
    words = nurse.get(CODES, {"search": "infarction myocard"}).json()["results"]
    assert "I21" in {row["code"] for row in words}
    assert nurse.get(CODES, {"search": "zzzz"}).json() == {"results": []}


@pytest.mark.parametrize(
    ("params", "code", "attr"),
    [
        ({}, "required", "search"),
        ({"search": ""}, "blank", "search"),
        ({"search": "x" * 101}, "max_length", "search"),
        ({"search": "a", "page": 2}, "unknown_parameter", "page"),
    ],
)
def test_searches_that_are_refused(api, params, code, attr):
    assert problem(api.get(CODES, params)) == (400, code, attr)


def test_codes_are_for_staff(riverside):
    assert api_of(riverside, Role.PATIENT).get(CODES, {"search": "a"}).status_code == 403
