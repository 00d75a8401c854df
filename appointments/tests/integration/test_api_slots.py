"""``scheduling/find-optimal-slots/`` and the weights over HTTP."""

from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.permissions import Role
from appointments.api.serializers.scheduling import FoundSlotsSerializer, SlotSerializer
from appointments.models import (
    AppointmentPriorityRule,
    AppointmentTemplate,
    Resource,
    TemplateProvider,
    TemplateSite,
)
from appointments.scheduling.availability import exists_on_clock
from appointments.scheduling.scoring import FACTORS
from appointments.tests.api import api_of, problem
from appointments.tests.visits import make_visit
from core.models import Site

pytestmark = pytest.mark.django_db
FIND = "appointments/scheduling/find-optimal-slots/"
WEIGHTS = "appointments/scheduling/weights/"
RIVERSIDE = ZoneInfo("Europe/Berlin")
EVEN = dict.fromkeys(FACTORS, 0.2)


@pytest.fixture
def api(riverside):
    return api_of(riverside)


@pytest.fixture
def day(riverside):
    def day(number):
        noon = riverside.at(number, time(12)).astimezone(riverside.tenant.zone_info)
        return noon.date().isoformat()

    return day


@pytest.fixture
def wish(riverside, day):
    return {
        "patient_id": riverside.patients[0].pk,
        "provider_id": riverside.providers[0].pk,
        "appointment_type_id": riverside.types[0].pk,
        "preferred_dates": [day(1), day(2)],
    }


def test_slots_come_best_first_with_their_reasons(riverside, api, wish):
    answer = api.post(FIND, wish | {"duration_minutes": 45, "max_results": 4})
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert set(found) == set(FoundSlotsSerializer().fields)
    assert found["count"] == len(found["slots"]) == 4
    assert found["free"] == 2 * 38  # from 08:00 to 17:15, every quarter
    assert [each["free"] for each in found["days"]] == [38, 38]
    scores = [slot["score"] for slot in found["slots"]]
    assert scores == sorted(scores, reverse=True)
    first = found["slots"][0]
    assert set(first) == set(SlotSerializer().fields)
    assert (first["provider_id"], first["site_name"]) == (wish["provider_id"], "Main building")
    assert first["datetime"] == (
        riverside.at(1, time(8)).astimezone(riverside.tenant.zone_info).isoformat()
    )
    assert set(first["score_breakdown"]) == set(first["score_reasons"]) == set(FACTORS)
    assert all(0 <= value <= 100 for value in first["score_breakdown"].values())


def test_what_is_found_can_be_booked_and_is_then_gone(api, wish):
    slot = api.post(FIND, wish).json()["slots"][1]
    booking = {
        "patient_id": wish["patient_id"],
        "provider_id": slot["provider_id"],
        "appointment_type_id": wish["appointment_type_id"],
        "scheduled_datetime": slot["datetime"],
    }
    assert api.post("appointments/appointments/", booking).status_code == 201
    left = api.post(FIND, wish | {"max_results": 500}).json()["slots"]
    assert slot["datetime"] not in [each["datetime"] for each in left]


def test_a_hold_is_not_offered(riverside, api, wish):
    start = riverside.at(1, time(8)).isoformat()
    held = api.post(
        "appointments/holds/",
        {
            "provider_id": wish["provider_id"],
            "appointment_type_id": wish["appointment_type_id"],
            "scheduled_datetime": start,
        },
    )
    assert held.status_code == 201, held.content
    found = api.post(FIND, wish | {"order": "soonest", "max_results": 1}).json()["slots"]
    local = riverside.at(1, time(8, 30)).astimezone(riverside.tenant.zone_info)
    assert found[0]["datetime"] == local.isoformat()


