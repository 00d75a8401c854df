"""Waiting-room screens: connecting them, what they show, and what they never show."""

import io
import json
import logging
import re

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.permissions import Role
from appointments.enums import LinkKind
from appointments.models import (
    DisplayScreen,
    PublicLink,
    ServicePoint,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.queue import links, pairing
from appointments.queue.displays import Displays
from appointments.queue.pairing import TRIES, PairingCodeError, TooManyCodesError
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.settings import QueueSettings
from appointments.tests.api import api_of
from core.errors import InvalidInputError, NotAllowedError
from core.models import AuditEvent

pytestmark = pytest.mark.django_db
PAGE = "/appointments/queue/screens/"
SHOWN_CODE = re.compile(r"([A-Z0-9]{3})<span aria-hidden=\"true\"> </span>([A-Z0-9]{3})")


@pytest.fixture
def queue(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Walk-in")
        room = ServicePoint.objects.create(name="Room 1", provider=riverside.providers[0])
        ServicePointQueue.objects.create(point=room, queue=queue)
        return queue


@pytest.fixture
def screen(riverside, queue):
    return make_screen(riverside, queue)


@pytest.fixture
def token(riverside, screen):
    with riverside.active():
        return Displays(by=None).new_token(screen.pk)


@pytest.fixture
def committing(django_capture_on_commit_callbacks):
    return django_capture_on_commit_callbacks


def make_screen(clinic, queue, **values):
    with clinic.active():
        return Displays(by=None).add({"name": "Hall", **values}, queue_ids=[queue.pk])


def code_on(page) -> str:
    return "".join(SHOWN_CODE.search(page.content.decode()).groups())


def serve(clinic, queue) -> None:
    """One patient is called, two wait."""
    with clinic.active():
        engine = AdvancedQueueEngine(queue)
        for patient in clinic.patients:
            engine.add_to_queue(patient_id=patient.pk)
        engine.get_next_patient(service_point_id=ServicePoint.objects.get().pk)


def names_in(text: str, clinic) -> list[str]:
    return [
        word
        for patient in clinic.patients
        for word in (patient.first_name, patient.last_name, patient.mrn)
        if word in text
    ]


# ------------------------------------------------------------------ connecting


def test_staff_type_in_the_code_of_a_screen(riverside, screen, committing):
    hall, staff = Client(), riverside.client(Role.MANAGER)
    code = code_on(hall.get("/display/"))
    assert code_on(hall.get("/display/")) == code
    assert hall.get("/display/claimed/").json() == {"is_claimed": False}
    with committing(execute=True):
        typed = f"{code[:3]}-{code[3:]}".lower()
        answer = staff.post(f"{PAGE}{screen.pk}/pair/", {"code": typed})
    assert answer.status_code == 302
    assert hall.get("/display/claimed/").json() == {"is_claimed": True}
    way = hall.get("/display/")
    assert way.status_code == 302
    assert hall.get(way.url).status_code == 200
    # Handed out once; whoever asks again is given a new code.
    assert code_on(hall.get("/display/")) != code


def test_only_the_screen_that_shows_the_code_is_handed_the_token(riverside, screen, committing):
    hall, other = Client(), Client()
    code = code_on(hall.get("/display/"))
    code_on(other.get("/display/"))
    with committing(execute=True), riverside.active():
        Displays(by=None).pair(screen.pk, code)
    assert other.get("/display/").status_code == 200
    assert Client(headers={"Cookie": "pairing="}).get("/display/").status_code == 200
    assert hall.get("/display/").status_code == 302


def test_a_code_works_once(riverside, screen, committing):
    code = code_on(Client().get("/display/"))
    with committing(execute=True), riverside.active():
        Displays(by=None).pair(screen.pk, code)
    with riverside.active(), pytest.raises(PairingCodeError):
        Displays(by=None).pair(screen.pk, code)


def test_an_expired_code_is_replaced(screen, riverside):
    hall = Client()
    code = code_on(hall.get("/display/"))
    cache.clear()  # what expiry does
    assert code_on(hall.get("/display/")) != code
    with riverside.active(), pytest.raises(PairingCodeError):
        Displays(by=None).pair(screen.pk, code)


def test_codes_cannot_be_tried_out(riverside, screen):
    code = code_on(Client().get("/display/"))
    manager = riverside.user(Role.MANAGER)
    with riverside.active():
        for _ in range(TRIES):
            with pytest.raises(PairingCodeError):
                Displays(by=manager).pair(screen.pk, "AAAAAA")
        with pytest.raises(TooManyCodesError):
            Displays(by=manager).pair(screen.pk, code)
    assert len(pairing.ALPHABET) ** pairing.CODE_LENGTH > 2e8


def test_a_screen_is_added_and_connected_in_one_step(riverside, queue, committing):
    hall, staff = Client(), riverside.client(Role.MANAGER)
    form = {
        "name": "Hall",
        "language": "en",
        "queue_ids": queue.pk,
        "code": code_on(hall.get("/display/")),
    }
    with committing(execute=True):
        assert staff.post(f"{PAGE}add/", form).status_code == 302
    assert hall.get("/display/").status_code == 302


def test_a_wrong_code_adds_nothing_and_says_so(riverside, queue):
    staff = riverside.client(Role.MANAGER)
    form = {"name": "Hall", "language": "en", "queue_ids": queue.pk, "code": "AAAAAA"}
    answer = staff.post(f"{PAGE}add/", form)
    assert answer.status_code == 400
    assert "No screen shows this code" in answer.content.decode()
    with riverside.active():
        assert not DisplayScreen.objects.exists()


def test_or_they_open_an_address_on_it(riverside, screen):
    staff = riverside.client(Role.MANAGER)
    page = staff.post(f"{PAGE}{screen.pk}/address/").content.decode()
    address = re.search(r"http://testserver(/display/[\w-]{43}/)", page)[1]
    assert Client().get(address).status_code == 200
    # Shown once.
    assert address not in staff.get(f"{PAGE}{screen.pk}/").content.decode()


def test_a_newly_connected_screen_turns_the_former_one_dark(riverside, screen, token):
    with riverside.active():
        second = Displays(by=None).new_token(screen.pk)
    assert Client().get(f"/display/{token}/").status_code == 404
    assert Client().get(f"/display/{second}/").status_code == 200


def test_a_disconnected_screen_says_so_at_once(riverside, screen, token):
    hall = Client()
    assert hall.get(f"/display/{token}/").status_code == 200
    riverside.client(Role.MANAGER).post(f"{PAGE}{screen.pk}/disconnect/")
    for path in (f"/display/{token}/", f"/display/{token}/status/"):
        answer = hall.get(path)
        assert answer.status_code == 404
        assert "not connected" in answer.content.decode()


def test_a_removed_screen_is_dark(riverside, screen, token):
    riverside.client(Role.MANAGER).post(f"{PAGE}{screen.pk}/delete/")
    assert Client().get(f"/display/{token}/").status_code == 404
    with riverside.active():
        assert not DisplayScreen.objects.exists()


def test_a_screen_that_is_switched_off_is_dark(riverside, screen, token):
    with riverside.active():
        DisplayScreen.objects.update(is_active=False)
    assert Client().get(f"/display/{token}/").status_code == 404


@pytest.mark.parametrize("wrong", ["x", "A" * 43, "A" * 500, "ü" * 43, "%00", "..", "<b>"])
def test_a_wrong_token_opens_nothing(wrong, screen, token):
    for path in (f"/display/{wrong}/", f"/display/{wrong}/status/"):
        assert Client().get(path).status_code in {400, 404}


def test_a_link_to_something_else_opens_no_screen(riverside, screen):
    with riverside.active():
        other = links.token_of(links.make_link(LinkKind.TICKET, screen.pk))
    assert Client().get(f"/display/{other}/").status_code == 404


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.NURSE, Role.PROVIDER, Role.PATIENT])
def test_only_those_who_configure_queues_may(role, riverside, screen):
    client, user = riverside.client(role), riverside.user(role)
    assert client.get(PAGE).status_code == 403
    with riverside.active():
        for refused in (
            lambda: Displays(by=user).add({"name": "X"}, queue_ids=[1]),
            lambda: Displays(by=user).change(screen.pk, {"name": "X"}),
            lambda: Displays(by=user).pair(screen.pk, "AAAAAA"),
            lambda: Displays(by=user).new_token(screen.pk),
            lambda: Displays(by=user).disconnect(screen.pk),
            lambda: Displays(by=user).delete(screen.pk),
        ):
            with pytest.raises(NotAllowedError):
                refused()


