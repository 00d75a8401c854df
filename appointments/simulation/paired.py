"""Differences between policies that met the same days, with 95 % intervals."""

from dataclasses import dataclass

import numpy as np

from appointments.queue.discipline import Floats

NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class Change:
    """By how many percent a mean differs; the interval is ``percent`` ± ``half_width``."""

    percent: float
    half_width: float

    def __str__(self) -> str:
        return f"{self.percent:+.1f} ± {self.half_width:.1f} %"


def change(ours: Floats, base: Floats) -> Change:
    """From sums (or means) by day, in the same order of days: the ratio of the totals − 1.

    The interval is that of a ratio estimator: the days are independent, the people of one are not.
    """
    ratio = ours.sum() / base.sum()
    rest = ours - ratio * base
    error = np.sqrt(rest.var(ddof=1) / len(rest)) / base.mean()
    return Change(100 * (ratio - 1), 100 * NORMAL_95 * error)
