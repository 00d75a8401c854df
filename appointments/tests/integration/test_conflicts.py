"""Checking a time: the detector, the route, the page and the check in the booking forms."""

from datetime import datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.permissions import Role
from appointments.booking.checks import wanted_check
from appointments.enums import AppointmentStatus
from appointments.models import AppointmentTemplate, Resource, SlotAvailability, TimeOff
from appointments.scheduling.utils import ConflictDetector, ConflictKind
from appointments.tests.api import api_of, problem
from appointments.tests.visits import make_visit
from core.errors import InvalidInputError

PATH = "appointments/scheduling/check-conflicts/"
PAGE = "/appointments/scheduling/check-conflicts/"
SLOT_CHECK = "/appointments/calendar/book/slot-check/"
HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def ten(riverside):
    return riverside.at(1, time(10))


def body(clinic, start, *, minutes=30, **more):
    return {
        "provider_id": clinic.providers[0].pk,
        "start_time": start.isoformat(),
        "end_time": (start + timedelta(minutes=minutes)).isoformat(),
        **more,
    }


def test_a_free_time(riverside, ten):
    answer = api_of(riverside).post(PATH, body(riverside, ten))
    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "has_conflict": False,
        "conflicts": [],
        "outside_availability": False,
        "alternative_slots": [],
    }


def test_a_taken_time_says_by_whom_and_offers_others(riverside, ten):
    with riverside.active():
        visit = make_visit(riverside, ten)
    answer = api_of(riverside).post(PATH, body(riverside, ten + timedelta(minutes=15))).json()
    (conflict,) = answer["conflicts"]
    assert answer["has_conflict"]
    assert (conflict["id"], conflict["kind"]) == (visit.pk, "provider")
    assert conflict["patient"] == riverside.patients[0].get_full_name()
    assert datetime.fromisoformat(conflict["start"]) == ten
    assert datetime.fromisoformat(conflict["end"]) == ten + HALF_HOUR
    starts = [datetime.fromisoformat(slot["start"]) for slot in answer["alternative_slots"]]
    assert starts == [ten + timedelta(minutes=m) for m in (-45, -30, 30, 45, 60)]


def test_what_is_moved_is_not_in_its_own_way(riverside, ten):
    with riverside.active():
        visit = make_visit(riverside, ten)
    asked = body(riverside, ten, exclude_appointment_id=visit.pk)
    assert not api_of(riverside).post(PATH, asked).json()["has_conflict"]


def test_touching_is_no_conflict_but_buffers_are(riverside, ten):
    with riverside.active():
        make_visit(riverside, ten)
    api, after = api_of(riverside), ten + HALF_HOUR
    assert not api.post(PATH, body(riverside, after)).json()["has_conflict"]
    buffered = body(riverside, after, appointment_type_id=riverside.types[1].pk)
    assert api.post(PATH, buffered).json()["has_conflict"]


def test_every_kind_is_told(riverside, ten):
    with riverside.active():
        room = Resource.objects.create(name="Room 1", kind="Room", site=riverside.site)
        kind = AppointmentTemplate.objects.create(name="Scan", resource_kind="Room")
        make_visit(riverside, ten)
        make_visit(riverside, ten, provider=1, patient=1, resource=room)
        span = {"starts_at": ten, "ends_at": ten + HALF_HOUR}
        for owner in ({"provider": riverside.providers[0]}, {"site": riverside.site}):
            TimeOff.objects.create(**owner, **span)
        window = SlotAvailability.objects.filter(provider=riverside.providers[0])[1]
        window.pk, window.is_blocked, window.rule = None, True, None
        window.start_time, window.end_time = time(9), time(11)
        window.save(force_insert=True)
    asked = body(riverside, ten, patient_id=riverside.patients[1].pk, appointment_type_id=kind.pk)
    kinds = [each["kind"] for each in api_of(riverside).post(PATH, asked).json()["conflicts"]]
    assert kinds == ["provider", "leave", "closure", "blocked", "resource", "patient"]


def test_outside_hours_is_said_but_no_conflict(riverside):
    late = riverside.at(1, time(20))
    answer = api_of(riverside).post(PATH, body(riverside, late)).json()
    assert (answer["has_conflict"], answer["conflicts"]) == (False, [])
    assert answer["outside_availability"]
    assert len(answer["alternative_slots"]) == 5


def test_a_hold_names_nobody(riverside, ten):
    with riverside.active():
        hold = make_visit(
            riverside, ten, status=AppointmentStatus.HELD, hold_expires_at=ten, patient=0
        )
        hold.patient = None
        hold.save()
    (conflict,) = api_of(riverside).post(PATH, body(riverside, ten)).json()["conflicts"]
    assert (conflict["id"], conflict["patient"]) == (hold.pk, "")


