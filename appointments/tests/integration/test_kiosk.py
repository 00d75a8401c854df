"""Kiosks: the way through the questions, what is never told, and who is stopped."""

import logging
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from accounts.permissions import Role
from appointments.enums import AppointmentStatus, LinkKind, QueueEntryStatus
from appointments.models import (
    Kiosk,
    PublicLink,
    QueueEntry,
    QueueEvent,
    QueueProvider,
    WaitingQueue,
)
from appointments.queue import kiosk_tries
from appointments.queue.kiosk_desk import KioskDesk, Outcome
from appointments.queue.kiosks import Kiosks
from appointments.queue.links import make_link, token_of
from appointments.queue.patient_links import check_in_token
from appointments.queue.reception import Turn, opens_at, todays_visit, turn_of
from appointments.queue.self_service import AT_KIOSK
from appointments.queue.words import LANGUAGES, WORDS
from appointments.tests.visits import make_visit
from core.clock import system_clock
from core.models import Site

pytestmark = pytest.mark.django_db
S, A = QueueEntryStatus, AppointmentStatus
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOON = time(12)


@pytest.fixture
def queue(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Consultations", site=riverside.site)
        QueueProvider.objects.create(queue=queue, provider=riverside.providers[0])
        return queue


@pytest.fixture
def walk_ins(riverside):
    with riverside.active():
        return WaitingQueue.objects.create(name="Open hours", prefix="W", site=riverside.site)


@pytest.fixture
def kiosk(riverside, walk_ins):
    with riverside.active():
        return Kiosks(by=None).add(
            name="Hall", site_id=riverside.site.pk, walk_in_queue_id=walk_ins.pk
        )


@pytest.fixture
def url(riverside, kiosk):
    with riverside.active():
        return f"/kiosk/{Kiosks(by=None).token(kiosk.pk)}/"


@pytest.fixture
def desk(riverside, kiosk):
    """The kiosk at noon, so that its day is not over while the test runs."""
    return KioskDesk(kiosk, zone=riverside.tenant.zone_info, clock=lambda: riverside.at(0, NOON))


@pytest.fixture
def touch():
    return Client(headers={"Accept-Language": "en"})


def answers(patient, **changed) -> dict[str, str]:
    """What somebody types who knows the own number and birth date."""
    born = patient.birth_date
    typed = {"mrn": patient.mrn, "day": str(born.day), "month": str(born.month)}
    return typed | {"year": str(born.year), "lang": "en"} | changed


def visit_at(clinic, start, **more):
    with clinic.active():
        return make_visit(clinic, start, **more)


def visit_now(clinic, **more):
    """One that is open whatever the time of day is: it starts now."""
    return visit_at(clinic, system_clock(), **more)


def follow(touch, response) -> str:
    assert response.status_code == 302
    return touch.get(response.headers["Location"]).content.decode()


def ask(clinic, desk, **changed):
    patient = clinic.patients[0]
    with clinic.active():
        return desk.check_in(**{"mrn": patient.mrn, "birth_date": patient.birth_date} | changed)


def test_with_an_appointment(riverside, queue, url, touch):
    visit, patient = visit_now(riverside), riverside.patients[0]
    assert "I have an appointment" in touch.get(url).content.decode()
    assert "patient number" in touch.get(f"{url}visit/").content.decode()
    asked = touch.post(f"{url}visit/", {"mrn": patient.mrn, "lang": "en"}).content.decode()
    assert "When were you born?" in asked
    for _ in range(2):  # a double tap, or the next day's doubt
        answer = touch.post(f"{url}visit/", answers(patient))
        shown = follow(touch, answer)
        assert "You are checked in" in shown
        assert "A-001" in shown
        assert "<svg" in shown
        assert patient.mrn not in answer.headers["Location"]
        for secret in (patient.first_name, patient.last_name, patient.mrn):
            assert secret not in shown
    with riverside.active():
        entry = QueueEntry.objects.get()
        visit.refresh_from_db()
        assert (entry.appointment_id, visit.status) == (visit.pk, A.CHECKED_IN)
        event = QueueEvent.objects.get(entry=entry)
        assert (event.reason, event.by_id) == (AT_KIOSK, None)


def test_without_an_appointment(riverside, queue, url, touch):
    shown = follow(touch, touch.post(f"{url}walk-in/", answers(riverside.patients[1])))
    assert "W-001" in shown
    again = follow(touch, touch.post(f"{url}walk-in/", answers(riverside.patients[1])))
    assert "W-001" in again


def test_who_says_to_have_none_but_has_one_is_checked_in_for_it(riverside, queue, url, touch):
    visit_now(riverside)
    shown = follow(touch, touch.post(f"{url}walk-in/", answers(riverside.patients[0])))
    assert "A-001" in shown


@pytest.mark.parametrize("typed", ["{link}", "{token}", "  {link}?lang=de \n"])
def test_by_the_code_of_the_message(riverside, queue, url, touch, typed):
    visit = visit_now(riverside)
    with riverside.active():
        token = check_in_token(visit)
    text = typed.format(token=token, link=f"https://clinic.test/check-in/{token}/")
    assert "A-001" in follow(touch, touch.post(f"{url}code/", {"code": text}))


def test_an_empty_code_starts_over(url, touch):
    assert touch.post(f"{url}code/", {"code": " "}).headers["Location"].startswith(url)


def test_a_provider_without_a_queue_asks_to_take_a_seat(riverside, url, touch):
    visit = visit_now(riverside)
    shown = touch.post(f"{url}visit/", answers(riverside.patients[0])).content.decode()
    assert "Please take a seat" in shown
    with riverside.active():
        visit.refresh_from_db()
    assert visit.status == A.CHECKED_IN


def test_a_closed_queue_checks_in_and_sends_to_the_desk(riverside, queue, walk_ins, url, touch):
    visit = visit_now(riverside)
    with riverside.active():
        WaitingQueue.objects.update(is_accepting_patients=False)
    shown = touch.post(f"{url}visit/", answers(riverside.patients[0])).content.decode()
    assert "You are checked in" in shown
    assert "Please see the desk" in shown
    with riverside.active():
        visit.refresh_from_db()
    assert visit.status == A.CHECKED_IN
    shown = touch.post(f"{url}walk-in/", answers(riverside.patients[1])).content.decode()
    assert "Nobody can join at the moment" in shown
    assert "These lines are open" not in shown
    with riverside.active():
        assert not QueueEntry.objects.exists()
        WaitingQueue.objects.update(site=None)
        far = Site.objects.create(name="Annex")
        WaitingQueue.objects.create(name="Far away", prefix="F", site=far)
        for n in range(4):
            WaitingQueue.objects.create(name=f"Line {n}", prefix=f"L{n}", site=riverside.site)
    shown = touch.post(f"{url}walk-in/", answers(riverside.patients[1])).content.decode()
    assert "These lines are open: Line 0, Line 1, Line 2<" in shown


@pytest.mark.parametrize(
    ("minutes", "status", "outcome"),
    [
        (121, A.CONFIRMED, Outcome.EARLY),
        (120, A.CONFIRMED, Outcome.SEAT),
        (-29, A.PENDING, Outcome.SEAT),
        (-30, A.CONFIRMED, Outcome.LATE),
        (-40, A.NO_SHOW, Outcome.LATE),
        (10, A.CANCELLED, Outcome.NONE_TODAY),
        (24 * 60, A.CONFIRMED, Outcome.NONE_TODAY),
        (-24 * 60, A.CONFIRMED, Outcome.NONE_TODAY),
    ],
)
def test_when_one_can_check_in(riverside, desk, minutes, status, outcome):
    start = riverside.at(0, NOON) + minutes * MINUTE
    visit_at(riverside, start, status=status)
    answer = ask(riverside, desk)
    assert answer.outcome == outcome
    if outcome == Outcome.EARLY:
        assert answer.opens_at == start - 2 * HOUR


def test_at_another_site_one_is_sent_there(riverside, desk):
    with riverside.active():
        other = Site.objects.create(name="East wing")
    visit_at(riverside, riverside.at(0, NOON), site=other)
    assert ask(riverside, desk).outcome == Outcome.NOT_HERE


def test_of_several_visits_the_first_that_is_open_counts(riverside, desk):
    noon = riverside.at(0, NOON)
    visit_at(riverside, noon - 3 * HOUR)
    wanted = visit_at(riverside, noon + HOUR, provider=1)
    visit_at(riverside, noon + 4 * HOUR)
    assert ask(riverside, desk).outcome == Outcome.SEAT
    with riverside.active():
        wanted.refresh_from_db()
    assert wanted.status == A.CHECKED_IN


@pytest.mark.parametrize(
    ("today", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)]
)
def test_a_day_is_as_long_as_the_clock_makes_it(riverside, today, hours):
    """The last visit of the day counts, the first of the next does not."""
    berlin = ZoneInfo("Europe/Berlin")
    midnight = datetime.combine(today, time.min, tzinfo=berlin).astimezone(UTC)
    last = visit_at(riverside, midnight + (hours - 1) * HOUR)
    visit_at(riverside, midnight + hours * HOUR)
    visit_at(riverside, midnight - HOUR)
    with riverside.active():
        found = todays_visit(
            riverside.patients[0].pk,
            site_id=riverside.site.pk,
            now=midnight + (hours - 2) * HOUR,
            zone=berlin,
        )
    assert found.visit == last


