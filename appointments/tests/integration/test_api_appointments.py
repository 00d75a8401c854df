"""``appointments/`` and ``holds/`` over HTTP."""

from datetime import datetime, time, timedelta

import pytest

from accounts.permissions import Role
from appointments.api.serializers.appointments import AppointmentSerializer
from appointments.booking.engine import BookingEngine
from appointments.models import AppointmentRequest, SlotAvailability
from appointments.tests.api import api_of, problem

LIST = "appointments/appointments/"


@pytest.fixture
def api(riverside):
    return api_of(riverside)


@pytest.fixture
def wish(riverside):
    return {
        "patient_id": riverside.patients[0].pk,
        "provider_id": riverside.providers[0].pk,
        "appointment_type_id": riverside.types[0].pk,
        "scheduled_datetime": riverside.at(1, time(10)).isoformat(),
    }


@pytest.fixture
def booked(api, wish):
    return api.post(LIST, wish).json()


def step(api, booked, name, body=None, **headers):
    return api.post(f"{LIST}{booked['id']}/{name}/", body, **headers)


def test_booking_answers_with_the_whole_appointment(riverside, api, wish):
    answer = api.post(LIST, wish)
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert answer["Location"] == f"/api/{LIST}{shown['id']}/"
    local = riverside.at(1, time(10)).astimezone(riverside.tenant.zone_info)
    assert shown["scheduled_datetime"] == local.isoformat()
    assert shown["scheduled_end_datetime"] == (local + timedelta(minutes=30)).isoformat()
    assert shown["status"] == "PENDING"
    assert shown["patient_name"] == "Pat1 Riversideson"
    assert shown["provider_name"] == riverside.providers[0].get_full_name()
    assert (shown["outside_availability"], shown["conflicts"]) == (False, [])
    again = api.get(f"{LIST}{shown['id']}/")
    assert answer["ETag"] == again["ETag"]
    assert set(again.json()) == set(AppointmentSerializer().fields)
    assert again.json() == api.get(LIST).json()["results"][0]


def test_time_without_offset_is_the_tenants(riverside, api, wish):
    local = riverside.at(1, time(10)).astimezone(riverside.tenant.zone_info)
    naive = local.replace(tzinfo=None).isoformat()
    shown = api.post(LIST, wish | {"scheduled_datetime": naive}).json()
    assert shown["scheduled_datetime"] == local.isoformat()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("2027-03-28T02:30:00", "nonexistent_time"),
        ("2027-03-28T02:30", "nonexistent_time"),
        ("0001-01-01T00:00:00", "invalid"),
        ("9999-12-31T23:59:59-12:00", "invalid"),
        ("9999-12-31T10:00:00+00:00", "too_far_ahead"),
        ("2030-01-31T23:59:60Z", "invalid"),
        ("2030-02-30T10:00:00Z", "invalid"),
        ("2030-01-31", "invalid"),
        ("2030-W05-4", "invalid"),
        ("２０３０-01-31T10:00", "invalid"),
        ("2020-01-31T10:00:00Z", "in_the_past"),
        (1900000000, "invalid"),
        (True, "invalid"),
        ("", "invalid"),
        (None, "null"),
        (["2030-01-31T10:00:00Z"], "invalid"),
    ],
)
def test_times_that_are_none(api, wish, value, code):
    answer = api.post(LIST, wish | {"scheduled_datetime": value})
    assert problem(answer) == (400, code, "scheduled_datetime")


def test_taken_time_comes_with_alternatives(riverside, api, wish, booked):
    answer = api.post(LIST, wish)
    assert problem(answer) == (409, "slot_taken", "scheduled_datetime")
    body = answer.json()
    assert body["conflicts"] == [booked["id"]]
    assert len(body["alternative_slots"]) == 5
    for slot in body["alternative_slots"]:
        free = api.post(LIST, wish | {"scheduled_datetime": slot["start"]})
        assert free.status_code == 201
        assert free.json()["scheduled_end_datetime"] == slot["end"]
        step(api, free.json(), "cancel", {"reason": "Only trying"})


def test_overbooking_needs_the_right_and_says_what_it_overlaps(riverside, api, wish, booked):
    answer = api.post(LIST, wish | {"override_reason": "Emergency"})
    assert answer.status_code == 201
    assert answer.json()["overbooked"] is True
    assert answer.json()["conflicts"] == [booked["id"]]
    nurse = api_of(riverside, Role.NURSE)
    assert problem(nurse.post(LIST, wish))[:2] == (403, "permission_denied")


