"""The waiting patient's own page: what it shows, what can be done there, and whom it refuses."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from accounts.permissions import Role
from appointments.enums import LinkKind, Modality, QueueEntryStatus, QueueStep
from appointments.models import PublicLink, QueueEntry, QueueEvent, ServicePoint, WaitingQueue
from appointments.queue.links import make_link, revoke_links, token_of
from appointments.queue.own_place import own_place
from appointments.queue.patient_links import ticket_token
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.self_service import MORE_TIME, ON_TICKET, SelfService
from appointments.queue.words import LANGUAGES, RIGHT_TO_LEFT, WORDS
from appointments.tests.visits import make_visit
from core.clock import system_clock
from core.errors import NotFoundError

pytestmark = pytest.mark.django_db
S, Do = QueueEntryStatus, QueueStep


@pytest.fixture
def queue(riverside):
    with riverside.active():
        return WaitingQueue.objects.create(name="Blood samples", site=riverside.site)


@pytest.fixture
def waiting(riverside, queue):
    """Three patients in the line; the page is the last one's."""
    with riverside.active():
        engine = AdvancedQueueEngine(queue)
        return [engine.add_to_queue(patient_id=each.pk) for each in riverside.patients][-1]


@pytest.fixture
def url(riverside, waiting):
    with riverside.active():
        return f"/ticket/{ticket_token(waiting, zone=riverside.tenant.zone_info)}/"


@pytest.fixture
def phone():
    return Client(headers={"Accept-Language": "en"})


def text_of(response, status=200) -> str:
    assert response.status_code == status
    return response.content.decode()


def take(clinic, entry, *steps, **more):
    with clinic.active():
        for step in steps:
            AdvancedQueueEngine.of_entry(entry.pk).take(step, entry.pk, **more)


def reload(clinic, entry) -> QueueEntry:
    with clinic.active():
        return QueueEntry.objects.get(pk=entry.pk)


def test_it_shows_the_own_ticket_and_place_and_nothing_of_the_patient(
    riverside, waiting, url, phone
):
    page = phone.get(url)
    shown = text_of(page)
    assert "A-003" in shown
    assert "Before you: 2" in shown
    assert "Blood samples" in shown
    assert "A-001" not in shown
    patient = riverside.patients[2]
    for secret in (patient.first_name, patient.last_name, patient.mrn, "1953"):
        assert secret not in shown
        assert secret not in str(page.headers)
    assert page.headers["Cache-Control"].startswith("max-age=0")


def test_it_weighs_little(url, phone):
    """What a phone on a slow line has to load before anything else."""
    names = ("css/tokens.css", "css/ticket.css", "js/ticket.js", "js/queue_websocket.js")
    weight = len(phone.get(url).content)
    weight += sum(Path(finders.find(name)).stat().st_size for name in names)
    assert weight < 60_000


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((), "Please wait"),
        ((Do.CALL,), "It is your turn"),
        ((Do.CALL, Do.START), "You are being seen"),
        ((Do.CALL, Do.START, Do.COMPLETE), "Done, thank you"),
        ((Do.CALL, Do.SKIP), "You were called"),
        ((Do.HOLD,), "Your place is kept"),
        ((Do.CALL, Do.NO_SHOW), "You were called and did not come"),
        ((Do.LEAVE,), "You have left the queue"),
    ],
)
def test_it_says_how_things_stand(riverside, waiting, url, phone, steps, said):
    take(riverside, waiting, *steps)
    assert f"<h1>{said}</h1>" in text_of(phone.get(url))
    assert f"<h1>{said}</h1>" in text_of(phone.get(f"{url}place/"))


def test_it_names_the_room(riverside, queue, waiting, url, phone):
    with riverside.active():
        room = ServicePoint.objects.create(name="Room 3")
        room.queues.add(queue)
    take(riverside, waiting, Do.CALL, service_point_id=room.pk)
    assert "Please go to Room 3" in text_of(phone.get(url))


