"""Waits that break a priority rule soon, against a plain reading of the same rules."""

import random
from datetime import time, timedelta

import pytest

from accounts.permissions import Role
from appointments.enums import AppointmentStatus as S
from appointments.models import (
    AppointmentPriorityRule,
    AppointmentRequest,
    AppointmentTemplate,
    WaitingList,
)
from appointments.scheduling.priority import matching
from appointments.scheduling.rules import active_rules
from appointments.scheduling.wait_warnings import WARN_DAYS, wait_warnings
from appointments.tests.api import api_of, problem
from appointments.tests.visits import make_visit
from core.clock import system_clock

pytestmark = pytest.mark.django_db


def warned(clinic, role=Role.FRONT_DESK, **kwargs):
    return wait_warnings(
        clinic.user(role), now=system_clock(), zone=clinic.tenant.zone_info, **kwargs
    )


def rule(name="Soon", **fields):
    return AppointmentPriorityRule.objects.create(name=name, **fields)


def wait(clinic, days_ago, *, patient=0, kind=0, **fields):
    return WaitingList.objects.create(
        patient=clinic.patients[patient],
        appointment_type=clinic.types[kind],
        created_at=clinic.at(-days_ago, time(0, 5)),
        **fields,
    )


def visit(clinic, start_days, asked_days_ago, **fields):
    row = make_visit(clinic, clinic.at(start_days, time(10)), **fields)
    row.created_at = clinic.at(-asked_days_ago, time(0, 5))
    row.save(update_fields=["created_at"])
    return row


@pytest.mark.parametrize(("days_ago", "left"), [(3, None), (4, 3), (7, 0), (9, -2)])
def test_an_entry_is_warned_of_from_three_days_before_the_limit(riverside, days_ago, left):
    with riverside.active():
        rule(max_wait_days=7)
        entry = wait(riverside, days_ago)
        found = warned(riverside)
    assert [(row.entry_id, row.days_left) for row in found.rows] == (
        [] if left is None else [(entry.pk, left)]
    )
    assert found.overdue == (left is not None and left < 0)


def test_without_a_limit_or_an_active_rule_nobody_is(riverside):
    with riverside.active():
        rule()
        rule("Off", max_wait_days=1, is_active=False)
        wait(riverside, 300)
        assert warned(riverside).rows == []


def test_the_strictest_matching_rule_counts_and_is_named(riverside):
    with riverside.active():
        rule("Lax", max_wait_days=9)
        rule("Strict", max_wait_days=6)
        rule("Other code", max_wait_days=1, diagnosis_codes=["I21"])
        wait(riverside, 6)
        wait(riverside, 6, patient=1, diagnosis_codes=["I21.0"])
        found = warned(riverside).rows
    assert [(row.rule_name, row.days_left) for row in found] == [("Other code", -5), ("Strict", 0)]


def test_the_same_day_is_a_limit_of_none(riverside):
    with riverside.active():
        rule(requires_same_day=True)
        wait(riverside, 0)
        assert [row.days_left for row in warned(riverside).rows] == [0]


def test_a_visit_in_time_ends_the_warning_and_a_late_one_does_not(riverside):
    with riverside.active():
        rule(max_wait_days=5)
        wait(riverside, 4)
        late = visit(riverside, 6, 4)
        assert [row.visit_id for row in warned(riverside).rows] == [None]
        in_time = visit(riverside, 1, 2)
        assert warned(riverside).rows == []
        AppointmentRequest.objects.filter(pk=in_time.pk).update(status=S.CANCELLED)
        assert len(warned(riverside).rows) == 1
        WaitingList.objects.update(status="CANCELLED")
        assert [row.visit_id for row in warned(riverside).rows] == [late.pk]


def test_who_was_booked_from_the_waitlist_has_asked_since_then(riverside):
    with riverside.active():
        rule(max_wait_days=5)
        late = visit(riverside, 3, 0)
        assert warned(riverside).rows == []
        wait(riverside, 9, status="SCHEDULED", scheduled_appointment=late)
        assert [(row.visit_id, row.days_left) for row in warned(riverside).rows] == [(late.pk, -4)]


def test_a_provider_is_warned_of_the_own_visits_only(riverside):
    with riverside.active():
        rule(max_wait_days=1)
        visit(riverside, 5, 4, provider=0, patient=0)
        visit(riverside, 6, 4, provider=1, patient=1)
        assert len(warned(riverside).rows) == 2
        own = warned(riverside, Role.PROVIDER).rows
    assert [row.patient_id for row in own] == [riverside.patients[0].pk]


def test_most_pressing_first_counted_in_all_and_another_tenant_unseen(riverside, lakeside):
    with lakeside.active():
        rule(max_wait_days=1)
        wait(lakeside, 9)
    with riverside.active():
        rule(max_wait_days=1)
        for patient in range(3):
            wait(riverside, 5 + patient, patient=patient)
        found = warned(riverside, limit=2)
    assert [row.days_left for row in found.rows] == [-6, -5]
    assert (found.total, found.overdue) == (3, 3)


