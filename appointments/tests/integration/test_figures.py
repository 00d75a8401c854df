"""Figures equal a count minute by minute, on days on which the clock changes, too."""

from dataclasses import asdict
from datetime import date, time, timedelta
from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ProviderProfile, User
from accounts.permissions import Role
from appointments import tasks
from appointments.enums import AppointmentStatus as S
from appointments.models import (
    AppointmentTemplate,
    Resource,
    SchedulingMetrics,
    SlotAvailability,
    TimeOff,
)
from appointments.scheduling import facts, metrics
from appointments.scheduling.analytics import Period, SchedulingAnalytics
from appointments.scheduling.availability import free_starts, to_utc
from appointments.scheduling.facts import Scope
from appointments.scheduling.lead_time import HORIZON_DAYS, lead_times
from appointments.scheduling.selectors import working_windows
from appointments.scheduling.utils import SchedulingAnalytics as NamedByThePlan
from appointments.tests.figures import random_days, tallies
from appointments.tests.integration.test_tasks import RUNNING
from appointments.tests.visits import make_visit
from core.clock import system_clock
from core.errors import InvalidInputError
from core.models import Site

pytestmark = pytest.mark.django_db

SPRING, AUTUMN = date(2030, 3, 31), date(2030, 10, 27)
PLAIN = date(2030, 6, 12)


def days_around(day):
    return [day + timedelta(days=n) for n in (-1, 0, 1)]


def counted(clinic, days, scope=None):
    rows = facts.by_provider_and_day(days[0], days[-1], zone=clinic.tenant.zone_info, scope=scope)
    return {(row.provider_id, row.day): asdict(row.facts) for row in rows}


def expected(clinic, days):
    return {key: tally.row for key, tally in tallies(clinic, days).items()}


@pytest.mark.parametrize("day", [SPRING, AUTUMN, PLAIN], ids=["spring", "autumn", "plain"])
@pytest.mark.parametrize("seed", range(8))
def test_facts_equal_the_oracle(riverside, day, seed):
    days = days_around(day)
    with riverside.active():
        random_days(riverside, days, Random(seed))
        assert counted(riverside, days) == {
            key: pytest.approx(row) for key, row in expected(riverside, days).items()
        }


@pytest.mark.parametrize("seed", range(4))
def test_the_other_groupings_add_up(riverside, seed):
    days, zone = days_around(SPRING), riverside.tenant.zone_info
    first, last = days[0], days[-1]
    with riverside.active():
        random_days(riverside, days, Random(seed))
        whole = [row.facts for row in facts.by_provider_and_day(first, last, zone=zone)]
        types, _ = facts.by_type(first, first, last, zone=zone)
        sites, _ = facts.by_site(first, first, last, zone=zone)
        now, before = facts.by_site(first, last, last, zone=zone)
        by_day = {row.day: row.facts for row in facts.by_provider_and_day(last, last, zone=zone)}
    for name in ("visits", "completed", "missed", "cancelled", "lengths", "waits"):
        total = sum(getattr(each, name) for each in whole)
        for groups in (types, sites):
            assert sum(getattr(each, name) for each in groups.values()) == total
        assert sum(getattr(each, name) for each in (*now.values(), *before.values())) == total
        if not by_day:
            assert sum(getattr(each, name) for each in now.values()) == 0


def test_a_filter_is_what_is_left_of_the_whole(riverside):
    days, zone = days_around(PLAIN), riverside.tenant.zone_info
    with riverside.active():
        random_days(riverside, days, Random(3))
        whole = counted(riverside, days)
        provider = riverside.providers[1].pk
        own = counted(riverside, days, Scope(provider_id=provider))
        assert own == {key: row for key, row in whole.items() if key[0] == provider}
        types, _ = facts.by_type(days[0], days[0], days[-1], zone=zone)
        for kind in riverside.types:
            rows = counted(riverside, days, Scope(type_id=kind.pk)).values()
            assert sum(row["visits"] for row in rows) == types[kind.pk].visits
        sites, _ = facts.by_site(days[0], days[0], days[-1], zone=zone)
        for site in sites.keys() - {None}:
            rows = counted(riverside, days, Scope(site_id=site)).values()
            assert sum(row["booked"] for row in rows) == sites[site].booked
            assert sum(row["available"] for row in rows) == sites[site].available


