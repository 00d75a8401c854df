"""The waitlist over HTTP."""

from datetime import time, timedelta

import pytest

from accounts.permissions import Role
from appointments.models import AppointmentRequest, TemplateProvider, WaitingList
from appointments.tests.api import api_of, problem
from appointments.tests.visits import make_visit

PATH = "appointments/waitlist/"


@pytest.fixture
def api(riverside):
    return api_of(riverside)


@pytest.fixture
def wish(riverside):
    return {
        "patient_id": riverside.patients[0].pk,
        "appointment_type_id": riverside.types[0].pk,
    }


def day(clinic, days: int) -> str:
    return clinic.at(days, time(12)).astimezone(clinic.tenant.zone_info).date().isoformat()


def booking(clinic, days: int = 1, at: time = time(10)) -> dict:
    return {
        "provider_id": clinic.providers[0].pk,
        "scheduled_datetime": clinic.at(days, at).isoformat(),
    }


def test_entries_live_and_are_withdrawn(riverside, api, wish):
    made = api.post(
        PATH,
        wish
        | {
            "preferred_provider_id": riverside.providers[1].pk,
            "desired_date_range_start": day(riverside, 1),
            "desired_date_range_end": day(riverside, 1),
            "preferred_time": "09:30",
            "priority": "urgent",
            "diagnosis_codes": ["e119"],
            "notes": "Works nights",
        },
    )
    assert made.status_code == 201, made.content
    shown = made.json()
    assert (shown["status"], shown["priority"], shown["version"]) == ("ACTIVE", "urgent", 1)
    assert shown["diagnosis_codes"] == ["E11.9"]
    assert shown["preferred_time"] == "09:30:00"
    assert shown["already_waiting"] == []
    path = f"{PATH}{shown['id']}/"
    assert api.get(path)["ETag"] == made["ETag"]
    changed = api.patch(path, {"priority": "routine", "preferred_provider_id": None})
    assert changed.json()["preferred_provider_id"] is None
    assert changed.json()["notes"] == "Works nights"
    assert changed.json()["version"] == 2
    assert problem(api.patch(path, {"notes": ""}, **{"If-Match": made["ETag"]}))[0] == 412
    assert api.delete(path).status_code == 204
    assert api.get(path).json()["status"] == "CANCELLED"
    assert problem(api.delete(path)) == (409, "not_waiting", None)
    assert problem(api.patch(path, {"notes": "x"})) == (409, "not_waiting", None)
    back = api.post(f"{path}put_back/")
    assert (back.json()["status"], back.json()["created_at"]) == ("ACTIVE", shown["created_at"])
    assert problem(api.post(f"{path}put_back/")) == (409, "still_waiting", None)


def test_a_second_entry_is_accepted_and_said_to_be_one(riverside, api, wish):
    first = api.post(PATH, wish).json()
    assert api.post(PATH, wish).json()["already_waiting"] == [first["id"]]
    other = wish | {"appointment_type_id": riverside.types[1].pk}
    assert api.post(PATH, other).json()["already_waiting"] == []


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"patient_id": None}, "null", "patient_id"),
        ({"patient_id": 10**15}, "does_not_exist", "patient_id"),
        ({"appointment_type_id": 10**15}, "does_not_exist", "appointment_type_id"),
        ({"preferred_provider_id": 10**15}, "does_not_exist", "preferred_provider_id"),
        ({"preferred_date": "2020-01-01"}, "in_the_past", "preferred_date"),
        ({"preferred_date": "9999-12-31"}, "too_far_ahead", "preferred_date"),
        ({"desired_date_range_end": "2020-01-01"}, "in_the_past", "desired_date_range_end"),
        ({"preferred_time": "25:00"}, "invalid", "preferred_time"),
        ({"priority": "high"}, "invalid_choice", "priority"),
        ({"diagnosis_codes": ["Q99.99"]}, "unknown_code", "diagnosis_codes"),
        (
            {
                "diagnosis_codes": [f"A{n}" for n in range(15, 20)]
                + [f"C{n}" for n in range(50, 66)]
            },
            "too_many_codes",
            "diagnosis_codes",
        ),
        ({"notes": "x" * 501}, "max_length", "notes"),
        ({"status": "SCHEDULED"}, "unknown_field", "status"),
    ],
)
def test_entries_that_are_refused(api, wish, change, code, attr):
    assert problem(api.post(PATH, wish | change)) == (400, code, attr)
    assert api.get(PATH).json()["count"] == 0


def test_a_reversed_range_names_its_end(riverside, api, wish):
    dates = {
        "desired_date_range_start": day(riverside, 5),
        "desired_date_range_end": day(riverside, 4),
    }
    expected = (400, "end_before_start", "desired_date_range_end")
    assert problem(api.post(PATH, wish | dates)) == expected


def test_a_wished_provider_must_offer_the_type(riverside, api, wish):
    with riverside.active():
        TemplateProvider.objects.create(
            template=riverside.types[0], provider=riverside.providers[0]
        )
    refused = api.post(PATH, wish | {"preferred_provider_id": riverside.providers[1].pk})
    assert problem(refused) == (400, "not_offered", "preferred_provider_id")


