"""What order, routing and knowing the length of visits are worth in a simulated clinic::

    python -m appointments.simulation.simulate_queue [--days 1000] [--seed 11]

Every sentence that is made from the output names its baseline.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from appointments.queue.discipline import BAND_TARGETS, Band, Floats, bands
from appointments.simulation import disciplines
from appointments.simulation.clinic import MEAN_MINUTES, Clinic, Day, days
from appointments.simulation.paired import Change, change
from appointments.simulation.play import (
    DEDICATED,
    POOLED,
    Discipline,
    Routing,
    WalkIns,
    play,
)

FREE = Routing(WalkIns.WHOEVER_IS_FREE)
CONSENT = Routing(WalkIns.WHOEVER_IS_FREE, consent=0.3)
SHORTEST = Routing(WalkIns.SHORTEST)

ORDERS: dict[str, Discipline] = {
    "first come": disciplines.first_come,
    "class, then arrival": disciplines.class_then_arrival,
    "plan's formula": disciplines.plan_formula,
    "plan's sketch": disciplines.plan_sketch,
    "ours, alpha 0": disciplines.ours(alpha=0.0),
    "ours": disciplines.ours(),
    "ours, alpha 1, guard 90": disciplines.ours(alpha=1.0, guard_minutes=90.0),
    "urgent, then shortest": disciplines.urgent_then_shortest,
}

ROUTES: dict[str, tuple[str, Routing]] = {
    "first come, own provider, walk-ins by turn": ("first come", DEDICATED),
    "ours, own provider, walk-ins by turn": ("ours", DEDICATED),
    "first come, walk-ins to the shortest line": ("first come", SHORTEST),
    "ours, walk-ins to the shortest line": ("ours", SHORTEST),
    "first come, walk-ins to whoever is free": ("first come", FREE),
    "ours, walk-ins to whoever is free": ("ours", FREE),
    "first come, and 30 % of the booked consent": ("first come", CONSENT),
    "ours, and 30 % of the booked consent": ("ours", CONSENT),
    "plan's formula, own provider, walk-ins by turn": ("plan's formula", DEDICATED),
    "first come, everybody consents": ("first come", POOLED),
    "ours, everybody consents": ("ours", POOLED),
}

SHORT_VISITS = {
    "without regard to length (alpha 0)": disciplines.ours(alpha=0.0),
    "ours (alpha .5)": disciplines.ours(),
    "alpha 1, guard 90": disciplines.ours(alpha=1.0, guard_minutes=90.0),
}
BELIEFS = {
    "the types' true means": (),
    "means wrong by 10 to 30 %": tuple(MEAN_MINUTES * (1.3, 0.8, 0.75, 1.25, 0.9)),
    "no types, 15 minutes each": (15.0,) * len(MEAN_MINUTES),
}


@dataclass(slots=True)
class Waits:
    """The waits under one policy: by person, and their sums by day."""

    wait: list[Floats]
    band: list[Floats]
    booked: list[np.ndarray]

    def add(self, day: Day, wait: Floats) -> None:
        self.wait.append(wait)
        self.band.append(bands(day.line.priority_score))
        self.booked.append(day.booked)

    def by_day(self) -> Floats:
        return np.array([each.sum() for each in self.wait])

    def figures(self) -> dict[str, float]:
        wait, band = np.concatenate(self.wait), np.concatenate(self.band)
        booked = np.concatenate(self.booked)
        return {
            "mean": wait.mean(),
            "p95": np.percentile(wait, 95),
            "longest": np.mean([each.max() for each in self.wait]),
            "urgent<=15": 100 * np.mean(wait[band == Band.URGENT] <= BAND_TARGETS[Band.URGENT]),
            "priority<=30": 100
            * np.mean(wait[band == Band.PRIORITY] <= BAND_TARGETS[Band.PRIORITY]),
            "walk-ins": wait[~booked & (band != Band.URGENT)].mean(),
            "booked": wait[booked].mean() if booked.any() else np.nan,
        }


def compare(
    policies: dict[str, tuple[Discipline, Routing]], clinic: Clinic, count: int, seed: int
) -> dict[str, Waits]:
    """Each policy on the same days; a wait runs from the later of arrival and appointment."""
    found = {name: Waits([], [], []) for name in policies}
    for day in days(clinic, count, seed):
        for name, (discipline, routing) in policies.items():
            start = play(day, discipline, routing).start
            found[name].add(day, np.maximum(0.0, start - day.due))
    return found


def conservation(count: int, seed: int) -> dict[tuple[str, str], Change]:
    """Against first come, first served: the mean wait where visits are alike, and, where types
    differ, the mean weighted by expected length.  The law says 0."""
    found = {}
    weighed = {"alike": Clinic(law=True, one_length=14.0), "of different types": Clinic(law=True)}
    for points in (1, 3):
        for label, clinic in weighed.items():
            sums = {name: [] for name in ORDERS}
            for day in days(replace(clinic, points=points), count, seed):
                for name, discipline in ORDERS.items():
                    wait = play(day, discipline, POOLED).start - day.line.arrived
                    sums[name].append(float(wait @ day.line.expected_minutes))
            base = np.array(sums["first come"])
            for name, values in sums.items():
                found[f"{points} points, visits {label}", name] = change(np.array(values), base)
    return found


def table(found: dict[str, Waits], bases: Iterable[str]) -> str:
    """One line per policy: the change against each base, and the figures."""
    lines = []
    for name, waits in found.items():
        against = [f"{change(waits.by_day(), found[base].by_day())!s:>16}" for base in bases]
        figures = [f"{key} {value:6.1f}" for key, value in waits.figures().items()]
        lines.append(f"{name:48s}{' '.join(against)}  {'  '.join(figures)}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()

    print("Conservation law, against first come (waits weighted by expected length)")
    for (clinic, name), found in conservation(arguments.days, arguments.seed).items():
        print(f"{clinic:32s}{name:28s}{found}")

    for points in (1, 3):
        print(f"\nOrder, {points} points, everybody may be taken by any; against first come")
        pooled = {name: (discipline, POOLED) for name, discipline in ORDERS.items()}
        found = compare(pooled, Clinic(points), arguments.days, arguments.seed)
        print(table(found, ["first come"]))

    for label, believed in BELIEFS.items():
        print(f"\nShort visits, 3 points, everybody may be taken by any, knowing {label}")
        pooled = {name: (discipline, POOLED) for name, discipline in SHORT_VISITS.items()}
        found = compare(pooled, Clinic(believed=believed), arguments.days, arguments.seed)
        print(table(found, [next(iter(SHORT_VISITS))]))

    for load in (0.03, 0.16, 0.25):
        print(f"\nRouting, 3 points, walk-ins {load:.0%} of the time; against the first line")
        routed = {name: (ORDERS[order], routing) for name, (order, routing) in ROUTES.items()}
        found = compare(routed, Clinic(walk_in_load=load), arguments.days, arguments.seed)
        print(table(found, [next(iter(ROUTES))]))


if __name__ == "__main__":
    main()
