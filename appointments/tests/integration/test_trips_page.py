"""Several visits in one trip: what the page finds, and that it books all of them or none."""

import json
from datetime import time
from itertools import pairwise

import pytest
from django.urls import reverse

from accounts.permissions import Role
from appointments.booking.errors import SlotTakenError
from appointments.booking.group_engine import GroupBookingEngine
from appointments.enums import AppointmentStatus
from appointments.models import (
    AppointmentEvent,
    AppointmentPriorityRule,
    AppointmentRequest,
    Resource,
    TemplateProvider,
    TimeOff,
)
from appointments.tests.visits import make_visit
from appointments.views.trip_cards import read_key
from core.errors import InvalidInputError
from core.models import Site

pytestmark = pytest.mark.django_db
PAGE = reverse("scheduling:trips")
ROWS, BOOK = reverse("scheduling:trip_rows"), reverse("scheduling:book_trip")
UNDO = reverse("scheduling:undo_trip")
HTMX = {"HX-Request": "true"}
S = AppointmentStatus


class Desk:
    """The page in the hands of a user of a role."""

    def __init__(self, clinic, role=Role.FRONT_DESK):
        self.clinic, self.client = clinic, clinic.client(role)
        self.wish = {
            "patient_id": clinic.patients[0].pk,
            "type_0": clinic.types[0].pk,
            "type_1": clinic.types[1].pk,
            "when": "weeks",
        }

    def post(self, url, *, htmx=True, **changes):
        data = {name: value for name, value in (self.wish | changes).items() if value is not None}
        return self.client.post(url, data, headers=HTMX if htmx else {})

    def cards(self, **changes):
        response = self.post(ROWS, **changes)
        assert response.status_code == 200, response.content
        return response.context["cards"]

    def visits(self):
        with self.clinic.active():
            return list(AppointmentRequest.objects.order_by("scheduled_datetime"))


@pytest.fixture
def desk(riverside):
    return Desk(riverside)


def errors_of(response):
    return {place: said for place, said in response.context["form"].errors_at.items() if said}


# ------------------------------------------------------------------- the page


@pytest.mark.parametrize("role", [Role.NURSE, Role.PROVIDER, Role.PATIENT])
@pytest.mark.parametrize("url", [PAGE, ROWS, BOOK, UNDO])
def test_who_may_not_book_is_refused(riverside, role, url):
    client = riverside.client(role)
    assert (client.get(url) if url == PAGE else client.post(url)).status_code == 403


def test_it_starts_with_a_question_and_is_linked_both_ways(desk, riverside):
    query = {"patient": riverside.patients[1].pk, "type": riverside.types[0].pk}
    response = desk.client.get(PAGE, query)
    assert response.context["is_waiting"]
    assert errors_of(response) == {}
    assert riverside.patients[1].get_full_name() in response.text
    single = reverse("scheduling:smart_scheduling")
    assert f'href="{single}?patient={query["patient"]}"' in response.text
    assert f'href="{PAGE}?patient={query["patient"]}"' in desk.client.get(single, query).text


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 30, "٣"])
def test_what_a_link_says_wrongly_is_left_out(desk, value):
    query = {"patient": value, "type": value, "booked": value}
    response = desk.client.get(PAGE, query)
    assert response.status_code == 200
    assert response.context["patient"] is None
    assert not response.context["booked"]


def test_one_visit_is_no_mistake_until_somebody_asks(desk):
    assert desk.post(ROWS, type_1=None).context["is_waiting"]
    asked = desk.post(ROWS, type_1=None, search="1")
    assert asked.status_code == 400
    assert errors_of(asked) == {"visit-1": ["Choose the type of visit."]}


# ------------------------------------------------------------------ the trips


def test_trips_are_of_one_day_without_waiting(desk, riverside):
    cards = desk.cards()
    assert len(cards) == 10
    for card in cards:
        assert card.idle_minutes == 0
        assert {stop.type_name for stop in card.stops} == {"Consultation", "Ultrasound"}
        local = [
            stop.slot.datetime.astimezone(riverside.tenant.zone_info).date() for stop in card.stops
        ]
        assert len(set(local)) == 1
    assert "No waiting in between" in desk.post(ROWS).text