def test_anyone_of_a_specialty_or_a_range_of_days(riverside, api, wish, day):
    del wish["provider_id"], wish["preferred_dates"]
    wish |= {"date_from": day(1), "date_to": day(3), "specialty": "General medicine"}
    found = api.post(FIND, wish | {"max_results": 500}).json()
    assert {slot["provider_id"] for slot in found["slots"]} == {
        user.pk for user in riverside.providers
    }
    assert [each["date"] for each in found["days"]] == [day(1), day(2), day(3)]
    times = [{"from": "09:00", "to": "09:30"}, {"from": "16:00", "to": "16:15"}]
    few = api.post(FIND, wish | {"times": times, "max_results": 500}).json()
    assert {slot["datetime"][11:16] for slot in few["slots"]} == {"09:00", "09:15", "16:00"}


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"patient_id": 999_999}, "does_not_exist", "patient_id"),
        ({"patient_id": None}, "null", "patient_id"),
        ({"provider_id": 999_999}, "does_not_exist", "provider_id"),
        ({"provider_id": "7"}, "invalid", "provider_id"),
        ({"appointment_type_id": 999_999}, "does_not_exist", "appointment_type_id"),
        ({"site_id": 999_999}, "does_not_exist", "site_id"),
        ({"preferred_dates": []}, "required", "preferred_dates"),
        ({"preferred_dates": ["2030-01-31"] * 10_000}, "max_length", "preferred_dates"),
        ({"preferred_dates": ["2020-01-31"]}, "in_the_past", "preferred_dates"),
        ({"preferred_dates": ["9999-12-31"]}, "too_far_ahead", "preferred_dates"),
        ({"preferred_dates": ["2030-02-30"]}, "invalid", "preferred_dates.0"),
        ({"preferred_dates": "2030-01-31"}, "not_a_list", "preferred_dates"),
        ({"duration_minutes": 0}, "min_value", "duration_minutes"),
        ({"duration_minutes": -5}, "min_value", "duration_minutes"),
        ({"duration_minutes": 10_000}, "max_value", "duration_minutes"),
        ({"max_results": 501}, "max_value", "max_results"),
        ({"specialty": "Astrology"}, "not_offered", "specialty"),
        ({"modality": "telehealth"}, "not_offered", "modality"),
        ({"weekdays": [7]}, "max_value", "weekdays.0"),
        ({"times": [{"from": "12:00", "to": "08:00"}]}, "end_before_start", "times"),
        ({"diagnosis_codes": ["Q00.Z"]}, "unknown_code", "diagnosis_codes"),
        ({"provider_ids": [1]}, "ambiguous", "provider_id"),
        ({"date_from": "2030-01-31"}, "ambiguous", "preferred_dates"),
        ({"doctor": 1}, "unknown_field", "doctor"),
    ],
)
def test_a_mistake_is_named_and_never_answered_with_nothing(api, wish, change, code, attr):
    assert problem(api.post(FIND, wish | change)) == (400, code, attr)


def test_hours_that_the_clocks_skip_are_no_wish(riverside, api, wish):
    with riverside.active():
        kind = riverside.types[0]
        kind.max_lead_days = 400
        kind.save()
    today = riverside.at(0, time(12)).date()
    coming = [today + timedelta(days=n) for n in range(1, 400)]
    gap = next(day for day in coming if not exists_on_clock(day, time(2, 30), RIVERSIDE))
    skipped = wish | {"times": [{"from": "02:00", "to": "03:00"}]}

    def find(*days):
        return api.post(FIND, skipped | {"preferred_dates": [day.isoformat() for day in days]})

    assert problem(find(gap)) == (400, "nonexistent_time", "times")
    assert find(gap, gap + timedelta(days=1)).status_code == 200
    skipped["times"][0]["to"] = "03:15"
    assert find(gap).status_code == 200


def test_an_empty_answer_says_why(riverside, api, wish, day):
    assert api.post(FIND, wish).json()["why_nothing"] == ""
    with riverside.active():
        other = Site.objects.create(name="Annex")
    nowhere = api.post(FIND, wish | {"site_id": other.pk}).json()
    assert (nowhere["free"], nowhere["slots"]) == (0, [])
    assert nowhere["why_nothing"] == "Nobody who offers this visit works on these days."
    night = api.post(FIND, wish | {"times": [{"from": "01:00", "to": "02:00"}]}).json()
    assert night["why_nothing"] == "Nobody who offers this visit works in the wished hours."
    with riverside.active():
        make_visit(riverside, riverside.at(1, time(8)), minutes=120)
        make_visit(riverside, riverside.at(2, time(8)), minutes=120)
    early = api.post(FIND, wish | {"times": [{"from": "08:00", "to": "09:00"}]}).json()
    assert early["why_nothing"] == "On these days everything in the wished hours is taken."
    with riverside.active():
        TemplateSite.objects.create(template=riverside.types[0], site=other)
    elsewhere = api.post(FIND, wish).json()
    assert elsewhere["why_nothing"] == "Nobody who offers this visit works on these days."


