"""Priority rules and the strip of warnings, as managers and the front desk use them."""

from datetime import time
from html import unescape

import pytest
from django.urls import reverse

from accounts.permissions import Role
from appointments.models import AppointmentPriorityRule, WaitingList

HTMX = {"HX-Request": "true"}
PAGE = reverse("scheduling:rules")
ADD = reverse("scheduling:add_rule")
STRIP = reverse("scheduling:wait_warnings")


@pytest.fixture
def manager(riverside):
    return riverside.client(Role.MANAGER)


def shown(response) -> str:
    return unescape(response.content.decode())


def rule(clinic, **fields):
    return {
        "name": "Heart",
        "urgency_multiplier": "2",
        "base_priority_score": "85",
        "is_active": "on",
        **fields,
    }


def test_a_rule_is_added_changed_switched_and_deleted(riverside, manager):
    assert "No rules yet" in shown(manager.get(PAGE))
    kind = riverside.types[0]
    fields = {
        "appointment_type_ids": [kind.pk],
        "specialties": ["General medicine"],
        "diagnosis_codes": "i21",
        "max_wait_days": "7",
    }
    assert manager.post(ADD, rule(riverside, **fields), headers=HTMX).status_code == 204
    with riverside.active():
        made = AppointmentPriorityRule.objects.get()
        assert list(made.appointment_types.all()) == [kind]
    assert (made.diagnosis_codes, made.max_wait_days) == (["I21"], 7)
    page = shown(manager.get(PAGE))
    for words in ("Heart", "within 7 days", "2 × as urgent", "earliest times first", "I21"):
        assert words in page
    form = reverse("scheduling:rule", args=[made.pk])
    panel = shown(manager.get(form, headers=HTMX))
    assert "Acute myocardial infarction" in panel
    assert panel.count("checked") >= 3
    changed = manager.post(form, rule(riverside, name="Hearts"), headers=HTMX)
    assert changed.status_code == 204
    switch = reverse("scheduling:switch_rule", args=[made.pk])
    assert manager.post(switch, {"is_active": "0"}, headers=HTMX).status_code == 204
    with riverside.active():
        made.refresh_from_db()
        assert not made.appointment_types.exists()
    assert (made.name, made.is_active, made.max_wait_days) == ("Hearts", False, None)
    assert "Switch on" in shown(manager.get(reverse("scheduling:rule_rows")))
    delete = reverse("scheduling:delete_rule", args=[made.pk])
    assert manager.post(delete, follow=True).redirect_chain == [(PAGE, 302)]
    with riverside.active():
        assert not AppointmentPriorityRule.objects.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "Taken"}, "Another rule has this name."),
        ({"diagnosis_codes": "X99.99"}, "is not an ICD-10 code"),
        ({"max_wait_days": "-1"}, "greater than or equal to 0"),
        ({"urgency_multiplier": "0"}, "greater than or equal to 0.1"),
        ({"urgency_multiplier": "nan"}, "Enter a number."),
        ({"base_priority_score": "101"}, "less than or equal to 100"),
        ({"appointment_type_ids": ["x"]}, "Select a valid choice"),
        ({"appointment_type_ids": ["99999"]}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(riverside, manager, change, said):
    manager.post(ADD, rule(riverside, name="Taken"))
    refused = manager.post(ADD, rule(riverside) | change, headers=HTMX)
    assert refused.status_code == 400
    assert said in shown(refused)
    with riverside.active():
        assert AppointmentPriorityRule.objects.count() == 1


def test_only_who_configures_sees_the_rules(riverside, lakeside):
    with riverside.active():
        made = AppointmentPriorityRule.objects.create(name="Secret")
    pages = [reverse(f"scheduling:{name}", args=[made.pk]) for name in ("rule", "switch_rule")]
    for role in (Role.FRONT_DESK, Role.NURSE, Role.PROVIDER, Role.PATIENT):
        client = riverside.client(role)
        assert client.get(PAGE).status_code == 403
        assert all(client.post(page, {}).status_code == 403 for page in pages)
    other = lakeside.client(Role.MANAGER)
    assert "Secret" not in shown(other.get(PAGE))
    assert all(other.post(page, rule(lakeside)).status_code == 404 for page in pages)


def test_the_list_takes_as_many_queries_for_many(riverside, manager, django_assert_max_num_queries):
    counts = []
    for start, count in ((0, 1), (1, 30)):
        with riverside.active():
            for n in range(start, start + count):
                made = AppointmentPriorityRule.objects.create(name=f"Rule {n}")
                made.appointment_types.set(riverside.types)
        manager.get(PAGE)
        with django_assert_max_num_queries(12) as queries:
            manager.get(PAGE)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_strip_shows_who_waits_too_long_and_what_to_do(riverside):
    desk = riverside.client(Role.FRONT_DESK)
    assert shown(desk.get(STRIP)).strip() == ""
    with riverside.active():
        AppointmentPriorityRule.objects.create(name="Within five", max_wait_days=5)
        entries = [
            WaitingList.objects.create(
                patient=riverside.patients[n],
                appointment_type=riverside.types[0],
                created_at=riverside.at(-days, time(0, 5)),
            )
            for n, days in enumerate((5, 8))
        ]
    strip = shown(desk.get(STRIP))
    assert "patient has waited too long" in strip
    assert "3 days over" in strip
    assert "today is the last day" in strip
    assert all(reverse("waitlist:book", args=[entry.pk]) in strip for entry in entries)
    nurse = shown(riverside.client(Role.NURSE).get(STRIP))
    assert "Within five" in nurse
    assert "/book/" not in nurse
    assert riverside.client(Role.PATIENT).get(STRIP).status_code == 403