def days_of(cards, clinic):
    return [card.start.astimezone(clinic.tenant.zone_info).date() for card in cards]


def test_each_day_is_shown_once_until_one_is_chosen(desk, riverside):
    days = days_of(desk.cards(), riverside)
    assert len(days) == len(set(days)) == 10
    chosen = desk.post(ROWS, day=days[1].isoformat())
    assert set(days_of(chosen.context["cards"], riverside)) == {days[1]}
    assert f'name="day" value="{days[1]}"' in chosen.text
    again = desk.post(
        ROWS, day=days[1].isoformat(), when="dates", date_from=days[2], date_to=days[2]
    )
    assert set(days_of(again.context["cards"], riverside)) == {days[2]}, "a day of other dates"
    other = (days[1].weekday() + 1) % 7
    moved = desk.post(ROWS, day=days[1].isoformat(), weekdays=[other])
    assert {day.weekday() for day in days_of(moved.context["cards"], riverside)} == {other}


def test_more_are_shown_in_steps(desk, riverside):
    day = riverside.at(2, time(12)).date().isoformat()
    response = desk.post(ROWS, day=day, most=20)
    assert len(response.context["cards"]) == 20
    assert response.context["more"] == 30


def test_three_visits_with_whom_and_in_which_order(desk, riverside):
    first, second = (provider.pk for provider in riverside.providers)
    kind = riverside.types[0].pk
    wish = {"provider_0": first, "provider_1": second, "type_2": kind, "provider_2": first}
    for card in desk.cards(keep_order="on", **wish):
        assert [stop.slot.provider_id for stop in card.stops] == [first, second, first]
        for earlier, later in pairwise(card.stops):
            wait = later.slot.datetime - earlier.slot.end_datetime
            assert later.wait_minutes == wait.total_seconds() / 60 >= 0


def test_what_is_waited_in_between_is_said(desk, riverside):
    """One provider needs the second visit's and the first one's buffers between them."""
    provider = riverside.providers[0].pk
    wish = {"provider_0": provider, "provider_1": provider, "keep_order": "on"}
    card = desk.cards(**wish)[0]
    assert card.idle_minutes == 5 or card.idle_minutes == 15
    assert f"{card.idle_minutes} min in between" in desk.post(ROWS, **wish).text


def test_weekdays_and_hours_narrow_the_trips(desk, riverside):
    zone = riverside.tenant.zone_info
    cards = desk.cards(weekdays=[1, 3], parts=["afternoon"])
    starts = [stop.slot.datetime.astimezone(zone) for card in cards for stop in card.stops]
    assert {start.weekday() for start in starts} == {1, 3}
    assert {12 <= start.hour < 17 for start in starts} == {True}
    exact = desk.cards(parts=["afternoon"], time_from="08:00", time_to="10:00")
    starts = [stop.slot.datetime.astimezone(zone) for card in exact for stop in card.stops]
    assert {8 <= start.hour < 10 for start in starts} == {True}, "exact hours overrule parts"
    none = desk.post(ROWS, time_from="01:00", time_to="02:00", weekdays=[1])
    assert {"times", "weekdays"} <= {name for name, _ in none.context["ways"]}
    assert none.text.count("Nobody who offers this visit works in the wished hours.") == 2
    wider = desk.post(ROWS, time_from="01:00", time_to="02:00", weekdays=[1], widen="times")
    assert wider.context["cards"]
    assert wider.context["form"].cleaned_data["weekdays"] == [1]


def test_what_is_typed_stays_while_one_visit_is_missing(desk):
    form = desk.post(ROWS, type_1=None, weekdays=[1, 3], parts=["morning"]).context["form"]
    assert form["weekdays"].value() == ["1", "3"]
    assert form["parts"].value() == ["morning"]


