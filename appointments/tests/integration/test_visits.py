"""One visit's steps and panel, and a patient's visits, as pages and as fragments."""

import json
import re
from datetime import time, timedelta

import pytest

from accounts.permissions import Role
from appointments.enums import AppointmentStatus
from appointments.models import AppointmentRequest, AppointmentTemplate, TimeOff
from appointments.tests.visits import make_visit
from patients.models import PatientProfile

S = AppointmentStatus
HTMX = {"HX-Request": "true"}


@pytest.fixture
def visit(riverside):
    with riverside.active():
        return make_visit(riverside, riverside.at(1, time(10)))


def status_of(clinic, visit):
    with clinic.active():
        return AppointmentRequest.objects.get(pk=visit.pk).status


def post(client, visit, step, *, htmx=True, **data):
    headers = HTMX if htmx else {}
    return client.post(f"/appointments/{visit.pk}/{step}/", data, headers=headers)


def test_a_step_answers_htmx_with_a_toast_that_undoes_it(riverside, visit):
    client = riverside.client()
    response = post(client, visit, "check_in", version=visit.version)
    assert response.status_code == 204
    heard = json.loads(response["HX-Trigger"])
    assert heard["toast"] == {"text": "Checked in", "undo": f"/appointments/{visit.pk}/undo/"}
    assert "visit-changed" in heard
    assert status_of(riverside, visit) == S.CHECKED_IN
    assert client.post(heard["toast"]["undo"], headers=HTMX).status_code == 204
    assert status_of(riverside, visit) == S.CONFIRMED


def test_a_step_without_scripts_goes_back_to_where_it_came_from(riverside, visit):
    client = riverside.client()
    response = post(client, visit, "check_in", htmx=False, next="/today/?day=2027-01-01")
    assert (response.status_code, response["Location"]) == (302, "/today/?day=2027-01-01")
    response = post(client, visit, "start", htmx=False, next="https://evil.example/")
    assert response["Location"] == f"/appointments/{visit.pk}/"
    assert "Visit started" in client.get("/today/").text


def test_a_stale_version_is_refused_in_the_alert_area(riverside, visit):
    client = riverside.client()
    post(client, visit, "check_in", version=visit.version)
    response = post(client, visit, "start", version=visit.version)
    assert (response.status_code, response["HX-Retarget"]) == (412, "#alert")
    assert status_of(riverside, visit) == S.CHECKED_IN


@pytest.mark.parametrize("version", ["x", "-1", "9" * 30, "²", "1.0"])
def test_a_version_that_is_none_is_refused(riverside, visit, version):
    assert post(riverside.client(), visit, "check_in", version=version).status_code == 400


def test_an_illegal_step_says_which_are_legal(riverside, visit):
    response = post(riverside.client(), visit, "complete")
    assert response.status_code == 409
    assert "check_in" in response.text


@pytest.mark.parametrize("step", ["cancel", "reschedule", "teleport"])
def test_only_plain_steps_have_a_button(riverside, visit, step):
    response = post(riverside.client(Role.NURSE), visit, step)
    assert response.status_code in {403, 404}
    assert status_of(riverside, visit) == S.CONFIRMED


def test_a_cancellation_needs_a_reason(riverside, visit):
    client = riverside.client()
    refused = post(client, visit, "cancel", version=visit.version, reason="  ")
    assert refused.status_code == 400
    assert "Say why it is cancelled." in refused.text
    done = post(client, visit, "cancel", version=visit.version, reason="Patient asked")
    assert done.status_code == 204
    assert "panel:close" in json.loads(done["HX-Trigger"])
    assert status_of(riverside, visit) == S.CANCELLED


def move(client, visit, start, zone, **data):
    local = start.astimezone(zone)
    when = {"date": local.date().isoformat(), "time": f"{local:%H:%M}", "version": visit.version}
    return post(client, visit, "move", **({"provider_id": visit.provider_id} | when | data))


def test_a_visit_moves_to_another_time_and_provider(riverside, visit):
    later, zone = riverside.at(2, time(15)), riverside.tenant.zone_info
    other = riverside.providers[1].pk
    response = move(riverside.client(), visit, later, zone, provider_id=other)
    assert response.status_code == 204
    with riverside.active():
        moved = AppointmentRequest.objects.get(pk=visit.pk)
    assert (moved.scheduled_datetime, moved.provider_id) == (later, other)


def test_the_check_of_a_move_knows_how_the_visit_takes_place(riverside):
    """A closed site is no obstacle to a video visit."""
    with riverside.active():
        AppointmentTemplate.objects.update(modality="either")
        visit = make_visit(riverside, riverside.at(1, time(10)), modality="telehealth")
        closed = riverside.at(2, time.min)
        TimeOff.objects.create(
            site=riverside.site,
            kind="closure",
            starts_at=closed,
            ends_at=closed + timedelta(days=1),
        )
    client, noon = riverside.client(), riverside.at(2, time(12))
    page = client.get(f"/appointments/{visit.pk}/move/").text
    shown = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', page))
    when = {"provider_id": visit.provider_id, "duration_minutes": 30, "time": "12:00"}
    when["date"] = f"{noon.astimezone(riverside.tenant.zone_info):%Y-%m-%d}"
    check = "/appointments/calendar/book/slot-check/"
    assert "is free" in client.post(check, shown | when).text
    assert "is closed" in client.post(check, shown | when | {"modality": "on_site"}).text
    with riverside.active():
        AppointmentTemplate.objects.update(modality="on_site")
        PatientProfile.objects.filter(pk=visit.patient_id).update(is_active=False)
    assert "is free" in client.post(check, shown | when).text, "it moves as it was booked"