def test_check_in_never_opens_the_day_before(riverside):
    berlin = riverside.tenant.zone_info
    visit = visit_at(riverside, riverside.at(1, time(0, 30)))
    midnight = riverside.at(1, time.min)
    assert opens_at(visit, zone=berlin) == midnight
    assert turn_of(visit, now=midnight - MINUTE, zone=berlin) == Turn.EARLY
    assert turn_of(visit, now=midnight, zone=berlin) == Turn.OPEN


def test_what_is_wrong_is_not_told(riverside, queue, url, touch):
    """An unknown number, a wrong birth date and an inactive patient give the very same answer."""
    visit_now(riverside)
    patient, gone = riverside.patients[0], riverside.patients[1]
    with riverside.active():
        gone.is_active = False
        gone.save()
    bodies = {
        touch.post(f"{url}{way}/", typed).content
        for way in ("visit", "walk-in")
        for typed in (
            answers(patient, mrn="NOBODY1"),
            answers(patient, year="1999"),
            answers(gone),
        )
    }
    assert len(bodies) == 1
    assert b"We could not find you" in bodies.pop()


def test_the_question_for_the_birth_date_does_not_tell_either(riverside, url, touch):
    def page(mrn):
        body = touch.post(f"{url}visit/", {"mrn": mrn, "lang": "en"}).content.decode()
        return [line for line in body.splitlines() if "csrf" not in line and mrn not in line]

    assert page(riverside.patients[0].mrn) == page("NOBODY1")


