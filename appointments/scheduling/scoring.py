"""How good each free slot is for one patient: five factors, 0–100, and their weighted sum.

Pure arithmetic on numpy columns; one row per slot throughout.

Source of the formulas: docs/algorithms/scheduling.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64] | Floats

SOON_DAYS = 5.0
BEST_GAP, ORPHAN_COST, ADJACENT_GAIN = 80.0, 30.0, 20.0
FULL_RISK_RANGE = 0.20
TRAVEL_MINUTES = 30.0
PROVIDER_SHARE, TIME_SHARE, DAY_SHARE = 0.45, 0.35, 0.20
SUM_TOLERANCE = 1e-6
DECIMALS = 6
"""Totals are compared after rounding, so that equal slots tie however they were computed."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each factor counts.

    Raises:
        ValueError: one is outside 0–1, or they do not sum to 1.
    """

    provider_availability: float = 0.30
    patient_priority: float = 0.25
    no_show_risk: float = 0.20
    geographic_proximity: float = 0.15
    patient_preference: float = 0.10

    def __post_init__(self) -> None:
        values = [getattr(self, name) for name in FACTORS]
        if not all(0 <= value <= 1 for value in values):
            raise ValueError("each weight must lie between 0 and 1")
        if abs(sum(values) - 1) > SUM_TOLERANCE:
            raise ValueError("the weights must sum to 1")


FACTORS = tuple(field.name for field in fields(Weights))


def availability(
    gap_before: Numbers, gap_after: Numbers, unit: Numbers, lead_days: Floats
) -> tuple[Floats, Floats]:
    """Half how well the slot fits between its neighbours, half how soon it perishes.

    Args:
        gap_before, gap_after: free time that stays beside the visit.
        unit: the grid's step; a rest of up to one unit is orphaned.  Same measure as the gaps.
        lead_days: calendar days until the slot.

    Returns:
        The factor, and the number of orphaned rests (0–2).
    """
    orphans = ((gap_before > 0) & (gap_before <= unit)).astype(np.float64)
    orphans += (gap_after > 0) & (gap_after <= unit)
    adjacent = (gap_before == 0) | (gap_after == 0)
    fit = BEST_GAP - ORPHAN_COST * orphans + ADJACENT_GAIN * adjacent
    return 0.5 * fit + 50 * np.exp(-lead_days / SOON_DAYS), orphans


def priority(lead_days: Floats, target_days: float) -> Floats:
    """100 today, 37 once the wait that counts as short is used up."""
    return 100 * np.exp(-lead_days / target_days)


def reliability(probability: Floats) -> Floats:
    """The slots at which the patient is likeliest to come score highest.

    The scale shrinks where the slots hardly differ: 20 percentage points make the full range.

    Args:
        probability: of a missed visit, 0–1.
    """
    if not len(probability):
        return probability
    worst = probability.max()
    spread = worst - probability.min()
    if spread <= 0:
        return np.zeros_like(probability)
    return 100 * (worst - probability) / spread * min(1.0, spread / FULL_RISK_RANGE)


def proximity(minutes: Floats) -> Floats:
    """How short the journey is compared with the shortest one on offer.

    Args:
        minutes: travel time at the slot's hour; NaN where it is not known.
    """
    known = ~np.isnan(minutes)
    if not known.any():
        return np.full_like(minutes, 100.0)
    filled = np.where(known, minutes, minutes[known].mean())
    return 100 * np.exp(-(filled - minutes[known].min()) / TRAVEL_MINUTES)


def preference(
    provider: NDArray[np.bool_], time_of_day: NDArray[np.bool_], weekday: NDArray[np.bool_]
) -> Floats:
    """Which of the patient's wishes the slot meets; a wish nobody stated counts as met."""
    return 100 * (PROVIDER_SHARE * provider + TIME_SHARE * time_of_day + DAY_SHARE * weekday)


def total(factors: Mapping[str, Floats], weights: Weights) -> Floats:
    """The weighted sum, 0–100, rounded for comparison."""
    weighted = sum(getattr(weights, name) * factors[name] for name in FACTORS)
    return np.round(weighted, DECIMALS)


def best(score: Floats, start: NDArray[np.int64], lane: NDArray[np.int64], count: int) -> NDArray:
    """Rows of the ``count`` best slots, best first; equals by the earlier start, then the lane.

    Linear in the number of slots: only the best are sorted.
    """
    rows = np.arange(len(score))
    if len(score) > count:
        threshold = -np.partition(-score, count - 1)[count - 1]
        rows = np.flatnonzero(score >= threshold)
    return rows[np.lexsort((lane[rows], start[rows], -score[rows]))][:count]


def earliest(
    score: Floats, start: NDArray[np.int64], lane: NDArray[np.int64], count: int
) -> NDArray:
    """Rows of the ``count`` first slots; at one instant the better score first."""
    rows = np.arange(len(start))
    if len(start) > count:
        last = np.partition(start, count - 1)[count - 1]
        rows = np.flatnonzero(start <= last)
    return rows[np.lexsort((lane[rows], -score[rows], start[rows]))][:count]
