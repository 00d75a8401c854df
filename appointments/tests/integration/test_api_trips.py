"""Trips over REST: found, then booked whole or not at all."""

from datetime import time, timedelta

import pytest

from accounts.permissions import Role
from appointments.enums import AppointmentStatus
from appointments.models import AppointmentRequest, Resource
from appointments.tests.api import api_of, problem
from appointments.tests.visits import make_visit

pytestmark = pytest.mark.django_db
TRIPS = "appointments/trips/"


def place(clinic, provider, kind, days, at):
    return {
        "provider_id": clinic.providers[provider].pk,
        "appointment_type_id": clinic.types[kind].pk,
        "scheduled_datetime": clinic.at(days, at).isoformat(),
    }


@pytest.fixture
def body(riverside):
    """The later visit first."""
    return {
        "patient_id": riverside.patients[0].pk,
        "visits": [
            place(riverside, 1, 1, 2, time(11)),
            place(riverside, 0, 0, 2, time(10)),
        ],
    }


def test_what_was_found_is_booked_whole(riverside):
    api, wish = api_of(riverside), {"patient_id": riverside.patients[0].pk}
    day = riverside.at(2, time(12)).date().isoformat()
    kinds = [{"appointment_type_id": kind.pk} for kind in riverside.types]
    asked = {**wish, "visits": kinds, "date_from": day, "date_to": day, "max_results": 1}
    (trip,) = api.post("appointments/scheduling/find-trips/", asked).json()["trips"]
    chosen = [
        {
            "appointment_type_id": riverside.types[number].pk,
            "provider_id": slot["provider_id"],
            "site_id": slot["site_id"],
            "scheduled_datetime": slot["datetime"],
        }
        for number, slot in zip(trip["visits"], trip["slots"], strict=True)
    ]
    more = {"priority": "urgent", "reason": "Check-up", "diagnosis_codes": ["R07.4"]}
    answer = api.post(TRIPS, {**wish, "visits": chosen, **more})
    assert answer.status_code == 201, answer.content
    booked = answer.json()["appointments"]
    assert [each["scheduled_datetime"] for each in booked] == [s["datetime"] for s in trip["slots"]]
    for each in booked:
        assert {name: each[name] for name in more} == more
        assert each["status"] == AppointmentStatus.PENDING


def test_the_answer_is_by_start_whatever_the_order_asked(riverside, body):
    answer = api_of(riverside).post(TRIPS, body)
    starts = [each["scheduled_datetime"] for each in answer.json()["appointments"]]
    assert starts == sorted(starts)


def test_a_taken_visit_is_named_and_nothing_is_booked(riverside, body):
    with riverside.active():
        taken = make_visit(riverside, riverside.at(2, time(11)), provider=1, patient=1)
    answer = api_of(riverside).post(TRIPS, body)
    assert problem(answer) == (409, "slot_taken", "visits.0.scheduled_datetime")
    shown = answer.json()
    assert shown["conflicts"] == [taken.pk]
    assert len(shown["alternative_slots"]) == 5
    with riverside.active():
        assert AppointmentRequest.objects.count() == 1


def test_a_room_that_is_missing_refuses_the_trip(riverside, body):
    with riverside.active():
        kind = riverside.types[0]
        kind.resource_kind = "Scanner"
        kind.save()
    answer = api_of(riverside).post(TRIPS, body)
    assert problem(answer) == (409, "resource_taken", "visits.1.scheduled_datetime")
    with riverside.active():
        room = Resource.objects.create(name="Scanner 1", kind="Scanner", site=riverside.site)
    booked = api_of(riverside).post(TRIPS, body).json()["appointments"]
    assert [each["resource_id"] for each in booked] == [room.pk, None]


def test_a_repeat_with_its_key_books_once(riverside, body):
    api = api_of(riverside)
    answers = [api.post(TRIPS, body, **{"Idempotency-Key": "trip-1"}) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    with riverside.active():
        assert AppointmentRequest.objects.count() == 2


def test_bad_input_is_named(riverside, body):
    api, (late, early) = api_of(riverside), body["visits"]
    past = early | {"scheduled_datetime": riverside.at(-2, time(9)).isoformat()}
    start = riverside.at(2, time(11)) + timedelta(minutes=5)
    crossing = early | {"scheduled_datetime": start.isoformat()}
    nobody, no_time = late | {"provider_id": 2**62}, late | {"duration_minutes": 0}
    afar = early | {"modality": "telehealth"}
    wrong = [
        ({"patient_id": 2**62}, "does_not_exist", "patient_id"),
        ({"visits": [late]}, "min_length", "visits.non_field_errors"),
        ({"visits": [late, early, early, early]}, "max_length", "visits.non_field_errors"),
        ({"visits": [late, crossing]}, "overlap", "visits"),
        ({"visits": [late, past]}, "in_the_past", "visits.1.scheduled_datetime"),
        (
            {"visits": [nobody, early]},
            "does_not_exist",
            "visits.0.provider_id",
        ),
        (
            {"visits": [no_time, early]},
            "min_value",
            "visits.0.duration_minutes",
        ),
        (
            {"visits": [late, afar]},
            "not_offered",
            "visits.1.modality",
        ),
        ({"visits": [late, early | {"reason": "x"}]}, "unknown_field", "visits.1.reason"),
        ({"diagnosis_codes": ["X00.Y"]}, "unknown_code", "diagnosis_codes"),
        ({"rrule": "FREQ=WEEKLY;COUNT=2"}, "unknown_field", "rrule"),
    ]
    for change, code, attr in wrong:
        assert problem(api.post(TRIPS, body | change)) == (400, code, attr), change
    with riverside.active():
        assert not AppointmentRequest.objects.exists()


def test_who_may_not_book_is_refused_and_another_hospital_has_no_such_patient(
    riverside, lakeside, body
):
    assert api_of(riverside, Role.NURSE).post(TRIPS, body).status_code == 403
    answer = api_of(lakeside).post(TRIPS, body)
    assert problem(answer) == (400, "does_not_exist", "patient_id")
