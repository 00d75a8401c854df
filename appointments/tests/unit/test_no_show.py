"""The no-show model: its formula, its past-only columns, its fit and its figures."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from appointments.scheduling import no_show_fit
from appointments.scheduling.no_show import (
    DEFAULT,
    History,
    Model,
    contributions,
    explain,
    probabilities,
    reasons,
    slot_probabilities,
)
from appointments.scheduling.no_show_features import calendar, design, personal
from appointments.scheduling.no_show_fit import beta_prior, evaluate, fit
from appointments.scheduling.no_show_history import KEPT, MISSED, OPEN, Bookings, known_before
from appointments.scheduling.no_show_words import TOPICS, WORDS

DATA = settings.BASE_DIR.parent / "shared/data/noshow/dev.csv.gz"


def one(model, history, *, lead=10, hour=9, weekday=1):
    found = slot_probabilities(
        model,
        history,
        lead_days=np.array([lead]),
        hours=np.array([hour]),
        weekdays=np.array([weekday]),
    )
    return float(found[0])


def formula(kept, missed, lead, a=1.0, b=4.0):
    rate = (missed + a) / (kept + missed + a + b)
    log_odds = math.log(rate / (1 - rate)) + 0.45 * (math.log(1 + lead) - math.log(11))
    return 1 / (1 + math.exp(-log_odds))


def made_up(count=4000, seed=7, effect=2.5):
    """Bookings of 400 patients, some of whom miss far more of them than others."""
    rng = np.random.default_rng(seed)
    patient = rng.integers(0, 400, count)
    booked = rng.integers(730_000, 730_200, count)
    lead = rng.integers(0, 40, count)
    weight = effect * (patient % 4 == 0) + 0.4 * np.log1p(lead) - 2.5
    missed = rng.random(count) < 1 / (1 + np.exp(-weight))
    return Bookings(
        patient=patient,
        day=booked + lead,
        hour=rng.integers(8, 18, count).astype(float),
        weekday=(booked + lead - 1) % 7,
        booked_day=booked,
        booked_hour=rng.uniform(7, 17, count),
        age_years=20.0 + patient % 60,
        outcome=missed.astype(int),
        reminded=np.zeros(count),
    )


def taught(bookings):
    missed = (bookings.outcome == MISSED).astype(float)
    return fit(known_before(bookings), missed, prior=beta_prior(bookings.patient, missed))


def one_by_one(bookings, row):
    """What the evening before knew, the slow way."""
    past = [
        other
        for other in range(len(bookings))
        if bookings.patient[other] == bookings.patient[row]
        and bookings.day[other] < bookings.day[row]
        and bookings.outcome[other] != OPEN
    ]
    past.sort(key=lambda other: (bookings.day[other], bookings.booked_hour[other]))
    ahead = [other for other in past if bookings.day[other] > bookings.booked_day[other]]
    same = [
        other
        for other in range(len(bookings))
        if other != row
        and bookings.patient[other] == bookings.patient[row]
        and bookings.booked_day[other] == bookings.booked_day[row]
        and (
            bookings.day[row] > bookings.booked_day[row]
            or (bookings.booked_hour[other], other) < (bookings.booked_hour[row], row)
        )
    ]
    return {
        "kept": sum(bookings.outcome[other] == KEPT for other in past),
        "missed": sum(bookings.outcome[other] == MISSED for other in past),
        "kept_ahead": sum(bookings.outcome[other] == KEPT for other in ahead),
        "missed_ahead": sum(bookings.outcome[other] == MISSED for other in ahead),
        "last_missed": bool(past) and bookings.outcome[past[-1]] == MISSED,
        "days_since_last": bookings.day[row] - bookings.day[past[-1]] if past else math.nan,
        "booked_together": bool(same),
    }


@st.composite
def some_bookings(draw):
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 2),  # patient
                st.integers(1, 5),  # day of booking
                st.integers(0, 3),  # lead
                st.integers(0, 23),  # hour of booking
                st.sampled_from([KEPT, MISSED, OPEN]),
            ),
            min_size=1,
            max_size=14,
        )
    )
    patient, booked, lead, hour, outcome = (np.array(column) for column in zip(*rows, strict=True))
    return Bookings(
        patient=patient,
        day=booked + lead,
        hour=np.full(len(rows), 9.0),
        weekday=(booked + lead) % 7,
        booked_day=booked,
        booked_hour=hour.astype(float),
        age_years=np.full(len(rows), 40.0),
        outcome=outcome,
        reminded=np.zeros(len(rows)),
    )


@given(kept=st.integers(0, 60), missed=st.integers(0, 60), lead=st.integers(0, 400))
def test_without_training_the_formula_decides(kept, missed, lead):
    history = History(kept=kept, missed=missed)
    assert one(DEFAULT, history, lead=lead) == pytest.approx(formula(kept, missed, lead))


def test_empty_coefficients_are_the_formula_with_the_tenants_own_prior():
    model = Model(prior_missed=2, prior_kept=20, coefficients={}, version=3)
    assert one(model, History(kept=1, missed=1), lead=4) == pytest.approx(
        formula(1, 1, 4, a=2, b=20)
    )


def test_more_misses_and_longer_waits_raise_the_risk():
    risks = [one(DEFAULT, History(kept=3, missed=missed)) for missed in range(5)]
    assert risks == sorted(risks)
    assert one(DEFAULT, History(), lead=30) > one(DEFAULT, History(), lead=1)


def test_slots_of_a_fitted_model_equal_its_visits():
    bookings = made_up()
    model, visits = taught(bookings), known_before(bookings)
    row = int(np.flatnonzero(visits.kept > 3)[0])
    history = History(
        kept=int(visits.kept[row]),
        missed=int(visits.missed[row]),
        last_missed=bool(visits.last_missed[row]),
        days_since_last=float(visits.days_since_last[row]),
        age_years=float(visits.age_years[row]),
        kept_ahead=int(visits.kept_ahead[row]),
        missed_ahead=int(visits.missed_ahead[row]),
        booked_together=bool(visits.booked_together[row]),
        booked_hour=float(visits.booked_hour[row]),
    )
    found = one(
        model,
        history,
        lead=visits.lead_days[row],
        hour=visits.hour[row],
        weekday=visits.weekday[row],
    )
    assert found == pytest.approx(float(probabilities(model, visits)[row]))


def test_ten_thousand_slots_at_once_and_none():
    rng = np.random.default_rng(1)
    slots = {
        "lead_days": rng.integers(0, 60, 10_000),
        "hours": rng.uniform(0, 24, 10_000),
        "weekdays": rng.integers(0, 7, 10_000),
    }
    for model in (DEFAULT, taught(made_up())):
        found = slot_probabilities(model, History(kept=2), **slots)
        assert found.shape == (10_000,)
        assert ((found > 0) & (found < 1)).all()
        none = {name: values[:0] for name, values in slots.items()}
        assert slot_probabilities(model, History(), **none).shape == (0,)


def test_a_lead_beyond_reason_and_one_in_the_past_are_bounded():
    assert one(DEFAULT, History(), lead=-3) == one(DEFAULT, History(), lead=0)
    assert one(DEFAULT, History(), lead=100_000) == one(DEFAULT, History(), lead=730)


@hypothesis_settings(max_examples=200)
@given(some_bookings())
def test_columns_equal_what_the_evening_before_knew(bookings):
    known = known_before(bookings)
    for row in range(len(bookings)):
        for name, value in one_by_one(bookings, row).items():
            found = getattr(known, name)[row]
            assert found == value or (math.isnan(found) and math.isnan(value)), name


@hypothesis_settings(max_examples=200)
@given(some_bookings(), st.integers(1, 8), st.randoms(use_true_random=False))
def test_how_a_day_ends_changes_nothing_known_before_it(bookings, day, random):
    ends = np.array([random.choice([KEPT, MISSED, OPEN]) for _ in range(len(bookings))])
    later = bookings.day >= day
    other = replace(bookings, outcome=np.where(later, ends, bookings.outcome))
    before, after = known_before(bookings), known_before(other)
    for name in before.__slots__:
        np.testing.assert_array_equal(
            getattr(before, name)[bookings.day <= day], getattr(after, name)[bookings.day <= day]
        )


def test_coin_flips_cannot_be_foretold_and_a_leak_would_show():
    bookings = made_up(effect=0)
    rng = np.random.default_rng(3)
    coins = replace(bookings, outcome=(rng.random(len(bookings)) < 0.3).astype(int))
    missed = (coins.outcome == MISSED).astype(float)
    newest = coins.day >= np.quantile(coins.day, 0.7)

    def judged(visits):
        prior = beta_prior(coins.patient[~newest], missed[~newest])
        model = fit(visits.where(~newest), missed[~newest], prior=prior)
        return evaluate(probabilities(model, visits.where(newest)), missed[newest]).auc

    honest = known_before(coins)
    leaking = replace(honest, last_missed=missed, days_since_last=np.zeros(len(missed)))
    assert judged(honest) == pytest.approx(0.5, abs=0.05)
    assert judged(leaking) > 0.8


def test_a_fit_finds_who_misses():
    bookings = made_up()
    newest = bookings.day >= np.quantile(bookings.day, 0.7)
    visits, missed = known_before(bookings), (bookings.outcome == MISSED).astype(float)
    older = ~newest
    model = fit(
        visits.where(older), missed[older], prior=beta_prior(bookings.patient[older], missed[older])
    )
    found = evaluate(probabilities(model, visits.where(newest)), missed[newest])
    default = evaluate(probabilities(DEFAULT, visits.where(newest)), missed[newest])
    assert found.auc > 0.65
    assert found.brier < default.brier
    assert found.brier_skill > 0.05


def test_the_fit_is_where_the_penalised_likelihood_is_flat():
    bookings = made_up(800)
    missed = (bookings.outcome == MISSED).astype(float)
    model = taught(bookings)
    columns = design(known_before(bookings), model.prior_missed, model.prior_kept)
    rest = missed - probabilities(model, known_before(bookings))
    for name, column in columns.items():
        slope = column @ rest - no_show_fit._penalty(name) * model.coefficients[name]
        assert slope == pytest.approx(0, abs=1e-3), name


def test_the_level_follows_the_newest_visits():
    """Everything else alike, a fifth was missed until a week ago, and half since."""
    count = 20_000
    rng = np.random.default_rng(9)
    bookings = replace(made_up(count), outcome=np.zeros(count, int), patient=np.arange(count))
    days_ago = rng.integers(0, 60, count)
    missed = (rng.random(count) < np.where(days_ago < 7, 0.5, 0.2)).astype(float)
    known = known_before(bookings)
    alike = probabilities(fit(known, missed, prior=(1, 4)), known)
    newest = probabilities(fit(known, missed, prior=(1, 4), days_ago=days_ago), known)
    assert alike.mean() == pytest.approx(missed.mean(), abs=0.01)
    assert 0.33 < newest.mean() < 0.5
    np.testing.assert_array_equal(
        np.argsort(alike, kind="stable"), np.argsort(newest, kind="stable")
    )


def test_a_fit_needs_both_ends():
    bookings = made_up(50)
    with pytest.raises(ValueError, match="ended alike"):
        fit(known_before(bookings), np.ones(50), prior=(1, 4))


def test_the_prior_is_strong_where_patients_are_alike():
    rng = np.random.default_rng(5)
    patient = np.repeat(np.arange(500), 8)
    own = rng.beta(1, 3, 500)[patient]
    differ = beta_prior(patient, (rng.random(4000) < own).astype(float))
    alike = beta_prior(patient, (rng.random(4000) < 0.25).astype(float))
    assert sum(differ) == pytest.approx(4, rel=0.3)
    assert differ[0] / sum(differ) == pytest.approx(0.25, abs=0.03)
    assert sum(alike) > 30


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_prior_of_patients_who_all_end_alike_is_still_one(share):
    missed_prior, kept_prior = beta_prior(np.arange(20), np.full(20, share))
    assert min(missed_prior, kept_prior) > 0
    assert math.isfinite(missed_prior + kept_prior)


def test_figures_of_a_case_done_by_hand():
    found = evaluate(np.array([0.9, 0.6, 0.4, 0.1]), np.array([1, 0, 1, 0]))
    assert found.auc == pytest.approx(0.75)  # of four pairs one is the wrong way round
    assert found.brier == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert found.brier_skill == pytest.approx(1 - found.brier / 0.25)
    assert found.top_decile_lift == pytest.approx(2)
    assert found.calibration_error == pytest.approx((0.1 + 0.6 + 0.6 + 0.1) / 4)


def test_a_constant_has_no_skill_whatever_the_order():
    missed = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0] * 10)
    found = evaluate(np.full(100, 0.2), missed)
    assert (found.auc, found.brier_skill) == (pytest.approx(0.5), pytest.approx(0))
    assert found.top_decile_lift == pytest.approx(1)
    assert found.calibration_error == pytest.approx(0)


def test_figures_where_all_ended_alike():
    found = evaluate(np.array([0.2, 0.4]), np.zeros(2))
    assert (found.auc, found.brier_skill, found.top_decile_lift) == (None, None, None)
    with pytest.raises(ValueError, match="nothing to judge"):
        evaluate(np.zeros(0), np.zeros(0))


@pytest.mark.parametrize(
    ("history", "lead", "said"),
    [
        (History(), 10, []),
        (History(), 0, ["booked for the same day"]),
        (History(), 1, ["booked a day ahead"]),
        (History(), 35, ["booked 5 weeks ahead"]),
        (History(), 91, ["booked 3 months ahead"]),
        (History(kept=4, missed=2), 10, ["missed 2 of 6 visits"]),
        (History(kept=6), 35, ["kept all 6 visits", "booked 5 weeks ahead"]),
        (History(missed=3), 10, ["missed all 3 visits"]),
        (History(missed=1), 10, ["missed the only visit so far"]),
    ],
)
def test_reasons_in_words(history, lead, said):
    at = {"lead_days": np.array([lead, 10]), "hours": np.array([9, 9]), "weekdays": np.zeros(2)}
    assert reasons(DEFAULT, history, **at)[0] == said


def test_reasons_tell_their_direction_and_are_limited():
    visits = known_before(made_up(60))
    model = taught(made_up())
    for each in explain(model, visits, most=2):
        assert len(each) <= 2
    best = int(np.argmax(visits.kept * (visits.missed == 0)))
    kept = [reason for reason in explain(DEFAULT, visits)[best] if "kept" in reason.text]
    assert [reason.raises for reason in kept] == [False]


def test_contributions_add_up_to_the_log_odds():
    visits = known_before(made_up(200))
    for model, start in ((DEFAULT, math.log(1 / 4)), (taught(made_up()), None)):
        base = model.coefficients["intercept"] if start is None else start
        log_odds = base + sum(contributions(model, visits).values())
        np.testing.assert_allclose(1 / (1 + np.exp(-log_odds)), probabilities(model, visits))


def test_every_feature_has_a_topic_and_every_topic_words():
    visits = known_before(made_up(5))
    features = {*personal(visits, 1, 4), *calendar(visits.hour, visits.weekday)} - {"intercept"}
    assert features <= set(TOPICS)
    assert set(TOPICS.values()) == set(WORDS)


@pytest.mark.oracle
def test_on_data_nobody_here_wrote():
    if not DATA.exists():
        pytest.skip(f"needs the no-show data set at {DATA}")
    benchmark = _benchmark()
    split = benchmark.split_at(benchmark.read(DATA), benchmark.SPLITS[1])
    risk = probabilities(benchmark.learn(split), split.visits.where(split.test))
    every, ahead = benchmark.figures(split, risk), benchmark.figures(split, risk, ahead=True)
    assert every.auc >= 0.73
    assert ahead.auc >= 0.60
    assert every.brier_skill >= 0.098  # a Brier score of .136 where 18.5 % are missed
    assert every.calibration_error <= 0.03
    assert every.top_decile_lift >= 2.0


def _benchmark():
    path = Path(settings.BASE_DIR) / "benchmarks/no_show.py"
    spec = importlib.util.spec_from_file_location("no_show_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