def test_who_is_nearly_up_is_told(riverside, waiting, url, phone):
    with riverside.active():
        first = QueueEntry.objects.earliest("pk")
    take(riverside, first, Do.CALL)
    assert 'data-stage="soon"' in text_of(phone.get(f"{url}place/"))


def test_the_page_follows_a_patient_who_is_sent_on(riverside, waiting, url, phone):
    with riverside.active():
        other = WaitingQueue.objects.create(name="X-ray", prefix="X")
        AdvancedQueueEngine.of_entry(waiting.pk).transfer(waiting.pk, to_queue_id=other.pk)
    assert "X-001" in text_of(phone.get(url))
    phone.post(f"{url}leave/")
    with riverside.active():
        assert QueueEntry.objects.get(queue=other).status == S.LEFT


def test_leaving_asks_first_and_says_who_left(riverside, waiting, url, phone):
    assert "Leave the queue?" in text_of(phone.get(f"{url}leave/"))
    assert reload(riverside, waiting).status == S.WAITING
    for _ in range(2):  # a double tap
        assert phone.post(f"{url}leave/").status_code == 302
    assert reload(riverside, waiting).status == S.LEFT
    with riverside.active():
        events = QueueEvent.objects.filter(entry=waiting, step=Do.LEAVE)
        assert [(event.reason, event.by_id) for event in events] == [(ON_TICKET, None)]


def test_leaving_cancels_the_visit(riverside, queue, phone):
    with riverside.active():
        visit = make_visit(riverside, system_clock(), patient=0)
        entry = AdvancedQueueEngine(queue).add_to_queue(
            patient_id=visit.patient_id, appointment_id=visit.pk
        )
        token = ticket_token(entry, zone=riverside.tenant.zone_info)
    phone.post(f"/ticket/{token}/leave/")
    with riverside.active():
        visit.refresh_from_db()
    assert visit.status == "CANCELLED"


def test_who_is_being_seen_cannot_leave(riverside, waiting, url, phone):
    take(riverside, waiting, Do.CALL, Do.START)
    assert "That was not possible any more" in text_of(phone.post(f"{url}leave/"), 409)
    assert phone.get(f"{url}leave/").status_code == 302
    assert reload(riverside, waiting).status == S.IN_PROGRESS


def test_more_time_is_given_twice(riverside, waiting, url, phone):
    for _ in range(2):
        for _ in range(2):  # a double tap
            assert phone.post(f"{url}more-time/", {"minutes": "10"}).status_code == 302
        held = reload(riverside, waiting)
        assert held.status == S.ON_HOLD
        left = held.away_until - system_clock()
        assert timedelta(minutes=9) < left <= timedelta(minutes=10)
        phone.post(f"{url}come-back/")
        assert reload(riverside, waiting).status == S.WAITING
    refused = text_of(phone.post(f"{url}more-time/", {"minutes": "5"}), 409)
    assert "You have asked for more time twice" in refused
    assert reload(riverside, waiting).status == S.WAITING
    with riverside.active():
        assert QueueEvent.objects.filter(reason=MORE_TIME).count() == 2


@pytest.mark.parametrize("minutes", ["", "0", "7", "600", "-5", "x", "1" * 400])
def test_other_times_are_refused(riverside, waiting, url, phone, minutes):
    assert phone.post(f"{url}more-time/", {"minutes": minutes}).status_code == 400
    assert reload(riverside, waiting).status == S.WAITING


def test_waiting_elsewhere_is_switched_on_and_off(riverside, waiting, url, phone):
    phone.post(f"{url}elsewhere/", {"away": "yes"})
    assert reload(riverside, waiting).is_remote
    assert "You wait elsewhere" in text_of(phone.get(url))
    phone.post(f"{url}elsewhere/", {"away": "no"})
    assert not reload(riverside, waiting).is_remote