@pytest.mark.parametrize(
    ("dates", "code", "attr"),
    [
        ({}, "required", "preferred_dates"),
        ({"date_from": "2030-01-31"}, "required", "date_to"),
        ({"date_from": "2030-01-31", "date_to": "2030-01-30"}, "end_before_start", "date_to"),
        ({"date_from": "2030-01-31", "date_to": "2039-01-30"}, "too_many_dates", "date_to"),
    ],
)
def test_ends_of_a_range_are_checked(api, wish, dates, code, attr):
    del wish["preferred_dates"]
    assert problem(api.post(FIND, wish | dates)) == (400, code, attr)


def test_weekdays_that_miss_every_date(riverside, api, wish, day):
    other = (riverside.at(2, time(12)).astimezone(riverside.tenant.zone_info).weekday() + 3) % 7
    answer = api.post(FIND, wish | {"preferred_dates": [day(2)], "weekdays": [other]})
    assert problem(answer) == (400, "no_such_day", "weekdays")


def test_foreign_records_do_not_exist(riverside, lakeside, api, wish):
    for name, key in (
        ("patient_id", lakeside.patients[0].pk),
        ("provider_id", lakeside.providers[0].pk),
        ("appointment_type_id", lakeside.types[0].pk),
        ("site_id", lakeside.site.pk),
    ):
        assert problem(api.post(FIND, wish | {name: key})) == (400, "does_not_exist", name)


def test_who_does_not_offer_the_type_there(riverside, api, wish):
    with riverside.active():
        kind = riverside.types[0]
        TemplateProvider.objects.create(template=kind, provider=riverside.providers[1])
        annex = Site.objects.create(name="Annex")
        TemplateSite.objects.create(template=kind, site=annex)
    assert problem(api.post(FIND, wish)) == (400, "not_offered", "provider_id")
    wish["provider_id"] = riverside.providers[1].pk
    answer = api.post(FIND, wish | {"site_id": riverside.site.pk})
    assert problem(answer) == (400, "not_offered", "site_id")


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.NURSE, 403), (Role.PROVIDER, 403), (Role.PATIENT, 403), (Role.MANAGER, 200)],
)
def test_only_those_who_book_may_search(riverside, wish, role, status):
    assert api_of(riverside, role).post(FIND, wish).status_code == status


def test_lead_time_of_the_type_is_kept(riverside, api, wish, day):
    with riverside.active():
        AppointmentTemplate.objects.filter(pk=wish["appointment_type_id"]).update(
            min_lead_minutes=3 * 24 * 60
        )
    found = api.post(FIND, wish | {"preferred_dates": [day(1), day(5)], "max_results": 500})
    assert {slot["datetime"][:10] for slot in found.json()["slots"]} == {day(5)}
    too_soon = api.post(FIND, wish | {"preferred_dates": [day(1), day(2)]})
    assert problem(too_soon) == (400, "too_soon", "preferred_dates")
    kind = {"appointment_type_id": wish["appointment_type_id"]}
    trip = {"patient_id": wish["patient_id"], "date_from": day(1), "date_to": day(2)}
    trips = api.post("appointments/scheduling/find-trips/", trip | {"visits": [kind, kind]})
    assert problem(trips) == (400, "too_soon", "date_to")


@pytest.mark.parametrize("last", ["9999-12-31", "9999-12-30", "2100-01-01"])
def test_one_date_among_others_is_too_far_ahead(api, wish, day, last):
    answer = api.post(FIND, wish | {"preferred_dates": [day(1), last]})
    assert problem(answer) == (400, "too_far_ahead", "preferred_dates")


