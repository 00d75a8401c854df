"""Days of a simulated outpatient clinic: who comes when, for what, and how long it takes.

A day holds everything that chance decides, so that each policy meets the same people, delays and
lengths (common random numbers).  Minutes from opening throughout.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from appointments.queue.discipline import BAND_SCORES, Band, Floats, Ints, Line

DAY_MINUTES = 480.0
QUICK, FOLLOW_UP, NEW, PROCEDURE, EMERGENCY = range(5)
MEAN_MINUTES = np.array([7.0, 12.0, 24.0, 36.0, 18.0])
VISIT_CV = np.array([0.5, 0.5, 0.5, 0.4, 0.6])
BOOKED_MIX = (0.12, 0.55, 0.25, 0.08)
WALK_IN_MIX = (0.25, 0.55, 0.20)
PACES = {1: (1.0,), 2: (0.92, 1.08), 3: (0.9, 1.0, 1.1), 4: (0.88, 0.97, 1.04, 1.11)}

BOOKED_LOAD, WALK_IN_LOAD, URGENT_LOAD = 0.85, 0.16, 0.05
NO_SHOW, BOOKED_PRIORITY, WALK_IN_PRIORITY = 0.15, 0.15, 0.10
OFFSET_MEAN, OFFSET_SD, EARLIEST_OFFSET = -8.0, 12.0, -45.0
LATE_SHARE, LATE_MINUTES = 0.06, (10.0, 40.0)
DOORS_OPEN, LATEST_START, LATEST_URGENT = -20.0, 10.0, 455.0
DAY_SD = 0.06
WALK_IN_HOURS = ((160.0, 0.5), (320.0, 0.8), (450.0, 1.0))
"""Half of the walk-ins come in the first 160 minutes."""


@dataclass(frozen=True, slots=True)
class Clinic:
    """What distinguishes one simulated clinic from another.

    Attributes:
        points: providers, each with a room; 1–4.
        walk_in_load: walk-ins' work as a share of the providers' time.
        law: the conditions of the conservation law: nobody is booked, nobody's pace differs.
        one_length: mean of all visits, where their types do not differ.
        believed: minutes by type as the queue knows them; empty: the true means.
        lengths: observed minutes to draw from in place of a lognormal; only their shape counts.
    """

    points: int = 3
    walk_in_load: float = WALK_IN_LOAD
    law: bool = False
    one_length: float | None = None
    believed: tuple[float, ...] = ()
    lengths: tuple[float, ...] = ()

    def means(self) -> Floats:
        """Mean minutes by type of visit."""
        if self.one_length is None:
            return MEAN_MINUTES
        return np.full_like(MEAN_MINUTES, self.one_length)


@dataclass(frozen=True, slots=True)
class Day:
    """Everybody who comes, by arrival.

    Attributes:
        line: as the queue knows them; ``expected_minutes`` is what it believes.
        provider: 0 … points − 1: booked with; of a walk-in, whose turn it is.
        consent: uniform; whoever is below a share consents to see anybody.
        length: minutes at an ordinary pace.
        opens: when each provider starts.
        pace: of each provider, in multiples of the ordinary length.
    """

    line: Line
    provider: Ints
    consent: Floats
    length: Floats
    opens: Floats
    pace: Floats

    def __len__(self) -> int:
        return len(self.line)

    @property
    def booked(self) -> np.ndarray:
        return ~np.isnan(self.line.appointment)

    @property
    def due(self) -> Floats:
        """From when a wait counts: the later of arrival and appointment."""
        return np.fmax(self.line.arrived, self.line.appointment)


def days(clinic: Clinic, count: int, seed: int) -> Iterator[Day]:
    """``count`` days; of equal clinics and seeds, equal days."""
    for number in range(count):
        yield make_day(clinic, np.random.default_rng((seed, number)))


def make_day(clinic: Clinic, rng: np.random.Generator) -> Day:
    """One day's people: the booked of each provider, walk-ins, and the urgent."""
    means = clinic.means()
    columns = np.concatenate(
        [
            *[_booked(provider, means, rng) for provider in range(clinic.points)],
            _walk_ins(clinic, means, rng),
            _urgent(clinic, means, rng),
        ],
        axis=1,
    )
    arrived, appointment, kind, score, provider = columns[:, np.argsort(columns[0])]
    kind, count = kind.astype(int), len(arrived)
    believed = np.array(clinic.believed) if clinic.believed else means
    if clinic.law:
        appointment = np.full(count, np.nan)
    nobody = np.full(count, np.nan)
    return Day(
        line=Line(np.arange(count), score, arrived, appointment, believed[kind], nobody, nobody),
        provider=provider.astype(np.int64),
        consent=rng.random(count),
        length=means[kind] * _relative_lengths(clinic, kind, rng),
        opens=np.zeros(clinic.points)
        if clinic.law
        else rng.uniform(0, LATEST_START, clinic.points),
        pace=np.ones(clinic.points) if clinic.law else np.array(PACES[clinic.points]),
    )


