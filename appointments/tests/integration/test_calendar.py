"""The calendar's columns, and booking from it."""

import json
import re
from datetime import date, time, timedelta

import pytest

from accounts.permissions import Role
from appointments.enums import AppointmentStatus
from appointments.models import AppointmentRequest, AppointmentTemplate, SlotAvailability
from appointments.tests.visits import make_visit
from appointments.views import calendar
from patients.models import PatientProfile

S = AppointmentStatus
HTMX = {"HX-Request": "true"}
CALENDAR, BOOK = "/appointments/calendar/", "/appointments/calendar/book/"


def form_of(clinic, start, **changes):
    local = start.astimezone(clinic.tenant.zone_info)
    return {
        "patient_id": clinic.patients[0].pk,
        "provider_id": clinic.providers[0].pk,
        "appointment_type_id": clinic.types[0].pk,
        "date": local.date().isoformat(),
        "time": f"{local:%H:%M}",
    } | changes


def book(clinic, start, *, role=Role.FRONT_DESK, htmx=True, **changes):
    headers = HTMX if htmx else {}
    return clinic.client(role).post(BOOK, form_of(clinic, start, **changes), headers=headers)


def booked(clinic):
    with clinic.active():
        return list(AppointmentRequest.objects.order_by("pk"))


def columns_of(clinic, role=Role.FRONT_DESK, **query):
    return clinic.client(role).get(CALENDAR, query).context["columns"]


def day_of(clinic, start):
    return start.astimezone(clinic.tenant.zone_info).date().isoformat()


def test_a_day_has_a_column_per_provider_with_its_load(riverside):
    start = riverside.at(1, time(10))
    with riverside.active():
        make_visit(riverside, start)
        make_visit(riverside, start + timedelta(hours=1), status=S.COMPLETED)
        make_visit(riverside, start + timedelta(hours=2), status=S.NO_SHOW)
        make_visit(riverside, start + timedelta(hours=3), status=S.CANCELLED)
    first, second = columns_of(riverside, day=day_of(riverside, start))
    assert [first.provider, second.provider] == riverside.providers
    assert (first.booked_minutes, first.open_minutes) == (60, 600)
    assert [block.visit.status for block in first.blocks] == [S.CONFIRMED, S.COMPLETED, S.NO_SHOW]
    assert second.blocks == []


def test_buffers_blocked_time_and_overlaps_have_their_places(riverside):
    start = riverside.at(1, time(10))
    buffer = timedelta(minutes=10)
    with riverside.active():
        make_visit(riverside, start, blocked_from=start - buffer, blocked_until=start + 4 * buffer)
        make_visit(riverside, start, overbooked=True, override_reason="!", patient=1)
        SlotAvailability.objects.create(
            provider=riverside.providers[0],
            site=riverside.site,
            date=date.fromisoformat(day_of(riverside, start)),
            start_time=time(16),
            end_time=time(17),
            is_blocked=True,
        )
    column, _ = columns_of(riverside, day=day_of(riverside, start))
    one, other = column.blocks
    assert (one.before.row, one.before.span, one.after.span) == (23, 2, 2)
    assert [(b.place.row, b.place.lane, b.place.lanes) for b in (one, other)] == [
        (25, 0, 2),
        (25, 1, 2),
    ]
    assert [(p.row, p.span, why) for p, why in column.blocked_places] == [(97, 12, "Blocked")]
    assert [(p.row, p.span) for p in column.open_places] == [(1, 120)]


def test_a_day_of_many_providers_is_drawn_in_part_until_all_is_asked_for(riverside, monkeypatch):
    monkeypatch.setattr(calendar, "HEAD_COLUMNS", 1)
    start = riverside.at(1, time(10))
    with riverside.active():
        make_visit(riverside, start)
        make_visit(riverside, start, provider=1, patient=1)
    day = day_of(riverside, start)
    first, second = riverside.providers
    part = riverside.client().get(CALENDAR, {"day": day})
    assert [column.provider for column in part.context["columns"]] == [first]
    assert "Show 1 more" in part.text
    assert "2 visits" in part.text
    whole = riverside.client().get(CALENDAR, {"day": day, "all": "1"})
    assert [column.provider for column in whole.context["columns"]] == [first, second]
    assert "Show 1 more" not in whole.text
    assert f"grid/?day={day}&amp;all=1" in whole.text


