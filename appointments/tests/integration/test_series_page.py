"""Finding a series on the scheduling page, booking it or what is free of it, taking it back."""

import json
from datetime import time, timedelta

import pytest

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.models import AppointmentPriorityRule, AppointmentRequest
from appointments.tests.visits import make_visit
from appointments.views.series_cards import SeriesKey
from core.errors import InvalidInputError

pytestmark = pytest.mark.django_db
PAGE = "/appointments/scheduling/"
FIND, BOOK = f"{PAGE}find-optimal-slots/", f"{PAGE}series/book/"
HTMX = {"HX-Request": "true"}
DAILY = {"repeat": "FREQ=DAILY", "repeat_count": 3}


@pytest.fixture
def day(riverside):
    return riverside.at(1, time(10)).date()


@pytest.fixture
def wish(riverside, day):
    """Three days running, from tomorrow on, at ten, with the first provider."""
    return DAILY | {
        "patient_id": riverside.patients[0].pk,
        "appointment_type_id": riverside.types[0].pk,
        "provider_ids": riverside.providers[0].pk,
        "when": "dates",
        "date_from": day,
        "date_to": day,
        "time_from": "10:00",
        "time_to": "10:05",
    }


@pytest.fixture
def desk(riverside):
    return riverside.client(Role.FRONT_DESK)


def find(desk, wish, **changes):
    return desk.post(FIND, wish | changes, headers=HTMX)


def press(desk, wish, card, **headers):
    return desk.post(BOOK, wish | {"series": str(card.key)}, headers=headers or HTMX)


def booked(riverside) -> list[AppointmentRequest]:
    with riverside.active():
        return list(AppointmentRequest.objects.order_by("scheduled_datetime"))


def take(riverside, days: int):
    """Somebody else has the provider's ten o'clock on that day."""
    with riverside.active():
        make_visit(riverside, riverside.at(days, time(10)), patient=1)


def test_a_series_is_found_and_booked_in_one_click(riverside, desk, wish, day):
    page = find(desk, wish)
    (card,) = page.context["series"]
    assert [visit.day for visit in card.visits] == [day + timedelta(days=n) for n in range(3)]
    assert card.free == 3
    assert "All 3 are free" in page.content.decode()
    answer = press(desk, wish | {"reason": "Physio"}, card)
    assert answer.status_code == 200
    assert "3 visits booked" in answer.content.decode()
    visits = booked(riverside)
    assert [visit.scheduled_datetime for visit in visits] == [
        riverside.at(n, time(10)) for n in (1, 2, 3)
    ]
    assert {visit.reason for visit in visits} == {"Physio"}
    undo = json.loads(answer["HX-Trigger"])["toast"]["undo"]
    assert desk.post(undo, headers=HTMX).status_code == 204
    assert {visit.status for visit in booked(riverside)} <= {"CANCELLED"}


def test_the_days_that_are_not_free_are_named_and_left_out(riverside, desk, wish, day):
    take(riverside, 2)
    page = find(desk, wish)
    (card,) = page.context["series"]
    assert [visit.day for visit in card.visits if visit.slot is None] == [day + timedelta(days=1)]
    assert "2 of 3 are free" in page.content.decode()
    press(desk, wish, card)
    own = [visit for visit in booked(riverside) if visit.series_id]
    assert [visit.scheduled_datetime for visit in own] == [
        riverside.at(n, time(10)) for n in (1, 3)
    ]


def test_a_rule_is_named_and_what_it_forbids_is_marked(riverside, desk, wish):
    with riverside.active():
        rule = AppointmentPriorityRule.objects.create(name="After surgery", max_wait_days=5)
    page = find(desk, wish)
    assert "Rule “After surgery”: within 5 days" in " ".join(page.text.split())
    assert "Later than the rule allows" not in page.text
    with riverside.active():
        AppointmentPriorityRule.objects.filter(pk=rule.pk).update(max_wait_days=0)
    assert find(desk, wish).text.count("Later than the rule allows") == 1


def test_one_free_visit_is_no_series(riverside, desk, wish):
    for days in (2, 3):
        take(riverside, days)
    page = find(desk, wish)
    assert page.context["series"] == []
    assert "No time repeats like this" in page.content.decode()