def lognormal(z: Floats, cv: Floats | float) -> Floats:
    """Lognormal values of mean 1 from standard normal ones."""
    variance = np.log1p(np.square(cv))
    return np.exp(np.sqrt(variance) * z - variance / 2)


def _booked(provider: int, means: Floats, rng: np.random.Generator) -> Floats:
    """Those of one provider who come, with slots as long as their type needs on average."""
    kinds, starts, start = [], [], 0.0
    while True:
        kind = rng.choice(len(BOOKED_MIX), p=BOOKED_MIX)
        slot = means[kind] / BOOKED_LOAD
        if start + 0.6 * slot > DAY_MINUTES:
            break
        kinds.append(kind)
        starts.append(5.0 * round(start / 5))
        start += slot
    count = len(kinds)
    appointment = np.array(starts)
    offset = np.where(
        rng.random(count) < LATE_SHARE,
        rng.uniform(*LATE_MINUTES, count),
        np.maximum(OFFSET_MEAN + OFFSET_SD * rng.standard_normal(count), EARLIEST_OFFSET),
    )
    arrived = np.maximum(appointment + offset, DOORS_OPEN)
    score = _scores(count, BOOKED_PRIORITY, rng)
    rows = np.array([arrived, appointment, kinds, score, np.full(count, provider)], float)
    return rows[:, rng.random(count) >= NO_SHOW]


def _walk_ins(clinic: Clinic, means: Floats, rng: np.random.Generator) -> Floats:
    mean = float(np.dot(WALK_IN_MIX, means[: len(WALK_IN_MIX)]))
    count = rng.poisson(clinic.walk_in_load * clinic.points * DAY_MINUTES / mean)
    kinds = rng.choice(len(WALK_IN_MIX), count, p=WALK_IN_MIX)
    hours = np.array([(0.0, 0.0), *WALK_IN_HOURS])
    arrived = np.interp(rng.random(count), hours[:, 1], hours[:, 0])
    return _without_appointment(
        arrived, kinds, _scores(count, WALK_IN_PRIORITY, rng), clinic.points, rng
    )


def _urgent(clinic: Clinic, means: Floats, rng: np.random.Generator) -> Floats:
    count = rng.poisson(URGENT_LOAD * clinic.points * DAY_MINUTES / means[EMERGENCY])
    arrived = rng.uniform(0, LATEST_URGENT, count)
    kinds = np.full(count, EMERGENCY)
    scores = np.full(count, BAND_SCORES[Band.URGENT])
    return _without_appointment(arrived, kinds, scores, clinic.points, rng)


def _without_appointment(
    arrived: Floats, kinds: Ints, scores: Floats, points: int, rng: np.random.Generator
) -> Floats:
    count = len(arrived)
    turn = rng.integers(0, points, count)
    return np.array([arrived, np.full(count, math.nan), kinds, scores, turn], float)


def _scores(count: int, priority_share: float, rng: np.random.Generator) -> Floats:
    priority = rng.random(count) < priority_share
    return np.where(priority, BAND_SCORES[Band.PRIORITY], BAND_SCORES[Band.ROUTINE])


def _relative_lengths(clinic: Clinic, kind: Ints, rng: np.random.Generator) -> Floats:
    """True length over mean of the type; days differ, too."""
    if clinic.lengths:
        observed = np.array(clinic.lengths)
        return rng.choice(observed, len(kind)) / observed.mean()
    own = lognormal(rng.standard_normal(len(kind)), VISIT_CV[kind])
    if clinic.law:
        return own
    return own * math.exp(rng.normal(0, DAY_SD))
