"""Visits booked together: all or none, on the wall clock, and cancelled from one on."""

import json
from datetime import UTC, datetime, time, timedelta

import pytest

from accounts.permissions import Role
from appointments.booking.errors import (
    NothingToCancelError,
    ProviderUnavailableError,
    SeriesRefusedError,
    SlotTakenError,
)
from appointments.booking.group_engine import GroupBookingEngine
from appointments.enums import Step
from appointments.models import AppointmentRequest, AppointmentSeries, Resource, TimeOff
from appointments.tests.api import api_of, problem
from core.errors import InvalidInputError, NotAllowedError, NotFoundError

WEEKLY = "FREQ=DAILY;INTERVAL=2;COUNT=4"


@pytest.fixture
def engine(riverside):
    return GroupBookingEngine(by=riverside.user(Role.FRONT_DESK))


@pytest.fixture
def wish(riverside):
    return {
        "patient_id": riverside.patients[0].pk,
        "provider_id": riverside.providers[0].pk,
        "appointment_type_id": riverside.types[0].pk,
        "start": riverside.at(1, time(10)),
    }


def test_all_visits_are_booked_at_the_same_time_of_day(riverside, engine, wish):
    zone = riverside.tenant.zone_info
    with riverside.active():
        rows = engine.book_series(**wish, rrule=WEEKLY.lower(), reason="Physio")
        assert len(rows) == 4
        assert rows[0].scheduled_datetime == wish["start"]
        assert {row.scheduled_datetime.astimezone(zone).time() for row in rows} == {time(10)}
        series = AppointmentSeries.objects.get()
        assert {row.series_id for row in rows} == {series.pk}
        assert series.rule == WEEKLY
        assert {row.reason for row in rows} == {"Physio"}
        assert [e.step for row in rows for e in row.events.all()] == [Step.BOOK] * 4


def test_the_clocks_may_change_meanwhile(riverside, wish):
    """Ten o'clock in Berlin is 08:00 UTC in summer and 09:00 in winter."""
    now = datetime(2027, 10, 20, 8, tzinfo=UTC)
    engine = GroupBookingEngine(by=riverside.user(Role.FRONT_DESK), clock=lambda: now)
    start = datetime(2027, 10, 25, 8, tzinfo=UTC)
    with riverside.active():
        rows = engine.book_series(**wish | {"start": start}, rrule="FREQ=WEEKLY;COUNT=2")
        assert [row.scheduled_datetime.hour for row in rows] == [8, 9]


def test_one_that_cannot_be_refuses_all_and_every_reason_is_told(riverside, engine, wish):
    day = timedelta(days=1)
    with riverside.active():
        taken = engine.book(**wish | {"start": wish["start"] + 2 * day})
        TimeOff.objects.create(
            provider=riverside.providers[0],
            starts_at=wish["start"] + 6 * day,
            ends_at=wish["start"] + 7 * day,
        )
        with pytest.raises(SeriesRefusedError) as refusal:
            engine.book_series(**wish, rrule=WEEKLY)
        first, second = refusal.value.refusals
        assert (type(first), first.conflicts) == (SlotTakenError, [taken.pk])
        assert type(second) is ProviderUnavailableError
        assert list(AppointmentRequest.objects.all()) == [taken]
        assert not AppointmentSeries.objects.exists()


def test_a_series_stays_in_one_room_where_it_can(riverside, engine, wish):
    day = timedelta(days=1)
    other = wish | {"provider_id": riverside.providers[1].pk, "start": wish["start"] + 2 * day}
    with riverside.active():
        rooms = [
            Resource.objects.create(name=f"R{number}", kind="Room", site=riverside.site)
            for number in (1, 2)
        ]
        riverside.types[0].resource_kind = "Room"
        riverside.types[0].save()
        engine.book(**wish | {"provider_id": riverside.providers[1].pk})
        engine.book(**other)
        rows = engine.book_series(**wish, rrule=WEEKLY)
        assert {row.resource for row in rows} == {rooms[1]}