def test_a_video_visit_says_that_staff_will_call(riverside, queue, phone):
    with riverside.active():
        visit = make_visit(riverside, system_clock(), modality=Modality.TELEHEALTH)
        entry = AdvancedQueueEngine(queue).add_to_queue(
            patient_id=visit.patient_id, appointment_id=visit.pk
        )
        token = ticket_token(entry, zone=riverside.tenant.zone_info)
    assert "Staff will call you" in text_of(phone.get(f"/ticket/{token}/"))


def test_a_video_visit_is_joined_once_it_is_called(riverside, queue, phone):
    """In the room of whoever calls; before that the patient would meet the one before."""
    booked, other = riverside.providers
    with riverside.active():
        for provider in (booked, other):
            provider.provider_profile.video_room_url = f"https://video.example/{provider.pk}"
            provider.provider_profile.save()
        visit = make_visit(riverside, system_clock(), modality=Modality.TELEHEALTH)
        entry = AdvancedQueueEngine(queue).add_to_queue(
            patient_id=visit.patient_id, appointment_id=visit.pk, is_flexible=True
        )
        room = ServicePoint.objects.create(name="Room 3", provider=other)
        room.queues.add(queue)
        url = f"/ticket/{ticket_token(entry, zone=riverside.tenant.zone_info)}/"
    waits = text_of(phone.get(url))
    assert "a button to join appears here" in waits
    assert "video.example" not in waits
    take(riverside, entry, Do.CALL, service_point_id=room.pk)
    called = text_of(phone.get(url))
    assert "Please join the video visit now." in called
    assert f'href="https://video.example/{other.pk}"' in called
    assert "Room 3" not in called
    take(riverside, entry, Do.START)
    assert f'href="https://video.example/{other.pk}"' in text_of(phone.get(url))
    take(riverside, entry, Do.COMPLETE)
    assert "video.example" not in text_of(phone.get(url))


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((Do.CALL,), "Staff will call you"),
        ((Do.CALL, Do.SKIP), "Staff will call you"),
        ((Do.CALL, Do.START), "Your visit has begun."),
    ],
)
def test_without_a_room_nobody_is_sent_to_the_desk(riverside, queue, phone, steps, said):
    with riverside.active():
        visit = make_visit(riverside, system_clock(), modality=Modality.TELEHEALTH)
        entry = AdvancedQueueEngine(queue).add_to_queue(
            patient_id=visit.patient_id, appointment_id=visit.pk
        )
        url = f"/ticket/{ticket_token(entry, zone=riverside.tenant.zone_info)}/"
    take(riverside, entry, *steps)
    shown = text_of(phone.get(url))
    assert said in shown
    assert "desk" not in shown


def test_staff_open_the_room_from_the_visit_and_from_the_queue(riverside, queue):
    with riverside.active():
        provider = riverside.providers[0]
        provider.provider_profile.video_room_url = "https://video.example/own"
        provider.provider_profile.save()
        visit = make_visit(riverside, system_clock(), modality=Modality.TELEHEALTH)
        entry = AdvancedQueueEngine(queue).add_to_queue(
            patient_id=visit.patient_id, appointment_id=visit.pk
        )
        onsite = make_visit(riverside, system_clock() + timedelta(hours=2))
    desk = riverside.client(Role.FRONT_DESK)
    for name, key in (("visits:visit", visit.pk), ("queue:entry", entry.pk)):
        assert 'href="https://video.example/own"' in text_of(desk.get(reverse(name, args=[key])))
    assert "video.example" not in text_of(desk.get(reverse("visits:visit", args=[onsite.pk])))


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_speaks_each_language(url, phone, language):
    shown = text_of(phone.get(url, {"lang": language}))
    assert WORDS[language]["your_ticket"] in shown
    direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
    assert f'<html lang="{language}" dir="{direction}">' in shown


def test_the_browsers_language_is_asked(url):
    shown = Client(headers={"Accept-Language": "xx, de-AT;q=0.8, fr;q=0.5"}).get(url)
    assert 'lang="de"' in text_of(shown)
    assert 'lang="en"' in text_of(Client().get(url, {"lang": "nonsense"}))


