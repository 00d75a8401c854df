"""Teaching the no-show model from a tenant's own visits, and keeping it only where it is better."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import transaction
from django.db.models import Max

from appointments.models import AppointmentRequest, NoShowModel
from appointments.scheduling.no_show import DEFAULT, Model, probabilities
from appointments.scheduling.no_show_features import Visits
from appointments.scheduling.no_show_fit import Evaluation, beta_prior, evaluate, fit
from appointments.scheduling.no_show_history import MISSED, OPEN, Bookings, known_before
from appointments.scheduling.no_show_selectors import read_bookings
from core.clock import Clock, system_clock

logger = logging.getLogger("hospital.jobs")

REACH_DAYS = 2 * 365
MIN_DAYS = 90
MIN_VISITS = 300
MIN_EACH = 10
"""How many visits must have been missed, and how many kept, in either part."""

TEST_SHARE = 0.2
"""Of the visits, the newest: the models are judged by them."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Ended visits with what was known before each, and the day from which on they judge."""

    bookings: Bookings
    visits: Visits
    test_from: int

    @property
    def missed(self) -> np.ndarray:
        return (self.bookings.outcome == MISSED).astype(float)

    @property
    def newest(self) -> np.ndarray:
        return self.bookings.day >= self.test_from

    def fit(self, chosen: np.ndarray) -> Model:
        """The model that the chosen visits teach."""
        days = self.bookings.day[chosen]
        return fit(
            self.visits.where(chosen),
            self.missed[chosen],
            prior=self.prior(chosen),
            days_ago=days.max() - days,
        )

    def prior(self, chosen: np.ndarray) -> tuple[float, float]:
        return beta_prior(self.bookings.patient[chosen], self.missed[chosen])

    def judge(self, model: Model) -> Evaluation:
        """By the newest visits."""
        newest = self.newest
        return evaluate(probabilities(model, self.visits.where(newest)), self.missed[newest])


@transaction.atomic
def refit(*, zone: ZoneInfo, clock: Clock = system_clock) -> NoShowModel | None:
    """Fit the tenant's model anew and use whichever foretells the newest visits best.

    Three are compared by their Brier score on the newest fifth of the visits, each having learnt
    from the older ones only: the default, the default's formula with the tenant's own prior, and a
    fitted regression.  Unless the default wins, the winner learns once more from all visits
    and becomes the current model; where it wins, the tenant goes back to it.

    Returns:
        The new current model; None where the default is used, or where there is not enough to
        learn from (which leaves things as they are).
    """
    now = clock()
    lesson = _lesson(zone, now)
    if lesson is None:
        return None
    older, every = ~lesson.newest, np.ones(len(lesson.bookings), bool)
    default = lesson.judge(DEFAULT)
    own = lesson.judge(_formula(lesson.prior(older)))
    fitted = lesson.judge(lesson.fit(older))
    NoShowModel.objects.filter(is_current=True).update(is_current=False)
    best = min((default, own, fitted), key=lambda each: each.brier)
    if best is default:
        logger.info("The default no-show model stays: nothing foretold the newest visits better.")
        return None
    winner = lesson.fit(every) if best is fitted else _formula(lesson.prior(every))
    return _keep(winner, lesson, best, default, now)


def _lesson(zone: ZoneInfo, now: datetime) -> Lesson | None:
    """None where the tenant has too short a history, or one in which too little differs."""
    rows = AppointmentRequest.objects.filter(
        scheduled_datetime__gte=now - timedelta(days=REACH_DAYS), scheduled_datetime__lt=now
    )
    _, every = read_bookings(rows, zone=zone, now=now)
    ended = every.outcome != OPEN
    if ended.sum() < MIN_VISITS:
        return None
    bookings, visits = every.where(ended), known_before(every).where(ended)
    days = np.sort(bookings.day)
    lesson = Lesson(bookings, visits, int(days[int(len(days) * (1 - TEST_SHARE))]))
    if days[-1] - days[0] < MIN_DAYS:
        return None
    for part in (lesson.newest, ~lesson.newest):
        missed = lesson.missed[part].sum()
        if min(missed, part.sum() - missed) < MIN_EACH:
            return None
    return lesson


def _formula(prior: tuple[float, float]) -> Model:
    return replace(DEFAULT, prior_missed=prior[0], prior_kept=prior[1])


def _keep(
    model: Model, lesson: Lesson, judged: Evaluation, default: Evaluation, now: datetime
) -> NoShowModel:
    metrics: dict[str, Any] = {"model": judged.as_dict(), "default": default.as_dict()}
    newest = NoShowModel.objects.aggregate(number=Max("version_number"))["number"] or 0
    days = lesson.bookings.day
    return NoShowModel.objects.create(
        version_number=newest + 1,
        coefficients=dict(model.coefficients or {}),
        prior_missed=model.prior_missed,
        prior_kept=model.prior_kept,
        trained_from=datetime.fromordinal(int(days.min())).date(),
        trained_until=datetime.fromordinal(int(days.max())).date(),
        visits=len(lesson.bookings),
        metrics=metrics,
        is_current=True,
        fitted_at=now,
    )