def test_a_type_whose_room_there_is_none_of(riverside, api, wish):
    with riverside.active():
        AppointmentTemplate.objects.filter(pk=wish["appointment_type_id"]).update(
            resource_kind="MRI scanner"
        )
        annex = Site.objects.create(name="Annex")
    assert problem(api.post(FIND, wish)) == (400, "no_resource", "appointment_type_id")
    with riverside.active():
        Resource.objects.create(name="MRI 1", kind="MRI scanner", site=annex)
    assert api.post(FIND, wish).status_code == 200
    answer = api.post(FIND, wish | {"site_id": riverside.site.pk})
    assert problem(answer) == (400, "no_resource", "site_id")


def test_weights_decide_the_order_and_are_guarded(riverside, api, wish):
    manager = api_of(riverside, Role.MANAGER)
    default = api.get(WEIGHTS)
    assert default.json()["version"] == 0
    only_soon = dict.fromkeys(FACTORS, 0.0) | {"patient_priority": 1.0}
    assert api.send("PUT", WEIGHTS, EVEN).status_code == 403
    saved = manager.send("PUT", WEIGHTS, only_soon, **{"If-Match": default["ETag"]})
    assert (saved.status_code, saved.json()) == (200, only_soon | {"version": 1})
    stale = manager.send("PUT", WEIGHTS, EVEN, **{"If-Match": default["ETag"]})
    assert problem(stale) == (412, "stale_version", None)
    first = api.post(FIND, wish | {"max_results": 1}).json()["slots"][0]
    assert first["score"] == first["score_breakdown"]["patient_priority"]


@pytest.mark.parametrize(
    ("weights", "code", "attr"),
    [
        (EVEN | {"no_show_risk": 0.3}, "not_one", "weights"),
        (EVEN | {"no_show_risk": 1.2}, "max_value", "no_show_risk"),
        (EVEN | {"no_show_risk": -0.2}, "min_value", "no_show_risk"),
        ({"no_show_risk": 1}, "required", "provider_availability"),
    ],
)
def test_weights_must_sum_to_one(riverside, weights, code, attr):
    answer = api_of(riverside, Role.MANAGER).send("PUT", WEIGHTS, weights)
    assert problem(answer) == (400, code, attr)
    assert api_of(riverside).get(WEIGHTS).json()["version"] == 0


TRIPS = "appointments/scheduling/find-trips/"
SERIES = "appointments/scheduling/find-series/"


@pytest.fixture
def trip(riverside, day):
    return {
        "patient_id": riverside.patients[0].pk,
        "visits": [
            {"appointment_type_id": riverside.types[0].pk},
            {"appointment_type_id": riverside.types[1].pk},
        ],
        "date_from": day(1),
        "date_to": day(3),
    }


def test_trips_are_of_one_day_and_can_be_booked(api, trip):
    found = api.post(TRIPS, trip | {"max_results": 3})
    assert found.status_code == 200, found.content
    trips = found.json()["trips"]
    assert found.json()["count"] == len(trips) == 3
    assert [each["idle_minutes"] for each in trips] == [0, 0, 0]
    first, second = trips[0]["slots"]
    assert first["end_datetime"] == second["datetime"]
    assert first["datetime"][:10] == second["datetime"][:10]
    for slot, visit in zip(trips[0]["slots"], trips[0]["visits"], strict=True):
        booking = {
            "patient_id": trip["patient_id"],
            "provider_id": slot["provider_id"],
            "appointment_type_id": trip["visits"][visit]["appointment_type_id"],
            "scheduled_datetime": slot["datetime"],
        }
        assert api.post("appointments/appointments/", booking).status_code == 201


def test_a_trip_with_one_provider_keeps_the_buffers_apart(riverside, api, trip):
    for visit in trip["visits"]:
        visit["provider_id"] = riverside.providers[0].pk
    trips = api.post(TRIPS, trip | {"keep_order": True}).json()["trips"]
    assert {tuple(each["visits"]) for each in trips} == {(0, 1)}
    assert min(each["idle_minutes"] for each in trips) == 15  # 5 of buffer, on a grid of 15


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"visits": []}, "min_length", "visits.non_field_errors"),
        ({"date_to": "2020-01-01"}, "end_before_start", "date_to"),
        ({"patient_id": 999_999}, "does_not_exist", "patient_id"),
        ({"transfer_minutes": 500}, "max_value", "transfer_minutes"),
    ],
)
def test_a_trips_mistakes_are_named(api, trip, change, code, attr):
    assert problem(api.post(TRIPS, trip | change)) == (400, code, attr)


