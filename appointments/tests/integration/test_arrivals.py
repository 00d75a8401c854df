"""Who checks in for a visit waits in the provider's queue, and the queue follows the visit."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.permissions import Role
from appointments import tasks
from appointments.booking.engine import BookingEngine
from appointments.enums import AppointmentStatus, Modality, QueueEntryStatus, QueueStep, Step
from appointments.models import (
    AppointmentRequest,
    QueueEntry,
    QueueEvent,
    QueueProvider,
    WaitingQueue,
)
from appointments.queue.arrivals import follow_visit
from appointments.queue.come_back import letters
from appointments.queue.patient_links import check_in_token
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.self_service import ON_PHONE
from appointments.tests.queues import make_point
from appointments.tests.visits import make_visit
from core.clock import system_clock
from patients.models import PatientProfile

pytestmark = pytest.mark.django_db
S, A = QueueEntryStatus, AppointmentStatus
RUNNING = SimpleNamespace(should_abort=lambda: False)


@pytest.fixture
def queue(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Consultations", site=riverside.site)
        QueueProvider.objects.create(queue=queue, provider=riverside.providers[0])
        return queue


@pytest.fixture
def visit(riverside):
    with riverside.active():
        return make_visit(riverside, system_clock())


@pytest.fixture
def step(riverside, django_capture_on_commit_callbacks):
    """Take a visit's step as the front desk, with all that happens after the commit."""

    def take(visit, name, **more) -> None:
        with django_capture_on_commit_callbacks(execute=True), riverside.active():
            booking = BookingEngine(by=riverside.user(Role.FRONT_DESK))
            if name == Step.UNDO:
                booking.undo(visit.pk)
            else:
                booking.take(name, visit.pk, **more)

    return take


def entries(clinic) -> list[tuple[str, str]]:
    with clinic.active():
        return list(QueueEntry.objects.order_by("pk").values_list("ticket", "status"))


def status_of(clinic, visit) -> str:
    with clinic.active():
        visit.refresh_from_db()
        return visit.status


def test_checking_in_joins_the_queue_and_the_visit_leads_on(riverside, queue, visit, step):
    step(visit, Step.CHECK_IN)
    assert entries(riverside) == [("A-001", S.WAITING)]
    step(visit, Step.START)
    assert entries(riverside) == [("A-001", S.IN_PROGRESS)]
    step(visit, Step.COMPLETE)
    assert entries(riverside) == [("A-001", S.COMPLETED)]
    assert status_of(riverside, visit) == A.COMPLETED


def test_a_step_that_is_undone_is_undone_in_the_queue(riverside, queue, visit, step):
    step(visit, Step.CHECK_IN)
    step(visit, Step.START)
    step(visit, Step.UNDO)
    assert entries(riverside) == [("A-001", S.CALLED)]  # starting called the patient, too
    step(visit, Step.START)
    step(visit, Step.COMPLETE)
    step(visit, Step.UNDO)
    assert entries(riverside) == [("A-001", S.IN_PROGRESS)]
    assert status_of(riverside, visit) == A.IN_PROGRESS


def test_a_visit_that_has_begun_calls_nobody_who_waits_for_more(riverside, queue, visit, step):
    step(visit, Step.CHECK_IN)
    step(visit, Step.START)
    with riverside.active():
        lab = WaitingQueue.objects.create(name="Laboratory", prefix="B")
        first = QueueEntry.objects.get()
        AdvancedQueueEngine.of_entry(first.pk).transfer(first.pk, to_queue_id=lab.pk)
        follow_visit(visit.pk)
    assert entries(riverside) == [("A-001", S.TRANSFERRED), ("B-001", S.WAITING)]


def test_who_is_checked_in_by_mistake_leaves_and_can_come_again(riverside, queue, visit, step):
    step(visit, Step.CHECK_IN)
    step(visit, Step.UNDO)
    assert entries(riverside) == [("A-001", S.LEFT)]
    assert status_of(riverside, visit) == A.CONFIRMED
    step(visit, Step.CHECK_IN)
    assert entries(riverside) == [("A-001", S.LEFT), ("A-002", S.WAITING)]
    assert status_of(riverside, visit) == A.CHECKED_IN


def test_a_cancelled_visit_waits_no_longer_and_keeps_its_ticket_when_undone(
    riverside, queue, visit, step
):
    step(visit, Step.CHECK_IN)
    step(visit, Step.CANCEL, reason="Patient asked")
    assert entries(riverside) == [("A-001", S.LEFT)]
    step(visit, Step.UNDO)
    assert entries(riverside) == [("A-001", S.WAITING)]
    assert status_of(riverside, visit) == A.CHECKED_IN