def test_whoever_may_not_see_a_visit_learns_no_name(riverside, ten):
    with riverside.active():
        make_visit(riverside, ten, provider=1)
        own = ConflictDetector(riverside.tenant, by=riverside.providers[0])
        (conflict,) = own.check_conflicts(riverside.providers[1], ten, ten + HALF_HOUR)
        assert (conflict.kind, conflict.patient) == (ConflictKind.PROVIDER, "")
        everyone = ConflictDetector(riverside.tenant, by=riverside.user(Role.NURSE))
        (conflict,) = everyone.check_conflicts(riverside.providers[1], ten, ten + HALF_HOUR)
        assert conflict.patient == riverside.patients[0].get_full_name()


def test_the_cost_does_not_grow_with_what_is_in_the_way(riverside, ten):
    api = api_of(riverside)
    asked = body(riverside, ten, minutes=240, patient_id=riverside.patients[0].pk)

    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert api.post(PATH, asked).json()["has_conflict"]
        return len(queries)

    with riverside.active():
        make_visit(riverside, ten)
    few = cost()
    with riverside.active():
        for number in range(1, 8):
            make_visit(riverside, ten + number * HALF_HOUR)
    assert cost() == few


@pytest.mark.parametrize(
    ("change", "attr", "code"),
    [
        ({"provider_id": 2**62}, "provider_id", "does_not_exist"),
        ({"provider_id": 0}, "provider_id", "min_value"),
        ({"provider_id": "1"}, "provider_id", "invalid"),
        ({"patient_id": 2**62}, "patient_id", "does_not_exist"),
        ({"appointment_type_id": 2**62}, "appointment_type_id", "does_not_exist"),
        ({"resource_id": 2**62}, "resource_id", "does_not_exist"),
        ({"site_id": 2**62}, "site_id", "does_not_exist"),
        ({"exclude_appointment_id": 2**62}, "exclude_appointment_id", "does_not_exist"),
        ({"start_time": "2027-03-28T02:30"}, "start_time", "nonexistent_time"),
        ({"start_time": "soon"}, "start_time", "invalid"),
        ({"end_time": None}, "end_time", "null"),
        ({"ends": "x"}, "ends", "unknown_field"),
    ],
)
def test_bad_input_names_its_field(riverside, ten, change, attr, code):
    answer = api_of(riverside).post(PATH, body(riverside, ten) | change)
    assert problem(answer) == (400, code, attr)


@pytest.mark.parametrize(
    ("minutes", "code"),
    [
        (0, "end_before_start"),
        (-5, "end_before_start"),
        (4, "out_of_range"),
        (10_000, "out_of_range"),
    ],
)
def test_impossible_lengths(riverside, ten, minutes, code):
    answer = api_of(riverside).post(PATH, body(riverside, ten, minutes=minutes))
    assert problem(answer) == (400, code, "end_time")


@pytest.mark.parametrize(("days", "code"), [(-2, "in_the_past"), (800, "too_far_ahead")])
def test_impossible_days(riverside, days, code):
    answer = api_of(riverside).post(PATH, body(riverside, riverside.at(days, time(10))))
    assert problem(answer) == (400, code, "start_time")


@pytest.mark.parametrize(("minutes", "is_past"), [(60, True), (16, True), (14, False)])
@pytest.mark.parametrize("is_typed", [False, True])
def test_what_began_a_quarter_of_an_hour_ago_is_past(riverside, minutes, is_past, is_typed):
    now, user = riverside.at(0, time(12)), riverside.user(Role.FRONT_DESK)
    start = now - timedelta(minutes=minutes)
    with riverside.active():
        asked = wanted_check(
            by=user,
            now=now,
            zone=riverside.tenant.zone_info,
            provider_id=riverside.providers[0].pk,
            start_time=start,
            end_time=start + HALF_HOUR,
            appointment_type_id=riverside.types[0].pk if is_typed else None,
        )
        found = asked.answer(riverside.tenant, by=user).conflicts
    assert [each.kind for each in found] == ([ConflictKind.PAST] if is_past else [])


def test_a_visit_of_this_morning_still_stands_against_its_time(riverside):
    with riverside.active():
        visit = make_visit(riverside, timezone.now() - timedelta(minutes=10))
    found = api_of(riverside).post(PATH, body(riverside, visit.scheduled_datetime)).json()
    assert visit.pk in [each["id"] for each in found["conflicts"]]


def test_what_its_type_refuses_is_not_called_free(riverside, ten):
    api, kind = api_of(riverside), riverside.types[0]
    with riverside.active():
        kind.templateprovider_set.create(provider=riverside.providers[1])
        kind.max_lead_days = 30
        kind.save()
        other = Resource.objects.create(name="Bed 1", kind="Bed", site=riverside.site)
    typed = {"appointment_type_id": kind.pk, "provider_id": riverside.providers[1].pk}
    assert api.post(PATH, body(riverside, ten) | typed).status_code == 200

    def refused(start, **change):
        return problem(api.post(PATH, body(riverside, start) | typed | change))

    mine = riverside.providers[0].pk
    assert refused(ten, provider_id=mine) == (400, "not_offered", "provider_id")
    assert refused(ten, modality="telehealth") == (400, "not_offered", "modality")
    assert refused(ten, resource_id=other.pk) == (400, "not_offered", "resource_id")
    assert refused(riverside.at(40, time(10))) == (400, "too_far_ahead", "start_time")
    shown = riverside.client().post(
        SLOT_CHECK, form(riverside, ten, appointment_type_id=kind.pk, provider_id=mine)
    )
    assert f"does not offer {kind.name}" in shown.text
    assert "is free" not in shown.text


