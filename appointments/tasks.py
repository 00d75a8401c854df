"""Background jobs: each enters one tenant after the other and calls one engine there.

Every job may run twice, late or be cut off: what it left undone, its next run does.
"""

import logging
from collections.abc import Callable
from contextlib import suppress

from django.contrib.sessions.backends.db import SessionStore
from django.core.mail import send_mail
from django.db import transaction
from procrastinate import App, Blueprint, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.job_context import JobContext
from procrastinate.jobs import Status

from appointments.booking.upkeep import BATCH, drop_expired_holds, mark_missed_visits
from appointments.models import WaitingQueue
from appointments.queue import alerts, come_back, learning, upkeep
from appointments.queue import metrics as queue_metrics
from appointments.queue.arrivals import follow_visit, left_behind
from appointments.scheduling import metrics, preferences
from appointments.scheduling.no_show_training import refit
from appointments.scheduling.windows import extend_windows
from core import idempotency
from core.clock import system_clock
from core.errors import DomainError
from core.failures import kind_and_place
from core.models import Tenant
from core.tenancy import tenant

logger = logging.getLogger("hospital.jobs")
jobs = Blueprint()

MAX_ATTEMPTS = 4
KEEP_DONE_JOBS_HOURS = 24
KEEP_FAILED_JOBS_HOURS = 14 * 24


class JobError(RuntimeError):
    """A job did not finish; what it could do, it did."""


def register(app: App) -> None:
    """Called when the job queue is ready."""
    app.add_tasks_from(jobs, namespace="appointments")


def in_every_tenant(
    job: str, work: Callable[[Tenant], None], *, stop: Callable[[], bool] = lambda: False
) -> None:
    """Call ``work`` once per active tenant, outside any transaction.

    One tenant's failure is logged and does not keep the others from their turn.

    Args:
        stop: asked before each tenant; the worker's way to end soon.

    Raises:
        JobError: it failed for some tenant.
    """
    failed = 0
    for each in Tenant.objects.filter(is_active=True).order_by("pk"):
        if stop():
            return
        try:
            work(each)
        except Exception as error:  # noqa: BLE001 - the other tenants' work must go on
            failed += 1
            logger.error("%s failed for tenant %s: %s", job, each.slug, kind_and_place(error))
    if failed:
        raise JobError(f"{job} failed for {failed} tenants; see the log.")


@jobs.periodic(cron="* * * * *")
@jobs.task(name="mark_missed", queueing_lock="mark_missed", pass_context=True)
def mark_missed(context: JobContext, timestamp: int) -> None:
    """Every minute: visits nobody came to become missed."""

    def work(each: Tenant) -> None:
        marked = BATCH
        while marked == BATCH and not context.should_abort():
            with tenant(each.pk):
                marked = mark_missed_visits(clock=system_clock)

    in_every_tenant("mark_missed", work, stop=context.should_abort)


@jobs.periodic(cron="* * * * *")
@jobs.task(name="expire_holds", queueing_lock="expire_holds", pass_context=True)
def expire_holds(context: JobContext, timestamp: int) -> None:
    """Every minute: holds that have ended free their time."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            drop_expired_holds(now=system_clock())

    in_every_tenant("expire_holds", work, stop=context.should_abort)


@jobs.periodic(cron="* * * * *")
@jobs.task(name="follow_visits", queueing_lock="follow_visits", pass_context=True)
def follow_visits(context: JobContext, timestamp: int) -> None:
    """Every minute: queues follow visits whose last step they missed."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            for key in left_behind(now=system_clock()):
                # Staff may be ahead of it; the next round sees what is left.
                with suppress(DomainError), transaction.atomic():
                    follow_visit(key)

    in_every_tenant("follow_visits", work, stop=context.should_abort)