def test_the_queues_steps_do_not_echo(
    riverside, queue, visit, step, django_capture_on_commit_callbacks
):
    step(visit, Step.CHECK_IN)
    for name in (QueueStep.CALL, QueueStep.START, QueueStep.COMPLETE):
        with django_capture_on_commit_callbacks(execute=True), riverside.active():
            entry = QueueEntry.objects.get()
            AdvancedQueueEngine.of_entry(entry.pk).take(name, entry.pk)
    assert entries(riverside) == [("A-001", S.COMPLETED)]
    assert status_of(riverside, visit) == A.COMPLETED
    with riverside.active():
        steps = list(QueueEntry.objects.get().events.order_by("pk").values_list("step", flat=True))
    assert steps == ["join", "call", "start", "complete"]


@pytest.mark.parametrize("closed", [{"is_accepting_patients": False}, {"is_active": False}])
def test_a_closed_queue_does_not_keep_anybody_from_checking_in(
    riverside, queue, visit, step, closed
):
    with riverside.active():
        WaitingQueue.objects.update(**closed)
    step(visit, Step.CHECK_IN)
    assert entries(riverside) == []
    assert status_of(riverside, visit) == A.CHECKED_IN


def test_a_provider_without_a_queue_has_none(riverside, visit, step):
    step(visit, Step.CHECK_IN)
    assert entries(riverside) == []


def test_a_missed_visit_never_joins(riverside, queue, visit, step):
    step(visit, Step.NO_SHOW)
    assert entries(riverside) == []


@pytest.fixture
def phone():
    return Client(headers={"Accept-Language": "en"})


@pytest.fixture
def code(riverside, visit):
    """The address on the visit's message."""
    with riverside.active():
        return f"/check-in/{check_in_token(visit)}/"


def place(clinic, start) -> None:
    """Move the visit, of 30 minutes."""
    end = start + timedelta(minutes=30)
    with clinic.active():
        AppointmentRequest.objects.update(
            scheduled_datetime=start,
            scheduled_end_datetime=end,
            blocked_from=start,
            blocked_until=end,
        )


def test_by_the_code_on_the_own_phone(riverside, queue, visit, code, phone):
    offered = phone.get(code).content.decode()
    assert "I am here" in offered
    assert "Main building" in offered
    assert entries(riverside) == []
    for _ in range(2):  # a double tap
        answer = phone.post(code)
        assert "A-001" in phone.get(answer.headers["Location"]).content.decode()
    assert phone.get(code).headers["Location"] == answer.headers["Location"]
    assert entries(riverside) == [("A-001", S.WAITING)]
    assert status_of(riverside, visit) == A.CHECKED_IN
    with riverside.active():
        event = QueueEvent.objects.get(step=QueueStep.JOIN)
        assert (event.reason, event.by_id) == (ON_PHONE, None)


def test_the_code_shows_nothing_of_the_patient(riverside, queue, visit, code, phone):
    patient = riverside.patients[0]
    shown = phone.get(code).content.decode()
    for secret in (patient.first_name, patient.last_name, patient.mrn, "Consultation<"):
        assert secret not in shown


@pytest.mark.parametrize("hours", [3, 30])
def test_too_early_says_from_when(riverside, queue, code, visit, phone, hours):
    place(riverside, system_clock() + timedelta(hours=hours))
    for answer in (phone.get(code), phone.post(code)):
        assert "You are early" in answer.content.decode()
    assert entries(riverside) == []


@pytest.mark.parametrize("status", [A.CANCELLED, A.COMPLETED, A.NO_SHOW])
def test_the_code_of_a_visit_that_is_over_opens_nothing(riverside, code, visit, phone, status):
    with riverside.active():
        AppointmentRequest.objects.update(status=status)
    for answer in (phone.get(code), phone.post(code)):
        assert answer.status_code == 404
        assert "This page has ended" in answer.content.decode()


def test_the_code_ends_with_the_visit(riverside, code, visit, phone):
    place(riverside, system_clock() - timedelta(minutes=30))
    assert phone.get(code).status_code == 404


def test_without_a_queue_one_takes_a_seat(riverside, code, visit, phone):
    assert "Please take a seat" in phone.post(code).content.decode()
    assert "You are checked in" in phone.get(code).content.decode()
    assert status_of(riverside, visit) == A.CHECKED_IN


