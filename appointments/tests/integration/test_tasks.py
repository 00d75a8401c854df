"""Periodic jobs do their work in every tenant, and the worker process runs them."""

import logging
import os
import signal
import subprocess
import sys
import time as clock_time
from datetime import time, timedelta
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from procrastinate.contrib.django import app

from appointments import tasks
from appointments.booking import upkeep
from appointments.booking.engine import BookingEngine
from appointments.enums import AppointmentStatus, Step
from appointments.models import AppointmentEvent, AppointmentRequest, SlotAvailability
from core.clock import system_clock
from core.models import IdempotencyRecord, Tenant

RUNNING = SimpleNamespace(should_abort=lambda: False)
ENDING = SimpleNamespace(should_abort=lambda: True)
WORKER_SECONDS = 60


def visit(clinic, *, started_ago: timedelta, status=AppointmentStatus.PENDING, **fields):
    """A 30-minute row that began that long ago."""
    start = system_clock() - started_ago
    return AppointmentRequest.objects.create(
        patient=clinic.patients[0],
        provider=clinic.providers[0],
        appointment_type=clinic.types[0],
        scheduled_datetime=start,
        scheduled_end_datetime=start + timedelta(minutes=30),
        blocked_from=start,
        blocked_until=start + timedelta(minutes=30),
        status=status,
        **fields,
    )


def hold(clinic, *, expires_in: timedelta):
    return visit(
        clinic,
        started_ago=timedelta(days=-1),
        status=AppointmentStatus.HELD,
        hold_expires_at=system_clock() + expires_in,
    )


@pytest.mark.parametrize("status", [AppointmentStatus.PENDING, AppointmentStatus.CONFIRMED])
def test_a_visit_nobody_came_to_becomes_missed(riverside, status):
    with riverside.active():
        row = visit(riverside, started_ago=timedelta(minutes=61), status=status)
    tasks.mark_missed(RUNNING, timestamp=0)
    with riverside.active():
        row.refresh_from_db()
        event = row.events.get()
        assert row.status == AppointmentStatus.NO_SHOW
        assert (event.step, event.from_status, event.by_id) == (Step.NO_SHOW, status, None)


def test_within_the_tenants_grace_it_is_still_expected(riverside):
    with riverside.active():
        Tenant.objects.filter(pk=riverside.tenant.pk).update(no_show_grace_minutes=90)
        row = visit(riverside, started_ago=timedelta(minutes=89))
    tasks.mark_missed(RUNNING, timestamp=0)
    with riverside.active():
        row.refresh_from_db()
        assert row.status == AppointmentStatus.PENDING


@pytest.mark.parametrize(
    "status",
    [AppointmentStatus.CHECKED_IN, AppointmentStatus.IN_PROGRESS, AppointmentStatus.COMPLETED],
)
def test_whoever_came_is_never_missed(riverside, status):
    with riverside.active():
        row = visit(riverside, started_ago=timedelta(hours=5), status=status)
    tasks.mark_missed(RUNNING, timestamp=0)
    with riverside.active():
        row.refresh_from_db()
        assert row.status == status


def test_a_visit_missed_by_the_clock_can_be_undone(riverside):
    with riverside.active():
        row = visit(riverside, started_ago=timedelta(hours=2))
    tasks.mark_missed(RUNNING, timestamp=0)
    with riverside.active():
        assert BookingEngine(by=None).undo(row.pk).status == AppointmentStatus.PENDING


def test_more_missed_visits_than_one_batch(riverside, monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 2)
    monkeypatch.setattr(upkeep.mark_missed_visits, "__kwdefaults__", {"limit": 2})
    with riverside.active():
        for hours in range(2, 7):
            visit(riverside, started_ago=timedelta(hours=hours))
    tasks.mark_missed(RUNNING, timestamp=0)
    with riverside.active():
        assert AppointmentEvent.objects.filter(step=Step.NO_SHOW).count() == 5


def test_expired_holds_free_their_time(riverside):
    with riverside.active():
        hold(riverside, expires_in=timedelta(seconds=-1))
    tasks.expire_holds(RUNNING, timestamp=0)
    with riverside.active():
        assert not AppointmentRequest.objects.exists()


def test_live_holds_stay(riverside):
    with riverside.active():
        row = hold(riverside, expires_in=timedelta(minutes=5))
    tasks.expire_holds(RUNNING, timestamp=0)
    with riverside.active():
        assert list(AppointmentRequest.objects.all()) == [row]


def test_windows_reach_half_a_year_ahead_in_every_tenant(riverside, lakeside):
    tasks.extend_availability(RUNNING, timestamp=0)
    for clinic in (riverside, lakeside):
        last = clinic.at(179, time(12)).astimezone(clinic.tenant.zone_info).date()
        with clinic.active():
            assert SlotAvailability.objects.filter(date=last).count() == 2
            assert not SlotAvailability.objects.filter(date__gt=last).exists()


