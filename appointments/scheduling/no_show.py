"""How likely a patient is to miss a visit, and why: the model as slot search and lists ask it.

Arithmetic alone: no ORM, clock or settings.  ``docs/algorithms/no-show.md`` explains it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from appointments.scheduling.no_show_features import (
    Array,
    Visits,
    calendar,
    design,
    evidence,
    personal,
)
from appointments.scheduling.no_show_words import TOPICS, say

LEAD_SLOPE = 0.45
LEAD_CENTRE = np.log(11)
MAX_LEAD = 730
"""Days; a visit farther ahead counts as if it were that far."""

NOTICEABLE = 0.2
"""Log-odds, about 4 percentage points of 25; what moves the risk by less is not named."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of one patient when the risk is asked for; the past only.

    Attributes:
        kept, missed: earlier visits, by how they ended.
        last_missed: how the latest of them ended; None without one.
        days_since_last: days since then.
        age_years: None where unknown.
        kept_ahead, missed_ahead: those of the visits that were booked at least a day ahead.
        booked_together: whether the patient books other visits on the same day.
        booked_hour: local hour at which the visit is (or was) booked.
        reminded: whether a reminder of the visit has reached the patient.
    """

    kept: int = 0
    missed: int = 0
    last_missed: bool | None = None
    days_since_last: float | None = None
    age_years: float | None = None
    kept_ahead: int = 0
    missed_ahead: int = 0
    booked_together: bool = False
    booked_hour: float | None = None
    reminded: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """What a tenant's visits taught.

    Attributes:
        prior_missed, prior_kept: the beta prior (a, b) of a patient's own rate.
        coefficients: log-odds by feature; None or empty for the formula that needs no training.
        version: 0 for the default.
    """

    prior_missed: float
    prior_kept: float
    coefficients: Mapping[str, float] | None
    version: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a risk is higher or lower than that of a patient nothing is known of, in plain words."""

    text: str
    raises: bool


DEFAULT = Model(prior_missed=1.0, prior_kept=4.0, coefficients=None, version=0)
"""For a tenant that has not taught one yet: one visit in five is missed ten days ahead."""


def slot_probabilities(
    model: Model, history: History, *, lead_days: Array, hours: Array, weekdays: Array
) -> Array:
    """The probability that this patient misses each of many slots.

    Args:
        lead_days: calendar days from now to the slot.
        hours: local hour of its start, 0 to 24.
        weekdays: Monday = 0.

    Returns:
        Fractions of 1, as long as the arguments.
    """
    leads = np.clip(np.asarray(lead_days), 0, MAX_LEAD).astype(np.intp)
    if not leads.size:
        return np.zeros(0)
    by_lead = _log_odds(model, _repeated(history, np.arange(leads.max() + 1.0)))
    log_odds = by_lead[leads]
    if model.coefficients:
        by_hour, by_weekday = _by_calendar(model.coefficients)
        log_odds += by_hour[np.asarray(hours).astype(np.intp)]
        log_odds += by_weekday[np.asarray(weekdays).astype(np.intp)]
    return _sigmoid(log_odds)


def probabilities(model: Model, visits: Visits) -> Array:
    """The probability that each visit is missed."""
    log_odds = _log_odds(model, visits)
    if model.coefficients:
        log_odds += weighted(model.coefficients, calendar(visits.hour, visits.weekday))
    return _sigmoid(log_odds)


def weighted(coefficients: Mapping[str, float], columns: Mapping[str, Array]) -> Array:
    """Σ coefficient · column; a feature that the model does not know counts nothing."""
    return sum(
        (coefficients[name] * column for name, column in columns.items() if name in coefficients),
        np.zeros(len(next(iter(columns.values())))),
    )


def contributions(model: Model, visits: Visits) -> dict[str, Array]:
    """What each feature adds to the log-odds, against a visit of a patient nothing is known of."""
    if not model.coefficients:
        return _default_terms(model, visits)
    columns = design(visits, model.prior_missed, model.prior_kept)
    return {
        name: model.coefficients[name] * column
        for name, column in columns.items()
        if name in model.coefficients and name != "intercept"
    }


def reasons(
    model: Model,
    history: History,
    *,
    lead_days: Array,
    hours: Array,
    weekdays: Array,
    most: int = 3,
) -> list[list[str]]:
    """What raises or lowers the risk of each of many slots noticeably, in plain words, strongest
    first; arguments as of ``slot_probabilities``."""
    visits = _repeated(history, np.asarray(lead_days, float), hours, weekdays)
    return [[reason.text for reason in row] for row in explain(model, visits, most=most)]


def explain(model: Model, visits: Visits, *, most: int = 3) -> list[list[Reason]]:
    """The main reasons of each visit, strongest first; at most ``most``, perhaps none."""
    moved: dict[str, Array] = {}
    for name, values in contributions(model, visits).items():
        topic = TOPICS[name]
        moved[topic] = moved.get(topic, 0.0) + values
    topics, matrix = list(moved), np.column_stack(list(moved.values()))
    ranked = np.argsort(-np.abs(matrix), axis=1, kind="stable")[:, :most]
    return [
        [
            Reason(say(topics[place], visits, row), raises=bool(matrix[row, place] > 0))
            for place in places
            if abs(matrix[row, place]) >= NOTICEABLE
        ]
        for row, places in enumerate(ranked)
    ]


def _log_odds(model: Model, visits: Visits) -> Array:
    """Without what the calendar adds."""
    if model.coefficients:
        columns = personal(visits, model.prior_missed, model.prior_kept)
        return weighted(model.coefficients, columns)
    terms = _default_terms(model, visits)
    return np.log(model.prior_missed / model.prior_kept) + sum(terms.values())


def _default_terms(model: Model, visits: Visits) -> dict[str, Array]:
    lead = np.log1p(np.maximum(visits.lead_days, 0.0))
    prior = model.prior_missed, model.prior_kept
    return {
        "past": evidence(visits.missed, visits.kept, *prior),
        "lead": LEAD_SLOPE * (lead - LEAD_CENTRE),
    }


def _by_calendar(coefficients: Mapping[str, float]) -> tuple[Array, Array]:
    """What each whole hour, 0 to 24, and each weekday adds."""
    hours, days = np.arange(25.0), np.arange(7.0)
    nowhere = np.full(25, np.nan)
    return (
        weighted(coefficients, calendar(hours, nowhere)),
        weighted(coefficients, calendar(nowhere[:7], days)),
    )


def _repeated(
    history: History,
    lead_days: Array,
    hours: Array | None = None,
    weekdays: Array | None = None,
) -> Visits:
    def same(value: float | None) -> Array:
        return np.full(len(lead_days), np.nan if value is None else float(value))

    return Visits(
        lead_days=lead_days,
        hour=same(None) if hours is None else np.asarray(hours, float),
        weekday=same(None) if weekdays is None else np.asarray(weekdays, float),
        booked_hour=same(history.booked_hour),
        age_years=same(history.age_years),
        kept=same(history.kept),
        missed=same(history.missed),
        kept_ahead=same(history.kept_ahead),
        missed_ahead=same(history.missed_ahead),
        last_missed=same(bool(history.last_missed)),
        days_since_last=same(history.days_since_last),
        booked_together=same(history.booked_together),
        reminded=same(history.reminded),
    )


def _sigmoid(log_odds: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-log_odds))