# ----------------------------------------------------------------- configuring


def test_another_tenants_queue_and_site_are_refused(riverside, lakeside, screen):
    with lakeside.active():
        foreign = WaitingQueue.objects.create(name="Foreign")
    with riverside.active():
        with pytest.raises(InvalidInputError) as refusal:
            Displays(by=None).change(screen.pk, {}, queue_ids=[foreign.pk])
        assert refusal.value.attr == "queue_ids"
        with pytest.raises(InvalidInputError) as refusal:
            Displays(by=None).change(screen.pk, {"site_id": lakeside.site.pk})
        assert refusal.value.attr == "site_id"
    answer = riverside.client(Role.MANAGER).post(
        f"{PAGE}{screen.pk}/", {"name": "Hall", "language": "en", "queue_ids": foreign.pk}
    )
    assert answer.status_code == 400
    assert "is not one of the available choices" in answer.content.decode()


def test_the_first_language_is_the_screens_own(riverside, screen, queue):
    form = {"name": "Hall", "queue_ids": queue.pk, "language": "tr", "more_languages": ["en", "ar"]}
    assert riverside.client(Role.MANAGER).post(f"{PAGE}{screen.pk}/", form).status_code == 302
    with riverside.active():
        assert DisplayScreen.objects.get().languages == ["tr", "en", "ar"]