def test_held_time_is_shown_without_a_name(riverside):
    start = riverside.at(1, time(10))
    with riverside.active():
        make_visit(riverside, start, status=S.HELD, hold_expires_at=start)
    shown = riverside.client().get(CALENDAR, {"day": day_of(riverside, start)}).text
    assert 'class="cal-visit is-HELD r25' in shown
    assert "Pat1" not in shown


def test_a_week_is_one_providers_seven_days(riverside):
    start = riverside.at(1, time(10))
    with riverside.active():
        make_visit(riverside, start, provider=1)
    days = columns_of(
        riverside, view="week", day=day_of(riverside, start), provider=riverside.providers[1].pk
    )
    assert len(days) == 7
    assert days[0].axis.day.isoweekday() == 1
    assert {column.provider for column in days} == {riverside.providers[1]}
    assert [c.axis.day.isoformat() for c in days if c.blocks] == [day_of(riverside, start)]


def test_a_provider_has_only_the_own_column_and_week(riverside):
    with riverside.active():
        make_visit(riverside, riverside.at(0, time(12)), provider=1, patient=1)
    [column] = columns_of(riverside, Role.PROVIDER)
    assert column.provider == riverside.providers[0]
    query = {"view": "week", "provider": riverside.providers[1].pk}
    assert riverside.client(Role.PROVIDER).get(CALENDAR, query).status_code == 404


def test_a_foreign_providers_week_is_not_found(riverside, lakeside):
    query = {"view": "week", "provider": lakeside.providers[0].pk}
    assert riverside.client().get(CALENDAR, query).status_code == 404


@pytest.mark.parametrize(
    ("day", "hours"), [("2027-03-28", 23), ("2027-10-31", 25), ("2027-03-29", 24)]
)
def test_a_day_on_which_the_clock_changes_has_its_own_length(riverside, day, hours):
    zone = riverside.tenant.zone_info
    with riverside.active():
        provider = riverside.providers[0]
        SlotAvailability.objects.create(
            provider=provider,
            site=riverside.site,
            date=day,
            start_time=time(0),
            end_time=time(23, 55),
        )
    response = riverside.client().get(CALENDAR, {"day": day})
    column = response.context["columns"][0]
    assert len(column.cells) == hours * 2
    assert column.cells[-1].start.astimezone(zone).hour == 23
    assert f"s{column.axis.rows + 1}" not in response.text
    assert f"r{column.axis.rows - 5} " in response.text


def test_only_time_to_come_is_offered_and_only_to_those_who_book(riverside):
    tomorrow = day_of(riverside, riverside.at(1, time(10)))
    yesterday = day_of(riverside, riverside.at(-1, time(10)))
    desk = riverside.client()
    assert f"{BOOK}?provider=" in desk.get(CALENDAR, {"day": tomorrow}).text
    assert f"{BOOK}?provider=" not in desk.get(CALENDAR, {"day": yesterday}).text
    nurse = riverside.client(Role.NURSE)
    assert f"{BOOK}?provider=" not in nurse.get(CALENDAR, {"day": tomorrow}).text
    assert nurse.get(BOOK).status_code == 403


def test_type_colours_are_classes_and_nothing_else(riverside):
    with riverside.active():
        AppointmentTemplate.objects.filter(pk=riverside.types[0].pk).update(colour="}*{x:")
    response = riverside.client().get("/appointments/calendar/type-colours.css")
    assert response["Content-Type"] == "text/css"
    assert response.text == f".type-{riverside.types[1].pk}{{--colour:#0b6e69}}"