@jobs.periodic(cron="* * * * *")
@jobs.task(name="call_back", queueing_lock="call_back", pass_context=True)
def call_back(context: JobContext, timestamp: int) -> None:
    """Every minute: e-mail to those who wait elsewhere and are nearly up, once each."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            due = come_back.letters(now=system_clock())
        failed = 0
        for letter in filter(come_back.claim, due):
            try:
                send_mail(letter.subject, letter.text, None, [letter.to])
            except OSError:  # perhaps this address alone is refused: the others' turn must come
                come_back.give_back(letter)
                failed += 1
        if failed:
            raise JobError(f"{failed} letters were not sent.")

    in_every_tenant("call_back", work, stop=context.should_abort)


@jobs.periodic(cron="7 1 * * *")
@jobs.task(name="extend_availability", queueing_lock="extend_availability", pass_context=True)
def extend_availability(context: JobContext, timestamp: int) -> None:
    """Every night, and at each start: windows for the coming 180 days."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            extend_windows(today=system_clock().astimezone(each.zone_info).date())

    in_every_tenant("extend_availability", work, stop=context.should_abort)


def extend_availability_soon() -> None:
    """Let the worker do it as soon as it runs: at a start, the last night may be long ago."""
    with suppress(AlreadyEnqueued):
        extend_availability.defer(timestamp=int(system_clock().timestamp()))


@jobs.periodic(cron="*/5 * * * *")
@jobs.task(name="keep_metrics", queueing_lock="keep_metrics", pass_context=True)
def keep_metrics(context: JobContext, timestamp: int) -> None:
    """Every five minutes: the figures of today, and of yesterday."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            metrics.keep_current(each)

    in_every_tenant("keep_metrics", work, stop=context.should_abort)


@jobs.periodic(cron="47 1 * * *")
@jobs.task(name="settle_metrics", queueing_lock="settle_metrics", pass_context=True)
def settle_metrics(context: JobContext, timestamp: int) -> None:
    """Every night: the figures of the last week, in which visits may have been corrected."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            metrics.keep_current(each, days=metrics.SETTLING_DAYS)

    in_every_tenant("settle_metrics", work, stop=context.should_abort)


@jobs.periodic(cron="* * * * *")
@jobs.task(name="keep_queue_metrics", queueing_lock="keep_queue_metrics", pass_context=True)
def keep_queue_metrics(context: JobContext, timestamp: int) -> None:
    """Every minute: each queue's figures of this hour and of the one before."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            queue_metrics.keep_current(each)

    in_every_tenant("keep_queue_metrics", work, stop=context.should_abort)


@jobs.periodic(cron="* * * * *")
@jobs.task(name="tend_queues", queueing_lock="tend_queues", pass_context=True)
def tend_queues(context: JobContext, timestamp: int) -> None:
    """Every minute: screens whose order and waits the time has moved."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            upkeep.publish_present(tenant_id=each.pk)

    in_every_tenant("tend_queues", work, stop=context.should_abort)


@jobs.periodic(cron="23 * * * *")
@jobs.task(name="clear_forgotten", queueing_lock="clear_forgotten", pass_context=True)
def clear_forgotten(context: JobContext, timestamp: int) -> None:
    """Every hour: entries of yesterday that nobody ended."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            upkeep.end_forgotten(zone=each.zone_info)

    in_every_tenant("clear_forgotten", work, stop=context.should_abort)


@jobs.periodic(cron="* * * * *")
@jobs.task(name="watch_queues", queueing_lock="watch_queues", pass_context=True)
def watch_queues(context: JobContext, timestamp: int) -> None:
    """Every minute: alerts open and close."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            keys = alerts.look(each)
        for key in keys:
            mail_alert.defer(tenant_id=each.pk, alert_id=key)

    in_every_tenant("watch_queues", work, stop=context.should_abort)


@jobs.task(name="mail_alert")
def mail_alert(tenant_id: int, alert_id: int) -> None:
    """Once at most: a mail that may have gone is not sent again.

    Raises:
        JobError: the mail server did not take it.
    """
    with tenant(tenant_id):
        mail = alerts.claim_mail(alert_id)
    if mail is None:
        return
    try:
        send_mail(mail.subject, mail.body, None, mail.to)
    except OSError as error:  # smtplib's errors are of this kind, and quote addresses
        raise JobError(f"The mail server failed: {type(error).__name__}") from None


