"""The call list: who is on it, each once; what a call does; and the risk in a visit's panel."""

from datetime import date, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.booking.reminder_calls import AlreadyCalledError, ReminderCalls
from appointments.enums import AppointmentStatus, ReminderOutcome, TimeOffKind
from appointments.models import AppointmentRequest, ReminderCall, TimeOff
from appointments.scheduling.call_list import call_list
from appointments.scheduling.working_days import next_working_days
from appointments.tests.api import api_of, problem
from appointments.tests.clinics import build_clinic
from appointments.tests.visits import make_visit
from core.clock import system_clock
from core.errors import InvalidInputError, NotAllowedError, StaleVersionError
from core.models import Site

HTMX = {"HX-Request": "true"}
MONDAY = date(2030, 4, 1)


def shown(clinic, **options):
    """As the front desk sees it now.  Call inside ``clinic.active()``."""
    return call_list(
        clinic.user(Role.FRONT_DESK),
        zone=clinic.tenant.zone_info,
        now=options.pop("now", system_clock()),
        **options,
    )


def say(clinic, outcome, *visits, role=Role.FRONT_DESK):
    return ReminderCalls(by=clinic.user(role)).record(
        visits[0].patient_id, outcome, {row.pk: row.version for row in visits}
    )


def coming(clinic, *, days=1, at=time(10), booked_days_ago=0, **fields):
    return make_visit(
        clinic,
        clinic.at(days, at),
        created_at=system_clock() - timedelta(days=booked_days_ago, minutes=1),
        **fields,
    )


def people(found):
    return [each.patient.first_name for each in found.callees]


def test_the_riskiest_come_first_and_each_patient_once(riverside):
    with riverside.active():
        first = coming(riverside, days=1, patient=0)
        coming(riverside, days=2, at=time(11), patient=0, provider=1)
        coming(riverside, days=3, booked_days_ago=40, patient=1)
        found = shown(riverside)
        assert people(found) == ["Pat2", "Pat1"]
        assert [len(each.visits) for each in found.callees] == [1, 2]
        assert found.callees[1].visits[0].visit == first
        assert found.callees[0].risk.probability > found.callees[1].risk.probability
        assert found.callees[0].risk.reasons[0].text == "booked 6 weeks ahead"
        assert found.patients == 2


@pytest.mark.parametrize(
    ("days", "status", "listed"),
    [
        (0, AppointmentStatus.CONFIRMED, False),
        (1, AppointmentStatus.PENDING, True),
        (3, AppointmentStatus.CONFIRMED, True),
        (4, AppointmentStatus.CONFIRMED, False),
        (2, AppointmentStatus.CANCELLED, False),
        (2, AppointmentStatus.COMPLETED, False),
    ],
)
def test_visits_that_can_be_missed_in_the_coming_three_days(riverside, days, status, listed):
    with riverside.active():
        coming(riverside, days=days, status=status)
        assert bool(shown(riverside).callees) is listed


@pytest.mark.parametrize(
    ("opening_days", "expected"),
    [([], [2, 3, 4]), ([0, 1, 2, 3, 4], [2, 3, 4]), ([0, 4], [5, 8, 12]), ([0], [8, 15, 22])],
)
def test_working_days_are_those_on_which_a_site_opens(riverside, opening_days, expected):
    with riverside.active():
        Site.objects.update(opening_days=opening_days)
        found = next_working_days(MONDAY, 3, zone=riverside.tenant.zone_info)
        assert found == [date(2030, 4, day) for day in expected]


def test_a_second_site_opens_other_days_and_a_closed_one_none(riverside):
    zone = riverside.tenant.zone_info
    with riverside.active():
        Site.objects.update(opening_days=[0, 1, 2, 3, 4])
        Site.objects.create(name="Weekend clinic", opening_days=[5])
        Site.objects.create(name="Given up", opening_days=[6], is_active=False)
        friday = date(2030, 4, 5)
        days = next_working_days(friday, 2, zone=zone)
        assert days == [date(2030, 4, 6), date(2030, 4, 8)]


def test_a_closure_of_every_site_is_no_working_day(riverside):
    zone = riverside.tenant.zone_info

    def close(site, hours):
        start = riverside_day(riverside, date(2030, 4, 2), time(7))
        TimeOff.objects.create(
            site=site,
            starts_at=start,
            ends_at=start + timedelta(hours=hours),
            kind=TimeOffKind.CLOSURE,
        )

    with riverside.active():
        close(riverside.site, 4)  # an hour's fire drill closes no day
        assert next_working_days(MONDAY, 1, zone=zone) == [date(2030, 4, 2)]
        close(riverside.site, 12)
        assert next_working_days(MONDAY, 1, zone=zone) == [date(2030, 4, 3)]
        Site.objects.create(name="Annexe")
        assert next_working_days(MONDAY, 1, zone=zone) == [date(2030, 4, 2)]