def test_outside_working_hours_is_accepted_and_said(riverside, api, wish):
    late = wish | {"scheduled_datetime": riverside.at(1, time(17, 45)).isoformat()}
    answer = api.post(LIST, late)
    assert (answer.status_code, answer.json()["outside_availability"]) == (201, True)


def test_blocked_time_is_refused(riverside, api, wish):
    with riverside.active():
        SlotAvailability.objects.filter(provider_id=wish["provider_id"]).update(is_blocked=True)
    assert problem(api.post(LIST, wish))[:2] == (409, "provider_unavailable")


def test_blocked_time_comes_with_alternatives_that_are_not_blocked(riverside, api, wish):
    with riverside.active():
        day = SlotAvailability.objects.filter(provider_id=wish["provider_id"]).order_by("date")[1]
        day.pk, day.start_time, day.end_time = None, time(9), time(12)
        day.is_blocked = True
        day.save(force_insert=True)
    answer = api.post(LIST, wish)
    assert problem(answer) == (409, "provider_unavailable", "scheduled_datetime")
    assert "conflicts" not in answer.json()
    starts = [slot["start"] for slot in answer.json()["alternative_slots"]]
    zone = riverside.tenant.zone_info
    free = [(8, 0), (8, 15), (8, 30), (12, 0), (12, 15)]
    assert starts == [riverside.at(1, time(*at)).astimezone(zone).isoformat() for at in free]
    assert api.post(LIST, wish | {"scheduled_datetime": starts[0]}).status_code == 201


def test_moving_into_blocked_time_comes_with_alternatives(riverside, api, booked):
    with riverside.active():
        SlotAvailability.objects.filter(provider=riverside.providers[1]).update(is_blocked=True)
    move = {"start": booked["scheduled_datetime"], "provider_id": riverside.providers[1].pk}
    answer = step(api, booked, "reschedule", move)
    assert problem(answer) == (409, "provider_unavailable", "start")
    assert answer.json()["alternative_slots"] == []


def test_without_a_site_the_hold_is_where_the_provider_works(riverside, api, wish):
    del wish["patient_id"]
    assert api.post("appointments/holds/", wish).json()["site_id"] == riverside.site.pk


def test_a_day_of_a_visit(api, booked):
    assert step(api, booked, "confirm").json()["status"] == "CONFIRMED"
    assert step(api, booked, "check_in").json()["status"] == "CHECKED_IN"
    assert step(api, booked, "undo").json()["status"] == "CONFIRMED"
    assert step(api, booked, "check_in").status_code == 200
    assert step(api, booked, "start").json()["status"] == "IN_PROGRESS"
    refused = step(api, booked, "no_show")
    assert problem(refused)[:2] == (409, "illegal_transition")
    assert refused.json()["legal"] == ["complete"]
    done = step(api, booked, "complete").json()
    assert (done["status"], done["version"]) == ("COMPLETED", 7)
    history = api.get(f"{LIST}{booked['id']}/history/").json()
    assert history["count"] == 7
    assert [event["step"] for event in history["results"]][:2] == ["complete", "start"]


def test_cancel_keeps_the_reason(api, booked):
    assert problem(step(api, booked, "cancel")) == (400, "required", "reason")
    assert problem(step(api, booked, "cancel", {"reason": "  "})) == (400, "blank", "reason")
    shown = step(api, booked, "cancel", {"reason": "Ill"}).json()
    assert (shown["status"], shown["cancellation_reason"]) == ("CANCELLED", "Ill")
    assert problem(step(api, booked, "undo", {"why": 1})) == (400, "unknown_field", "why")


def test_no_show(api, booked):
    assert step(api, booked, "no_show").json()["status"] == "NO_SHOW"
    assert step(api, booked, "undo").json()["status"] == "PENDING"
    assert problem(step(api, booked, "undo"))[:2] == (409, "nothing_to_undo")


