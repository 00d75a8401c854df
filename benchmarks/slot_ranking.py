"""What ranking slots is worth: attended time of simulated clinics, by the way slots are ranked.

Four providers at two sites, 24 quarters of an hour a day.  Patients ask day by day, see the five
best slots, and take the first or the one they like best.  The same patients meet each way, so that
differences are the ways' own::

    python benchmarks/slot_ranking.py [--seeds 8]

Reproduces the slot experiment of the design with the product's own ``scoring``.
"""

import argparse
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.pop(0)  # of this folder: its queue.py would hide the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from appointments.scheduling import scoring

PROVIDERS, UNITS, DAYS, HORIZON = 4, 24, 120, 28
SITE = np.array([0, 0, 1, 1])
TARGET_DAYS = (2.0, 7.0, 21.0)
LONGEST_WAIT = (3, 14, 28)
MEASURED = slice(30, DAYS - HORIZON)
LOADS = (0.85, 0.95, 1.10)
WEIGHTS = scoring.Weights()
FIRST_HOUR_TODAY = 8
CHOICES, TAKES_FIRST = 5, 0.55


@dataclass(frozen=True, slots=True)
class Request:
    """One patient's wish; ``taste`` is the noise in the own choice, ``luck`` decides on coming."""

    day: int
    units: int
    urgency: int
    provider: int
    insists: bool
    half: int
    site: int
    far: float
    weekdays: np.ndarray
    risk: float
    known_risk: float
    picks_first: bool
    taste: np.ndarray
    luck: float


def requests(seed: int, load: float) -> tuple[np.ndarray, list[Request]]:
    """The calendar as it is filled at the start, and the patients in the order they ask."""
    random = np.random.default_rng(seed)
    mean_units = 1 * 0.55 + 2 * 0.30 + 3 * 0.15
    arrivals = random.poisson(load * PROVIDERS * UNITS / mean_units, DAYS - HORIZON)
    booked = np.zeros((DAYS, PROVIDERS, UNITS), dtype=bool)
    for day in range(12):
        booked[day] = random.random((PROVIDERS, UNITS)) < 0.9 * (1 - day / 13)
    asked = []
    for day in np.repeat(np.arange(DAYS - HORIZON), arrivals):
        risk = random.normal(0, 0.9)
        asked.append(
            Request(
                day=int(day),
                units=int(random.choice(3, p=[0.55, 0.30, 0.15])) + 1,
                urgency=int(random.choice(3, p=[0.10, 0.25, 0.65])),
                provider=int(random.integers(PROVIDERS)) if random.random() < 0.45 else -1,
                insists=random.random() < 0.55,
                half=int(random.integers(3)),  # morning, afternoon, either
                site=int(random.integers(2)),
                far=10 + 30 * random.random(),
                weekdays=random.random(7) < 0.75,
                risk=risk,
                known_risk=0.5 * risk + 0.5 * random.normal(0, 0.5),
                picks_first=random.random() < TAKES_FIRST,
                taste=random.gumbel(size=CHOICES),
                luck=random.random(),
            )
        )
    return booked, asked