def test_an_overbooked_hour_is_booked_once(riverside):
    start = riverside.at(1, time(9))
    with riverside.active():
        make_visit(riverside, start, minutes=60)
        make_visit(riverside, start, minutes=60, overbooked=True, override_reason="urgent")
        day = start.astimezone(riverside.tenant.zone_info).date()
        own = counted(riverside, [day])[riverside.providers[0].pk, day]
    assert (own["booked"], own["visits"]) == (60, 2)


def test_a_visit_outside_working_hours_is_clipped(riverside):
    with riverside.active():
        make_visit(riverside, riverside.at(1, time(17, 30)), minutes=60)  # until 18:00 he works
        day = riverside.at(1, time(12)).date()
        assert counted(riverside, [day])[riverside.providers[0].pk, day]["booked"] == 30


def test_leave_and_a_closed_site_are_no_open_time(riverside):
    day = riverside.at(1, time(12)).date()
    with riverside.active():
        TimeOff.objects.create(
            provider=riverside.providers[0],
            starts_at=riverside.at(1, time(8)),
            ends_at=riverside.at(1, time(10)),
        )
        TimeOff.objects.create(
            site=riverside.site,
            starts_at=riverside.at(1, time(9)),
            ends_at=riverside.at(1, time(11)),
        )
        rows = counted(riverside, [day])
    assert rows[riverside.providers[0].pk, day]["available"] == 7 * 60
    assert rows[riverside.providers[1].pk, day]["available"] == 8 * 60


def test_holds_are_no_visits(riverside):
    day = riverside.at(1, time(12)).date()
    with riverside.active():
        make_visit(
            riverside,
            riverside.at(1, time(9)),
            status=S.HELD,
            hold_expires_at=system_clock() + timedelta(minutes=5),
        )
        own = counted(riverside, [day])[riverside.providers[0].pk, day]
    assert (own["booked"], own["visits"]) == (0, 0)


def stored():
    columns = [f.attname for f in SchedulingMetrics._meta.concrete_fields]
    shown = [name for name in columns if name not in ("id", "computed_at")]
    return list(SchedulingMetrics.objects.order_by("provider_id", "date").values(*shown))


@pytest.mark.parametrize("day", [SPRING, AUTUMN, PLAIN], ids=["spring", "autumn", "plain"])
def test_stored_days_equal_the_oracle_and_stay_when_computed_again(riverside, day):
    days = days_around(day)
    with riverside.active():
        random_days(riverside, days, Random(day.month))
        assert metrics.recompute(days[0], days[-1]) == len(tallies(riverside, days))
        first = stored()
        metrics.recompute(days[0], days[-1])
        assert stored() == first
        oracle = expected(riverside, days)
        assert {(row["provider_id"], row["date"]) for row in first} == set(oracle)
        for row in first:
            _same(row, oracle[row["provider_id"], row["date"]])


def _same(row, wanted):
    assert row["available_minutes"] == wanted["available"]
    assert row["booked_minutes"] == wanted["booked"]
    assert row["total_overtime_minutes"] == wanted["overtime"]
    assert row["completed_appointments"] == wanted["completed"]
    assert (row["no_shows"], row["cancellations"]) == (wanted["missed"], wanted["cancelled"])
    ended = wanted["completed"] + wanted["missed"]
    ratios = {
        "utilization_rate": (wanted["booked"], wanted["available"]),
        "no_show_rate": (wanted["missed"], ended),
        "average_wait_time": (wanted["wait"], wanted["waits"]),
        "average_appointment_duration": (wanted["length"], wanted["lengths"]),
    }
    for name, (part, whole) in ratios.items():
        assert row[name] == (pytest.approx(part / whole, abs=0.006) if whole else None), name
    assert 0 <= row["booked_slots"] <= row["total_slots"]


def test_a_corrected_day_is_corrected_and_an_empty_one_leaves_no_row(riverside):
    day = riverside.at(1, time(12)).date()
    with riverside.active():
        visit = make_visit(riverside, riverside.at(1, time(9)), status=S.NO_SHOW)
        metrics.recompute(day, day)
        key = {"provider": riverside.providers[0], "date": day}
        assert SchedulingMetrics.objects.get(**key).no_shows == 1
        visit.status = S.COMPLETED
        visit.save()
        metrics.recompute(day, day)
        row = SchedulingMetrics.objects.get(**key)
        assert (row.no_shows, row.completed_appointments) == (0, 1)
        visit.delete()
        SlotAvailability.objects.all().delete()
        metrics.recompute(day, day)
        assert not SchedulingMetrics.objects.exists()