def test_a_trip_names_the_visit_at_fault(lakeside, api, trip):
    trip["visits"][1]["provider_id"] = lakeside.providers[0].pk
    assert problem(api.post(TRIPS, trip)) == (400, "does_not_exist", "visits.1.provider_id")


def test_series_keep_the_time_of_day_and_say_what_is_missing(riverside, api, wish, day):
    booking = {
        "patient_id": riverside.patients[1].pk,
        "provider_id": wish["provider_id"],
        "appointment_type_id": wish["appointment_type_id"],
        "scheduled_datetime": riverside.at(8, time(9)).isoformat(),
    }
    assert api.post("appointments/appointments/", booking).status_code == 201
    asked = wish | {
        "preferred_dates": [day(1)],
        "rrule": "FREQ=WEEKLY;COUNT=3",
        "times": [{"from": "09:00", "to": "09:45"}],
    }
    answer = api.post(SERIES, asked)
    assert answer.status_code == 200, answer.content
    series = answer.json()["series"]
    by_start = {each["slots"][0]["datetime"][11:16]: each for each in series}
    assert by_start["09:00"]["missing"] == [day(8)]
    assert by_start["09:30"]["missing"] == []
    assert series[0]["missing"] == []
    days = [slot["datetime"][:10] for slot in by_start["09:30"]["slots"]]
    assert days == [day(1), day(8), day(15)]
    assert len({slot["datetime"][11:16] for slot in by_start["09:30"]["slots"]}) == 1


@pytest.mark.parametrize(
    ("rrule", "code"),
    [
        ("WEEKLY", "invalid"),
        ("FREQ=WEEKLY;COUNT=60", "out_of_range"),
        ("FREQ=SECONDLY;COUNT=3", "invalid"),
        ("FREQ=WEEKLY;COUNT=1", "not_first"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(api, wish, rrule, code):
    assert problem(api.post(SERIES, wish | {"rrule": rrule})) == (400, code, "rrule")


def test_a_series_that_can_begin_on_none_of_the_weekdays_is_named(api, wish, day):
    asked = {"preferred_dates": [day(number) for number in range(1, 8)], "weekdays": [0]}
    asked["rrule"] = "FREQ=WEEKLY;BYDAY=TU;COUNT=3"
    assert problem(api.post(SERIES, wish | asked)) == (400, "not_first", "rrule")


def test_an_urgent_rule_puts_the_earliest_series_and_trip_first(riverside, api, wish, trip, day):
    asked = {"date_from": day(1), "date_to": day(5)}
    with riverside.active():
        AppointmentPriorityRule.objects.create(name="Chest pain", base_priority_score=90)
        for hour in range(8, 17):  # on the first day two visits leave an hour between them
            for provider in range(2):
                make_visit(riverside, riverside.at(1, time(hour)), provider=provider)
    trips = api.post(TRIPS, trip | asked).json()["trips"]
    days = [each["slots"][0]["datetime"][:10] for each in trips]
    assert days == sorted(days)
    wanted = wish | {"preferred_dates": [day(number) for number in (2, 3, 4)]}
    series = api.post(SERIES, wanted | {"rrule": "FREQ=WEEKLY;COUNT=2"}).json()["series"]
    starts = [each["slots"][0]["datetime"] for each in series if not each["missing"]]
    assert len(starts) > 1
    assert starts == sorted(starts)


def test_trips_keep_to_weekdays_and_times(api, trip, day):
    wanted = date.fromisoformat(day(3)).weekday()
    times = [{"from": "09:00", "to": "12:00"}]
    narrowed = trip | {"weekdays": [wanted], "times": times, "date_to": day(6)}
    found = api.post(TRIPS, narrowed).json()["trips"]
    assert found
    slots = [slot["datetime"] for each in found for slot in each["slots"]]
    assert {at[:10] for at in slots} == {day(3)}
    assert all("09:00" <= at[11:16] < "12:00" for at in slots)