@pytest.mark.parametrize(
    ("change", "attr", "code"),
    [
        ({"rrule": "FREQ=YEARLY;COUNT=2"}, "rrule", "invalid"),
        ({"rrule": "FREQ=WEEKLY;COUNT=53"}, "rrule", "out_of_range"),
        ({"rrule": "FREQ=MONTHLY;COUNT=20"}, "rrule", "too_far_ahead"),
        ({"patient_id": 10**12}, "patient_id", "does_not_exist"),
        ({"duration_minutes": 10_000}, "duration_minutes", "out_of_range"),
    ],
)
def test_bad_input_names_its_field(riverside, engine, wish, change, attr, code):
    with riverside.active():
        with pytest.raises(InvalidInputError) as refusal:
            engine.book_series(**{"rrule": WEEKLY} | wish | change)
        assert (refusal.value.attr, refusal.value.code) == (attr, code)
        assert not AppointmentRequest.objects.exists()


def test_cancelling_one_and_all_that_follow(riverside, engine, wish):
    with riverside.active():
        rows = engine.book_series(**wish, rrule=WEEKLY)
        engine.check_in(rows[2].pk)
        engine.start(rows[2].pk)
        cut = rows[1].scheduled_datetime
        cancelled = engine.cancel_following(rows[0].series_id, start=cut, reason="Well again")
        assert [row.pk for row in cancelled] == [rows[1].pk, rows[3].pk]
        states = AppointmentRequest.objects.order_by("scheduled_datetime")
        assert list(states.values_list("status", flat=True)) == [
            "PENDING",
            "CANCELLED",
            "IN_PROGRESS",
            "CANCELLED",
        ]
        with pytest.raises(NothingToCancelError):
            engine.cancel_following(rows[0].series_id, start=cut, reason="Again")
        with pytest.raises(NotFoundError):
            engine.cancel_following(2**63 - 1, start=cut, reason="None")
        with pytest.raises(InvalidInputError):
            engine.cancel_following(rows[0].series_id, start=wish["start"], reason=" ")
    nurse = GroupBookingEngine(by=riverside.user(Role.NURSE))
    with riverside.active(), pytest.raises(NotAllowedError):
        nurse.cancel_following(rows[0].series_id, start=cut, reason="No")


def body_of(wish):
    return {key: value for key, value in wish.items() if key != "start"} | {
        "scheduled_datetime": wish["start"].isoformat(),
        "rrule": WEEKLY,
    }


def test_over_rest(riverside, wish):
    api = api_of(riverside)
    answer = api.post("appointments/series/", body_of(wish))
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert shown["rrule"] == WEEKLY
    assert [each["series_id"] for each in shown["appointments"]] == [shown["id"]] * 4
    listed = api.get("appointments/appointments/", {"series_id": shown["id"]}).json()
    assert [each["id"] for each in listed["results"]] == [e["id"] for e in shown["appointments"]]
    path = f"appointments/series/{shown['id']}/cancel_following/"
    cut = shown["appointments"][2]["scheduled_datetime"]
    cancelled = api.post(path, {"from": cut, "reason": "Well again"})
    assert cancelled.status_code == 200, cancelled.content
    assert [each["status"] for each in cancelled.json()["appointments"]] == ["CANCELLED"] * 2
    assert problem(api.post(path, {"from": cut, "reason": "x"})) == (
        409,
        "nothing_to_cancel",
        None,
    )
    assert problem(api.post(path, {"reason": "x"})) == (400, "required", "from")


def test_a_refusal_over_rest_offers_other_times_for_each(riverside, engine, wish):
    with riverside.active():
        taken = engine.book(**wish | {"start": wish["start"] + timedelta(days=2)})
    answer = api_of(riverside).post("appointments/series/", body_of(wish))
    assert problem(answer) == (409, "series_refused", "rrule")
    (occurrence,) = answer.json()["occurrences"]
    assert (occurrence["code"], occurrence["conflicts"]) == ("slot_taken", [taken.pk])
    assert len(occurrence["alternative_slots"]) == 5
    with riverside.active():
        assert AppointmentRequest.objects.count() == 1


def test_another_hospitals_series_does_not_exist(riverside, lakeside, engine, wish):
    with riverside.active():
        key = engine.book_series(**wish, rrule=WEEKLY)[0].series_id
    body = {"from": wish["start"].isoformat(), "reason": "x"}
    answer = api_of(lakeside).post(f"appointments/series/{key}/cancel_following/", body)
    assert answer.status_code == 404