@pytest.mark.parametrize("kind", [LinkKind.DISPLAY, LinkKind.KIOSK, LinkKind.CHECK_IN])
def test_a_link_of_another_kind_opens_nothing(riverside, waiting, phone, kind):
    with riverside.active():
        token = token_of(make_link(kind, waiting.pk))
    text_of(phone.get(f"/ticket/{token}/"), 404)


def test_wrong_expired_and_revoked_links_look_the_same(riverside, waiting, url, phone):
    with riverside.active():
        revoked = token_of(make_link(LinkKind.TICKET, waiting.pk))
        PublicLink.objects.update(expires_at=system_clock() - timedelta(hours=1))
    wrong = text_of(phone.get("/ticket/nonsense/"), 404)
    assert "This page has ended" in wrong
    assert text_of(phone.get(url), 404) == wrong
    with riverside.active():
        PublicLink.objects.update(expires_at=None)
        revoke_links(LinkKind.TICKET, waiting.pk, now=system_clock())
    assert text_of(phone.get(f"/ticket/{revoked}/"), 404) == wrong
    for name in ("leave", "more-time", "come-back", "elsewhere"):
        assert phone.post(f"{url}{name}/").status_code == 404
    assert reload(riverside, waiting).status == S.WAITING


def test_an_hour_after_the_end_the_page_is_gone(riverside, waiting, url, phone):
    take(riverside, waiting, Do.CALL, Do.START, Do.COMPLETE)
    now = system_clock()
    with riverside.active():
        assert own_place(waiting.pk, now=now).is_over
        with pytest.raises(NotFoundError):
            own_place(waiting.pk, now=now + timedelta(hours=1, minutes=1))


def test_the_link_ends_with_the_day_after_whatever_the_clock_does(riverside, waiting):
    """On 25 October 2026 Berlin's day has 25 hours."""
    zone = riverside.tenant.zone_info
    with riverside.active():
        QueueEntry.objects.filter(pk=waiting.pk).update(joined_at="2026-10-24T21:00:00+00:00")
        ticket_token(QueueEntry.objects.get(pk=waiting.pk), zone=zone)
        link = PublicLink.objects.get(target_id=waiting.pk)
    assert link.expires_at.isoformat() == "2026-10-25T23:00:00+00:00"


def test_staff_print_the_ticket_without_a_name(riverside, waiting):
    client = riverside.client(Role.NURSE)
    url = reverse("tickets:paper_ticket", args=[waiting.pk])
    for paper in ("thermal", "a6"):
        shown = text_of(client.get(url, {"paper": paper, "lang": "de"}))
        assert "Ihre Nummer" in shown
        assert "<svg" in shown
        assert f"paper-{paper}" in shown
        assert riverside.patients[2].last_name not in shown
    take(riverside, waiting, Do.LEAVE)
    assert client.get(url).status_code == 404


def test_the_ticket_is_printed_in_the_patients_language(riverside, waiting):
    with riverside.active():
        waiting.patient.language = "tr"
        waiting.patient.save()
    shown = riverside.client().get(reverse("tickets:paper_ticket", args=[waiting.pk]))
    assert "Numaranız" in text_of(shown)


def test_the_portal_leads_to_the_own_page(riverside, waiting, url):
    client = riverside.client(Role.PATIENT)
    assert "See your place" not in text_of(client.get("/portal/"))
    assert client.get("/portal/place/").headers["Location"] == "/portal/"
    with riverside.active():
        waiting.patient.user = riverside.user(Role.PATIENT)
        waiting.patient.save()
    assert "A-003" in text_of(client.get("/portal/"))
    assert client.get("/portal/place/").headers["Location"] == url


def test_self_service_knows_no_entry_that_is_not_there(riverside):
    with riverside.active(), pytest.raises(NotFoundError):
        SelfService().leave(404)