def test_a_click_on_free_time_opens_the_form_there(riverside):
    start = riverside.at(1, time(10, 30))
    grid = riverside.client().get(CALENDAR, {"day": day_of(riverside, start)}).text
    wanted = f"provider={riverside.providers[1].pk}&amp;start={start:%Y-%m-%dT%H:%MZ}"
    assert wanted in grid
    form = riverside.client().get(f"{BOOK}?{wanted.replace('&amp;', '&')}", headers=HTMX)
    assert form.context["form"]["provider_id"].value() == riverside.providers[1].pk
    assert 'value="10:30"' in form.text
    assert "<html" not in form.text


def test_a_booking_takes_the_site_of_the_working_hours(riverside):
    start = riverside.at(1, time(10))
    response = book(riverside, start, reason="Cough", priority="urgent")
    assert response.status_code == 204
    [visit] = booked(riverside)
    assert (visit.scheduled_datetime, visit.site_id) == (start, riverside.site.pk)
    assert (visit.reason, visit.priority, visit.status) == ("Cough", "urgent", S.PENDING)
    heard = json.loads(response["HX-Trigger"])
    assert heard["toast"]["undo"] == f"/appointments/{visit.pk}/undo/"


def test_a_booking_without_scripts_lands_on_its_day(riverside):
    start = riverside.at(1, time(10))
    response = book(riverside, start, htmx=False)
    assert response["Location"] == f"{CALENDAR}?day={day_of(riverside, start)}"
    assert len(booked(riverside)) == 1


def test_a_taken_time_is_refused_with_what_is_in_the_way_and_what_is_free(riverside):
    start = riverside.at(1, time(10))
    with riverside.active():
        make_visit(riverside, start, patient=1)
    response = book(riverside, start)
    assert response.status_code == 409
    assert "Pat2" in response.text
    [*offered] = re.findall(r'name="pick" value="([^"]+)"', response.text)
    assert len(offered) == 5
    assert len(booked(riverside)) == 1
    assert book(riverside, start, pick=offered[0]).status_code == 204
    assert booked(riverside)[1].scheduled_datetime.isoformat() == _utc(offered[0])


def _utc(text):
    from datetime import UTC, datetime

    return datetime.fromisoformat(text).astimezone(UTC).isoformat()


def test_overbooking_takes_a_reason(riverside):
    start = riverside.at(1, time(10))
    with riverside.active():
        make_visit(riverside, start, patient=1)
    assert "Overbook" in book(riverside, start).text
    assert book(riverside, start, override_reason="Emergency").status_code == 204
    assert booked(riverside)[1].overbooked


def test_blocked_time_is_refused_with_other_times(riverside):
    start = riverside.at(1, time(10))
    with riverside.active():
        SlotAvailability.objects.filter(date=day_of(riverside, start)).update(is_blocked=True)
    response = book(riverside, start)
    assert response.status_code == 409
    assert "not available at this time" in response.text
    assert 'name="pick"' in response.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patient_id": ""}, "Choose the patient first."),
        ({"patient_id": "999999"}, "There is no such record."),
        ({"patient_id": "9" * 30}, "Ensure this value is less than or equal to"),
        ({"provider_id": "999999"}, "Select a valid choice."),
        ({"appointment_type_id": "x"}, "Select a valid choice."),
        ({"date": "2020-01-01"}, "This time has passed."),
        ({"date": "9999-12-31"}, "Choose a date of this century."),
        ({"date": "2027-03-28", "time": "02:30"}, "this time does not exist"),
        ({"time": ""}, "This field is required."),
        ({"duration_minutes": "1"}, "Ensure this value is greater than or equal to 5."),
        ({"reason": "x" * 501}, "Ensure this value has at most 500 characters"),
        ({"priority": "asap"}, "Select a valid choice."),
        ({"fold": "7"}, ""),
    ],
)
def test_what_cannot_be_booked_is_refused_beside_its_field(riverside, changes, message):
    response = book(riverside, riverside.at(1, time(10)), **changes)
    assert response.status_code == 400
    assert message in response.text
    assert booked(riverside) == []


def test_anothers_patient_or_provider_cannot_be_booked(riverside, lakeside):
    start = riverside.at(1, time(10))
    for changes in (
        {"patient_id": lakeside.patients[0].pk},
        {"provider_id": lakeside.providers[0].pk},
        {"appointment_type_id": lakeside.types[0].pk},
    ):
        assert book(riverside, start, **changes).status_code == 400
    asked = {"patient": lakeside.patients[0].pk, "provider": lakeside.providers[0].pk}
    assert "Lakesideson" not in riverside.client().get(BOOK, asked).text


