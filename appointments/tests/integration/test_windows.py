"""Weekly rules become dated windows, and nothing a person decided is undone."""

from datetime import date, time, timedelta

import pytest

from appointments.models import AvailabilityRule, SlotAvailability
from appointments.scheduling.windows import HORIZON_DAYS, extend_windows, withdraw_rule
from core.tenancy import TenantError

TODAY = date(2026, 3, 2)  # a Monday
MONDAY = 0


@pytest.fixture
def clinic(riverside):
    """Without hours of its own."""
    with riverside.active():
        SlotAvailability.objects.all().delete()
        AvailabilityRule.objects.all().delete()
    return riverside


@pytest.fixture
def rule(clinic):
    """Mondays, 08:00 to 12:00."""
    with clinic.active():
        return AvailabilityRule.objects.create(
            provider=clinic.providers[0],
            site=clinic.site,
            weekday=MONDAY,
            start_time=time(8),
            end_time=time(12),
            slot_minutes=20,
        )


def days_of(**wanted):
    return list(SlotAvailability.objects.filter(**wanted).values_list("date", flat=True))


def test_a_rule_makes_its_weekday_for_the_whole_horizon(clinic, rule):
    with clinic.active():
        changes = extend_windows(today=TODAY)
        windows = list(SlotAvailability.objects.all())
    assert changes.added == len(windows) == -(-HORIZON_DAYS // 7)
    assert [w.date for w in windows] == [TODAY + timedelta(weeks=n) for n in range(26)]
    assert {(w.start_time, w.end_time, w.duration_minutes) for w in windows} == {
        (time(8), time(12), 20)
    }
    assert {(w.provider_id, w.site_id, w.rule_id) for w in windows} == {
        (rule.provider_id, rule.site_id, rule.pk)
    }


def test_running_again_changes_nothing(clinic, rule):
    with clinic.active():
        extend_windows(today=TODAY)
        before = list(SlotAvailability.objects.values())
        changes = extend_windows(today=TODAY)
        assert (changes.added, changes.removed) == (0, 0)
        assert list(SlotAvailability.objects.values()) == before


def test_the_next_day_adds_only_what_is_new(clinic, rule):
    with clinic.active():
        extend_windows(today=TODAY, days=7)
        assert extend_windows(today=TODAY + timedelta(days=1), days=7).added == 1


def test_a_shorter_horizon_takes_nothing_away(clinic, rule):
    with clinic.active():
        extend_windows(today=TODAY, days=60)
        assert extend_windows(today=TODAY, days=7).removed == 0


def test_validity_is_respected_on_both_ends(clinic, rule):
    with clinic.active():
        rule.valid_from, rule.valid_until = TODAY + timedelta(days=7), TODAY + timedelta(days=14)
        rule.save()
        extend_windows(today=TODAY)
        assert days_of() == [TODAY + timedelta(days=7), TODAY + timedelta(days=14)]


@pytest.mark.parametrize(
    "change",
    [
        {"start_time": time(9)},
        {"end_time": time(13)},
        {"slot_minutes": 30},
        {"weekday": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_rule_replaces_its_future_windows(clinic, rule, change):
    with clinic.active():
        extend_windows(today=TODAY, days=28)
        for name, value in change.items():
            setattr(rule, name, value)
        rule.save()
        later = TODAY + timedelta(days=7)
        extend_windows(today=later, days=21)
        past, *future = SlotAvailability.objects.all()
        assert (past.date, past.start_time, past.end_time) == (TODAY, time(8), time(12))
        assert len(future) == 3
        for window in future:
            assert window.date.weekday() == rule.weekday
            assert (window.start_time, window.end_time, window.duration_minutes) == (
                rule.start_time,
                rule.end_time,
                rule.slot_minutes,
            )


def test_a_rule_that_ends_loses_its_later_windows(clinic, rule):
    with clinic.active():
        extend_windows(today=TODAY, days=28)
        rule.valid_until = TODAY + timedelta(days=7)
        rule.save()
        extend_windows(today=TODAY, days=28)
        assert days_of() == [TODAY, TODAY + timedelta(days=7)]


@pytest.mark.parametrize("mark", [{"is_blocked": True}, {"is_active": False}])
def test_closed_windows_are_left_alone(clinic, rule, mark):
    with clinic.active():
        extend_windows(today=TODAY, days=14)
        SlotAvailability.objects.filter(date=TODAY).update(**mark)
        rule.end_time = time(16)
        rule.save()
        extend_windows(today=TODAY, days=14)
        closed, opened = SlotAvailability.objects.all()
        assert closed.end_time == time(12)
        assert opened.end_time == time(16)


def test_a_window_moved_by_hand_is_neither_changed_nor_doubled(clinic, rule):
    with clinic.active():
        extend_windows(today=TODAY, days=1)
        SlotAvailability.objects.update(rule=None, start_time=time(9))
        assert extend_windows(today=TODAY, days=1).added == 0
        assert SlotAvailability.objects.get().start_time == time(9)


def test_a_block_inside_the_hours_does_not_keep_the_day_closed(clinic, rule):
    with clinic.active():
        SlotAvailability.objects.create(
            provider=rule.provider,
            site=rule.site,
            date=TODAY,
            start_time=time(10),
            end_time=time(11),
            is_blocked=True,
        )
        assert extend_windows(today=TODAY, days=1).added == 1


def test_a_withdrawn_rule_takes_its_future_windows_along(clinic, rule):
    later = TODAY + timedelta(days=7)
    with clinic.active():
        extend_windows(today=TODAY, days=28)
        withdraw_rule(rule, today=later)
        extend_windows(today=later, days=28)
        assert days_of() == [TODAY]


def test_one_provider_only(clinic, rule):
    with clinic.active():
        rule.pk = None
        rule.provider = clinic.providers[1]
        rule.save()
        extend_windows(today=TODAY, days=1, provider_id=clinic.providers[1].pk)
        assert SlotAvailability.objects.get().provider == clinic.providers[1]


def test_an_inactive_provider_gets_no_windows(clinic, rule):
    with clinic.active():
        rule.provider.is_active = False
        rule.provider.save()
        assert extend_windows(today=TODAY).added == 0


def test_the_number_of_queries_is_constant(clinic, rule, django_assert_num_queries):
    with clinic.active():
        with django_assert_num_queries(4):  # two statements between the savepoint's two
            extend_windows(today=TODAY, days=7)
        with django_assert_num_queries(4):
            extend_windows(today=TODAY, days=180)


def test_another_tenants_windows_are_out_of_reach(clinic, rule, lakeside):
    with lakeside.active():
        before = SlotAvailability.objects.count()
    with clinic.active():
        extend_windows(today=TODAY)
    with lakeside.active():
        assert SlotAvailability.objects.count() == before


def test_outside_a_tenant_it_refuses(db):
    with pytest.raises(TenantError):
        extend_windows(today=TODAY)