def riverside_day(clinic, day, clock):
    today = system_clock().astimezone(clinic.tenant.zone_info).date()
    return clinic.at((day - today).days, clock)


def test_who_will_come_is_confirmed_and_not_called_again(riverside):
    with riverside.active():
        pending = coming(riverside, status=AppointmentStatus.PENDING)
        confirmed = coming(riverside, days=2)
        call = say(riverside, ReminderOutcome.CONFIRMED, pending, confirmed)
        found = shown(riverside)
        assert (found.callees, found.done) == ([], [call])
        pending.refresh_from_db()
        assert pending.status == AppointmentStatus.CONFIRMED
        assert call.visits_until == found.first + timedelta(days=1)
        assert call.by_name == riverside.user(Role.FRONT_DESK).get_full_name()


def test_a_visit_booked_after_the_call_is_called_about(riverside):
    with riverside.active():
        say(riverside, ReminderOutcome.CONFIRMED, coming(riverside, days=3))
        later = make_visit(
            riverside,
            riverside.at(2, time(12)),
            created_at=system_clock() + timedelta(seconds=1),
        )
        found = shown(riverside)
        assert [len(each.visits) for each in found.callees] == [2]
        assert found.done == []
        say(riverside, ReminderOutcome.NO_ANSWER, later)


def test_who_will_not_come_frees_the_time(riverside):
    with riverside.active():
        visit = coming(riverside)
        call = say(riverside, ReminderOutcome.CANCELLED, visit)
        visit.refresh_from_db()
        assert visit.status == AppointmentStatus.CANCELLED
        assert "phone" in visit.cancellation_reason
        assert shown(riverside).done == [call]


def test_a_cancellation_taken_back_is_called_about_again(riverside):
    with riverside.active():
        visit = coming(riverside)
        say(riverside, ReminderOutcome.CANCELLED, visit)
        BookingEngine(by=riverside.user(Role.FRONT_DESK)).undo(visit.pk)
        found = shown(riverside)
        assert people(found) == ["Pat1"]
        assert found.done == []


def test_who_did_not_answer_waits_at_the_end(riverside):
    with riverside.active():
        risky = coming(riverside, days=3, booked_days_ago=40, patient=1)
        coming(riverside, patient=0)
        assert people(shown(riverside)) == ["Pat2", "Pat1"]
        say(riverside, ReminderOutcome.NO_ANSWER, risky)
        say(riverside, ReminderOutcome.NO_ANSWER, risky)
        found = shown(riverside)
        assert people(found) == ["Pat1", "Pat2"]
        assert len(found.callees[1].tried) == 2
        risky.refresh_from_db()
        assert risky.version == 1


def test_a_list_worked_off_does_not_fill_up_again(riverside):
    with riverside.active():
        risky = coming(riverside, days=3, booked_days_ago=40, patient=1)
        coming(riverside, patient=0)
        say(riverside, ReminderOutcome.CONFIRMED, risky)
        found = shown(riverside, most=1)
        assert (found.callees, found.patients) == ([], 2)


def test_two_who_call_the_same_patient(riverside):
    with riverside.active():
        visit = coming(riverside)
        say(riverside, ReminderOutcome.CONFIRMED, visit)
        visit.refresh_from_db()
        with pytest.raises(AlreadyCalledError):
            say(riverside, ReminderOutcome.CANCELLED, visit, role=Role.MANAGER)
        assert ReminderCall.objects.count() == 1


def test_what_was_changed_meanwhile_is_refused_as_a_whole(riverside):
    with riverside.active():
        one, two = coming(riverside), coming(riverside, days=2)
        stale = AppointmentRequest.objects.get(pk=two.pk)
        BookingEngine(by=None).cancel(two.pk, reason="moved away")
        with pytest.raises(StaleVersionError):
            say(riverside, ReminderOutcome.CANCELLED, one, stale)
        one.refresh_from_db()
        assert one.status == AppointmentStatus.CONFIRMED
        assert not ReminderCall.objects.exists()


def test_only_the_patients_own_visits_and_only_by_those_who_book(riverside):
    with riverside.active():
        visit, other = coming(riverside), coming(riverside, patient=1, days=2)
        with pytest.raises(InvalidInputError, match="no such record"):
            say(riverside, ReminderOutcome.CONFIRMED, visit, other)
        with pytest.raises(NotAllowedError):
            say(riverside, ReminderOutcome.CONFIRMED, visit, role=Role.NURSE)
        with pytest.raises(InvalidInputError):
            ReminderCalls(by=riverside.user(Role.MANAGER)).record(
                visit.patient_id, ReminderOutcome.CONFIRMED, {}
            )