def test_who_was_slower_books_nothing_and_sees_what_is_free_now(riverside, desk, wish):
    (card,) = find(desk, wish).context["series"]
    take(riverside, 3)
    answer = press(desk, wish, card)
    assert answer.status_code == 409
    shown = answer.content.decode()
    assert "Nothing was booked" in shown
    assert "2 of 3 are free" in shown
    assert [visit for visit in booked(riverside) if visit.series_id] == []


def test_a_second_press_finds_what_the_first_one_booked(riverside, desk, wish):
    (card,) = find(desk, wish).context["series"]
    press(desk, wish, card)
    again = press(desk, wish, card)
    assert again.status_code == 200
    assert "3 visits booked" in again.content.decode()
    assert len(booked(riverside)) == 3


def test_a_time_that_was_held_meanwhile_is_given_back(riverside, desk, wish):
    with riverside.active():
        held = BookingEngine(by=riverside.user(Role.FRONT_DESK)).hold(
            provider_id=riverside.providers[1].pk,
            appointment_type_id=riverside.types[0].pk,
            start=riverside.at(1, time(12)),
        )
    (card,) = find(desk, wish).context["series"]
    press(desk, wish | {"held": held.pk}, card)
    assert {visit.series_id is not None for visit in booked(riverside)} == {True}


def test_the_refusal_is_told_even_if_the_form_repeats_no_more(riverside, desk, wish):
    (card,) = find(desk, wish).context["series"]
    take(riverside, 3)
    answer = press(desk, wish | {"repeat": ""}, card)
    assert answer.status_code == 409
    assert "Nothing was booked" in answer.content.decode()


def test_a_count_does_not_matter_for_one_visit(desk, wish):
    page = find(desk, wish, repeat="", repeat_count="x")
    assert page.status_code == 200
    assert page.context["cards"]


def test_it_works_without_scripts(riverside, desk, wish):
    (card,) = find(desk, wish).context["series"]
    answer = press(desk, wish, card, Accept="text/html")
    assert answer.status_code == 302
    assert "Booked 3 visits" in desk.get(answer.url).content.decode()


def test_a_series_of_which_a_visit_was_confirmed_is_not_taken_back(riverside, desk, wish):
    (card,) = find(desk, wish).context["series"]
    undo = json.loads(press(desk, wish, card)["HX-Trigger"])["toast"]["undo"]
    with riverside.active():
        first = AppointmentRequest.objects.order_by("pk").first()
        BookingEngine(by=None).confirm(first.pk)
    assert desk.post(undo, headers=HTMX).status_code == 409
    assert [visit.status for visit in booked(riverside)] == ["CONFIRMED", "PENDING", "PENDING"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"repeat_count": ""}, "Say how many visits there are in all."),
        ({"repeat_count": 1}, "greater than or equal to 2"),
        ({"repeat_count": 53}, "less than or equal to 52"),
        ({"repeat": "FREQ=HOURLY"}, "not one of the available choices"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(desk, wish, changes, said):
    page = find(desk, wish, **changes)
    assert page.status_code == 400
    assert said in " ".join(page.context["form"].errors_at["repeat"])


def test_the_patient_is_asked_for(desk, wish):
    (card,) = find(desk, wish).context["series"]
    answer = press(desk, wish | {"patient_id": ""}, card)
    assert answer.status_code == 400
    assert "Choose the patient first." in answer.content.decode()


@pytest.mark.parametrize("role", [Role.NURSE, Role.PROVIDER, Role.PATIENT])
def test_who_may_not_book_is_refused(riverside, role):
    client = riverside.client(role)
    assert client.post(BOOK).status_code == 403
    assert client.post(f"{PAGE}series/1/undo/").status_code == 403


def test_another_hospitals_series_is_not_taken_back(riverside, lakeside, desk, wish):
    (card,) = find(desk, wish).context["series"]
    undo = json.loads(press(desk, wish, card)["HX-Trigger"])["toast"]["undo"]
    assert lakeside.client(Role.FRONT_DESK).post(undo, headers=HTMX).status_code == 404


@pytest.mark.parametrize(
    "text", ["", "|", "a|b|c", "a|FREQ=DAILY;COUNT=2|2030-13-01", "a|FREQ=DAILY|x|y"]
)
def test_no_button_says_this(text):
    with pytest.raises(InvalidInputError):
        SeriesKey.read(text)