def test_reschedule_names_its_own_fields(riverside, api, wish, booked):
    later = riverside.at(1, time(11)).isoformat()
    other = api.post(LIST, wish | {"scheduled_datetime": later}).json()
    assert problem(step(api, booked, "reschedule")) == (400, "required", "start")
    taken = step(api, booked, "reschedule", {"start": later})
    assert problem(taken) == (409, "slot_taken", "start")
    assert taken.json()["conflicts"] == [other["id"]]
    assert len(taken.json()["alternative_slots"]) == 5
    moved = step(
        api, booked, "reschedule", {"start": later, "provider_id": riverside.providers[1].pk}
    )
    assert moved.status_code == 200, moved.content
    assert moved.json()["provider_id"] == riverside.providers[1].pk
    past = step(api, booked, "reschedule", {"start": "2020-01-01T10:00:00Z"})
    assert problem(past) == (400, "in_the_past", "start")


def test_holds_keep_a_time_and_are_no_appointments(riverside, api, wish):
    held_wish = {key: value for key, value in wish.items() if key != "patient_id"}
    hold = api.post("appointments/holds/", held_wish)
    assert hold.status_code == 201, hold.content
    key = hold.json()["id"]
    assert api.get(LIST).json()["count"] == 0
    assert api.get(f"{LIST}{key}/").status_code == 404
    assert problem(api.post(LIST, wish))[:2] == (409, "slot_taken")
    assert api.post(LIST, wish | {"hold_id": key}).status_code == 201
    assert api.delete(f"appointments/holds/{key}/").status_code == 404
    later = held_wish | {"scheduled_datetime": riverside.at(1, time(12)).isoformat()}
    second = api.post("appointments/holds/", later).json()
    assert api.delete(f"appointments/holds/{second['id']}/").status_code == 204
    assert problem(api.post(LIST, wish | {"hold_id": key}))[:2] == (409, "hold_expired")


def test_a_hold_is_released_by_its_holder_alone(riverside, api, wish):
    hold = api.post("appointments/holds/", wish).json()
    colleague = api_of(riverside, Role.MANAGER)
    assert colleague.delete(f"appointments/holds/{hold['id']}/").status_code == 404
    assert api.post(LIST, wish | {"hold_id": hold["id"]}).status_code == 201


def test_the_alternatives_mind_the_patients_other_visits(riverside, api, wish, booked):
    """Taken, and beside it the patient is with somebody else."""
    beside = riverside.at(1, time(10, 30))
    elsewhere = wish | {"scheduled_datetime": beside.isoformat()}
    elsewhere |= {"provider_id": riverside.providers[1].pk, "duration_minutes": 30}
    assert api.post(LIST, elsewhere).status_code == 201
    refused = api.post(LIST, wish)
    other = api.post(LIST, wish | {"patient_id": riverside.patients[2].pk})
    starts = [
        {datetime.fromisoformat(slot["start"]) for slot in answer.json()["alternative_slots"]}
        for answer in (refused, other)
    ]
    assert beside in starts[1] - starts[0]


def test_filters(riverside, api, wish, booked):
    other = api.post(
        LIST,
        wish
        | {
            "provider_id": riverside.providers[1].pk,
            "patient_id": riverside.patients[1].pk,
            "scheduled_datetime": riverside.at(3, time(23, 30)).isoformat(),
        },
    ).json()
    step(api, other, "confirm")
    day = other["scheduled_datetime"][:10]
    for params, ids in (
        ({"provider_id": wish["provider_id"]}, [booked["id"]]),
        ({"patient_id": riverside.patients[1].pk}, [other["id"]]),
        ({"appointment_type_id": wish["appointment_type_id"]}, [booked["id"], other["id"]]),
        ({"status": "CONFIRMED"}, [other["id"]]),
        ({"status": "CONFIRMED,PENDING"}, [booked["id"], other["id"]]),
        ({"date_from": day, "date_to": day}, [other["id"]]),
        ({"date_to": "0001-01-01"}, []),
        ({"date_from": "0001-01-01", "date_to": "9999-12-31"}, [booked["id"], other["id"]]),
        ({"date_from": "9999-12-31"}, []),
        ({"search": "Pat2"}, [other["id"]]),
        ({"ordering": "-scheduled_datetime"}, [other["id"], booked["id"]]),
        ({"page_size": 1, "page": 2}, [other["id"]]),
        ({"provider_id": 2**62}, []),
    ):
        answer = api.get(LIST, params)
        assert answer.status_code == 200, (params, answer.content)
        assert [row["id"] for row in answer.json()["results"]] == ids, params