def test_other_days_and_other_tenants_are_left_alone(riverside, lakeside):
    day = riverside.at(1, time(12)).date()
    with lakeside.active():
        metrics.recompute(day, day)
        others = stored()
    with riverside.active():
        metrics.recompute(day, day + timedelta(days=1))
        SlotAvailability.objects.all().delete()
        metrics.recompute(day, day)
        assert {row["date"] for row in stored()} == {day + timedelta(days=1)}
    with lakeside.active():
        assert stored() == others
        assert others


def test_the_jobs_keep_the_last_days(riverside):
    today = system_clock().astimezone(riverside.tenant.zone_info).date()
    with riverside.active():
        long_ago = make_visit(riverside, riverside.at(-7, time(9)), status=S.NO_SHOW)
    tasks.keep_metrics(RUNNING, timestamp=0)
    with riverside.active():
        assert {row["date"] for row in stored()} == {today}
    tasks.settle_metrics(RUNNING, timestamp=0)
    with riverside.active():
        assert {row["date"] for row in stored()} == {
            today,
            long_ago.scheduled_datetime.astimezone(riverside.tenant.zone_info).date(),
        }


def test_the_command_recomputes_a_range(riverside, lakeside, capsys):
    first = riverside.at(1, time(12)).date()
    last = first + timedelta(days=40)  # more than one chunk
    call_command("recompute_metrics", "--from", str(first), "--to", str(last))
    said = capsys.readouterr().out
    days = {}
    for clinic in (lakeside, riverside):  # where the date differs, one has a day less
        with clinic.active():
            days[clinic.tenant.slug] = SlotAvailability.objects.filter(date__gte=first).count()
    assert said == "".join(f"{slug}: {count} providers' days\n" for slug, count in days.items())
    call_command(
        "recompute_metrics", "--from", str(first), "--to", str(first), "--tenant", "lakeside"
    )
    assert capsys.readouterr().out == "lakeside: 2 providers' days\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "2030-01-02", "--to", "2030-01-01"],
        ["--from", "yesterday", "--to", "2030-01-01"],
        ["--from", "0001-01-01", "--to", "2030-01-01"],
        ["--from", "2030-01-01", "--to", "2030-01-01", "--tenant", "nowhere"],
        ["--to", "2030-01-01"],
    ],
)
def test_the_command_refuses_what_it_cannot_do(db, arguments):
    with pytest.raises(CommandError):
        call_command("recompute_metrics", *arguments)


def queries(call):
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def more_providers(clinic, count):
    for number in range(count):
        user = User.objects.create(username=f"more{number}@x.test", role=Role.PROVIDER)
        ProviderProfile.objects.create(user=user).sites.add(clinic.site)
        for offset in range(5):
            SlotAvailability.objects.create(
                provider=user,
                site=clinic.site,
                date=clinic.at(offset, time(12)).date(),
                start_time=time(8),
                end_time=time(12),
            )
        AppointmentTemplate.objects.create(name=f"Kind {number}")


def test_the_cost_does_not_grow_with_the_hospital(riverside):
    with riverside.active():
        analytics = SchedulingAnalytics(riverside.tenant)
        period = Period.last(30, today=analytics.today)
        work = [
            lambda: analytics.report(period),
            lambda: metrics.recompute(analytics.today, analytics.today),
            lambda: lead_times(zone=analytics.zone, now=system_clock(), scope=Scope()),
        ]
        few = [queries(each) for each in work]
        more_providers(riverside, 25)
        assert [queries(each) for each in work] == few
        assert few[0] <= 12