def test_foreign_records_do_not_exist(riverside, lakeside, api, wish):
    foreign = {
        "patient_id": lakeside.patients[0].pk,
        "appointment_type_id": lakeside.types[0].pk,
        "preferred_provider_id": lakeside.providers[0].pk,
    }
    for attr, key in foreign.items():
        assert problem(api.post(PATH, wish | {attr: key})) == (400, "does_not_exist", attr)
    with lakeside.active():
        entry = WaitingList.objects.create(
            patient=lakeside.patients[0], appointment_type=lakeside.types[0]
        )
    path = f"{PATH}{entry.pk}/"
    for answer in (
        api.get(path),
        api.patch(path, {"notes": "x"}),
        api.delete(path),
        api.post(f"{path}book/", booking(riverside)),
        api.post(f"{path}put_back/"),
    ):
        assert problem(answer)[:2] == (404, "not_found")


def test_nurses_read_and_do_not_write(riverside, api, wish):
    entry = api.post(PATH, wish).json()["id"]
    nurse = api_of(riverside, Role.NURSE)
    assert nurse.get(PATH).json()["count"] == 1
    path = f"{PATH}{entry}/"
    for answer in (
        nurse.post(PATH, wish),
        nurse.patch(path, {"notes": "x"}),
        nurse.delete(path),
        nurse.post(f"{path}book/", booking(riverside)),
    ):
        assert problem(answer)[:2] == (403, "permission_denied")


def test_booking_ends_the_wait_once(riverside, api, wish):
    entry = api.post(PATH, wish | {"priority": "priority", "diagnosis_codes": ["E11"]}).json()
    path = f"{PATH}{entry['id']}/"
    made = api.post(f"{path}book/", booking(riverside))
    assert made.status_code == 201, made.content
    visit = made.json()
    assert visit["is_waitlist_conversion"] is True
    assert (visit["priority"], visit["patient_id"]) == ("priority", wish["patient_id"])
    shown = api.get(path).json()
    assert (shown["status"], shown["scheduled_appointment_id"]) == ("SCHEDULED", visit["id"])
    with riverside.active():
        assert AppointmentRequest.objects.get().diagnosis_codes == ["E11"]
    again = api.post(f"{path}book/", booking(riverside, days=2))
    assert problem(again) == (409, "not_waiting", None)
    assert problem(api.post(f"{path}put_back/")) == (409, "still_booked", None)
    with riverside.active():
        assert AppointmentRequest.objects.count() == 1


def test_a_cancelled_visit_leaves_the_entry_to_be_put_back(riverside, api, wish):
    entry = api.post(PATH, wish).json()["id"]
    visit = api.post(f"{PATH}{entry}/book/", booking(riverside)).json()["id"]
    api.post(f"appointments/appointments/{visit}/cancel/", {"reason": "Ill"})
    assert api.get(f"{PATH}{entry}/").json()["status"] == "SCHEDULED"
    back = api.post(f"{PATH}{entry}/put_back/").json()
    assert (back["status"], back["scheduled_appointment_id"]) == ("ACTIVE", None)


def test_a_taken_time_keeps_the_patient_waiting_and_names_others(riverside, api, wish):
    entry = api.post(PATH, wish).json()["id"]
    with riverside.active():
        visit = make_visit(riverside, riverside.at(1, time(10)), patient=1)
    refused = api.post(f"{PATH}{entry}/book/", booking(riverside))
    assert problem(refused) == (409, "slot_taken", "scheduled_datetime")
    assert refused.json()["conflicts"] == [visit.pk]
    assert len(refused.json()["alternative_slots"]) == 5
    assert api.get(f"{PATH}{entry}/").json()["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"provider_id": 10**15}, "does_not_exist", "provider_id"),
        ({"provider_id": None}, "null", "provider_id"),
        ({"scheduled_datetime": "soon"}, "invalid", "scheduled_datetime"),
        ({"scheduled_datetime": "2020-01-01T10:00:00Z"}, "in_the_past", "scheduled_datetime"),
        ({"duration_minutes": 0}, "min_value", "duration_minutes"),
        ({"patient_id": 1}, "unknown_field", "patient_id"),
    ],
)
def test_bookings_that_are_refused(riverside, api, wish, change, code, attr):
    entry = api.post(PATH, wish).json()["id"]
    answer = api.post(f"{PATH}{entry}/book/", booking(riverside) | change)
    assert problem(answer) == (400, code, attr)
    assert api.get(f"{PATH}{entry}/").json()["status"] == "ACTIVE"


def test_longest_waiting_come_first_and_the_list_takes_as_many_queries_for_many(
    riverside, api, django_assert_max_num_queries
):
    def fill(count):
        with riverside.active():
            for n in range(count):
                WaitingList.objects.create(
                    patient=riverside.patients[n % 3],
                    appointment_type=riverside.types[0],
                    created_at=riverside.at(0, time(8)) - timedelta(days=n),
                )

    counts = []
    for count in (1, 30):
        fill(count)
        with django_assert_max_num_queries(12) as queries:
            rows = api.get(PATH).json()["results"]
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert [row["created_at"] for row in rows] == sorted(row["created_at"] for row in rows)