def test_a_rule_for_a_diagnosis_is_named_and_too_late_trips_are_marked(desk, riverside):
    with riverside.active():
        AppointmentPriorityRule.objects.create(
            name="Chest pain", diagnosis_codes=["I20"], base_priority_score=85, max_wait_days=3
        )
    response = desk.post(ROWS, diagnosis_codes="I20.0")
    assert "Rule “Chest pain”" in " ".join(response.text.split())
    cards = response.context["cards"]
    late = [any(stop.slot.is_late for stop in card.stops) for card in cards]
    assert late == sorted(late), "the earliest day first"
    assert True in late
    assert response.text.count("Later than the rule allows") == sum(late)
    booked = desk.post(BOOK, trip=cards[0].key, diagnosis_codes="I20.0")
    assert {tuple(visit.diagnosis_codes) for visit in booked.context["booked"]} == {("I20.0",)}


@pytest.mark.parametrize(
    ("wrong", "place", "words"),
    [
        ({"type_0": 10**15}, "visit-0", "not one of the available"),
        ({"weekdays": ["7"]}, "weekdays", "not one of the available"),
        ({"time_from": "10:00", "time_to": "09:00"}, "times", "later than the start"),
        ({"time_from": "10:00"}, "times", "Give both times."),
        ({"diagnosis_codes": "Q"}, "codes", "Q"),
        ({"type_2": "x"}, "visit-2", "not one of the available"),
        ({"provider_2": "FIRST"}, "visit-2", "Choose the type"),
        ({"when": "dates"}, "when", "Give both days."),
        (
            {"when": "dates", "date_from": "2000-01-01", "date_to": "2000-01-02"},
            "when",
            "has passed",
        ),
        (
            {"when": "dates", "date_from": "2100-01-02", "date_to": "2100-01-01"},
            "when",
            "must not be before",
        ),
        ({"site_id": 10**15}, "site", "not one of the available"),
        ({"patient_id": "x"}, "patient", "whole number"),
    ],
)
def test_a_mistake_is_named_at_its_field(desk, riverside, wrong, place, words):
    wrong = {
        name: riverside.providers[0].pk if value == "FIRST" else value
        for name, value in wrong.items()
    }
    response = desk.post(ROWS, **wrong)
    assert response.status_code == 400
    assert list(errors_of(response)) == [place]
    assert words in errors_of(response)[place][0]


def test_a_provider_who_does_not_offer_a_visit_is_named_at_it(desk, riverside):
    first, second = riverside.providers
    with riverside.active():
        TemplateProvider.objects.create(template=riverside.types[1], provider=first)
    response = desk.post(ROWS, provider_1=second.pk)
    assert response.status_code == 400
    assert list(errors_of(response)) == ["visit-1"]


def test_when_nothing_suits_it_says_which_visit_and_what_to_widen(desk, riverside):
    with riverside.active():
        riverside.types[1].resource_kind = "MRI"
        riverside.types[1].save()
        scanner = Resource.objects.create(name="MRI 1", kind="MRI", site=riverside.site)
        away = {"starts_at": riverside.at(-1, time(8)), "ends_at": riverside.at(60, time(8))}
        TimeOff.objects.create(resource=scanner, **away)
    response = desk.post(ROWS, keep_order="on", provider_0=riverside.providers[0].pk)
    assert not response.context["cards"]
    consultation, ultrasound = response.context["asked"]
    assert consultation.free > 0 == ultrasound.free
    assert [name for name, _ in response.context["ways"]] == ["who", "order", "later"]
    query = f"patient={riverside.patients[0].pk}&amp;type={riverside.types[1].pk}"
    assert f"{reverse('waitlist:add')}?{query}" in response.text


def test_a_wish_is_widened_by_a_button(desk, riverside):
    wish = {"provider_0": riverside.providers[0].pk, "keep_order": "on", "when": "this_week"}
    widened = desk.post(ROWS, widen="who", **wish).context["form"]
    assert widened.cleaned_data["provider_0"] is None
    assert widened.cleaned_data["keep_order"]
    before = desk.post(ROWS, **wish).context["form"]
    later = desk.post(ROWS, widen="later", **wish)
    today = riverside.at(0, time(12)).astimezone(riverside.tenant.zone_info).date()
    assert later.context["form"].span(today)[0] > before.span(today)[1]
    assert 'id="trip-fields" hx-swap-oob' in later.text


def test_what_it_reads_does_not_grow_with_the_trips(desk, django_assert_max_num_queries):
    with django_assert_max_num_queries(34):
        desk.post(ROWS, most=50, type_2=desk.wish["type_0"])