def test_the_report_compares_with_the_days_before(riverside):
    with riverside.active():
        for days, status in ((-1, S.COMPLETED), (-2, S.NO_SHOW), (-3, S.COMPLETED)):
            make_visit(riverside, riverside.at(days, time(9)), status=status)
        analytics = SchedulingAnalytics(riverside.tenant)
        report = analytics.report(Period(analytics.today - timedelta(days=1), analytics.today))
    assert (report.total.now.facts.visits, report.total.before.facts.visits) == (1, 2)
    assert (report.total.now.no_show_rate, report.total.before.no_show_rate) == (0, 0.5)
    assert [day for day, _ in report.days] == [report.period.start, report.period.end]
    own = {line.name: line for line in report.providers}
    assert own["Provider Riverside"].before.facts.missed == 1
    assert own["Provider Riverside2"].now.facts.visits == 0
    assert [line.name for line in report.types] == ["Consultation"]
    assert [line.name for line in report.sites] == ["Main building"]


def test_a_period_of_which_too_little_is_known_is_no_comparison(riverside):
    with riverside.active():
        for days in (0, -1, -2, -4):
            make_visit(riverside, riverside.at(days, time(9)), status=S.NO_SHOW)
        analytics = SchedulingAnalytics(riverside.tenant)
        period = Period.last(3, today=analytics.today)
        report = analytics.report(period)
        assert not report.is_comparable
        lines = [report.total, *report.providers, *report.types, *report.sites]
        assert all(line.before.is_empty for line in lines)
        own = analytics.provider_line(riverside.providers[0], period)
        assert own.before.facts.missed == 1
        make_visit(riverside, riverside.at(-3, time(9)), status=S.NO_SHOW)
        assert analytics.report(period).total.before.facts.missed == 2


def test_the_plans_names(riverside):
    assert NamedByThePlan is SchedulingAnalytics
    provider = riverside.providers[0]
    with riverside.active():
        make_visit(riverside, riverside.at(0, time(9)), status=S.COMPLETED, minutes=60)
        make_visit(riverside, riverside.at(0, time(11)), status=S.NO_SHOW)
        analytics = SchedulingAnalytics(riverside.tenant)
        today = analytics.today
        assert analytics.calculate_provider_utilization(provider, today, today) == 0.1
        assert analytics.calculate_no_show_rate(provider, today, today) == 0.5
        assert analytics.calculate_no_show_rate(None, today, today) == 0.5
        other = riverside.providers[1]
        assert analytics.calculate_no_show_rate(other, today, today) == 0
        row = analytics.update_patient_scheduling_preferences(riverside.patients[0])
        assert (row.total_appointments, row.completed_appointments) == (2, 1)


@pytest.mark.parametrize(
    ("first", "last"), [(PLAIN, PLAIN - timedelta(days=1)), (PLAIN, SPRING.replace(year=2032))]
)
def test_a_period_is_neither_reversed_nor_endless(first, last):
    with pytest.raises(InvalidInputError):
        Period(first, last)


def third_by_hand(clinic, kind, providers, now):
    """The third free start of all, one provider after the other."""
    zone = clinic.tenant.zone_info
    today = now.astimezone(zone).date()
    last = today + timedelta(days=HORIZON_DAYS)
    starts = []
    for provider in providers:
        busy = [
            (visit.blocked_from, visit.blocked_until)
            for visit in provider.appointments.exclude(
                status__in=[S.COMPLETED, S.NO_SHOW, S.CANCELLED]
            )
        ]
        busy += [
            (off.starts_at, off.ends_at)
            for off in TimeOff.objects.all()
            if off.provider_id in (None, provider.pk)
        ]
        starts += free_starts(
            working_windows([provider.pk], today, last)[provider.pk],
            sorted(busy),
            zone=zone,
            duration_minutes=kind.duration_minutes,
            buffer_before_minutes=kind.buffer_before_minutes,
            buffer_after_minutes=kind.buffer_after_minutes,
            earliest=now,
        )
    if len(starts) < 3:
        return None
    return (sorted(starts)[2].astimezone(zone).date() - today).days