BOOK = "/appointments/calendar/book/"


def typed(wish, **change):
    return {
        "patient_id": wish["patient_id"],
        "provider_id": wish["provider_id"],
        "appointment_type_id": wish["appointment_type_id"],
        "pick": wish["start"].isoformat(),
        "repeat": "FREQ=DAILY",
        "repeat_count": 3,
        **change,
    }


def test_the_panel_books_a_series_and_cancels_the_rest(riverside, wish):
    client = riverside.client()
    page = client.post(BOOK, typed(wish), follow=True)
    assert "3 visits" in page.text
    with riverside.active():
        rows = list(AppointmentRequest.objects.order_by("scheduled_datetime"))
    assert len(rows) == 3
    path = f"/appointments/{rows[1].pk}/cancel/"
    assert "all visits of the series" in client.get(path).text
    client.post(path, {"reason": "Well again", "and_following": "on"})
    with riverside.active():
        states = AppointmentRequest.objects.order_by("scheduled_datetime")
        assert list(states.values_list("status", flat=True)) == [
            "PENDING",
            "CANCELLED",
            "CANCELLED",
        ]


def test_a_series_of_the_panel_is_taken_back_as_a_whole(riverside, wish):
    client = riverside.client()
    booked = client.post(BOOK, typed(wish), headers={"HX-Request": "true"})
    undo = json.loads(booked["HX-Trigger"])["toast"]["undo"]
    assert client.post(undo, headers={"HX-Request": "true"}).status_code == 204
    with riverside.active():
        assert not AppointmentRequest.objects.exclude(status="CANCELLED").exists()


def test_the_panel_names_every_visit_that_cannot_be(riverside, engine, wish):
    with riverside.active():
        engine.book(**wish | {"start": wish["start"] + timedelta(days=1)})
    refused = riverside.client().post(BOOK, typed(wish))
    assert refused.status_code == 409
    assert "1 of 3 visits cannot take place" in refused.text
    assert "This time is already taken." in refused.text
    lacking = riverside.client().post(BOOK, typed(wish, repeat_count=""))
    assert (lacking.status_code, "Say how many visits" in lacking.text) == (400, True)


def test_a_visit_shows_its_room_and_series(riverside, engine, wish):
    with riverside.active():
        Resource.objects.create(name="Ultrasound 1", kind="Scanner", site=riverside.site)
        riverside.types[0].resource_kind = "Scanner"
        riverside.types[0].save()
        key = engine.book_series(**wish, rrule=WEEKLY)[0].pk
    shown = riverside.client().get(f"/appointments/{key}/").text
    assert "Ultrasound 1" in shown
    assert "Part of a series" in shown


class TestExceptDates:
    """Days of the rule on which there is no visit."""

    def test_they_are_left_out(self, riverside, engine, wish):
        with riverside.active():
            rows = engine.book_series(
                **wish, rrule=WEEKLY, except_dates=[riverside.at(3, time(10)).date()]
            )
            assert [row.scheduled_datetime for row in rows] == [
                riverside.at(n, time(10)) for n in (1, 5, 7)
            ]

    @pytest.mark.parametrize("days", [[1], [2], [3, 5, 7]])
    def test_what_cannot_be_left_out_is_named(self, riverside, engine, wish, days):
        """The first visit; a day that is not the rule's; all but the first."""
        dates = [riverside.at(n, time(10)).date() for n in days]
        with riverside.active(), pytest.raises(InvalidInputError) as refused:
            engine.book_series(**wish, rrule=WEEKLY, except_dates=dates)
        assert refused.value.attr == "except_dates"

    def test_over_rest(self, riverside, wish):
        body = wish | {
            "scheduled_datetime": wish["start"].isoformat(),
            "rrule": WEEKLY,
            "except_dates": [riverside.at(3, time(10)).date().isoformat()],
        }
        del body["start"]
        api = api_of(riverside, Role.FRONT_DESK)
        answer = api.post("appointments/series/", body)
        assert answer.status_code == 201
        assert len(answer.json()["appointments"]) == 3
        wrong = api.post("appointments/series/", body | {"except_dates": ["2030-02-30"]})
        assert wrong.status_code == 400
        assert "except_dates" in wrong.content.decode()