@pytest.mark.parametrize(
    ("params", "attr"),
    [
        ({"provider_id": "x"}, "provider_id"),
        ({"provider_id": "1.5"}, "provider_id"),
        ({"provider_id": 2**63}, "provider_id"),
        ({"provider_id": "9" * 5000}, "provider_id"),
        ({"provider_id": "-1"}, "provider_id"),
        ({"status": "HELD"}, "status"),
        ({"status": "PENDING,what"}, "status"),
        ({"date_from": "2030-02-30"}, "date_from"),
        ({"date_from": "tomorrow"}, "date_from"),
        ({"date_to": "2030-1-1"}, "date_to"),
        ({"ordering": "patient__last_name"}, "ordering"),
        ({"page": "0"}, "page"),
        ({"page": "last"}, "page"),
        ({"page_size": "501"}, "page_size"),
        ({"page_size": "-1"}, "page_size"),
        ({"page_size": "²"}, "page_size"),
        ({"colour": "red"}, "colour"),
        ({"status": ["PENDING", "CONFIRMED"]}, "status"),
        ({"search": "x" * 101}, "search"),
        ({"overbooked": "maybe"}, "overbooked"),
    ],
)
def test_parameters_that_are_none(api, params, attr):
    answer = api.get(LIST, params)
    assert (answer.status_code, problem(answer)[2]) == (400, attr)


def test_page_beyond_the_last(api):
    assert problem(api.get(LIST, {"page": 2}))[:2] == (404, "not_found")


def test_etag_guards_every_step(api, booked):
    path = f"{LIST}{booked['id']}/"
    first = api.get(path)
    assert api.get(path, **{"If-None-Match": first["ETag"]}).status_code == 304
    stale = {"If-Match": first["ETag"]}
    assert step(api, booked, "confirm", **stale).status_code == 200
    assert api.get(path, **{"If-None-Match": first["ETag"]}).status_code == 200
    for tag in (first["ETag"], '"1"', "1", "W/" + api.get(path)["ETag"], ""):
        refused = step(api, booked, "check_in", **{"If-Match": tag})
        assert problem(refused)[:2] == (412, "stale_version"), tag
    later = {"start": "2099-01-01T10:00:00Z"}
    assert step(api, booked, "reschedule", later, **stale).status_code == 412
    assert step(api, booked, "check_in", **{"If-Match": '"1", "2"'}).status_code == 200
    assert step(api, booked, "start", **{"If-Match": "*"}).status_code == 200


def test_etag_sees_a_renamed_patient(riverside, api, booked):
    path = f"{LIST}{booked['id']}/"
    before = api.get(path)["ETag"]
    api.patch(f"patients/{booked['patient_id']}/", {"last_name": "Newname"})
    assert api.get(path, **{"If-None-Match": before}).status_code == 200
    assert step(api, booked, "confirm", **{"If-Match": before}).status_code == 200


def test_provider_sees_and_steps_own_visits_only(riverside, api, wish, booked):
    second = riverside.providers[1]
    other = api.post(LIST, wish | {"provider_id": second.pk}).json()
    doctor = api_of(riverside, Role.PROVIDER)
    assert [row["id"] for row in doctor.get(LIST).json()["results"]] == [booked["id"]]
    assert doctor.get(f"{LIST}{other['id']}/").status_code == 404
    assert doctor.get(f"{LIST}{other['id']}/history/").status_code == 404
    assert step(doctor, other, "check_in").status_code == 404
    assert step(doctor, booked, "check_in").status_code == 200
    assert step(doctor, booked, "cancel", {"reason": "No"}).status_code == 403


def test_refused_write_leaves_nothing(riverside, api, wish):
    api.post(LIST, wish | {"appointment_type_id": 2**60})
    with riverside.active():
        assert not AppointmentRequest.objects.exists()


def test_slot_alternatives_also_for_undo(riverside, api, wish, booked):
    step(api, booked, "cancel", {"reason": "Ill"})
    with riverside.active():
        engine = BookingEngine(by=riverside.user(Role.FRONT_DESK))
        engine.book(
            patient_id=wish["patient_id"],
            provider_id=wish["provider_id"],
            appointment_type_id=wish["appointment_type_id"],
            start=riverside.at(1, time(10)),
        )
    refused = step(api, booked, "undo")
    assert problem(refused)[:2] == (409, "slot_taken")
    assert refused.json()["alternative_slots"]
