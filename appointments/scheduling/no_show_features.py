"""What the no-show model looks at: columns of visits, and from them the design matrix.

Arithmetic on arrays alone, and the one place where features are made: fitting, slot search,
call list and benchmark all read them here.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray

LEAD_KNOTS = (0, 1, 3, 7, 14, 28, 56, 112)
LEAD_REFERENCE = 7
AGE_KNOTS = (0, 10, 20, 30, 45, 60, 75, 90)
AGE_REFERENCE = 45
"""Stands in for an unknown age too."""

ADULT = 18
FADING_DAYS = 90
HOURS_OF_DAY = (("hour_before_9", 0, 9), ("hour_12_to_15", 12, 15), ("hour_from_15", 15, 24))
WEEKDAYS = ("tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CALENDAR = (*(name for name, _, _ in HOURS_OF_DAY), *WEEKDAYS)


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits as they are known when the risk is asked for; equally long float arrays.

    Attributes:
        lead_days: calendar days from booking to visit, 0 for the same day.
        hour: local hour of the visit's start, 0 to 24; NaN where unknown.
        weekday: Monday = 0; NaN where unknown.
        booked_hour: local hour of the booking; NaN where unknown.
        age_years: NaN where unknown.
        kept, missed: the patient's earlier visits, by how they ended.
        kept_ahead, missed_ahead: those of them that were booked at least a day ahead.
        last_missed: 1 where the latest of them was missed.
        days_since_last: days since then; NaN without one.
        booked_together: 1 where the patient booked another visit on the same day.
        reminded: 1 where a reminder has reached the patient.
    """

    lead_days: Array
    hour: Array
    weekday: Array
    booked_hour: Array
    age_years: Array
    kept: Array
    missed: Array
    kept_ahead: Array
    missed_ahead: Array
    last_missed: Array
    days_since_last: Array
    booked_together: Array
    reminded: Array

    def __len__(self) -> int:
        return len(self.lead_days)

    def where(self, chosen: Array) -> "Visits":
        """Those that a mask or an index array picks."""
        return Visits(*(getattr(self, name)[chosen] for name in self.__slots__))


def design(visits: Visits, prior_missed: float, prior_kept: float) -> dict[str, Array]:
    """The model's columns by name, ``intercept`` first; every value is finite.

    A visit one week ahead of a patient of 45 whom nothing is known about has zeros in all but the
    first.
    """
    return personal(visits, prior_missed, prior_kept) | calendar(visits.hour, visits.weekday)


def personal(visits: Visits, prior_missed: float, prior_kept: float) -> dict[str, Array]:
    """The columns that depend on the booking and the patient, not on the clock or the weekday."""
    lead = np.maximum(visits.lead_days, 0.0)
    log_lead = np.log1p(lead)
    same_day = (lead < 1).astype(float)
    ahead = 1.0 - same_day
    age = np.where(np.isnan(visits.age_years), AGE_REFERENCE, visits.age_years)
    child = (age < ADULT).astype(float)
    fading = np.exp(-np.nan_to_num(visits.days_since_last) / FADING_DAYS)
    prior = prior_missed, prior_kept
    return {
        "intercept": np.ones(len(visits)),
        **_hats("lead", log_lead, np.log1p(LEAD_KNOTS), LEAD_KNOTS, LEAD_REFERENCE),
        **_hats("age", age, np.array(AGE_KNOTS, float), AGE_KNOTS, AGE_REFERENCE),
        "age_same_day": (age - AGE_REFERENCE) / 50 * same_day,
        "child_same_day": child * same_day,
        "age_by_lead": (age - AGE_REFERENCE) / 50 * (log_lead - np.log1p(LEAD_REFERENCE)) * ahead,
        "child_by_lead": child * (log_lead - np.log1p(LEAD_REFERENCE)) * ahead,
        "past_ahead": evidence(visits.missed_ahead, visits.kept_ahead, *prior) * ahead,
        "past_same_day": evidence(visits.missed, visits.kept, *prior) * same_day,
        "last_missed": visits.last_missed * fading * ahead,
        "booked_together": visits.booked_together * ahead,
        "booked_together_same_day": visits.booked_together * same_day,
        "booked_before_8": (visits.booked_hour < 8) * ahead,
        "booked_8_to_10": ((visits.booked_hour >= 8) & (visits.booked_hour < 10)) * ahead,
        "reminded": visits.reminded,
    }


def calendar(hour: Array, weekday: Array) -> dict[str, Array]:
    """The columns that depend on when the visit is."""
    by_hour = {
        name: ((hour >= first) & (hour < end)).astype(float) for name, first, end in HOURS_OF_DAY
    }
    by_day = {name: (weekday == day).astype(float) for day, name in enumerate(WEEKDAYS, start=1)}
    return by_hour | by_day


def evidence(missed: Array, kept: Array, prior_missed: float, prior_kept: float) -> Array:
    """How much a patient's own visits move the log-odds of missing, 0 without any (beta-binomial).

    ``logit((k + a) / (n + a + b)) - logit(a / (a + b))``.
    """
    return np.log((missed + prior_missed) / (kept + prior_kept)) - np.log(prior_missed / prior_kept)


def _hats(
    name: str, values: Array, places: Array, knots: tuple[int, ...], reference: int
) -> dict[str, Array]:
    """A piecewise linear curve through the knots, level outside, zero at the reference."""
    peaks = np.eye(len(knots))
    return {
        f"{name}_{knot}": np.interp(values, places, peak)
        for knot, peak in zip(knots, peaks, strict=True)
        if knot != reference
    }