@pytest.mark.parametrize("url", ["calls:call_list", "calls:call_rows"])
def test_the_page_shows_whom_to_call_and_why(riverside, url):
    with riverside.active():
        riverside.patients[1].phone = "+4930123456"
        riverside.patients[1].save()
        coming(riverside, days=3, booked_days_ago=40, patient=1)
    page = riverside.client().get(reverse(url)).content.decode()
    assert 'href="tel:+4930123456"' in page
    assert "booked 6 weeks ahead" in page
    assert "Pat2 Riversideson" in page


def test_an_empty_list_says_so(riverside):
    page = riverside.client().get(reverse("calls:call_list")).content.decode()
    assert "Nobody to call" in page


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.FRONT_DESK, 200), (Role.MANAGER, 200), (Role.NURSE, 403), (Role.PATIENT, 403)],
)
def test_who_may_see_the_list(riverside, role, status):
    assert riverside.client(role).get(reverse("calls:call_list")).status_code == status
    assert api_of(riverside, role).get("appointments/scheduling/call-list/").status_code == status


def test_one_click_notes_the_outcome(riverside):
    client = riverside.client()
    with riverside.active():
        visit = coming(riverside, status=AppointmentStatus.PENDING)
    sent = {"patient": visit.patient_id, "outcome": "confirmed", "visit": f"{visit.pk}:1"}
    answer = client.post(reverse("calls:record_call"), sent, headers=HTMX)
    assert answer.status_code == 204
    assert "visit-changed" in answer["HX-Trigger"]
    with riverside.active():
        visit.refresh_from_db()
        assert visit.status == AppointmentStatus.CONFIRMED
    plain = client.post(reverse("calls:record_call"), sent | {"visit": f"{visit.pk}:2"})
    assert plain.status_code == 409
    page = client.get(reverse("calls:call_list")).content.decode()
    assert "Will come" in page
    assert "Everybody on the list was reached" in page


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("outcome", "perhaps", 400),
        ("outcome", "", 400),
        ("patient", "x", 400),
        ("patient", "9" * 40, 400),
        ("patient", "9" * 19, 400),
        ("visit", "1", 400),
        ("visit", "1:x", 400),
        ("visit", "9223372036854775807:1", 400),
        ("visit", "", 400),
    ],
)
def test_bad_input_is_named(riverside, field, value, status):
    with riverside.active():
        visit = coming(riverside)
    sent = {"patient": visit.patient_id, "outcome": "confirmed", "visit": f"{visit.pk}:1"}
    answer = riverside.client().post(
        reverse("calls:record_call"), sent | {field: value}, headers=HTMX
    )
    assert answer.status_code == status


@pytest.mark.parametrize("most", ["0", "31", "x", "-1"])
def test_lengths_the_page_does_not_offer(riverside, most):
    url = reverse("calls:call_list")
    assert riverside.client().get(url, {"most": most}).status_code == 400


def test_the_list_over_rest(riverside):
    with riverside.active():
        visit = coming(riverside, days=3, booked_days_ago=40, patient=1)
        reached = coming(riverside, patient=0)
        say(riverside, ReminderOutcome.CONFIRMED, reached)
        expected = shown(riverside)
    answer = api_of(riverside).get("appointments/scheduling/call-list/").json()
    assert (answer["first"], answer["last"]) == (
        expected.first.isoformat(),
        expected.last.isoformat(),
    )
    assert (answer["patients"], answer["count"]) == (2, 1)
    callee = answer["results"][0]
    assert callee["patient_id"] == riverside.patients[1].pk
    assert callee["visits"][0]["id"] == visit.pk
    assert callee["probability"] == callee["visits"][0]["probability"]
    assert 0 < callee["probability"] < 1
    assert callee["reasons"] == [{"text": "booked 6 weeks ahead", "raises": True}]
    assert [each["outcome"] for each in answer["done"]] == ["confirmed"]


@pytest.mark.parametrize(
    ("params", "code", "attr"),
    [
        ({"most": "0"}, "min_value", "most"),
        ({"most": "x"}, "invalid", "most"),
        ({"days": "3"}, "unknown_parameter", "days"),
    ],
)
def test_bad_parameters_over_rest(riverside, params, code, attr):
    answer = api_of(riverside).get("appointments/scheduling/call-list/", params)
    assert problem(answer) == (400, code, attr)