def test_bad_settings_are_named(riverside, screen, queue):
    with riverside.active():
        for values, attr in (
            ({"languages": ["xx"]}, "languages"),
            ({"queue_ids": []}, "queue_ids"),
            ({"queue_ids": range(1, 20)}, "queue_ids"),
        ):
            queue_ids = values.pop("queue_ids", None)
            with pytest.raises(InvalidInputError) as refusal:
                Displays(by=None).change(screen.pk, values, queue_ids=queue_ids)
            assert refusal.value.attr == attr


def test_the_list_shows_each_screens_state(riverside, screen):
    staff = riverside.client(Role.MANAGER)
    assert "Not connected" in staff.get(PAGE).content.decode()
    with riverside.active():
        token = Displays(by=None).new_token(screen.pk)
    assert "Silent" in staff.get(f"{PAGE}rows/").content.decode()
    Client().get(f"/display/{token}/")
    assert "> On<" in staff.get(f"{PAGE}rows/").content.decode()


def test_signs_of_life_are_not_in_the_audit_trail(riverside, screen, token):
    with riverside.active():
        before = AuditEvent.objects.count()
    Client().get(f"/display/{token}/status/")
    with riverside.active():
        assert DisplayScreen.objects.get().last_seen_at is not None
        assert AuditEvent.objects.count() == before


# -------------------------------------------------------------- what is shown


def test_it_shows_tickets_and_rooms_and_no_patient(riverside, queue, token):
    serve(riverside, queue)
    page = Client().get(f"/display/{token}/").content.decode()
    assert "A-001" in page
    assert "Room 1" in page
    assert "A-002" in page
    status = Client().get(f"/display/{token}/status/")
    assert status.json()["queues"][0]["now_serving"][0]["ticket"] == "A-001"
    assert status.json()["initials"] == {}
    assert names_in(page + status.content.decode(), riverside) == []


def test_initials_only_where_the_screen_was_set_to_show_them(riverside, queue):
    serve(riverside, queue)
    screen = make_screen(riverside, queue, shows_initials=True)
    with riverside.active():
        token = Displays(by=None).new_token(screen.pk)
    page = Client().get(f"/display/{token}/").content.decode()
    status = Client().get(f"/display/{token}/status/")
    assert "P. R." in page
    assert list(status.json()["initials"].values()) == ["P. R."]
    assert names_in(page + status.content.decode(), riverside) == []


def test_several_queues_share_a_screen(riverside, queue, screen, token):
    with riverside.active():
        second = WaitingQueue.objects.create(name="Laboratory", prefix="L")
        Displays(by=None).change(screen.pk, {}, queue_ids=[queue.pk, second.pk])
        AdvancedQueueEngine(second).add_to_queue(patient_id=riverside.patients[0].pk)
    page = Client().get(f"/display/{token}/").content.decode()
    assert "L-001" in page
    assert "Laboratory" in page


def test_a_queue_that_is_retired_leaves_the_screen_until_it_is_used_again(
    riverside, queue, screen, token
):
    path = f"/display/{token}/status/"
    before = Client().get(path).json()
    with riverside.active():
        QueueSettings(queue).retire()
    retired = Client().get(path).json()
    assert (len(before["queues"]), retired["queues"]) == (1, [])
    assert retired["settings"] != before["settings"]
    assert Client().get(f"/display/{token}/").status_code == 200
    with riverside.active():
        QueueSettings(queue).restore()
    assert Client().get(path).json()["settings"] == before["settings"]


def test_a_changed_setting_is_a_reason_to_draw_anew(riverside, screen, token):
    path = f"/display/{token}/status/"
    before = Client().get(path).json()["settings"]
    assert Client().get(path).json()["settings"] == before
    with riverside.active():
        Displays(by=None).change(screen.pk, {"languages": ["ar", "en"]})
    assert Client().get(path).json()["settings"] != before
    page = Client().get(f"/display/{token}/").content.decode()
    assert 'lang="ar" dir="rtl"' in page


def test_times_are_the_tenants(riverside, token):
    page = Client().get(f"/display/{token}/").content.decode()
    options = re.search(r'data-options="([^"]*)"', page)[1].replace("&quot;", '"')
    assert json.loads(options)["zone"] == "Europe/Berlin"


