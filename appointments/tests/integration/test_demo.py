"""What the demo promises, checked on the rows it writes."""

from datetime import date, timedelta
from io import StringIO
from itertools import pairwise

import phonenumbers
import pytest
from django.contrib.auth.hashers import check_password
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count, Max, Min, Q

from accounts.identity import locate_login
from accounts.models import ProviderProfile, User
from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.enums import EXPECTED, OCCUPYING, AppointmentStatus, QueueEntryStatus, Step
from appointments.management.demo.logins import PASSWORD, announcement, are_loaded
from appointments.management.demo.visits import snapshot
from appointments.models import (
    AppointmentEvent,
    AppointmentPriorityRule,
    AppointmentRequest,
    AppointmentTemplate,
    AvailabilityRule,
    DisplayScreen,
    Kiosk,
    QueueEntry,
    QueueMetrics,
    SlotAvailability,
    TicketCounter,
    WaitCalibration,
    WaitingList,
    WaitingQueue,
)
from appointments.queue.metrics import FIELDS, rebuild
from appointments.queue.report import report_of
from appointments.scheduling.analytics import Period
from appointments.scheduling.selectors import working_windows
from appointments.scheduling.wait_warnings import wait_warnings
from appointments.scheduling.windows import extend_windows
from core.clock import system_clock
from core.models import AuditEvent, Site, Tenant
from core.tenancy import tenant
from patients.models import PatientProfile
from patients.registration import register

SLUGS = ("riverside", "lakeside")
ROLES = {
    "admin": Role.TENANT_ADMIN,
    "manager": Role.MANAGER,
    "frontdesk": Role.FRONT_DESK,
    "nurse": Role.NURSE,
    "doctor": Role.PROVIDER,
    "patient": Role.PATIENT,
}


@pytest.fixture(scope="module")
def printed(committed_module):
    """The demo is loaded once for the whole module; tests that write roll back."""
    out = StringIO()
    call_command("load_demo", stdout=out)
    return out.getvalue()


@pytest.fixture(params=SLUGS)
def hospital(request, printed):
    """One of the demo's tenants, active; what the test writes is undone."""
    found = Tenant.objects.get(slug=request.param)
    with tenant(found.pk):
        yield found
        transaction.set_rollback(True)


def today_in(found):
    return system_clock().astimezone(found.zone_info).date()


def test_it_prints_every_login(printed):
    for slug in SLUGS:
        for account in ROLES:
            assert f"{account}@{slug}.demo" in printed
    assert "root@demo" in printed
    assert PASSWORD in printed


def test_it_is_noticed_at_every_later_start(printed):
    assert are_loaded()
    assert announcement() in printed


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("account", ROLES)
def test_accounts_have_their_role_and_the_password(printed, slug, account):
    located = locate_login(f"{account}@{slug}.demo")
    with tenant(located.tenant_id):
        user = User.objects.get(pk=located.user_id)
        assert user.role == ROLES[account]
        assert check_password(PASSWORD, user.password)


def test_root_is_a_superuser_without_a_tenant(printed):
    located = locate_login("root@demo")
    root = User.objects.get(pk=located.user_id)
    assert located.tenant_id is None
    assert root.is_superuser
    assert root.check_password(PASSWORD)


def test_sizes(hospital):
    specialties = {s for p in ProviderProfile.objects.all() for s in p.specialties}
    assert User.objects.providers().count() >= 8
    assert len(specialties) == 4
    assert Site.objects.filter(latitude__isnull=False, longitude__isnull=False).count() == 2
    assert AppointmentTemplate.objects.count() == 6
    assert AppointmentTemplate.objects.filter(
        Q(buffer_before_minutes__gt=0) | Q(buffer_after_minutes__gt=0)
    ).exists()
    assert PatientProfile.objects.count() == 300
    assert WaitingQueue.objects.count() == 3
    assert WaitingList.objects.filter(status="ACTIVE").count() == 40


def test_every_provider_has_windows_for_half_a_year(hospital):
    today = today_in(hospital)
    last = {
        row["provider"]: row["last"]
        for row in SlotAvailability.objects.values("provider").annotate(last=Max("date"))
    }
    assert len(last) == User.objects.providers().count()
    assert min(last.values()) >= today + timedelta(days=170)
    assert SlotAvailability.objects.aggregate(first=Min("date"))["first"] == today - timedelta(90)
    assert AvailabilityRule.objects.exists()


def test_windows_are_what_the_nightly_job_would_make(hospital):
    changes = extend_windows(today=today_in(hospital))
    assert (changes.added, changes.removed) == (0, 0)


def test_every_visit_lies_in_its_providers_working_time(hospital):
    zone, today = hospital.zone_info, today_in(hospital)
    keys = list(User.objects.providers().values_list("pk", flat=True))
    windows = working_windows(keys, today - timedelta(days=90), today + timedelta(days=30))
    for row in AppointmentRequest.objects.all():
        start = row.scheduled_datetime.astimezone(zone)
        end = row.scheduled_end_datetime.astimezone(zone)
        assert any(
            w.day == start.date() and w.start <= start.time() and end.time() <= w.end
            for w in windows[row.provider_id]
        ), row


