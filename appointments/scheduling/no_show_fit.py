"""Fitting the no-show model, and judging it: ridge logistic regression and its figures.

Arithmetic alone.  Sources: Le Cessie and van Houwelingen 1992 (ridge logistic regression),
Griffiths 1973 (beta-binomial), Brier 1950, Gneiting and Raftery 2007 (why a proper score decides).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from appointments.scheduling.no_show import Model
from appointments.scheduling.no_show_features import CALENDAR, Array, Visits, design

RIDGE = 3.0
CALENDAR_RIDGE = 3000.0
"""Days differ by chance: a weekday or an hour has to show its effect on very many visits."""

LEVEL_HALF_LIFE = 7.0
LEVEL_RIDGE = 100.0
"""Some 600 visits within a week move the level half of the way."""

MAX_STEPS = 25
CONVERGED = 1e-6
BLOCK = 128
PRIOR_STRENGTH = (2.0, 50.0)
"""How many visits the prior may weigh."""

LIKELY_RATES = (0.005, 0.995)
BINS = 10


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well probabilities met what happened.

    Attributes:
        visits: how many.
        base_rate: the share that was missed.
        auc: probability that a missed visit was given a higher risk than a kept one; None where
            all ended alike.
        brier: mean squared error.
        brier_skill: 1 − Brier / Brier of the constant ``base_rate``; None where that is 0.
        calibration_error: mean distance of predicted and observed share over ten equal groups by
            risk.
        top_decile_lift: the share missed among the riskiest tenth, in multiples of ``base_rate``.
    """

    visits: int
    base_rate: float
    auc: float | None
    brier: float
    brier_skill: float | None
    calibration_error: float
    top_decile_lift: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def fit(
    visits: Visits,
    missed: Array,
    *,
    prior: tuple[float, float],
    days_ago: Array | None = None,
    version: int = 0,
) -> Model:
    """The model that the visits teach.

    Args:
        visits: each with what was known before it.
        missed: 1 where it was missed, 0 where it was kept; both must occur.
        prior: as ``beta_prior`` finds it.
        days_ago: how old each visit is.  What the features say is learnt from all visits alike;
            how many are missed at all shifts from week to week, so the newest decide on it.
            None: all alike.

    Raises:
        ValueError: all visits ended alike.
    """
    outcome = np.asarray(missed, float)
    if not 0 < outcome.sum() < len(outcome):
        raise ValueError("All visits ended alike.")
    columns = design(visits, *prior)
    matrix = np.column_stack(list(columns.values()))
    penalty = np.array([_penalty(name) for name in columns])
    values = _ridge(matrix, outcome, penalty)
    if days_ago is not None:
        values[0] += _level(matrix @ values, outcome, 0.5 ** (days_ago / LEVEL_HALF_LIFE))
    coefficients = {name: float(value) for name, value in zip(columns, values, strict=True)}
    return Model(*prior, coefficients=coefficients, version=version)


def beta_prior(patient: Array, missed: Array) -> tuple[float, float]:
    """The beta prior (a, b) of a patient's own rate of missing, from how far patients differ
    beyond chance (moments, one-way analysis of variance).

    Args:
        patient: who each visit was of.
        missed: 1 where it was missed, 0 where it was kept; not empty.

    Returns:
        Numbers of visits, together between 2 and 50.
    """
    _, group = np.unique(patient, return_inverse=True)
    size, misses = np.bincount(group).astype(float), np.bincount(group, missed)
    mean = float(np.clip(np.mean(missed), *LIKELY_RATES))
    strength = float(np.clip(_strength(misses, size), *PRIOR_STRENGTH))
    return mean * strength, (1 - mean) * strength