def test_a_number_is_locked_after_five_wrong_birth_dates(riverside, queue, desk):
    visit_at(riverside, riverside.at(0, NOON))
    for day in range(1, 1 + kiosk_tries.NUMBER_TRIES):
        assert ask(riverside, desk, birth_date=date(1990, 1, day)).outcome == Outcome.NOT_FOUND
    assert ask(riverside, desk).outcome == Outcome.NOT_FOUND
    with riverside.active():
        assert not QueueEntry.objects.exists()


def test_a_kiosk_pauses_after_many_wrong_numbers_and_says_nothing_of_them_in_the_log(
    riverside, queue, url, touch, caplog
):
    visit_now(riverside)
    patient = riverside.patients[0]
    with caplog.at_level(logging.INFO):
        for number in range(kiosk_tries.KIOSK_TRIES):
            answer = touch.post(f"{url}visit/", answers(patient, mrn=f"GUESS{number}"))
            assert answer.status_code == 404
        paused = touch.post(f"{url}visit/", answers(patient))
        by_code = touch.post(f"{url}code/", {"code": "x" * 43})
    assert (paused.status_code, by_code.status_code) == (429, 429)
    assert "see the desk" in paused.content.decode()
    assert "GUESS" not in caplog.text
    assert patient.mrn not in caplog.text
    with riverside.active():
        assert not QueueEntry.objects.exists()


def test_foreign_and_wrong_codes_find_nobody(riverside, lakeside, queue, url, touch):
    with lakeside.active():
        foreign = check_in_token(make_visit(lakeside, system_clock()))
    with riverside.active():
        ticket = token_of(make_link(LinkKind.TICKET, 1))
    for text in (foreign, ticket, "nonsense", "y" * 43, "/check-in/" * 20, "\u202e" * 50):
        answer = touch.post(f"{url}code/", {"code": text})
        assert answer.status_code == 404
        assert "We could not find you" in answer.content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"day": "31", "month": "2"},
        {"month": "13"},
        {"year": "0"},
        {"year": ""},
        {"day": "x"},
        {"day": "٣"},
        {"year": "9" * 30},
    ],
)
def test_a_date_that_is_none_is_asked_again(riverside, url, touch, wrong):
    answer = touch.post(f"{url}visit/", answers(riverside.patients[0], **wrong))
    assert answer.status_code == 400
    assert "This is not a date" in answer.content.decode()


def test_a_receipt_is_good_for_its_kiosk_and_soon_over(riverside, queue, url, touch, monkeypatch):
    visit_now(riverside)
    done = touch.post(f"{url}visit/", answers(riverside.patients[0])).headers["Location"]
    assert "A-001" in touch.get(done).content.decode()
    with riverside.active():
        other = Kiosks(by=None).add(name="Side door", site_id=riverside.site.pk)
        token = Kiosks(by=None).token(other.pk)
    elsewhere = done.replace(url, f"/kiosk/{token}/")
    assert touch.get(elsewhere).status_code == 302
    assert touch.get(f"{url}done/nonsense/").status_code == 302
    monkeypatch.setattr("appointments.views.kiosk.RECEIPT_SECONDS", -1)
    assert touch.get(done).headers["Location"].startswith(url)