def test_staff_show_the_code_until_the_visit_is_checked_in(riverside, queue, code, visit, step):
    client, url = riverside.client(), reverse("visits:check_in_code", args=[visit.pk])
    shown = client.get(url).content.decode()
    assert code in shown
    assert riverside.patients[0].last_name not in shown
    panel = reverse("visits:visit", args=[visit.pk])
    assert "Check-in code" in client.get(panel).content.decode()
    step(visit, Step.CHECK_IN)
    assert client.get(url).status_code == 404
    shown = client.get(panel).content.decode()
    assert "Check-in code" not in shown
    assert "A-001" in shown


class TestSendingTheCode:
    """The message about the visit, with its code."""

    @pytest.fixture
    def send(self, riverside, visit):
        with riverside.active():
            patient = visit.patient
            patient.email, patient.language = "pat@example.test", "de-AT"
            patient.consents_to_email = True
            patient.save()
        url = reverse("visits:send_check_in_code", args=[visit.pk])
        own = riverside.client()
        return lambda client=own: client.post(url, follow=True)

    def test_it_carries_the_code_and_names_nobody(
        self, riverside, queue, code, visit, send, mailoutbox
    ):
        page = send()
        assert "was sent to the patient" in page.content.decode()
        (letter,) = mailoutbox
        assert letter.to == ["pat@example.test"]
        assert code in letter.body
        assert "Main building" in letter.body
        ((name, picture, kind),) = letter.attachments
        assert (name, kind, picture[:4]) == ("check-in.png", "image/png", b"\x89PNG")
        for secret in (visit.patient.first_name, visit.patient.last_name, visit.patient.mrn):
            assert secret not in letter.subject + letter.body
        paper = riverside.client().get(reverse("visits:check_in_code", args=[visit.pk]))
        assert "Send by e-mail" in paper.content.decode()

    def test_only_to_who_agreed(self, riverside, visit, send, mailoutbox):
        with riverside.active():
            PatientProfile.objects.update(consents_to_email=False)
        assert send().status_code == 400
        assert mailoutbox == []
        paper = riverside.client().get(reverse("visits:check_in_code", args=[visit.pk]))
        assert "Send by e-mail" not in paper.content.decode()

    def test_it_says_when_the_mail_server_is_down(self, visit, send, monkeypatch):
        def refuse(letter):
            raise OSError("pat@example.test: no route to host")

        monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
        answer = send()
        assert answer.status_code == 503
        assert "pat@example.test" not in answer.content.decode()

    def test_another_hospital_sends_nothing(self, lakeside, send, mailoutbox):
        assert send(lakeside.client()).status_code == 404
        assert mailoutbox == []


def test_checking_in_on_today_offers_the_ticket(
    riverside, queue, visit, django_capture_on_commit_callbacks
):
    client = riverside.client()
    with django_capture_on_commit_callbacks(execute=True):
        done = client.post(
            reverse("visits:take_step", args=[visit.pk, Step.CHECK_IN]),
            headers={"HX-Request": "true"},
        )
    link = json.loads(done.headers["HX-Trigger"])["toast"]["link"]
    assert link["label"] == "Print ticket"
    assert "A-001" in client.get(link["url"], follow=True).content.decode()
    assert "A-001" in client.get(reverse("today:board")).content.decode()


def test_without_a_queue_there_is_no_ticket_to_print(riverside, visit):
    client = riverside.client()
    done = client.post(
        reverse("visits:take_step", args=[visit.pk, Step.CHECK_IN]),
        headers={"HX-Request": "true"},
    )
    assert "link" not in json.loads(done.headers["HX-Trigger"])["toast"]
    assert client.get(reverse("visits:ticket_of_visit", args=[visit.pk])).status_code == 404


def test_a_job_follows_what_was_cut_off(riverside, queue, visit):
    """As after a crash between the visit's commit and the queue's."""
    past = system_clock() - timedelta(minutes=5)
    with riverside.active():
        BookingEngine(by=None, clock=lambda: past).check_in(visit.pk)
    tasks.follow_visits(RUNNING, timestamp=0)
    assert entries(riverside) == [("A-001", S.WAITING)]
    with riverside.active():
        BookingEngine(by=None, clock=lambda: past).start(visit.pk)
        BookingEngine(by=None, clock=lambda: past).complete(visit.pk)
    tasks.follow_visits(RUNNING, timestamp=0)
    tasks.follow_visits(RUNNING, timestamp=0)
    assert entries(riverside) == [("A-001", S.COMPLETED)]