@jobs.periodic(cron="17 1 * * *")
@jobs.task(name="settle_queue_metrics", queueing_lock="settle_queue_metrics", pass_context=True)
def settle_queue_metrics(context: JobContext, timestamp: int) -> None:
    """Every night: the queues' hours of the last days, if a minute's job was missed."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            keys = list(WaitingQueue.objects.values_list("pk", flat=True))
            queue_metrics.settle(each, queue_ids=keys)

    in_every_tenant("settle_queue_metrics", work, stop=context.should_abort)


@jobs.periodic(cron="37 3 * * *")
@jobs.task(name="learn_waits", queueing_lock="learn_waits", pass_context=True)
def learn_waits(context: JobContext, timestamp: int) -> None:
    """Every night: what each queue's past waits teach about its estimates."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            for queue in WaitingQueue.objects.filter(is_active=True):
                learning.learn_waits(queue, now=system_clock())

    in_every_tenant("learn_waits", work, stop=context.should_abort)


# After 10 s, 100 s and 1000 s; then the nightly round.
@jobs.task(name="learn_preferences", retry=RetryStrategy(max_attempts=4, exponential_wait=10))
def learn_preferences(tenant_id: int, appointment_id: int) -> None:
    """After each finished visit: what it says about its patient's habits."""
    with tenant(tenant_id):
        preferences.learn_from_visit(appointment_id)


@jobs.periodic(cron="57 1 * * *")
@jobs.task(name="catch_up_preferences", queueing_lock="catch_up_preferences", pass_context=True)
def catch_up_preferences(context: JobContext, timestamp: int) -> None:
    """Every night: patients of whom a visit has not been learned from yet."""

    def work(each: Tenant) -> None:
        found = preferences.BATCH
        while found == preferences.BATCH and not context.should_abort():
            with tenant(each.pk):
                found = preferences.catch_up()

    in_every_tenant("catch_up_preferences", work, stop=context.should_abort)


@jobs.periodic(cron="27 3 * * *")
@jobs.task(name="refit_no_show", queueing_lock="refit_no_show", pass_context=True)
def refit_no_show(context: JobContext, timestamp: int) -> None:
    """Every night: what each tenant's visits teach about who will miss one."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            refit(zone=each.zone_info, clock=system_clock)

    in_every_tenant("refit_no_show", work, stop=context.should_abort)


@jobs.periodic(cron="37 2 * * *")
@jobs.task(name="purge_sessions", queueing_lock="purge_sessions")
def purge_sessions(timestamp: int) -> None:
    """Every night: sessions that have expired."""
    SessionStore.clear_expired()


@jobs.periodic(cron="17 2 * * *")
@jobs.task(name="purge_answers", queueing_lock="purge_answers", pass_context=True)
def purge_answers(context: JobContext, timestamp: int) -> None:
    """Every night: answers kept for repeated requests, once their time is over."""

    def work(each: Tenant) -> None:
        with tenant(each.pk):
            idempotency.purge()

    in_every_tenant("purge_answers", work, stop=context.should_abort)


@jobs.periodic(cron="*/5 * * * *")
@jobs.task(name="tidy_jobs", queueing_lock="tidy_jobs", pass_context=True)
async def tidy_jobs(context: JobContext, timestamp: int) -> None:
    """Every five minutes: jobs whose worker was killed, and those that ended long ago.

    A periodic one comes round again by itself, so its remains are dropped; any other is queued
    once more, unless its attempts are used up.
    """
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        if job.queueing_lock is None and job.attempts < MAX_ATTEMPTS:
            await manager.retry_job(job)
        else:
            await manager.finish_job(job, status=Status.FAILED, delete_job=True)
    await manager.delete_old_jobs(nb_hours=KEEP_DONE_JOBS_HOURS)
    await manager.delete_old_jobs(nb_hours=KEEP_FAILED_JOBS_HOURS, include_failed=True)