def missed(risk: float, lead: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """The probability that the patient does not come."""
    log_odds = -2.95 + risk + 0.45 * np.log1p(lead) + 0.2 * (unit < 2) + 0.12 * (unit >= 20)
    return 1 / (1 + np.exp(-log_odds))


@dataclass(frozen=True, slots=True)
class Slots:
    """The free slots a request could take; columns have one row per slot."""

    lead: np.ndarray
    provider: np.ndarray
    unit: np.ndarray
    gap_before: np.ndarray
    gap_after: np.ndarray
    free_share: np.ndarray


def free_slots(booked: np.ndarray, wish: Request) -> Slots:
    days = booked[wish.day : wish.day + LONGEST_WAIT[wish.urgency] + 1]
    place = np.arange(UNITS)
    last_busy = np.maximum.accumulate(np.where(days, place, -1), axis=2)
    next_busy = np.minimum.accumulate(np.where(days, place, UNITS)[..., ::-1], axis=2)[..., ::-1]
    possible = next_busy - place >= wish.units
    if wish.urgency > 0:
        weekday = (wish.day + np.arange(len(days))) % 7
        possible &= wish.weekdays[weekday][:, None, None]
    if wish.provider >= 0 and wish.insists:
        possible &= (np.arange(PROVIDERS) == wish.provider)[None, :, None]
    possible[0, :, :FIRST_HOUR_TODAY] = False
    lead, provider, unit = np.nonzero(possible)
    return Slots(
        lead=lead.astype(float),
        provider=provider,
        unit=unit,
        gap_before=(unit - 1 - last_busy[lead, provider, unit]).astype(float),
        gap_after=(next_busy[lead, provider, unit] - unit - wish.units).astype(float),
        free_share=1 - days.mean(axis=2)[lead, provider],
    )


def wishes_met(slots: Slots, wish: Request) -> tuple[np.ndarray, np.ndarray]:
    half = (slots.unit >= UNITS / 2).astype(int)
    return (
        (wish.provider < 0) | (slots.provider == wish.provider),
        (wish.half == 2) | (half == wish.half),
    )


def ours(slots: Slots, wish: Request) -> np.ndarray:
    by_provider, by_time = wishes_met(slots, wish)
    fit, _ = scoring.availability(slots.gap_before, slots.gap_after, np.float64(1), slots.lead)
    factors = {
        "provider_availability": fit,
        "patient_priority": scoring.priority(slots.lead, TARGET_DAYS[wish.urgency]),
        "no_show_risk": scoring.reliability(missed(wish.known_risk, slots.lead, slots.unit)),
        "geographic_proximity": scoring.proximity(journey(slots, wish)),
        "patient_preference": scoring.preference(by_provider, by_time, np.True_),
    }
    return scoring.total(factors, WEIGHTS)


def as_sketched(slots: Slots, wish: Request) -> np.ndarray:
    """The customer's formula: emptiest days first; urgency and risk the same for every slot."""
    by_provider, by_time = wishes_met(slots, wish)
    usual = float(missed(wish.known_risk, np.array([7.0]), np.array([8]))[0])
    return (
        WEIGHTS.provider_availability * 100 * slots.free_share
        + WEIGHTS.patient_priority * (100, 60, 30)[wish.urgency]
        + WEIGHTS.no_show_risk * 100 * (1 - usual)
        + WEIGHTS.geographic_proximity * 100 * np.exp(-journey(slots, wish) / 30)
        + WEIGHTS.patient_preference * scoring.preference(by_provider, by_time, np.True_)
    )


def earliest(slots: Slots, wish: Request) -> np.ndarray:
    return -100 * slots.lead - slots.unit


def journey(slots: Slots, wish: Request) -> np.ndarray:
    return np.where(SITE[slots.provider] == wish.site, 0.0, wish.far)


WAYS: dict[str, Callable[[Slots, Request], np.ndarray]] = {
    "earliest available": earliest,
    "the customer's formula": as_sketched,
    "ours": ours,
}


def choose(slots: Slots, wish: Request, score: np.ndarray) -> int:
    """Row of the slot the patient takes of the best five."""
    best = np.lexsort((slots.unit, slots.lead, -score))[:CHOICES]
    if wish.picks_first:
        return int(best[0])
    by_provider, by_time = wishes_met(slots, wish)
    liked = (
        -0.05 * slots.lead[best]
        + 0.8 * by_time[best]
        + 0.5 * by_provider[best]
        - 0.02 * journey(slots, wish)[best]
        + 0.4 * wish.taste[: len(best)]
    )
    return int(best[np.argmax(liked)])


def simulate(seed: int, load: float, rank: Callable[[Slots, Request], np.ndarray]) -> dict:
    """Shares of 1: attended time, and the wishes for a time of day that were met."""
    booked, asked = requests(seed, load)
    attended, met, seen = np.zeros(DAYS), 0, 0
    for wish in asked:
        slots = free_slots(booked, wish)
        if not len(slots.lead):
            continue
        row = choose(slots, wish, rank(slots, wish))
        day, unit = wish.day + int(slots.lead[row]), int(slots.unit[row])
        booked[day, slots.provider[row], unit : unit + wish.units] = True
        risk = missed(wish.risk, slots.lead[row : row + 1], slots.unit[row : row + 1])[0]
        attended[day] += wish.units * (wish.luck >= risk)
        if MEASURED.start <= day < MEASURED.stop:
            seen += 1
            met += bool(wishes_met(slots, wish)[1][row])
    capacity = PROVIDERS * UNITS * (MEASURED.stop - MEASURED.start)
    return {"attended": attended[MEASURED].sum() / capacity, "met": met / seen}


def interval(values: np.ndarray) -> str:
    half = 1.96 * values.std(ddof=1) / math.sqrt(len(values))
    return f"{100 * values.mean():+6.1f} ± {100 * half:.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=8, help="clinics simulated for each load")
    seeds = range(parser.parse_args().seeds)
    print(f"{'load':>5} {'way':24}{'attended':>10}{'time met':>10}   attended, against the others")
    for load in LOADS:
        runs = {name: [simulate(9000 + s, load, way) for s in seeds] for name, way in WAYS.items()}
        attended = {
            name: np.array([run["attended"] for run in each]) for name, each in runs.items()
        }
        for name, each in runs.items():
            met = np.mean([run["met"] for run in each])
            against = [
                f"{interval(attended[name] / other - 1)} vs {label}"
                for label, other in attended.items()
                if label != name and name == "ours"
            ]
            print(
                f"{load:5.2f} {name:24}{attended[name].mean():10.1%}{met:10.1%}   "
                + "; ".join(against)
            )


if __name__ == "__main__":
    main()
