"""Alerts: opened once, closed by themselves, mailed once, seen by somebody."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core import mail
from django.core.cache import caches
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.testing import InMemoryConnector
from redis.exceptions import ConnectionError as RedisDown

from accounts.permissions import Role
from appointments import tasks
from appointments.enums import QueueAlertKind as Kind
from appointments.enums import QueueStep
from appointments.models import QueueAlert, QueueConfiguration, WaitingQueue
from appointments.queue import alerts
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.tests.visits import make_visit
from core import lifecycle, pulse
from core.clock import system_clock
from core.errors import NotFoundError
from core.models import Tenant

pytestmark = pytest.mark.django_db
RUNNING = SimpleNamespace(should_abort=lambda: False)
PAGE = "/appointments/queue/alerts/"


@pytest.fixture
def inside(riverside, lakeside):
    with riverside.active():
        Tenant.objects.filter(pk=riverside.tenant.pk).update(email="desk@riverside.test")
        yield riverside


@pytest.fixture
def queue(inside):
    return WaitingQueue.objects.create(name="Walk-in", prefix="A")


def wait(clinic, queue, *, minutes: float, patient: int = 0):
    joined = system_clock() - timedelta(minutes=minutes)
    engine = AdvancedQueueEngine(queue, clock=lambda: joined)
    return engine.add_to_queue(patient_id=clinic.patients[patient].pk)


def look(clinic, *, minutes: float = 0) -> list[int]:
    return alerts.look(clinic.tenant, clock=lambda: system_clock() + timedelta(minutes=minutes))


def shown() -> list[tuple[str, bool]]:
    rows = QueueAlert.objects.order_by("pk").values_list("kind", "closed_at")
    return [(kind, closed is None) for kind, closed in rows]


def test_a_long_wait_opens_once_and_closes_by_itself(inside, queue):
    entry = wait(inside, queue, minutes=59)
    look(inside)
    assert shown() == []
    for minutes in (2, 3, 4):
        look(inside, minutes=minutes)
    assert shown() == [(Kind.LONG_WAIT, True)]
    AdvancedQueueEngine(queue).take(QueueStep.CALL, entry.pk)
    look(inside, minutes=5)
    assert shown() == [(Kind.LONG_WAIT, False)]


def test_who_comes_early_waits_from_the_booked_time_on(inside, queue):
    visit = make_visit(inside, system_clock() - timedelta(minutes=50))
    joined = system_clock() - timedelta(minutes=110)
    AdvancedQueueEngine(queue, clock=lambda: joined).add_to_queue(
        patient_id=visit.patient_id, appointment_id=visit.pk
    )
    look(inside)
    assert shown() == []
    look(inside, minutes=11)
    assert shown() == [(Kind.LONG_WAIT, True)]


def test_being_sent_on_does_not_begin_the_wait_anew(inside, queue):
    entry = wait(inside, queue, minutes=70)
    lab = WaitingQueue.objects.create(name="Lab", prefix="B")
    now = system_clock()
    AdvancedQueueEngine(queue, clock=lambda: now - timedelta(minutes=20)).transfer(
        entry.pk, to_queue_id=lab.pk
    )
    look(inside)
    assert QueueAlert.objects.get().queue == lab


def test_each_queue_has_its_own_limit(inside, queue):
    QueueConfiguration.objects.create(queue=queue, alert_wait_minutes=10)
    wait(inside, queue, minutes=11)
    other = WaitingQueue.objects.create(name="Other", prefix="B")
    wait(inside, other, minutes=11, patient=1)
    look(inside)
    assert QueueAlert.objects.get().queue == queue


def test_a_queue_that_is_nearly_full(inside, queue):
    queue.max_queue_size = 3
    queue.save()
    for number in range(3):
        wait(inside, queue, minutes=1, patient=number)
    look(inside)
    assert QueueAlert.objects.get().detail == "3 of 3 places are taken."


def test_lost_connections_open_beyond_a_tenth(inside):
    for _ in range(40):
        pulse.count(alerts.sockets_seen(inside.tenant.pk))
    for _ in range(4):
        pulse.count(alerts.sockets_lost(inside.tenant.pk))
    look(inside)
    assert shown() == []
    pulse.count(alerts.sockets_lost(inside.tenant.pk))
    look(inside)
    assert shown() == [(Kind.SOCKETS_LOST, True)]
    look(inside, minutes=6)
    assert shown() == [(Kind.SOCKETS_LOST, False)]


def test_a_web_server_that_died_took_every_connection_along(inside):
    lifecycle.begun("host:1")
    lifecycle.ended("host:1")
    lifecycle.begun("host:1")
    lifecycle.begun("host:2")
    look(inside)
    lifecycle.begun("host:1")
    look(inside)
    assert shown() == []  # nobody had a connection
    for _ in range(3):
        pulse.count(alerts.sockets_seen(inside.tenant.pk))
    look(inside)
    assert "A web server died" in QueueAlert.objects.get().detail


def test_what_one_process_counts_the_others_read_soon(monkeypatch):
    monkeypatch.setattr(pulse, "TOLD_AFTER_SECONDS", 0.05)
    pulse.count("anything")
    pulse.count("anything")
    minutes = [pulse._key("anything", system_clock() + timedelta(minutes=n)) for n in (-1, 0)]
    deadline = time.monotonic() + 20
    while not (told := caches["default"].get_many(minutes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sum(told.values()) == 2


def test_another_tenants_lost_connections_are_its_own(inside, lakeside):
    for _ in range(10):
        pulse.count(alerts.sockets_lost(lakeside.tenant.pk))
    look(inside)
    assert shown() == []


def test_slow_statements_are_counted_whatever_they_say(inside):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.55)")
    now = system_clock()
    assert sum(pulse.by_minute(pulse.SLOW_STATEMENTS, minutes=2, now=now)) == 1
    for _ in range(alerts.SLOW_AT_LEAST):
        pulse.count(pulse.SLOW_STATEMENTS)
    look(inside)
    assert shown() == [(Kind.SLOW_QUERIES, True)]


def test_without_redis_one_alert_says_so_and_what_is_unknown_stays(inside, monkeypatch):
    for _ in range(alerts.SLOW_AT_LEAST):
        pulse.count(pulse.SLOW_STATEMENTS)
    look(inside)

    def refuse(*args, **kwargs):
        raise RedisDown

    with monkeypatch.context() as patch:
        for name in ("get_many", "incr", "add"):
            patch.setattr(caches["default"], name, refuse)
        pulse.count("anything")
        look(inside, minutes=20)
        assert shown() == [(Kind.SLOW_QUERIES, True), (Kind.REDIS_LOST, True)]
    look(inside, minutes=21)
    assert shown() == [(Kind.SLOW_QUERIES, False), (Kind.REDIS_LOST, False)]


def test_a_mail_goes_out_once_and_names_nobody(riverside, lakeside):
    with riverside.active():
        Tenant.objects.filter(pk=riverside.tenant.pk).update(email="desk@riverside.test")
        queue = WaitingQueue.objects.create(name="Walk-in", prefix="A")
        wait(riverside, queue, minutes=70)
    connector = InMemoryConnector()
    with app.replace_connector(connector):
        tasks.watch_queues(RUNNING, timestamp=0)
        tasks.watch_queues(RUNNING, timestamp=0)
    asked = [job for job in connector.jobs.values() if job["task_name"].endswith("mail_alert")]
    for job in asked:
        tasks.mail_alert(**job["args"])
    [sent] = mail.outbox
    assert sent.to == ["desk@riverside.test"]
    assert sent.subject == "Walk-in: Somebody waits too long"
    assert "Pat1" not in sent.body + sent.subject


def test_a_hospital_without_an_address_has_its_managers_told(inside, queue):
    Tenant.objects.filter(pk=inside.tenant.pk).update(email="")
    wait(inside, queue, minutes=70)
    [key] = look(inside)
    roles = Role.MANAGER, Role.TENANT_ADMIN
    told = alerts.claim_mail(key)
    assert told is not None
    assert told.to == sorted(inside.user(role).email for role in roles)


def test_what_comes_and_goes_is_mailed_once_an_hour(inside, queue):
    first = wait(inside, queue, minutes=70)
    [key] = look(inside)
    assert alerts.claim_mail(key) is not None
    assert alerts.claim_mail(key) is None
    AdvancedQueueEngine(queue).take(QueueStep.LEAVE, first.pk)
    assert look(inside, minutes=1) == []
    wait(inside, queue, minutes=70, patient=1)
    assert look(inside, minutes=2) == []
    assert len(look(inside, minutes=70)) == 1


def test_the_page_shows_what_is_open_and_who_saw_it(inside, queue):
    wait(inside, queue, minutes=70)
    look(inside)
    key = QueueAlert.objects.get().pk
    client = inside.client(Role.NURSE)
    page = client.get(PAGE).content.decode()
    assert "Somebody waits too long" in page
    assert "Pat1" not in page
    assert "Somebody waits too long" in client.get(f"{PAGE}strip/").content.decode()
    assert client.post(f"{PAGE}{key}/seen/").status_code == 302
    assert inside.user(Role.NURSE).get_full_name() in client.get(PAGE).content.decode()
    assert "waits too long" not in client.get(f"{PAGE}strip/").content.decode()


def test_a_provider_sees_alerts_of_own_queues_only(inside, queue):
    wait(inside, queue, minutes=70)
    look(inside)
    provider = inside.user(Role.PROVIDER)
    assert list(alerts.visible_alerts(provider)) == []
    with pytest.raises(NotFoundError):
        alerts.mark_seen(provider, QueueAlert.objects.get().pk)


def test_who_may_not_see_queues_sees_no_alerts(riverside):
    assert riverside.client(Role.PATIENT).get(PAGE).status_code == 403
