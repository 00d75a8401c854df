"""Rooms, devices and time off: over REST, on the page and in the calendar."""

from datetime import datetime, time, timedelta

import pytest

from accounts.permissions import Role
from appointments.models import Resource, TimeOff
from appointments.tests.api import api_of, problem
from appointments.tests.visits import make_visit

PAGE = "/appointments/scheduling/time-off/"
ROOMS, OFF = "appointments/resources/", "appointments/time-off/"


@pytest.fixture
def manager(riverside):
    return api_of(riverside, Role.MANAGER)


def room(clinic, name="Room 1"):
    return {"name": name, "kind": "Room", "site_id": clinic.site.pk}


def leave(clinic, days=1, length=1, **more):
    return {
        "provider_id": clinic.providers[0].pk,
        "starts_at": clinic.at(days, time(0)).isoformat(),
        "ends_at": clinic.at(days + length, time(0)).isoformat(),
        **more,
    }


def test_a_room_over_rest(riverside, manager):
    made = manager.post(ROOMS, room(riverside))
    assert made.status_code == 201, made.content
    key = made.json()["id"]
    assert made.json() == {"id": key, "is_active": True, **room(riverside)}
    assert problem(manager.post(ROOMS, room(riverside))) == (409, "name_taken", "name")
    changed = manager.patch(f"{ROOMS}{key}/", {"is_active": False})
    assert changed.json()["is_active"] is False
    found = manager.get(ROOMS, {"kind": "Room", "is_active": "false", "search": "oom"}).json()
    assert [each["id"] for each in found["results"]] == [key]
    assert manager.get(ROOMS, {"site_id": 2**40}).json()["count"] == 0
    assert manager.delete(f"{ROOMS}{key}/").status_code == 204


def test_a_room_that_was_used_stays(riverside, manager):
    key = manager.post(ROOMS, room(riverside)).json()["id"]
    with riverside.active():
        make_visit(riverside, riverside.at(1, time(10)), resource_id=key)
    assert problem(manager.delete(f"{ROOMS}{key}/")) == (409, "in_use", None)


def test_time_off_over_rest_lists_the_visits_it_hits(riverside, manager):
    with riverside.active():
        hit = make_visit(riverside, riverside.at(2, time(10)))
        make_visit(riverside, riverside.at(2, time(10)), provider=1, patient=1)
        make_visit(riverside, riverside.at(5, time(10)))
    made = manager.post(OFF, leave(riverside, days=2, kind="training", note="Course"))
    assert made.status_code == 201, made.content
    shown = made.json()
    assert (shown["conflicts"], shown["kind"], shown["site_id"]) == ([hit.pk], "training", None)
    longer = manager.patch(f"{OFF}{shown['id']}/", {"ends_at": leave(riverside, 8)["ends_at"]})
    assert len(longer.json()["conflicts"]) == 2
    day = f"{riverside.at(3, time(12)).astimezone(riverside.tenant.zone_info):%Y-%m-%d}"
    for query, count in (
        ({"provider_id": shown["provider_id"], "date_from": day, "date_to": day}, 1),
        ({"date_to": "2020-01-01"}, 0),
        ({"kind": "leave"}, 0),
    ):
        assert manager.get(OFF, query).json()["count"] == count
    assert manager.delete(f"{OFF}{shown['id']}/").status_code == 204


def test_bad_time_off_names_its_field(riverside, lakeside, manager):
    site = {"site_id": riverside.site.pk}
    for change, wanted in (
        (site, (400, "exactly_one", "site_id")),
        ({"provider_id": None}, (400, "exactly_one", "provider_id")),
        ({"provider_id": lakeside.providers[0].pk}, (400, "does_not_exist", "provider_id")),
        ({"ends_at": leave(riverside)["starts_at"]}, (400, "end_before_start", "ends_at")),
        ({"starts_at": "2027-03-28T02:30"}, (400, "nonexistent_time", "starts_at")),
        ({"kind": "holiday"}, (400, "invalid_choice", "kind")),
    ):
        assert problem(manager.post(OFF, leave(riverside) | change)) == wanted
    with riverside.active():
        assert not TimeOff.objects.exists()


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.NURSE, Role.PROVIDER])
def test_staff_reads_and_managers_write(riverside, role):
    api, client = api_of(riverside, role), riverside.client(role)
    for path, body in ((ROOMS, room(riverside)), (OFF, leave(riverside))):
        assert api.get(path).status_code == 200
        assert api.post(path, body).status_code == 403
    page = client.get(PAGE)
    assert page.status_code == 200
    assert "Enter time off" not in page.text
    assert client.post(PAGE, {}).status_code == 403


def day_of(clinic, days):
    return f"{clinic.at(days, time(12)).astimezone(clinic.tenant.zone_info):%Y-%m-%d}"


def typed(clinic, **change):
    return {
        "owner": f"provider_id:{clinic.providers[0].pk}",
        "kind": "leave",
        "first_day": day_of(clinic, 2),
        "last_day": day_of(clinic, 3),
        "is_all_day": "on",
        "note": "",
        **change,
    }