def test_the_job_leaves_alone_who_was_sent_on_or_was_just_checked_in(riverside, queue, visit):
    past = system_clock() - timedelta(minutes=5)
    with riverside.active():
        other = WaitingQueue.objects.create(name="X-ray", prefix="X")
        engine = AdvancedQueueEngine(queue, clock=lambda: past)
        entry = engine.add_to_queue(patient_id=visit.patient_id, appointment_id=visit.pk)
        engine.take(QueueStep.CALL, entry.pk)
        engine.take(QueueStep.START, entry.pk)
        engine.transfer(entry.pk, to_queue_id=other.pk)
        later = make_visit(
            riverside, system_clock() + timedelta(hours=1), patient=1, status=A.CONFIRMED
        )
        BookingEngine(by=None).check_in(later.pk)
    tasks.follow_visits(RUNNING, timestamp=0)
    assert entries(riverside) == [("A-001", S.TRANSFERRED), ("X-001", S.WAITING)]


class TestComingBack:
    """E-mail to whoever waits elsewhere."""

    @pytest.fixture
    def away(self, riverside, queue):
        """Two who wait elsewhere, of whom the first agreed to e-mail."""
        with riverside.active():
            for number, patient in enumerate(riverside.patients[:2]):
                patient.email, patient.language = f"pat{number}@example.test", "de-AT"
                patient.consents_to_email = number == 0
                patient.save()
                AdvancedQueueEngine(queue).add_to_queue(patient_id=patient.pk, is_remote=True)

    def test_one_letter_each_without_a_name(self, riverside, away, mailoutbox):
        tasks.call_back(RUNNING, timestamp=0)
        tasks.call_back(RUNNING, timestamp=0)
        (letter,) = mailoutbox
        assert letter.to == ["pat0@example.test"]
        assert letter.subject == "A-001 · Gleich sind Sie dran"
        assert "Main building" in letter.body
        for secret in ("Pat1", "Riversideson", "R00001"):
            assert secret not in letter.subject + letter.body

    def test_nobody_is_asked_to_come_to_a_video_visit(self, riverside, away, mailoutbox):
        with riverside.active():
            visit = make_visit(riverside, system_clock(), modality=Modality.TELEHEALTH)
            QueueEntry.objects.filter(patient=visit.patient).update(appointment=visit)
        tasks.call_back(RUNNING, timestamp=0)
        assert mailoutbox[0].body.startswith("Sie müssen nicht kommen. Wir rufen Sie an")

    def test_a_line_is_read_once_however_many_wait_elsewhere(
        self, riverside, away, django_assert_num_queries
    ):
        with riverside.active():
            with CaptureQueriesContext(connection) as one:
                assert len(letters(now=system_clock())) == 1
            PatientProfile.objects.update(consents_to_email=True)
            with django_assert_num_queries(len(one)):
                assert len(letters(now=system_clock())) == 2

    def test_nobody_is_written_to_who_waits_here(self, riverside, away, mailoutbox):
        with riverside.active():
            QueueEntry.objects.update(is_remote=False)
        tasks.call_back(RUNNING, timestamp=0)
        assert mailoutbox == []

    def test_what_could_not_be_sent_is_sent_later(self, riverside, away, mailoutbox, monkeypatch):
        def refuse(*args):
            raise OSError("no connection")

        with monkeypatch.context() as patched:
            patched.setattr(tasks, "send_mail", refuse)
            with pytest.raises(tasks.JobError):
                tasks.call_back(RUNNING, timestamp=0)
        tasks.call_back(RUNNING, timestamp=0)
        assert len(mailoutbox) == 1

    def test_an_address_that_is_refused_holds_nobody_else_up(
        self, riverside, away, mailoutbox, monkeypatch
    ):
        send = tasks.send_mail

        def refuse_first(subject, text, sender, to):
            if to == ["pat0@example.test"]:
                raise OSError("no such mailbox")
            send(subject, text, sender, to)

        with riverside.active():
            PatientProfile.objects.update(consents_to_email=True)
            make_point(WaitingQueue.objects.get(), "Room 1")
            make_point(WaitingQueue.objects.get(), "Room 2")
        monkeypatch.setattr(tasks, "send_mail", refuse_first)
        with pytest.raises(tasks.JobError):
            tasks.call_back(RUNNING, timestamp=0)
        assert [letter.to for letter in mailoutbox] == [["pat1@example.test"]]