@pytest.mark.parametrize("seed", range(6))
def test_the_third_next_available_equals_the_oracle(riverside, seed):
    rng, now, zone = Random(seed), system_clock(), riverside.tenant.zone_info
    with riverside.active():
        for days in range(4):
            for hour in range(8, 18):
                if rng.random() < 0.97:
                    make_visit(riverside, riverside.at(days, time(hour)), minutes=60, provider=0)
                if rng.random() < 0.7:
                    make_visit(riverside, riverside.at(days, time(hour)), minutes=60, provider=1)
        if seed % 2:
            TimeOff.objects.create(
                site=riverside.site, starts_at=now, ends_at=riverside.at(seed, time(15))
            )
        found = lead_times(zone=zone, now=now, scope=Scope())
        for kind in riverside.types:
            both = third_by_hand(riverside, kind, riverside.providers, now)
            assert found.types[kind.pk] == both
            for provider in riverside.providers:
                own = third_by_hand(riverside, kind, [provider], now)
                assert found.providers[kind.pk, provider.pk] == own


def test_each_site_has_its_own_third_next_available(riverside):
    now, (here, there) = system_clock(), riverside.providers
    with riverside.active():
        second = Site.objects.create(name="East")
        SlotAvailability.objects.filter(provider=there).update(site=second)
        for hour in range(8, 18):
            for days in (0, 1):
                make_visit(riverside, riverside.at(days, time(hour)), minutes=60, provider=0)
            make_visit(riverside, riverside.at(0, time(hour)), minutes=60, provider=1)
        analytics = SchedulingAnalytics(riverside.tenant)
        report = analytics.report(Period.last(1, today=analytics.today))
        (line,) = report.types
        wanted = {
            riverside.site.pk: third_by_hand(riverside, report.lead_type, [here], now),
            second.pk: third_by_hand(riverside, report.lead_type, [there], now),
        }
        assert wanted == {riverside.site.pk: 2, second.pk: 1}
        found = lead_times(zone=riverside.tenant.zone_info, now=now, scope=Scope()).sites
        assert {key: found[report.lead_type.pk, key] for key in wanted} == wanted
        assert {each.key: each.lead_days for each in report.sites} == wanted
        assert line.now.utilization_rate == report.total.now.utilization_rate


def test_whoever_does_not_offer_a_type_is_not_asked(riverside):
    kind, (first, second) = riverside.types[0], riverside.providers
    with riverside.active():
        kind.providers.add(second)
        SlotAvailability.objects.filter(provider=second).delete()
        found = lead_times(zone=riverside.tenant.zone_info, now=system_clock(), scope=Scope())
    assert found.types[kind.pk] is None
    assert (kind.pk, first.pk) not in found.providers


def test_without_a_free_room_a_slot_does_not_count(riverside):
    kind, zone, now = riverside.types[0], riverside.tenant.zone_info, riverside.at(0, time(5))

    def days():
        return lead_times(zone=zone, now=now, scope=Scope()).types

    with riverside.active():
        before = days()
        kind.resource_kind = "Scanner"
        kind.save()
        assert days() == before | {kind.pk: None}
        room = Resource.objects.create(name="Scanner 1", kind="Scanner", site=riverside.site)
        assert days() == before == dict.fromkeys(before, 0)
        off = TimeOff.objects.create(
            resource=room, starts_at=now, ends_at=riverside.at(1, time(9, 10)), kind="maintenance"
        )
        assert days()[kind.pk] == 1
        for hour in range(9, 18):
            make_visit(riverside, riverside.at(1, time(hour)), minutes=60, patient=0, resource=room)
        assert days()[kind.pk] == 2
        off.delete()
        Resource.objects.create(name="Scanner 2", kind="Scanner", site=riverside.site)
        assert days() == before
        kind.modality = "telehealth"
        kind.save()
        Resource.objects.all().update(is_active=False)
        assert days() == before


def test_a_full_horizon_has_no_third_slot(riverside):
    with riverside.active():
        SlotAvailability.objects.all().delete()
        found = lead_times(zone=riverside.tenant.zone_info, now=system_clock(), scope=Scope())
    assert set(found.types.values()) == {None}


def test_offsets_change_at_the_minute_of_the_clock_change(riverside):
    zone = riverside.tenant.zone_info
    for day in (SPRING, AUTUMN):
        since, until = to_utc(day, time.min, zone), to_utc(day + timedelta(days=1), time.min, zone)
        spans = list(facts.offset_spans(since, until, zone))
        assert len(spans) == 2
        (_, change, before), (start, _, after) = spans
        assert change == start
        assert (change - timedelta(minutes=1)).astimezone(zone).utcoffset() == before
        assert change.astimezone(zone).utcoffset() == after