def test_old_answers_and_sessions_are_purged(riverside):
    record = {"user_id": 1, "fingerprint": "f", "status": 201, "body": b"{}"}
    with riverside.active():
        for key, days in (("old", 3), ("new", 0)):
            at = system_clock() - timedelta(days=days)
            IdempotencyRecord.objects.create(key=key, created_at=at, **record)
    for key, days in (("old", -1), ("new", 1)):
        expires = system_clock() + timedelta(days=days)
        Session.objects.create(session_key=key, session_data="", expire_date=expires)
    tasks.purge_answers(RUNNING, timestamp=0)
    tasks.purge_sessions(timestamp=0)
    with riverside.active():
        assert IdempotencyRecord.objects.get().key == "new"
    assert Session.objects.get().session_key == "new"


def test_one_tenants_failure_does_not_stop_the_others(riverside, lakeside, caplog):
    visited, name = [], riverside.patients[0].last_name

    def work(each):
        visited.append(each.slug)
        if each.slug == "riverside":
            raise ValueError(f"Key (last_name)=({name}) already exists")

    with caplog.at_level(logging.ERROR, "hospital.jobs"), pytest.raises(tasks.JobError):
        tasks.in_every_tenant("job", work)
    assert visited == ["riverside", "lakeside"]
    assert "riverside" in caplog.text
    assert "ValueError" in caplog.text
    assert name not in caplog.text


def test_inactive_tenants_are_passed_over(riverside, lakeside):
    with riverside.active():
        Tenant.objects.filter(pk=riverside.tenant.pk).update(is_active=False)
    visited = []
    tasks.in_every_tenant("job", visited.append)
    assert visited == [lakeside.tenant]


def test_a_job_stops_between_tenants_when_the_worker_ends(riverside):
    with riverside.active():
        hold(riverside, expires_in=timedelta(seconds=-1))
    tasks.expire_holds(ENDING, timestamp=0)
    with riverside.active():
        assert AppointmentRequest.objects.exists()


def test_every_job_is_periodic_and_never_queued_twice():
    ours = {name: task for name, task in app.tasks.items() if name.startswith("appointments:")}
    periodic = {entry.task.name for entry in app.periodic_registry.periodic_tasks.values()}
    after_events = {"appointments:learn_preferences", "appointments:mail_alert"}
    assert set(ours) - periodic == after_events
    assert {ours[name].queueing_lock for name in after_events} == {None}  # retried, if stalled
    locks = {ours[name].queueing_lock for name in ours.keys() & periodic}
    assert len(locks) == len(ours.keys() & periodic)
    assert None not in locks


class StalledJobs:
    """The queue's manager, with jobs whose worker was killed."""

    def __init__(self, *jobs):
        self.jobs, self.again, self.dropped = jobs, [], []

    async def get_stalled_jobs(self):
        return self.jobs

    async def retry_job(self, job):
        self.again.append(job)

    async def finish_job(self, job, *, status, delete_job):
        self.dropped.append(job)

    async def delete_old_jobs(self, **kwargs):
        pass


async def test_a_job_that_was_cut_off_is_done_again_unless_it_comes_round_by_itself():
    mail, periodic, hopeless = (
        SimpleNamespace(queueing_lock=lock, attempts=attempts)
        for lock, attempts in ((None, 0), ("mark_missed", 0), (None, tasks.MAX_ATTEMPTS))
    )
    manager = StalledJobs(mail, periodic, hopeless)
    context = SimpleNamespace(app=SimpleNamespace(job_manager=manager))
    await tasks.tidy_jobs.func(context, timestamp=0)
    assert manager.again == [mail]
    assert manager.dropped == [periodic, hopeless]


@pytest.mark.concurrency
def test_a_worker_runs_jobs_as_the_bound_role_without_redis_and_ends_on_sigterm(
    committed_riverside, tmp_path
):
    with committed_riverside.active():
        hold(committed_riverside, expires_in=timedelta(seconds=-1))
    tasks.extend_availability_soon()
    tasks.extend_availability_soon()  # already waiting: no second one
    tasks.expire_holds.defer(timestamp=0)
    nowhere = {"REDIS_URL": f"unix://{tmp_path}/nobody.sock"}
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "procrastinate", "worker", "--shutdown-graceful-timeout=3"],
        cwd=settings.BASE_DIR,
        env=os.environ | nowhere,
        stderr=subprocess.PIPE,
    )
    try:
        wait_until(lambda: job_counts("succeeded") >= {"expire_holds", "extend_availability"})
        with committed_riverside.active():
            assert not AppointmentRequest.objects.exists()
            assert SlotAvailability.objects.count() == 2 * 180
        assert heartbeat_role() == settings.DATABASES["default"]["USER"]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=4) == 0
    finally:
        worker.kill()
        worker.communicate()


def wait_until(condition):
    deadline = clock_time.monotonic() + WORKER_SECONDS
    while not condition():
        assert clock_time.monotonic() < deadline, "the worker did not do its jobs"
        clock_time.sleep(0.1)


def job_counts(status):
    with connection.cursor() as cursor:
        cursor.execute("SELECT task_name FROM procrastinate_jobs WHERE status = %s", [status])
        return {name.removeprefix("appointments:") for (name,) in cursor.fetchall()}


def heartbeat_role():
    """Whose connections the worker that beats has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_workers")
        assert cursor.fetchone() == (1,)
        cursor.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE query ILIKE '%%procrastinate%%'"
            " AND datname = current_database()"
        )
        (role,) = cursor.fetchone()
        return role
