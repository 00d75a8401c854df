"""Teaching the no-show model from a tenant's own visits, and keeping it only where it is better."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
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

CLEARLY = 1.64
"""Standard errors: by chance alone one comparison in twenty gains as much."""

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
        return evaluate(self._risks(model), self.missed[self.newest])

    def beats(self, model: Model, other: Model) -> bool:
        """Whether the model's Brier score on the newest visits is lower by more than chance."""
        missed = self.missed[self.newest]
        gains = (self._risks(other) - missed) ** 2 - (self._risks(model) - missed) ** 2
        return bool(gains.mean() > CLEARLY * gains.std() / len(gains) ** 0.5)

    def _risks(self, model: Model) -> np.ndarray:
        return probabilities(model, self.visits.where(self.newest))


@transaction.atomic
def refit(*, zone: ZoneInfo, clock: Clock = system_clock) -> NoShowModel | None:
    """Fit the tenant's model anew and use whichever foretells the newest visits best.

    Two are compared with the default by their Brier score on the newest fifth of the visits, each
    having learnt from the older ones only: the default's formula with the tenant's own prior, and
    a fitted regression.  The better one of those that clearly beat the default learns once more
    from all visits and becomes the current model; without one the tenant goes back to the default.

    Returns:
        The new current model; None where the default is used, or where there is not enough to
        learn from (which leaves things as they are).
    """
    now = clock()
    lesson = _lesson(zone, now)
    if lesson is None:
        return None
    older, every = ~lesson.newest, np.ones(len(lesson.bookings), bool)
    taught = {teach: teach(lesson, older) for teach in (_formula, Lesson.fit)}
    better = [teach for teach, model in taught.items() if lesson.beats(model, DEFAULT)]
    NoShowModel.objects.filter(is_current=True).update(is_current=False)
    if not better:
        logger.info("The default no-show model stays: nothing foretold the newest visits better.")
        return None
    best = min(better, key=lambda teach: lesson.judge(taught[teach]).brier)
    metrics = {"model": lesson.judge(taught[best]), "default": lesson.judge(DEFAULT)}
    return _keep(best(lesson, every), lesson, metrics, now)


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


def _formula(lesson: Lesson, chosen: np.ndarray) -> Model:
    """The default's formula with the prior that the chosen visits teach."""
    missed, kept = lesson.prior(chosen)
    return replace(DEFAULT, prior_missed=missed, prior_kept=kept)


def _keep(
    model: Model, lesson: Lesson, metrics: dict[str, Evaluation], now: datetime
) -> NoShowModel:
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
        metrics={name: figures.as_dict() for name, figures in metrics.items()},
        is_current=True,
        fitted_at=now,
    )
