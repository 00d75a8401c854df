"""How good the estimates of waits are in a simulated clinic::

    python -m appointments.simulation.simulate_eta [--days 400] [--seed 21]

Each person gets an estimate on arrival and every ten minutes until called.  The first half of the
days teaches the ranges, the other half judges them.
"""

import argparse
import math
from dataclasses import astuple, dataclass

import numpy as np

from appointments.queue.calibration import Quality, calibrate, quality, quality_by_bucket
from appointments.queue.discipline import Floats, Ints
from appointments.queue.wait_estimate import (
    DEFAULT_OFFSETS,
    Offsets,
    load_factor,
    pace_of,
    residual_minutes,
    schedule,
)
from appointments.simulation import disciplines
from appointments.simulation.clinic import LATEST_START, Clinic, Day, days
from appointments.simulation.play import (
    POOLED,
    Course,
    Discipline,
    Routing,
    WalkIns,
    part,
    play,
)

REFRESH_MINUTES = 10.0
PLAN_CAPACITY = 10
USUAL_START = LATEST_START / 2
NO_OFFSETS = Offsets(*[(0.0,) * 4] * 3)
CONSENT = Routing(WalkIns.WHOEVER_IS_FREE, consent=0.3)


@dataclass(frozen=True, slots=True)
class Told:
    """What people were told, and what came; one row per estimate.

    Attributes:
        arriving: whether it was told on arrival.
        ours: scheduled waits, before any offset.
        plan: by the plan's formula, with the people before one who compete for one's points.
        by_points: the same people, divided by those points, without a load factor.
        wait: until being taken.
    """

    day: Ints
    arriving: np.ndarray
    ours: Floats
    plan: Floats
    by_points: Floats
    wait: Floats

    def only(self, rows: np.ndarray) -> "Told":
        return Told(*[column[rows] for column in astuple(self)])


def tell(
    clinic: Clinic, discipline: Discipline, routing: Routing, *, count: int, seed: int
) -> Told:
    """Play the days and ask for estimates on the way; those taken at once are left out."""
    rows: list[tuple[float, ...]] = []
    for number, day in enumerate(days(clinic, count, seed)):
        course = play(day, discipline, routing)
        asked = {float(at): int(row) for row, at in enumerate(day.line.arrived)}
        for tick in np.arange(0.0, np.nanmax(course.start), REFRESH_MINUTES):
            asked.setdefault(float(tick), -1)
        for at, newcomer in asked.items():
            rows += [(number, *row) for row in _told_at(day, course, discipline, at, newcomer)]
    columns = np.array(rows).T
    return Told(columns[0].astype(int), columns[1].astype(bool), *columns[2:])


def _told_at(
    day: Day, course: Course, discipline: Discipline, now: float, newcomer: int
) -> list[tuple[float, ...]]:
    """One row for the newcomer, or for everybody who waits where there is none (−1)."""
    waiting = np.flatnonzero((day.line.arrived <= now) & (course.start > now))
    if not len(waiting) or (newcomer >= 0 and newcomer not in waiting):
        return []
    waiting = waiting[discipline(part(day.line, waiting), now)]
    eligible = course.eligible[waiting]
    scheduled = _scheduled(day, course, waiting, now)
    rivals = (eligible.astype(int) @ eligible.T.astype(int)) > 0
    mean = float(day.length.mean())
    rows = []
    for place, row in enumerate(waiting):
        if newcomer in (-1, row):
            before = int(rivals[place, :place].sum())
            factor = load_factor((before + 1) / PLAN_CAPACITY)
            plan = mean * before * factor
            by_points = mean * before / eligible[place].sum()
            wait = course.start[row] - now
            rows.append((newcomer >= 0, scheduled[place], plan, by_points, wait))
    return rows


def _scheduled(day: Day, course: Course, waiting: Ints, now: float) -> Floats:
    """As the product would, knowing the providers' usual paces but not the day's."""
    point, expected = course.point, day.line.expected_minutes
    usual = expected * day.pace[point]
    lasted = day.length * day.pace[point]
    ended = course.start + lasted <= now
    pace = pace_of(float(lasted[ended].sum()), float(usual[ended].sum()))
    late = USUAL_START - min(now, 0.0)
    free_in = np.where(day.opens > now, late, 0.0)
    for row in np.flatnonzero((course.start <= now) & ~ended):
        free_in[point[row]] = residual_minutes(now - course.start[row], usual[row] * pace)
    lengths = expected[waiting, None] * day.pace * pace
    return schedule(lengths, course.eligible[waiting], free_in)


def report(name: str, told: Told) -> Offsets:
    """Print how each way did on the second half of the days; returns what the first taught."""
    half = told.day.max() / 2
    learnt, judged = told.only(told.day < half), told.only(told.day >= half)
    offsets = calibrate(learnt.ours, learnt.wait)
    print(f"\n{name}: {len(judged.wait)} estimates, mean wait {judged.wait.mean():.1f} min")
    for label, part_told in (("on arrival", judged.only(judged.arriving)), ("all", judged)):
        print(f"  {label}")
        ways = {
            "plan's formula": (part_told.plan, NO_OFFSETS),
            "people before one / points": (part_told.by_points, NO_OFFSETS),
            "list-scheduling alone": (part_told.ours, NO_OFFSETS),
            "ours, offsets by default": (part_told.ours, DEFAULT_OFFSETS),
            "ours, calibrated": (part_told.ours, offsets),
        }
        for way, (scheduled, used) in ways.items():
            print(f"    {way:30s}{_words(quality(scheduled, part_told.wait, used))}")
    for size, found in quality_by_bucket(judged.ours, judged.wait, offsets).items():
        print(f"    calibrated, scheduled {size:8s}{_words(found)}")
    return offsets


def _words(found: Quality) -> str:
    if not found.count:
        return "nobody"
    words = f"MAE {found.mean_error:5.1f}  bias {found.bias:+6.1f}  within 10 min {found.near:6.1%}"
    if found.width:
        words += f"  in range {found.covered:6.1%}  width {found.width:5.1f}"
    return f"{words}  n {found.count}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--seed", type=int, default=21)
    arguments = parser.parse_args()
    settings = {
        "1 point, our order": (Clinic(1), disciplines.ours(), POOLED),
        "3 points, our order, 30 % consent": (Clinic(3), disciplines.ours(), CONSENT),
        "3 points, our order, all consent": (Clinic(3), disciplines.ours(), POOLED),
        "3 points, first come, 30 % consent": (Clinic(3), disciplines.first_come, CONSENT),
    }
    told = {
        name: tell(*setting, count=arguments.days, seed=arguments.seed)
        for name, setting in settings.items()
    }
    for name, found in told.items():
        report(name, found)
    scheduled = np.concatenate([each.ours for each in told.values()])
    wait = np.concatenate([each.wait for each in told.values()])
    print("\nOffsets over all settings, for queues without a history:")
    learnt = calibrate(scheduled, wait)
    for share, row in zip(("p10", "p50", "p90"), astuple(learnt), strict=True):
        print(f"  {share}: {', '.join(f'{math.floor(value * 2 + 0.5) / 2:.1f}' for value in row)}")


if __name__ == "__main__":
    main()
