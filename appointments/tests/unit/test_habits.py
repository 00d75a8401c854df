"""What past visits teach about a patient."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.enums import AppointmentStatus as S
from appointments.scheduling.habits import (
    MIN_VISITS,
    PastVisit,
    day_part,
    habits,
    preferred,
    prior_of,
)

NOW = datetime(2030, 6, 3, 12, tzinfo=UTC)  # a Monday
BERLIN = ZoneInfo("Europe/Berlin")


def visit(days_ago, *, hour=8, status=S.COMPLETED, provider=1, late=None):
    start = NOW.replace(hour=hour) - timedelta(days=days_ago)
    arrived = None if late is None else start + timedelta(minutes=late)
    return PastVisit(start, status, provider, arrived)


def learn(visits, **options):
    values = {"zone": BERLIN, "now": NOW, "prior_missed": 1.0, "prior_kept": 4.0}
    return habits(visits, **values | options)


def test_nothing_is_known_of_a_new_patient():
    found = learn([])
    assert (found.days, found.times, found.provider_ids) == ([], [], [])
    assert (found.late_minutes, found.no_show_rate) == (None, 0.2)
    assert (found.finished, found.completed, found.learned_from) == (0, 0, 0)


def test_three_visits_alike_make_a_habit_and_two_do_not():
    mondays = [visit(7), visit(14), visit(21)]
    found = learn(mondays)
    assert (found.days, found.times, found.provider_ids) == (["Monday"], ["morning"], [1])
    assert learn(mondays[: MIN_VISITS - 1]).days == []


def test_scattered_visits_make_none():
    found = learn([visit(1), visit(2), visit(3), visit(4), visit(5)])
    assert found.days == []
    assert found.times == ["morning"]


def test_two_days_can_both_be_preferred_in_the_weeks_order():
    found = learn([visit(4), visit(7), visit(11), visit(14)])  # Thursday, Monday, Thursday, Monday
    assert found.days == ["Monday", "Thursday"]


def test_newer_visits_count_more_than_old_ones():
    old = [visit(700 - n * 7, provider=1) for n in range(4)]
    new = [visit(7 + n * 7, provider=2) for n in range(3)]
    assert learn(old + new).provider_ids == [2]
    assert learn(old).provider_ids == []  # their weight is too small to be sure


def test_visits_of_more_than_two_years_ago_teach_nothing_but_are_counted():
    found = learn([visit(731), visit(738), visit(745)])
    assert (found.days, found.learned_from) == ([], 0)
    assert (found.finished, found.completed) == (3, 3)


def test_missed_and_cancelled_visits_do_not_make_habits():
    visits = [visit(7, status=S.NO_SHOW), visit(14, status=S.CANCELLED), visit(21)]
    found = learn(visits)
    assert (found.days, found.finished, found.completed) == ([], 3, 1)
    assert found.no_show_rate == pytest.approx((1 + 1) / (2 + 5))


def test_the_part_of_the_day_is_the_tenants():
    late_morning = [visit(days, hour=10) for days in (7, 14, 21)]  # noon in Berlin
    assert learn(late_morning).times == ["afternoon"]
    assert learn(late_morning, zone=ZoneInfo("America/New_York")).times == ["morning"]


@pytest.mark.parametrize(
    ("hour", "part"),
    [(0, "morning"), (11, "morning"), (12, "afternoon"), (16, "afternoon"), (17, "evening")],
)
def test_parts_of_the_day(hour, part):
    assert day_part(datetime(2030, 1, 1, hour, 59, tzinfo=UTC)) == part


def test_coming_early_does_not_make_up_for_coming_late():
    assert learn([visit(7, late=-30), visit(7, late=20)]).late_minutes == 10
    assert learn([visit(7, late=-30)]).late_minutes == 0
    assert learn([visit(7, late=10_000)]).late_minutes == 120


@pytest.mark.parametrize(
    ("missed", "kept", "prior"),
    [(0, 0, (1.0, 4.0)), (49, 0, (1.0, 4.0)), (10, 90, (0.5, 4.5)), (0, 100, (0.025, 5.0))],
)
def test_the_prior_is_the_tenants_rate_with_the_weight_of_five_visits(missed, kept, prior):
    assert prior_of(missed, kept) == pytest.approx(prior)


@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.sampled_from([S.COMPLETED, S.NO_SHOW, S.CANCELLED])),
        max_size=40,
    )
)
def test_the_rate_lies_between_the_patients_own_and_the_prior(ended):
    visits = [visit(days, status=status) for days, status in ended]
    missed = sum(status == S.NO_SHOW for _, status in ended)
    kept = sum(status == S.COMPLETED for _, status in ended)
    own = missed / (missed + kept) if missed + kept else 0.2
    rate = learn(visits).no_show_rate
    assert min(own, 0.2) <= rate + 1e-9
    assert rate - 1e-9 <= max(own, 0.2)


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_the_order_of_visits_does_not_matter(keys):
    weights = [1.0] * len(keys)
    found = preferred(keys, weights, chance=1 / 3, at_least=0.4)
    again = preferred(sorted(keys), weights, chance=1 / 3, at_least=0.4)
    assert found == again