def test_ninety_days_of_history_end_in_a_final_state(hospital):
    past = AppointmentRequest.objects.filter(
        scheduled_datetime__lt=system_clock() - timedelta(days=1)
    )
    days = {
        start.astimezone(hospital.zone_info).date()
        for start in past.values_list("scheduled_datetime", flat=True)
    }
    counts = dict(past.values_list("status").annotate(Count("pk")))
    assert set(counts) == {"COMPLETED", "CANCELLED", "NO_SHOW"}
    assert min(counts.values()) > 100
    assert len(days) >= 89


def test_nothing_is_expected_in_the_past_or_over_in_the_future(hospital):
    now = system_clock()
    grace = timedelta(minutes=hospital.no_show_grace_minutes)
    rows = AppointmentRequest.objects
    assert not rows.filter(status__in=EXPECTED, scheduled_datetime__lt=now - grace).exists()
    ahead = rows.filter(scheduled_datetime__gt=now + timedelta(minutes=30))
    assert set(ahead.values_list("status", flat=True)) == {"PENDING", "CONFIRMED", "CANCELLED"}


def test_the_month_to_come_is_booked_by_two_fifths(hospital):
    today = today_in(hospital)
    first, last = today + timedelta(days=1), today + timedelta(days=30)
    windows = SlotAvailability.objects.filter(date__range=(first, last))
    open_hours = sum(
        (w.end_time.hour * 60 + w.end_time.minute - w.start_time.hour * 60 - w.start_time.minute)
        / 60
        for w in windows
    )
    rows = AppointmentRequest.objects.filter(
        status__in=EXPECTED, scheduled_datetime__gt=system_clock() + timedelta(days=1)
    )
    taken = sum((row.blocked_until - row.blocked_from).total_seconds() / 3600 for row in rows)
    assert 0.3 < taken / open_hours < 0.5


def test_the_doctor_has_visits_today(hospital):
    doctor = User.objects.get(username=f"doctor@{hospital.slug}.demo")
    today = today_in(hospital)
    starts = AppointmentRequest.objects.filter(provider=doctor).values_list(
        "scheduled_datetime", flat=True
    )
    assert sum(s.astimezone(hospital.zone_info).date() == today for s in starts) >= 3


def test_the_patient_has_a_record_with_a_visit_ahead(hospital):
    user = User.objects.get(username=f"patient@{hospital.slug}.demo")
    visits = user.patient_profile.appointments
    assert visits.filter(status__in=EXPECTED, scheduled_datetime__gt=system_clock()).exists()


def test_histories_tell_how_each_visit_came_to_its_state(hospital):
    events = {}
    for event in AppointmentEvent.objects.order_by("appointment_id", "pk"):
        events.setdefault(event.appointment_id, []).append(event)
    for row in AppointmentRequest.objects.all():
        steps = events[row.pk]
        assert steps[0].step == Step.BOOK
        assert steps[-1].to_status == row.status
        assert row.version == len(steps)
        for one, next_one in pairwise(steps):
            assert one.to_status == next_one.from_status
            assert one.at <= next_one.at
        stamps = (row.created_at, row.checked_in_at, row.started_at, row.completed_at)
        known = [stamp for stamp in stamps if stamp]
        assert known == sorted(known)
        assert known[-1] <= system_clock()


def test_a_providers_visits_follow_one_another(hospital):
    started = AppointmentRequest.objects.filter(started_at__isnull=False)
    for one, next_one in pairwise(started.order_by("provider", "started_at")):
        if one.provider_id == next_one.provider_id:
            assert one.completed_at is None or one.completed_at <= next_one.started_at


def test_a_fresh_step_of_the_demo_can_be_undone(hospital):
    row = AppointmentRequest.objects.filter(
        status=AppointmentStatus.CONFIRMED, scheduled_datetime__gt=system_clock()
    ).latest("scheduled_datetime")
    before = snapshot(row)
    last = row.events.first()
    engine = BookingEngine(by=None, clock=lambda: last.at + timedelta(minutes=1))
    undone = engine.undo(row.pk)
    assert undone.status == AppointmentStatus.PENDING
    assert snapshot(undone) == before | {"status": "PENDING", "confirmed_at": None}