def test_another_hospitals_records_do_not_exist(riverside, lakeside, ten):
    foreign = {
        "provider_id": lakeside.providers[0].pk,
        "patient_id": lakeside.patients[0].pk,
        "appointment_type_id": lakeside.types[0].pk,
        "site_id": lakeside.site.pk,
    }
    api = api_of(riverside)
    for name, key in foreign.items():
        answer = api.post(PATH, body(riverside, ten) | {name: key})
        assert problem(answer) == (400, "does_not_exist", name)


def test_the_detector_refuses_a_reversed_range(riverside, ten):
    with riverside.active(), pytest.raises(InvalidInputError):
        ConflictDetector(riverside.tenant).check_conflicts(riverside.providers[0], ten, ten)


def form(clinic, start, **more):
    local = start.astimezone(clinic.tenant.zone_info)
    return {
        "provider_id": clinic.providers[0].pk,
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H:%M}",
        "duration_minutes": 30,
        **more,
    }


def test_the_page_answers_with_and_without_htmx(riverside, ten):
    client = riverside.client()
    assert "Choose a time" in client.get(PAGE).text
    with riverside.active():
        make_visit(riverside, ten)
    page = client.post(PAGE, form(riverside, ten))
    assert page.status_code == 200
    assert "This time cannot be had" in page.text
    assert riverside.patients[0].get_full_name() in page.text
    assert "/appointments/calendar/book/?provider=" in page.text
    fragment = client.post(
        f"{PAGE}answer/", form(riverside, ten + HALF_HOUR), headers={"HX-Request": "true"}
    )
    assert "Nothing stands against it" in fragment.text
    assert "<html" not in fragment.text


def test_the_page_begins_with_the_coming_hour(riverside):
    before = timezone.now()
    initial = riverside.client().get(PAGE).context["form"].initial
    zone = riverside.tenant.zone_info
    start = datetime.combine(initial["date"], initial["time"], tzinfo=zone)
    assert initial["time"] == time(start.hour)
    assert timedelta(0) < start - before <= timedelta(hours=1, minutes=1)


def test_the_page_finds_the_patient(riverside, ten):
    client = riverside.client()
    patient = riverside.patients[0]
    found = client.post(PAGE, form(riverside, ten, q=patient.last_name, find="1"))
    assert f'value="{patient.pk}"' in found.text
    with riverside.active():
        make_visit(riverside, ten, provider=1)
    chosen = client.post(PAGE, form(riverside, ten, choose=patient.pk))
    assert "The patient has another visit then." in chosen.text


def test_the_page_says_what_is_wrong(riverside, ten):
    client = riverside.client()
    wrong = client.post(PAGE, form(riverside, ten, duration_minutes=10_000))
    assert (wrong.status_code, "720" in wrong.text) == (400, True)
    gone = client.post(PAGE, form(riverside, riverside.at(-2, time(10))))
    assert (gone.status_code, "This day has passed." in gone.text) == (400, True)


def test_the_check_in_a_move_leaves_the_visit_itself_out(riverside, ten):
    with riverside.active():
        visit = make_visit(riverside, ten)
        other = make_visit(riverside, ten + 2 * HALF_HOUR, patient=1)
    client = riverside.client()
    hidden = {"visit_id": visit.pk, "patient_id": visit.patient_id}
    free = client.post(SLOT_CHECK, form(riverside, ten + timedelta(minutes=15), **hidden))
    assert "is free" in free.text
    taken = client.post(SLOT_CHECK, form(riverside, ten + 2 * HALF_HOUR, **hidden))
    assert other.patient.get_full_name() in taken.text
    assert "data-slot-time" in taken.text


def test_a_leave_shows_in_the_check(riverside, ten):
    with riverside.active():
        TimeOff.objects.create(
            provider=riverside.providers[0], starts_at=ten, ends_at=ten + timedelta(days=2)
        )
    shown = riverside.client().post(SLOT_CHECK, form(riverside, ten)).text
    assert "is away: leave." in shown


def test_those_who_do_not_book_do_not_check(riverside, ten):
    assert riverside.client(Role.NURSE).post(PAGE, form(riverside, ten)).status_code == 403
    answer = api_of(riverside, Role.NURSE).post(PATH, body(riverside, ten))
    assert answer.status_code == 403
