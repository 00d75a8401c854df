"""The orders that are compared: ours, the usual ones, and the customer's two formulas."""

import numpy as np

from appointments.queue.discipline import Band, Floats, Ints, Line, Weights, bands, serving_order
from appointments.simulation.play import Discipline

WEIGHTS = Weights()


def ours(alpha: float = 0.5, guard_minutes: float = 60.0) -> Discipline:
    """The product's order."""

    def order(line: Line, now: float) -> Ints:
        return serving_order(
            line, now=now, weights=WEIGHTS, alpha=alpha, guard_minutes=guard_minutes
        )

    return order


def first_come(line: Line, now: float) -> Ints:
    """By arrival alone."""
    return np.lexsort((line.entry_id, line.arrived))


def class_then_arrival(line: Line, now: float) -> Ints:
    """The product's FIFO mode."""
    return serving_order(line, now=now, weights=WEIGHTS, fifo=True)


def urgent_then_shortest(line: Line, now: float) -> Ints:
    """The urgent by arrival, then the shortest expected visit."""
    urgent = bands(line.priority_score) == Band.URGENT
    return np.lexsort((line.arrived, np.where(urgent, 0.0, line.expected_minutes), ~urgent))


def plan_formula(line: Line, now: float) -> Ints:
    """The plan's weighted sum taken literally: .5 priority + .3 wait + .2 nearness, each 0–100.

    The wait is full after an hour; nearness falls from 100 at the appointment to 0 an hour away.
    """
    wait = np.minimum(100.0, (now - line.arrived) / 60 * 100)
    nearness = np.maximum(0.0, 100.0 - np.abs(line.appointment - now) / 60 * 100)
    return _highest(0.5 * line.priority_score + 0.3 * wait + 0.2 * np.nan_to_num(nearness), line)


def plan_sketch(line: Line, now: float) -> Ints:
    """The plan's sketch of repositioning: priority + half the wait, at most 50, + 30 or 15 where
    the appointment is less than half an hour or an hour away."""
    ahead = np.nan_to_num(line.appointment - now, nan=np.inf)
    near = np.select([ahead < 30, ahead < 60], [30.0, 15.0], 0.0)
    return _highest(line.priority_score + np.minimum(50.0, (now - line.arrived) / 2) + near, line)


def _highest(score: Floats, line: Line) -> Ints:
    return np.lexsort((line.entry_id, line.arrived, -score))