def test_queues_are_in_mid_flow(hospital):
    since = system_clock() - timedelta(hours=3)  # not "today": it may just have begun
    statuses = set()
    for queue in WaitingQueue.objects.all():
        rows = queue.entries.select_related("line").order_by("joined_at", "pk")
        entries = [e for e in rows if e.joined_at >= since]
        waiting = [e for e in entries if e.status == QueueEntryStatus.WAITING]
        numbers = sorted(e.queue_position for e in waiting)
        assert len(waiting) >= 3
        assert numbers == list(range(1, len(waiting) + 1))
        assert {e.queue_position for e in entries} - set(numbers) <= {0}
        by_day: dict = {}
        for each in rows:
            day = each.joined_at.astimezone(hospital.zone_info).date()
            by_day.setdefault(day, []).append(int(each.ticket.rpartition("-")[2]))
        for numbers in by_day.values():
            assert numbers == list(range(1, len(numbers) + 1))
        today = today_in(hospital)
        counter = TicketCounter.objects.get(queue=queue, date=today)
        assert counter.last == len(by_day.get(today, []))
        statuses |= {e.status for e in entries}
    assert statuses == {"WAITING", "CALLED", "IN_PROGRESS", "COMPLETED"}


def test_the_first_hall_has_a_screen_and_a_kiosk(hospital):
    screen, kiosk = DisplayScreen.objects.get(), Kiosk.objects.get()
    assert screen.queues.count() == 2
    assert kiosk.walk_in_queue in screen.queues.all()


def test_three_weeks_of_queues_have_figures(hospital):
    today = today_in(hospital)
    for queue in WaitingQueue.objects.all():
        period = Period.last(21, today=today)
        report = report_of(queue, period, zone=hospital.zone_info, now=system_clock())
        total = report.total.now
        assert total.joined > 60
        assert 2 < total.median_wait < 40
        assert 5 < total.average_service < 60
        assert total.estimates.count > 50
        assert WaitCalibration.objects.filter(queue=queue).count() == 4
    assert QueueEntry.objects.filter(status="NO_SHOW").exists()
    assert QueueEntry.objects.filter(status="LEFT").exists()


def test_the_queues_hours_are_what_a_rebuild_would_make(hospital):
    today = today_in(hospital)
    keys = list(WaitingQueue.objects.values_list("pk", flat=True))

    def stored():
        rows = QueueMetrics.objects.filter(date__lt=today).order_by("queue", "date", "hour")
        return list(rows.values_list("queue", "date", "hour", *FIELDS[:-1]))

    kept = stored()
    rebuild(hospital, today - timedelta(days=21), today, queue_ids=keys)
    assert len(kept) > 200
    assert stored() == kept


def test_nobody_stands_in_two_queues(hospital):
    active = QueueEntry.objects.filter(status__in=["WAITING", "CALLED", "IN_PROGRESS"])
    twice = active.values("patient").annotate(times=Count("pk")).filter(times__gt=1)
    assert not twice.exists()


def test_patients_are_plausible(hospital):
    region = {"riverside": 49, "lakeside": 1}[hospital.slug]
    phones = [p.phone for p in PatientProfile.objects.exclude(phone="")]
    names = " ".join(p.get_full_name() for p in PatientProfile.objects.all())
    assert all(p.country_code == region and phonenumbers.is_valid_number(p) for p in phones)
    assert not PatientProfile.objects.filter(birth_date__gt=date.today()).exists()  # noqa: DTZ011
    assert PatientProfile.objects.exclude(communication_needs=[]).exists()
    assert PatientProfile.objects.values("language").distinct().count() >= 5
    assert any("\u0590" <= letter <= "\u06ff" for letter in names)


def test_the_next_registration_gets_a_free_number(hospital):
    added = register(
        by=None, first_name="New", last_name="Patient", birth_date=date(1990, 1, 1), sex="other"
    )
    assert added.mrn == "P0000301"


def test_generated_history_is_not_in_the_audit_trail_but_later_changes_are(hospital):
    assert not AuditEvent.objects.filter(table="appointments_appointmentrequest").exists()
    row = AppointmentRequest.objects.filter(status=AppointmentStatus.PENDING).latest("pk")
    BookingEngine(by=None).confirm(row.pk)
    assert AuditEvent.objects.filter(table="appointments_appointmentrequest").count() == 1


def test_no_two_visits_take_the_same_time(hospital):
    """The constraint is there for every later booking, so this asks the rows themselves."""
    rows = AppointmentRequest.objects.filter(status__in=OCCUPYING, overbooked=False)
    for one, next_one in pairwise(rows.order_by("provider", "blocked_from")):
        if one.provider_id == next_one.provider_id:
            assert one.blocked_until <= next_one.blocked_from


def test_some_patients_wait_longer_than_a_rule_allows(hospital):
    rules = AppointmentPriorityRule.objects.all()
    assert {rule.name for rule in rules} == {"Chest pain", "Diabetes", "First visits"}
    own = Tenant.objects.get(slug=hospital.slug)
    desk = User.objects.get(role=Role.FRONT_DESK)
    found = wait_warnings(desk, zone=own.zone_info, now=system_clock())
    assert found.total > 0


def test_a_second_load_refuses_and_changes_nothing(printed):
    with pytest.raises(CommandError, match="lakeside, riverside"):
        call_command("load_demo")
    assert Tenant.objects.count() == 2