@pytest.mark.django_db
def test_the_list_costs_the_same_at_any_length():
    def cost(count, slug):
        clinic = build_clinic(slug, zone="Europe/Berlin")
        client = clinic.client()
        with clinic.active():
            for number in range(count):
                visit = coming(
                    clinic, days=1 + number % 3, at=time(8 + number // 3), patient=number % 3
                )
                if number % 2:
                    say(clinic, ReminderOutcome.NO_ANSWER, visit)
        client.get(reverse("calls:call_list"))
        with CaptureQueriesContext(connection) as found:
            assert client.get(reverse("calls:call_list")).status_code == 200
        asked = [query["sql"] for query in found]
        return sum("SAVEPOINT" not in sql for sql in asked)  # the test's own transaction

    few, many = cost(1, "few"), cost(12, "many")
    assert few == many
    assert many <= 12


def test_the_panel_of_a_visit_shows_its_risk_as_a_probability(riverside):
    with riverside.active():
        visit = coming(riverside, days=3, booked_days_ago=40)
        past = make_visit(riverside, riverside.at(-1, time(9)), status=AppointmentStatus.COMPLETED)
    for role in (Role.FRONT_DESK, Role.NURSE, Role.PROVIDER):
        client = riverside.client(role)
        page = client.get(reverse("visits:visit", args=[visit.pk]), headers=HTMX).content.decode()
        assert "Risk of a missed visit" in page
        assert "booked 6 weeks ahead" in page
        page = client.get(reverse("visits:visit", args=[past.pk]), headers=HTMX).content.decode()
        assert "Risk of a missed visit" not in page


CALLS = "appointments/scheduling/call-list/"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("confirmed", AppointmentStatus.CONFIRMED),
        ("cancelled", AppointmentStatus.CANCELLED),
        ("no_answer", AppointmentStatus.PENDING),
    ],
)
def test_a_call_is_noted_over_rest(riverside, outcome, status):
    with riverside.active():
        pending = AppointmentStatus.PENDING
        rows = [
            coming(riverside, status=pending),
            coming(riverside, days=2, provider=1, status=pending),
        ]
    body = {
        "patient_id": rows[0].patient_id,
        "outcome": outcome,
        "visits": [{"id": rows[0].pk, "version": rows[0].version}, {"id": rows[1].pk}],
    }
    api = api_of(riverside)
    noted = api.post(CALLS, body | ({"reason": "Ill"} if outcome == "cancelled" else {}))
    assert noted.status_code == 201, noted.content
    assert (noted.json()["outcome"], noted.json()["by_name"]) == (outcome, "Front desk Riverside")
    with riverside.active():
        for row in rows:
            row.refresh_from_db()
            assert row.status == status
            assert row.cancellation_reason == ("Ill" if outcome == "cancelled" else "")
    done = [each["outcome"] for each in api.get(CALLS).json()["done"]]
    assert done == ([] if outcome == "no_answer" else [outcome])


def test_a_second_call_over_rest_is_refused(riverside):
    with riverside.active():
        visit = coming(riverside, status=AppointmentStatus.PENDING)
    api, seen = api_of(riverside), {"id": visit.pk, "version": visit.version}
    body = {"patient_id": visit.patient_id, "outcome": "confirmed", "visits": [seen]}
    assert api.post(CALLS, body).status_code == 201
    assert problem(api.post(CALLS, body)) == (412, "stale_version", None)
    later = body | {"visits": [{"id": visit.pk}]}
    assert problem(api.post(CALLS, later)) == (409, "already_called", None)
    assert api_of(riverside, Role.NURSE).post(CALLS, body).status_code == 403


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"patient_id": 2**62}, "does_not_exist", "patient_id"),
        ({"patient_id": "1"}, "invalid", "patient_id"),
        ({"outcome": "perhaps"}, "invalid_choice", "outcome"),
        ({"visits": []}, "min_length", "visits.non_field_errors"),
        ({"visits": [{"id": 2**62}]}, "does_not_exist", "visits"),
        ({"visits": [{"id": 1, "version": 0}]}, "min_value", "visits.0.version"),
        ({"visits": [{"id": 1}, {"id": 1}]}, "unique", "visits"),
        ({"phone": "1"}, "unknown_field", "phone"),
    ],
)
def test_bad_input_over_rest_is_named(riverside, change, code, attr):
    with riverside.active():
        visit = coming(riverside, status=AppointmentStatus.PENDING)
    body = {"patient_id": visit.patient_id, "outcome": "confirmed", "visits": [{"id": visit.pk}]}
    assert problem(api_of(riverside).post(CALLS, body | change)) == (400, code, attr)


def test_another_hospitals_patients_cannot_be_called(riverside, lakeside):
    with riverside.active():
        visit = coming(riverside, status=AppointmentStatus.PENDING)
    body = {"patient_id": visit.patient_id, "outcome": "cancelled", "visits": [{"id": visit.pk}]}
    answer = api_of(lakeside).post(CALLS, body)
    assert problem(answer) == (400, "does_not_exist", "patient_id")
    with riverside.active():
        visit.refresh_from_db()
        assert visit.status == AppointmentStatus.PENDING