def test_it_works_whoever_is_logged_in_beside(riverside, lakeside, token):
    for client in (lakeside.client(Role.TENANT_ADMIN), riverside.client(Role.NURSE)):
        assert client.get(f"/display/{token}/").status_code == 200


# -------------------------------------------------------------------- over REST


def test_screens_over_rest(riverside, queue):
    api = api_of(riverside, Role.MANAGER)
    made = api.post("appointments/displays/", {"name": "Hall", "queue_ids": [queue.pk]})
    assert made.status_code == 201
    screen, hall = made.json(), Client()
    path, page = f"appointments/displays/{screen['id']}/", f"/display/{screen['token']}/"
    assert screen["url"] == f"http://testserver{page}"
    assert hall.get(page).status_code == 200
    [listed] = api.get(f"appointments/displays/?queue_id={queue.pk}").json()["results"]
    assert listed["is_connected"]
    assert listed["is_alive"]
    assert "token" not in listed

    changed = api.patch(path, {"message": "Back at 13:00", "languages": ["de", "en"]})
    assert changed.json()["languages"] == ["de", "en"]
    assert "Back at 13:00" in hall.get(page).content.decode()

    renewed = api.post(f"{path}renew/", {}).json()["token"]
    assert hall.get(page).status_code == 404
    assert hall.get(f"/display/{renewed}/").status_code == 200
    assert not api.post(f"{path}revoke/", {}).json()["is_connected"]
    assert hall.get(f"/display/{renewed}/").status_code == 404
    assert api.delete(path).status_code == 204


def test_a_screen_is_paired_over_rest(riverside, screen, committing):
    hall, api = Client(), api_of(riverside, Role.MANAGER)
    path = f"appointments/displays/{screen.pk}/pair/"
    wrong = api.post(path, {"code": "AAAAAA"})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "pairing_code_unknown")
    with committing(execute=True):
        assert api.post(path, {"code": code_on(hall.get("/display/"))}).status_code == 200
    assert hall.get("/display/").status_code == 302


@pytest.mark.parametrize(
    ("values", "attr"),
    [
        ({"queue_ids": [10**6]}, "queue_ids"),
        ({"queue_ids": []}, "queue_ids"),
        ({"site_id": 10**6}, "site_id"),
        ({"languages": ["xx"]}, "languages.0"),
        ({"shows_initials": "yes"}, "shows_initials"),
        ({"name": ""}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_input_over_rest_names_its_field(values, attr, riverside, screen):
    answer = api_of(riverside, Role.MANAGER).patch(f"appointments/displays/{screen.pk}/", values)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr


def test_two_screens_have_two_names(riverside, screen, queue):
    body = {"name": screen.name, "queue_ids": [queue.pk]}
    answer = api_of(riverside, Role.MANAGER).post("appointments/displays/", body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "name_taken")


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.PROVIDER, Role.PATIENT])
def test_other_roles_are_refused_over_rest(role, riverside, screen):
    assert api_of(riverside, role).get("appointments/displays/").status_code == 403


# ---------------------------------------------------------------- the envelope


def test_nothing_is_kept_or_passed_on(token):
    for path in ("/display/", f"/display/{token}/", f"/display/{token}/status/", "/display/x/"):
        headers = Client().get(path).headers
        assert "no-store" in headers["Cache-Control"]
        assert headers["Referrer-Policy"] == "same-origin"


def test_it_only_reads(token):
    for path in ("/display/", f"/display/{token}/", f"/display/{token}/status/"):
        assert Client().post(path).status_code == 405


def test_each_address_is_throttled(token, monkeypatch):
    monkeypatch.setattr("core.public.PublicThrottle.rate", "5/min", raising=False)
    client = Client()
    answers = [client.get(f"/display/{token}/status/").status_code for _ in range(12)]
    assert answers[:5] == [200] * 5
    assert 429 in answers
    assert Client(REMOTE_ADDR="10.0.0.9").get(f"/display/{token}/").status_code == 200


def test_no_token_is_logged(token, caplog):
    caplog.set_level(logging.INFO, "hospital.request")
    console = next(each for each in logging.root.handlers if each.filters)
    written = io.StringIO()
    before = console.setStream(written)
    try:
        Client().get(f"/display/{token}/")
        Client().get(f"/display/{token[::-1]}/")
        Client().get(f"/ticket/{token}/")
        Client().get(f"/appointments/waitlist/respond/{token}/")
    finally:
        console.setStream(before)
    lines = written.getvalue()
    assert lines.count("GET /display/***/ ") == 2
    assert "Not Found: /display/***/" in lines
    assert "Not Found: /ticket/***/" in lines
    assert token not in lines
    assert token[::-1] not in lines


def test_the_database_alone_does_not_give_the_token_away(riverside, token):
    with riverside.active():
        link = PublicLink.objects.get()
    assert token not in (link.nonce, link.digest)