def test_the_second_pass_of_a_repeated_hour_can_be_booked(riverside):
    with riverside.active():
        AppointmentTemplate.objects.update(max_lead_days=730)
    changes = {"date": "2027-10-31", "time": "02:30"}
    start = riverside.at(1, time(10))
    assert book(riverside, start, **changes, fold="0").status_code == 204
    assert book(riverside, start, **changes, fold="1").status_code == 204
    first, second = (visit.scheduled_datetime for visit in booked(riverside))
    assert second - first == timedelta(hours=1)


@pytest.mark.parametrize(
    "query", ["start=x", "start=9999-12-31T00:00Z", "provider=²", "patient=-1"]
)
def test_an_address_that_asks_for_nonsense_still_opens_the_form(riverside, query):
    assert riverside.client().get(f"{BOOK}?{query}").status_code == 200


def test_patients_are_found_as_one_types_and_chosen_by_a_button(riverside):
    client = riverside.client()
    options = client.post(f"{BOOK}patient-options/", {"q": "Pat2 River"}, headers=HTMX)
    key = riverside.patients[1].pk
    assert re.findall(r'name="choose" value="(\d+)"', options.text) == [str(key)]
    data = form_of(riverside, riverside.at(1, time(10)), patient_id="", choose=key)
    chosen = client.post(BOOK, data, headers=HTMX)
    assert chosen.status_code == 200
    assert f'name="patient_id" value="{key}"' in chosen.text
    assert data["date"] in chosen.text
    assert booked(riverside) == []


def test_a_new_patient_is_registered_in_the_form(riverside):
    data = form_of(riverside, riverside.at(1, time(10)), patient_id="") | {
        "register": "1",
        "new-first_name": "Ada",
        "new-last_name": "Lovelace",
        "new-birth_date": "1985-12-10",
        "new-phone": "+49 30 901820",
    }
    response = riverside.client().post(BOOK, data, headers=HTMX)
    assert response.status_code == 200
    with riverside.active():
        ada = PatientProfile.objects.get(first_name="Ada")
    assert f'name="patient_id" value="{ada.pk}"' in response.text
    again = riverside.client().post(BOOK, data, headers=HTMX)
    assert "Already known?" in again.text
    anyway = riverside.client().post(BOOK, data | {"register": "anyway"}, headers=HTMX)
    with riverside.active():
        assert PatientProfile.objects.filter(first_name="Ada").count() == 2
    assert anyway.status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [("birth_date", "2999-01-01"), ("phone", "12"), ("first_name", " "), ("last_name", "x" * 101)],
)
def test_a_new_patient_is_refused_beside_the_field(riverside, field, value):
    data = form_of(riverside, riverside.at(1, time(10)), patient_id="") | {
        "register": "1",
        "new-first_name": "Ada",
        "new-last_name": "Lovelace",
        "new-birth_date": "1985-12-10",
        f"new-{field}": value,
    }
    response = riverside.client().post(BOOK, data, headers=HTMX)
    assert response.status_code == 400
    assert f'id="id_new-{field}_error"' in response.text
    with riverside.active():
        assert not PatientProfile.objects.filter(last_name="Lovelace").exists()


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (time(10), "is taken by"),
        (time(11), "is free"),
        (time(20), "is outside working hours"),
    ],
)
def test_the_form_says_at_once_what_stands_against_a_time(riverside, at, said):
    with riverside.active():
        make_visit(riverside, riverside.at(1, time(10)))
    data = form_of(riverside, riverside.at(1, at))
    response = riverside.client().post(f"{BOOK}slot-check/", data, headers=HTMX)
    assert said in response.text


def test_the_form_says_nothing_while_it_is_incomplete(riverside):
    response = riverside.client().post(f"{BOOK}slot-check/", {"date": "x"}, headers=HTMX)
    assert (response.status_code, response.text.strip()) == (200, "")