def test_a_move_onto_another_visit_offers_what_is_free(riverside, visit):
    with riverside.active():
        taken = make_visit(riverside, riverside.at(1, time(12)), patient=1)
    zone, start = riverside.tenant.zone_info, taken.scheduled_datetime
    response = move(riverside.client(), visit, start, zone)
    assert response.status_code == 409
    assert "Pat2" in response.text
    assert 'name="pick"' in response.text
    response = move(riverside.client(), visit, start, zone, override_reason="Emergency")
    assert response.status_code == 204


def test_a_move_into_the_hour_that_the_clock_skips_is_refused(riverside, visit):
    data = {"provider_id": visit.provider_id, "date": "2027-03-28", "time": "02:30"}
    response = riverside.client().post(f"/appointments/{visit.pk}/move/", data, headers=HTMX)
    assert response.status_code == 400
    assert "does not exist" in response.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("date", "9999-12-31"),
        ("date", "0001-01-01"),
        ("date", "tomorrow"),
        ("time", "25:00"),
        ("provider_id", "0"),
        ("provider_id", "x"),
        ("duration_minutes", "-5"),
        ("duration_minutes", "99999999999999999999"),
        ("override_reason", "x" * 501),
        ("pick", "2026-99-99T10:00:00Z"),
        ("pick", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_what_cannot_be_moved_to_is_refused_beside_its_field(riverside, visit, field, value):
    start, zone = riverside.at(2, time(15)), riverside.tenant.zone_info
    response = move(riverside.client(), visit, start, zone, **{field: value})
    assert response.status_code == 400
    with riverside.active():
        assert AppointmentRequest.objects.get(pk=visit.pk).version == visit.version


def test_the_panel_is_a_fragment_for_htmx_and_a_page_without(riverside, visit):
    client = riverside.client()
    fragment = client.get(f"/appointments/{visit.pk}/", headers=HTMX).text
    assert "<html" not in fragment
    assert "Check in" in fragment
    assert "<html" in client.get(f"/appointments/{visit.pk}/").text


def test_the_panel_tells_the_history(riverside, visit):
    client = riverside.client()
    post(client, visit, "check_in")
    shown = client.get(f"/appointments/{visit.pk}/", headers=HTMX).text
    assert "Checked in" in shown
    assert riverside.user(Role.FRONT_DESK).get_full_name() in shown


@pytest.mark.parametrize("path", ["", "undo/", "cancel/", "move/", "check_in/"])
@pytest.mark.parametrize("key", [None, 10**6, 2**63, 10**30])
def test_what_is_not_there_or_anothers_is_not_found(riverside, lakeside, path, key):
    with lakeside.active():
        foreign = make_visit(lakeside, lakeside.at(1, time(10)))
    url = f"/appointments/{key or foreign.pk}/{path}"
    send = riverside.client().get if path in {"", "cancel/", "move/"} else riverside.client().post
    assert send(url).status_code == 404


def test_a_provider_does_not_reach_a_colleagues_visit(riverside):
    with riverside.active():
        visit = make_visit(riverside, riverside.at(1, time(10)), provider=1)
    client = riverside.client(Role.PROVIDER)
    assert client.get(f"/appointments/{visit.pk}/").status_code == 404
    assert post(client, visit, "check_in").status_code == 404


def test_a_patients_visits_stand_in_two_lists(riverside):
    tomorrow = riverside.at(1, time(10))
    with riverside.active():
        make_visit(riverside, tomorrow)
        make_visit(riverside, tomorrow - timedelta(days=9), status=S.COMPLETED)
        make_visit(riverside, tomorrow + timedelta(days=1), status=S.CANCELLED)
    url = f"/appointments/patient/{riverside.patients[0].pk}/visits/"
    response = riverside.client().get(url, headers=HTMX)
    assert [row.status for row in response.context["upcoming"]] == [S.CONFIRMED]
    assert {row.status for row in response.context["past"]} == {S.COMPLETED, S.CANCELLED}


def test_a_foreign_patients_visits_are_not_found(riverside, lakeside):
    for key in (lakeside.patients[0].pk, 10**6, 2**70):
        url = f"/appointments/patient/{key}/visits/"
        assert riverside.client().get(url).status_code == 404
    url = f"/appointments/patient/{riverside.patients[0].pk}/visits/"
    assert riverside.client(Role.PATIENT).get(url).status_code == 403


def test_a_patient_without_visits_is_offered_the_first(riverside):
    key = riverside.patients[0].pk
    shown = riverside.client().get(f"/appointments/patient/{key}/visits/").text
    assert f"/appointments/calendar/book/?patient={key}" in shown