def test_one_statement_at_any_size(riverside, django_assert_num_queries):
    with riverside.active():
        for n in range(8):
            rule(f"Rule {n}", max_wait_days=n, diagnosis_codes=["E11"])
        for n in range(40):
            wait(riverside, n, patient=n % 3, kind=n % 2, diagnosis_codes=["E11.9"])
        with django_assert_num_queries(1):
            warned(riverside)


def specialties_of(row) -> list[str]:
    """Of the provider who is wished for or booked."""
    provider = row.preferred_provider if isinstance(row, WaitingList) else row.provider
    return provider.provider_profile.specialties if provider else []


def expected(clinic, today):
    """The definition, row by row: patient, type and last day of every warning."""
    zone, rules, visits = clinic.tenant.zone_info, active_rules(), AppointmentRequest.objects
    coming = [row for row in visits.all() if row.status not in (S.HELD, S.CANCELLED, S.NO_SHOW)]
    asked = [(row, row.created_at) for row in WaitingList.objects.filter(status="ACTIVE")]
    since = dict(
        WaitingList.objects.filter(status="SCHEDULED").values_list(
            "scheduled_appointment_id", "created_at"
        )
    )
    asked += [
        (row, min(row.created_at, since.get(row.pk, row.created_at)))
        for row in visits.filter(status__in=[S.PENDING, S.CONFIRMED])
        if row.scheduled_datetime > system_clock()
    ]
    found = {}
    for row, asked_at in asked:
        fit = matching(
            rules,
            type_id=row.appointment_type_id,
            specialties=[row.appointment_type.specialty, *specialties_of(row)],
            diagnosis_codes=row.diagnosis_codes,
        )
        limits = [0 if rule.requires_same_day else rule.max_wait_days for rule in fit]
        limits = [limit for limit in limits if limit is not None]
        if not limits:
            continue
        due = asked_at.astimezone(zone).date() + timedelta(days=min(limits))
        is_met = any(
            other.patient_id == row.patient_id
            and other.appointment_type_id == row.appointment_type_id
            and other.scheduled_datetime >= asked_at
            and other.scheduled_datetime.astimezone(zone).date() <= due
            for other in coming
        )
        if due <= today + timedelta(days=WARN_DAYS) and not is_met:
            key = (row.patient_id, row.appointment_type_id)
            found[key] = min(due, found.get(key, due))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_the_statement_equals_the_definition(riverside, lakeside, seed):
    draw = random.Random(seed)
    codes, specialties = ["E11", "E11.9", "I21"], ["", "Cardiology", "radiology"]
    clinic = lakeside if seed % 2 else riverside
    with clinic.active():
        for kind in clinic.types:
            AppointmentTemplate.objects.filter(pk=kind.pk).update(
                specialty=draw.choice(specialties)
            )
        for n in range(draw.randint(1, 4)):
            made = rule(
                f"Rule {n}",
                specialties=draw.sample(["cardiology", "Radiology"], draw.choice([0, 0, 1])),
                diagnosis_codes=draw.sample(codes, draw.choice([0, 1, 2])),
                max_wait_days=draw.choice([None, 0, 2, 5, 9]),
                requires_same_day=draw.random() < 0.2,
                is_active=draw.random() < 0.8,
            )
            made.appointment_types.set(draw.sample(clinic.types, draw.choice([0, 1])))
        for _ in range(12):
            wait(
                clinic,
                draw.randint(0, 12),
                patient=draw.randrange(3),
                kind=draw.randrange(2),
                diagnosis_codes=draw.sample(codes, draw.choice([0, 1])),
                status=draw.choice(["ACTIVE", "ACTIVE", "CANCELLED"]),
            )
        for n in range(6):
            booked = visit(
                clinic,
                draw.randint(-6, 9),
                draw.randint(6, 12),
                patient=draw.randrange(3),
                provider=n % 2,
                overbooked=True,
                override_reason="test",
                status=draw.choice([S.PENDING, S.CONFIRMED, S.COMPLETED, S.CANCELLED]),
                diagnosis_codes=draw.sample(codes, draw.choice([0, 1])),
            )
            if draw.random() < 0.4:
                wait(
                    clinic,
                    draw.randint(0, 20),
                    patient=clinic.patients.index(booked.patient),
                    status="SCHEDULED",
                    scheduled_appointment=booked,
                )
        today = system_clock().astimezone(clinic.tenant.zone_info).date()
        found = {(row.patient_id, row.type_id): row.due_on for row in warned(clinic).rows}
        assert found == expected(clinic, today)


def test_warnings_over_http(riverside):
    path = "appointments/scheduling/wait-warnings/"
    with riverside.active():
        rule(max_wait_days=2)
        entry = wait(riverside, 4, diagnosis_codes=["E11"])
    answer = api_of(riverside, Role.NURSE).get(path)
    assert answer.status_code == 200
    (row,) = answer.json()["results"]
    assert (row["waitlist_entry_id"], row["appointment_id"]) == (entry.pk, None)
    assert (row["days_left"], row["rule"]) == (-2, "Soon")
    assert (answer.json()["count"], answer.json()["overdue"]) == (1, 1)
    assert problem(api_of(riverside, Role.PATIENT).get(path))[0] == 403
    assert problem(api_of(riverside).get(path, {"x": 1})) == (400, "unknown_parameter", "x")