# --------------------------------------------------------------------- booking


def test_a_trip_is_booked_whole(desk, riverside):
    card = desk.cards()[0]
    response = desk.post(BOOK, trip=card.key)
    assert response.status_code == 200
    visits = desk.visits()
    assert [visit.scheduled_datetime for visit in visits] == [
        stop.slot.datetime for stop in card.stops
    ]
    assert {visit.patient_id for visit in visits} == {riverside.patients[0].pk}
    assert {visit.status for visit in visits} == {S.PENDING}
    for visit in visits:
        assert reverse("visits:visit", args=[visit.pk]) in response.text
    told = json.loads(response["HX-Trigger"])
    assert "Booked 2 visits for Pat1" in told["toast"]["text"]
    with riverside.active():
        assert AppointmentEvent.objects.filter(step="book").count() == 2
    taken_back = desk.client.post(told["toast"]["undo"], headers=HTMX)
    told = json.loads(taken_back["HX-Trigger"])
    assert list(told) == ["trip-undone", "visit-changed", "toast"]
    assert {visit.status for visit in desk.visits()} == {S.CANCELLED}


def test_without_scripts_it_is_booked_and_shown(desk):
    page = desk.post(ROWS, htmx=False)
    assert "Book all" in page.text
    response = desk.post(BOOK, htmx=False, trip=page.context["cards"][0].key)
    assert response.status_code == 302
    shown = desk.client.get(response.url)
    assert [visit.pk for visit in shown.context["booked"]] == [each.pk for each in desk.visits()]
    assert "Booked 2 visits for Pat1" in shown.text


def test_a_second_press_books_nothing_more(desk):
    key = desk.cards()[0].key
    first, second = desk.post(BOOK, trip=key), desk.post(BOOK, trip=key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert len(desk.visits()) == 2
    assert [each.pk for each in second.context["booked"]] == [each.pk for each in desk.visits()]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("htmx", [True, False])
def test_where_one_was_taken_none_is_booked(desk, riverside, number, htmx):
    card = desk.cards()[0]
    taken = card.stops[number]
    provider = [user.pk for user in riverside.providers].index(taken.slot.provider_id)
    with riverside.active():
        other = make_visit(riverside, taken.slot.datetime, provider=provider, patient=1)
    response = desk.post(BOOK, htmx=htmx, trip=card.key)
    assert response.status_code == 409
    assert desk.visits() == [other]
    assert f"{taken.type_name} with" in response.text
    assert "Nothing was booked" in response.text
    fresh = response.context["cards"]
    assert fresh
    assert card.key not in {each.key for each in fresh}


def test_the_patient_is_asked_for_before_booking(desk):
    key = desk.cards(patient_id=None)[0].key
    response = desk.post(BOOK, patient_id=None, trip=key)
    assert response.status_code == 400
    assert errors_of(response) == {"patient": ["Choose the patient first."]}
    assert response["HX-Reswap"] == "none"
    assert desk.visits() == []


@pytest.mark.parametrize("key", ["", "x", ";", ";;", "a;b", "2030-01-01T09:00+00:00~1~1~1~30~"])
def test_what_no_button_says_is_refused(desk, key):
    assert desk.post(BOOK, trip=key).status_code == 400
    assert desk.visits() == []


def test_another_tenants_visits_are_neither_shown_nor_undone(desk, lakeside):
    with lakeside.active():
        visit = make_visit(lakeside, lakeside.at(1, time(9)))
    assert not desk.client.get(PAGE, {"booked": visit.pk}).context["booked"]
    assert desk.client.post(f"{UNDO}?visit={visit.pk}", headers=HTMX).status_code == 404


# ------------------------------------------------------------------ the engine


def wanted(clinic, *clocks, kind=0, provider=0):
    return [
        {
            "provider_id": clinic.providers[provider].pk,
            "appointment_type_id": clinic.types[kind].pk,
            "start": clinic.at(2, clock),
        }
        for clock in clocks
    ]


def book(clinic, visits):
    with clinic.active():
        return GroupBookingEngine(by=clinic.user(Role.FRONT_DESK)).book_trip(
            patient_id=clinic.patients[0].pk, visits=visits
        )


def test_it_names_the_visit_that_cannot_take_place(riverside):
    with riverside.active():
        make_visit(riverside, riverside.at(2, time(11)), patient=1)
    with pytest.raises(SlotTakenError) as refused:
        book(riverside, wanted(riverside, time(9), time(11)))
    assert refused.value.visit.start == riverside.at(2, time(11))
    with riverside.active():
        assert AppointmentRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("clocks", "code"),
    [
        ([time(9)], "out_of_range"),
        ([time(9), time(10), time(11), time(12)], "out_of_range"),
        ([time(9), time(9, 15)], "overlap"),
    ],
)
def test_a_trip_is_two_or_three_visits_one_after_another(riverside, clocks, code):
    with pytest.raises(InvalidInputError) as refused:
        book(riverside, wanted(riverside, *clocks))
    assert (refused.value.attr, refused.value.code) == ("visits", code)