def test_the_page_takes_whole_days_and_shows_what_falls_into_them(riverside):
    with riverside.active():
        hit = make_visit(riverside, riverside.at(3, time(17)))
        make_visit(riverside, riverside.at(4, time(9)), patient=1)
    client = riverside.client(Role.MANAGER)
    saved = client.post(PAGE, typed(riverside), follow=True)
    assert "1 visit booked in it" in saved.text
    assert f"/appointments/{hit.pk}/move/" in saved.text
    with riverside.active():
        off = TimeOff.objects.get()
        assert (off.starts_at, off.ends_at) == (
            riverside.at(2, time(0)),
            riverside.at(4, time(0)),
        )
    listed = client.get(PAGE).text
    assert riverside.providers[0].get_full_name() in listed
    gone = client.post(f"{PAGE}{off.pk}/delete/", follow=True)
    assert "Nobody is away" in gone.text


def test_the_page_takes_hours_too(riverside):
    client = riverside.client(Role.MANAGER)
    hours = {"is_all_day": "", "start_time": "09:00", "end_time": "11:30"}
    client.post(PAGE, typed(riverside, last_day=day_of(riverside, 2), **hours))
    with riverside.active():
        off = TimeOff.objects.get()
        assert off.starts_at == riverside.at(2, time(9))
        assert off.ends_at == riverside.at(2, time(11, 30))


def test_the_page_says_what_is_wrong(riverside):
    client = riverside.client(Role.MANAGER)
    for change, words in (
        ({"owner": ""}, "This field is required."),
        ({"owner": "provider_id:999999"}, "Select a valid choice"),
        ({"last_day": day_of(riverside, 1)}, "The end must be later than the start."),
        ({"is_all_day": ""}, "Say when, or choose all day."),
        ({"first_day": "1066-10-14"}, "this century"),
    ):
        answer = client.post(PAGE, typed(riverside, **change))
        assert (answer.status_code, words in answer.text) == (400, True), change
    with riverside.active():
        assert not TimeOff.objects.exists()


def test_a_closed_site_and_a_room_out_of_service_hit_their_visits(riverside, manager):
    with riverside.active():
        rooms = [
            Resource.objects.create(name=f"R{n}", kind="Room", site=riverside.site) for n in (1, 2)
        ]
        first = make_visit(riverside, riverside.at(2, time(10)), resource=rooms[0])
        second = make_visit(riverside, riverside.at(2, time(12)), modality="telehealth")
    span = {key: value for key, value in leave(riverside, 2).items() if key != "provider_id"}
    room_off = manager.post(OFF, span | {"resource_id": rooms[0].pk, "kind": "maintenance"})
    assert room_off.json()["conflicts"] == [first.pk]
    closed = manager.post(OFF, span | {"site_id": riverside.site.pk, "kind": "closure"})
    assert closed.json()["conflicts"] == [first.pk]
    assert second.pk not in closed.json()["conflicts"]


def test_the_calendar_shades_leave_and_closures(riverside):
    day = riverside.at(2, time(0))
    with riverside.active():
        TimeOff.objects.create(
            provider=riverside.providers[0], starts_at=day, ends_at=day + timedelta(days=1)
        )
        TimeOff.objects.create(
            site=riverside.site,
            starts_at=riverside.at(2, time(16)),
            ends_at=riverside.at(2, time(17)),
            kind="closure",
        )
    client = riverside.client(Role.MANAGER)
    address = f"/appointments/calendar/grid/?day={day_of(riverside, 2)}"
    shown = client.get(address).text
    assert shown.count("<span>Leave</span>") == 1
    assert shown.count("<span>Closed</span>") == 2  # both providers work there then
    week = client.get(f"{address}&view=week&provider={riverside.providers[1].pk}").text
    assert ("<span>Leave</span>" in week, week.count("<span>Closed</span>")) == (False, 1)


def test_a_day_of_leave_is_off(riverside):
    day = riverside.at(2, time(0))
    with riverside.active():
        for provider in riverside.providers:
            TimeOff.objects.create(
                provider=provider, starts_at=day, ends_at=day + timedelta(days=1)
            )
    address = f"/appointments/calendar/grid/?day={day_of(riverside, 2)}"
    assert "of 0 minutes booked" in riverside.client().get(address).text


def test_another_hospitals_time_off_does_not_exist(riverside, lakeside):
    with lakeside.active():
        off = TimeOff.objects.create(
            site=lakeside.site,
            starts_at=datetime.fromisoformat("2030-01-01T00:00Z"),
            ends_at=datetime.fromisoformat("2030-01-02T00:00Z"),
        )
    client = riverside.client(Role.MANAGER)
    assert client.get(f"{PAGE}{off.pk}/").status_code == 404
    assert client.post(f"{PAGE}{off.pk}/delete/").status_code == 404
    assert api_of(riverside, Role.MANAGER).delete(f"{OFF}{off.pk}/").status_code == 404