def test_revoked_switched_off_and_wrong_addresses_open_nothing(riverside, kiosk, url, touch):
    with riverside.active():
        ticket = token_of(make_link(LinkKind.TICKET, kiosk.pk))
    assert touch.get(f"/kiosk/{ticket}/").status_code == 404
    with riverside.active():
        Kiosks(by=None).change(kiosk.pk, is_active=False)
    assert touch.get(url).status_code == 404
    with riverside.active():
        Kiosks(by=None).change(kiosk.pk, is_active=True)
    assert touch.get(url).status_code == 200
    with riverside.active():
        Kiosks(by=None).revoke(kiosk.pk)
    for name in ("", "visit/", "walk-in/", "done/x/"):
        answer = touch.get(f"{url}{name}")
        assert answer.status_code == 404
        assert "This page has ended" in answer.content.decode()
    assert touch.post(f"{url}visit/", answers(riverside.patients[0])).status_code == 404


def test_a_kiosk_without_a_queue_offers_no_walk_in(riverside, kiosk, url, touch):
    with riverside.active():
        Kiosks(by=None).change(kiosk.pk, walk_in_queue_id=None)
    assert "I have no appointment" not in touch.get(url).content.decode()
    shown = touch.post(f"{url}walk-in/", answers(riverside.patients[0])).content.decode()
    assert "Please see the desk" in shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_speaks_each_language(riverside, queue, url, touch, language):
    visit_now(riverside)
    words, typed = WORDS[language], answers(riverside.patients[0], lang=language)
    lang = {"lang": language}
    assert words["welcome"] in touch.get(url, lang).content.decode()
    assert words["mrn"] in touch.get(f"{url}visit/", lang).content.decode()
    asked = touch.post(f"{url}visit/", lang | {"mrn": typed["mrn"]})
    assert words["birth"] in asked.content.decode()
    assert words["checked_in"] in follow(touch, touch.post(f"{url}visit/", typed))


def test_the_kiosk_is_seen(riverside, kiosk, url, touch):
    touch.get(url)
    with riverside.active():
        kiosk.refresh_from_db()
    assert kiosk.last_seen_at is not None


class TestSettingUp:
    """What managers do on the page of kiosks."""

    def test_add_show_again_renew_and_revoke(self, riverside, walk_ins, touch):
        client = riverside.client(Role.MANAGER)
        form = {
            "name": "Hall",
            "site_id": riverside.site.pk,
            "walk_in_queue_id": walk_ins.pk,
            "is_active": "on",
        }
        made = client.post(reverse("kiosks:add"), form)
        first = _link(made)
        assert touch.get(first).status_code == 200
        with riverside.active():
            kiosk = Kiosk.objects.get()
            digests = PublicLink.objects.values_list("digest", flat=True)
            assert first.rsplit("/", 2)[1] not in "".join(digests)
        assert (
            "/kiosk/" not in client.get(reverse("kiosks:kiosk", args=[kiosk.pk])).content.decode()
        )
        assert _link(client.post(reverse("kiosks:address", args=[kiosk.pk]))) == first
        second = _link(client.post(reverse("kiosks:new_address", args=[kiosk.pk])))
        assert [touch.get(each).status_code for each in (first, second)] == [404, 200]
        client.post(reverse("kiosks:revoke", args=[kiosk.pk]))
        assert touch.get(second).status_code == 404
        client.post(reverse("kiosks:delete", args=[kiosk.pk]))
        assert "No kiosks yet" in client.get(reverse("kiosks:kiosks")).content.decode()

    def test_refusals(self, riverside, kiosk):
        client = riverside.client(Role.MANAGER)
        same = {"name": "Hall", "site_id": riverside.site.pk}
        assert client.post(reverse("kiosks:add"), same).status_code == 409
        assert client.post(reverse("kiosks:add"), {"name": "New"}).status_code == 400
        strange = same | {"name": "New", "walk_in_queue_id": 10**12}
        assert client.post(reverse("kiosks:add"), strange).status_code == 400
        assert client.get(reverse("kiosks:kiosk", args=[10**12])).status_code == 404

    @pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.NURSE, Role.PROVIDER, Role.PATIENT])
    def test_others_may_not(self, riverside, kiosk, role):
        client = riverside.client(role)
        assert client.get(reverse("kiosks:kiosks")).status_code == 403
        assert client.post(reverse("kiosks:address", args=[kiosk.pk])).status_code == 403


def _link(response) -> str:
    body = response.content.decode()
    return body.partition('value="http://testserver')[2].partition('"')[0]