def evaluate(probability: Array, missed: Array) -> Evaluation:
    """The figures; visits of equal probability count as if in random order.

    Raises:
        ValueError: there are no visits.
    """
    if not len(missed):
        raise ValueError("There is nothing to judge.")
    risk, outcome = np.asarray(probability, float), np.asarray(missed, float)
    rate = float(outcome.mean())
    brier = float(np.mean((risk - outcome) ** 2))
    constant = rate * (1 - rate)
    order = np.argsort(risk, kind="stable")
    risk, outcome = risk[order], outcome[order]
    _, group, sizes = np.unique(risk, return_inverse=True, return_counts=True)
    expected = (np.bincount(group, outcome) / sizes)[group]
    top = expected[-max(1, len(outcome) // BINS) :]
    return Evaluation(
        visits=len(outcome),
        base_rate=rate,
        auc=_auc(group, sizes, outcome) if constant else None,
        brier=brier,
        brier_skill=1 - brier / constant if constant else None,
        calibration_error=_calibration_error(risk, expected),
        top_decile_lift=float(top.mean()) / rate if rate else None,
    )


def _penalty(name: str) -> float:
    if name == "intercept":
        return 0.0
    return CALENDAR_RIDGE if name in CALENDAR else RIDGE


def _ridge(matrix: Array, outcome: Array, penalty: Array) -> Array:
    """Iteratively reweighted least squares from the base rate; a step that would make the fit worse
    is halved."""
    values = np.zeros(matrix.shape[1])
    rate = outcome.mean()
    values[0] = np.log(rate / (1 - rate))
    loss = _loss(matrix, outcome, penalty, values)
    for _ in range(MAX_STEPS):
        risk = 1 / (1 + np.exp(-matrix @ values))
        gradient = matrix.T @ (outcome - risk) - penalty * values
        curvature = _gram(matrix, risk * (1 - risk)) + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        while (tried := _loss(matrix, outcome, penalty, values + step)) > loss + CONVERGED:
            step /= 2
        values, loss = values + step, tried
        if np.abs(step).max() < CONVERGED:
            break
    return values


def _gram(matrix: Array, weight: Array) -> Array:
    """``matrixᵀ · diag(weight) · matrix``.

    By blocks that stay in the cache, and below the size from which the linear algebra spreads over
    threads: on a busy machine that takes 20 times as long.
    """
    total = np.zeros((matrix.shape[1], matrix.shape[1]))
    for start in range(0, len(matrix), BLOCK):
        rows = matrix[start : start + BLOCK]
        total += (rows.T * weight[start : start + BLOCK]) @ rows
    return total


def _level(log_odds: Array, outcome: Array, weight: Array) -> float:
    """What to add to the log-odds so that weighted visits are missed as often as foretold."""
    shift = 0.0
    for _ in range(MAX_STEPS):
        risk = 1 / (1 + np.exp(-(log_odds + shift)))
        slope = (weight * (outcome - risk)).sum() - LEVEL_RIDGE * shift
        step = slope / ((weight * risk * (1 - risk)).sum() + LEVEL_RIDGE)
        shift += float(step)
        if abs(step) < CONVERGED:
            break
    return shift


def _loss(matrix: Array, outcome: Array, penalty: Array, values: Array) -> float:
    log_odds = matrix @ values
    surprise = np.logaddexp(0, log_odds) - outcome * log_odds
    return float(surprise.sum() + (penalty * values**2).sum() / 2)


def _strength(missed: Array, size: Array) -> float:
    """a + b; infinite where patients differ no more than chance makes them."""
    groups, total = len(size), size.sum()
    share = missed / size
    between = (size * (share - missed.sum() / total) ** 2).sum() / max(groups - 1, 1)
    within = (missed * (1 - share)).sum() / max(total - groups, 1)
    typical = (total - (size**2).sum() / total) / max(groups - 1, 1)
    spread = between + (typical - 1) * within
    alike = (between - within) / spread if spread > 0 else 0.0
    return 1 / alike - 1 if alike > 0 else np.inf


def _auc(group: Array, sizes: Array, outcome: Array) -> float:
    """Mann–Whitney on mid-ranks; ``group`` numbers equal risks in ascending order."""
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    positives = outcome.sum()
    above = (ranks * outcome).sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(outcome) - positives)))


def _calibration_error(risk: Array, expected: Array) -> float:
    bins = zip(np.array_split(risk, BINS), np.array_split(expected, BINS), strict=True)
    distance = sum(abs(a.mean() - b.mean()) * len(a) for a, b in bins if len(a))
    return float(distance / len(risk))
