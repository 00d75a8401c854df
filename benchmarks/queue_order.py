"""What ordering a line and estimating its waits cost, and whether observed visits fit the method.

Costs are printed as ratios to sorting the line by arrival in the same run.  The lengths of visits
are those of HanguData (one physician's clinic; CC BY-NC-SA 4.0, DOI 10.3390/data8030047), which is
not part of this repository; without it that part is left out::

    python benchmarks/queue_order.py [--data hangu_dev.csv] [--days 200]
"""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.pop(0)  # of this folder: its queue.py would hide the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from appointments.queue.discipline import Line, Weights, line_scores, reasons, serving_order
from appointments.queue.routing_policy import Point, Wishes, eligibility
from appointments.queue.wait_estimate import SERVICE_CV, estimate, residual_minutes
from appointments.simulation import disciplines
from appointments.simulation.clinic import Clinic
from appointments.simulation.play import POOLED
from appointments.simulation.simulate_eta import report, tell
from appointments.simulation.simulate_queue import CONSENT, compare, table

DATA = Path(__file__).resolve().parent.parent.parent / "shared/data/queue/hangu_dev.csv"
SHORTEST, LONGEST = 0.5, 120.0
"""Minutes; shorter or longer is a slip of the clock or a break."""

ELAPSED = (0, 2, 5, 10, 15, 20, 30)
SIZES = (100, 1_000, 10_000)
POINTS, PEOPLE, TARGET_MS = 4, 200, 5.0
WEIGHTS, NOW = Weights(), 29_000_000.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--days", type=int, default=200)
    arguments = parser.parse_args()
    is_fast = costs()
    if arguments.data.exists():
        lengths = read(arguments.data)
        residuals(lengths)
        with_observed_lengths(lengths, arguments.days)
    else:
        print(f"\nThe data set is not at {arguments.data}; see benchmarks/README.md.")
    return 0 if is_fast else 1


def costs() -> bool:
    """Whether 200 people at four points are estimated in 5 ms."""
    print("Ordering a line, milliseconds")
    for size in SIZES:
        line = made_up(size)
        floor = milliseconds(lambda line=line: np.lexsort((line.entry_id, line.arrived)))
        whole = milliseconds(lambda line=line: serving_order(line, now=NOW, weights=WEIGHTS))
        print(
            f"  {size:6d} waiting  order {whole:7.3f} = {whole / floor:4.1f} × sorting by arrival"
        )
    line = made_up(PEOPLE)
    wishes, points = routed(PEOPLE)
    able = eligibility(wishes, points)
    parts = {
        "who may take whom": lambda: eligibility(wishes, points),
        "order": lambda: serving_order(line, now=NOW, weights=WEIGHTS),
        "shown scores": lambda: line_scores(line, now=NOW, weights=WEIGHTS),
        "reasons": lambda: reasons(line, now=NOW, weights=WEIGHTS),
        "wait estimate": lambda: estimate(line.expected_minutes, able, np.arange(float(POINTS))),
    }
    print(f"{PEOPLE} people, {POINTS} points, milliseconds")
    taken = {name: milliseconds(work) for name, work in parts.items()}
    for name, value in taken.items():
        print(f"  {name:20s}{value:7.3f}")
    return taken["wait estimate"] <= TARGET_MS


def residuals(lengths: np.ndarray) -> None:
    """What was left of observed visits, against the mean residual life that the estimate uses."""
    mean = lengths.mean()
    print(f"\n{len(lengths)} observed visits: mean {mean:.1f} min, cv {lengths.std() / mean:.2f}")
    print("  after  visits  left, observed  left, estimated")
    for elapsed in ELAPSED:
        lasting = lengths[lengths > elapsed]
        estimated = residual_minutes(elapsed, mean, SERVICE_CV)
        observed = (lasting - elapsed).mean()
        print(f"  {elapsed:5d}  {len(lasting):6d}  {observed:14.1f}  {estimated:15.1f}")


def with_observed_lengths(lengths: np.ndarray, days: int) -> None:
    """Order and estimates where the lengths of visits have the observed shape."""
    clinic = Clinic(lengths=tuple(lengths.tolist()))
    orders = {
        "first come": (disciplines.first_come, POOLED),
        "plan's formula": (disciplines.plan_formula, POOLED),
        "ours, alpha 0": (disciplines.ours(alpha=0.0), POOLED),
        "ours": (disciplines.ours(), POOLED),
    }
    print("\nOrder with observed lengths, 3 points, all consent; against first come")
    print(table(compare(orders, clinic, days, seed=31), ["first come"]))
    told = tell(clinic, disciplines.ours(), CONSENT, count=days, seed=32)
    report("Estimates with observed lengths, 3 points, 30 % consent", told)


def read(path: Path) -> np.ndarray:
    """Minutes of service."""
    with path.open(newline="") as file:
        seconds = [row["ServTime"] for row in csv.DictReader(file)]
    minutes = np.array([float(each) / 60 for each in seconds if each not in ("", "NA")])
    return minutes[(minutes >= SHORTEST) & (minutes <= LONGEST)]


def made_up(size: int) -> Line:
    """A line in which half have appointments and one in fifty was moved by hand."""
    rng = np.random.default_rng(size)
    nobody = np.full(size, np.nan)
    moved = np.where(rng.random(size) < 0.02, rng.integers(1, size, size), np.nan)
    return Line(
        entry_id=np.arange(size),
        priority_score=rng.choice([25.0, 50.0, 100.0], size, p=[0.8, 0.15, 0.05]),
        arrived=NOW - rng.uniform(0, 90, size),
        appointment=np.where(rng.random(size) < 0.5, NOW + rng.uniform(-60, 60, size), nobody),
        expected_minutes=rng.choice([7.0, 12.0, 24.0, 36.0], size),
        manual_rank=moved,
        manual_at=np.where(np.isnan(moved), np.nan, NOW),
    )


def routed(size: int) -> tuple[Wishes, list[Point]]:
    rng = np.random.default_rng(size)
    points = [Point(each, frozenset({1}), each, frozenset({"a"})) for each in range(1, POINTS + 1)]
    wishes = Wishes(
        queue_id=np.ones(size, dtype=int),
        provider_id=rng.integers(0, POINTS + 1, size),
        specialty=rng.choice(["", "a"], size),
        type_id=rng.integers(0, 5, size),
        is_flexible=rng.random(size) < 0.3,
    )
    return wishes, points


def milliseconds(work: Callable[[], object], repeats: int = 31) -> float:
    """Median of several runs."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())