def test_a_mistake_in_a_visit_is_named_with_its_number(riverside):
    visits = wanted(riverside, time(9), time(10))
    visits[1]["provider_id"] = 10**15
    with pytest.raises(InvalidInputError) as refused:
        book(riverside, visits)
    assert refused.value.attr == "visits.1.provider_id"


def test_the_room_of_a_visit_is_taken_with_it(riverside):
    with riverside.active():
        riverside.types[1].resource_kind = "MRI"
        riverside.types[1].save()
        room = Resource.objects.create(site=riverside.site, name="MRI 1", kind="MRI")
    visits = wanted(riverside, time(9)) + wanted(riverside, time(10), kind=1, provider=1)
    assert [row.resource_id for row in book(riverside, visits)] == [None, room.pk]


def test_a_key_reads_what_it_says(desk):
    card = desk.cards()[0]
    assert [slot.start for slot in read_key(card.key)] == [
        stop.slot.datetime for stop in card.stops
    ]


def test_the_way_between_sites_is_said(desk, riverside):
    """The first provider works here, the second there; half an hour lies between."""
    with riverside.active():
        there = Site.objects.create(name="Harbour clinic")
        riverside.providers[1].availability.update(site=there)
    wish = {f"provider_{n}": provider.pk for n, provider in enumerate(riverside.providers)}
    card = desk.cards(keep_order="on", **wish)[0]
    assert card.stops[1].is_elsewhere
    assert card.idle_minutes == 30
    assert "30 min, with the way to Harbour clinic" in desk.post(ROWS, keep_order="on", **wish).text


def test_urgency_and_reason_are_those_of_all_visits(desk):
    card = desk.cards(priority="urgent", reason="Check-up")[0]
    booked = desk.post(BOOK, trip=card.key, priority="urgent", reason="Check-up")
    assert booked.status_code == 200, booked.content
    assert [(v.priority, v.reason) for v in desk.visits()] == [("urgent", "Check-up")] * 2
    calm, urgent = (
        min(card.score for card in desk.cards(priority=name)) for name in ("routine", "urgent")
    )
    assert urgent < calm  # two days are long for what is urgent


@pytest.mark.parametrize("change", [{"priority": "at once"}, {"reason": "x" * 501}])
def test_what_cannot_be_booked_with_a_trip_is_refused(desk, change):
    card = desk.cards()[0]
    assert desk.post(BOOK, trip=card.key, **change).status_code == 400
    assert desk.visits() == []
    assert list(errors_of(desk.post(ROWS, **change))) == [
        {"priority": "urgency", "reason": "reason"}[name] for name in change
    ]


def test_one_visit_can_be_a_call_where_its_type_allows_that(desk, riverside):
    wrong = desk.post(ROWS, how_1="telehealth")
    assert errors_of(wrong) == {"visit-1": ["Ultrasound takes place on site only."]}
    with riverside.active():
        kind = riverside.types[0]
        kind.modality = "either"
        kind.save()
    cards = desk.cards(how_0="telehealth")
    for card in cards:
        assert {s.type_name: s.is_telehealth for s in card.stops} == {
            "Consultation": True,
            "Ultrasound": False,
        }
    desk.post(BOOK, trip=cards[0].key)
    assert sorted(visit.modality for visit in desk.visits()) == ["on_site", "telehealth"]
