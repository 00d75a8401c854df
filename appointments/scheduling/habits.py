"""What a patient's past visits say about the next one: arithmetic alone, no ORM or clock.

Every visit counts the less the longer it is over, and every share is pulled towards chance, so
that three visits on a Monday make a habit and one does not.  ``docs/algorithms/metrics.md``
explains the rule.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from appointments.enums import AppointmentStatus, DayPart, Weekday
from appointments.scheduling.no_show import DEFAULT

HALF_LIFE_DAYS = 180
REACH = timedelta(days=730)
RATE_MIN_VISITS = 50
MIN_VISITS = 3
MIN_ALIKE = 2
PSEUDO_VISITS = 1.0
DAY_SHARE, TIME_SHARE, PROVIDER_SHARE = 2 / 7, 0.5, 0.4
NOON, EVENING = 12, 17
MOST_LATE_MINUTES = 120
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class PastVisit:
    start: datetime
    status: str
    provider_id: int
    checked_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class Habits:
    """
    Attributes:
        days, times: in the order of the week and of the day.
        provider_ids: most visited first.
        late_minutes: mean lateness, an early arrival counting 0; None without any arrival.
        no_show_rate: a fraction of 1, smoothed.
        finished: visits completed, missed or cancelled.
        learned_from: completed visits young enough to be learned from.
    """

    days: list[str]
    times: list[str]
    provider_ids: list[int]
    late_minutes: float | None
    no_show_rate: float
    finished: int
    completed: int
    learned_from: int


def habits(
    visits: Iterable[PastVisit],
    *,
    zone: ZoneInfo,
    now: datetime,
    prior_missed: float,
    prior_kept: float,
) -> Habits:
    """
    Args:
        visits: the patient's finished ones, in any order.
        prior_missed, prior_kept: the beta prior (a, b); the rate is (k + a) / (n + a + b).
    """
    visits = list(visits)
    completed = [visit for visit in visits if visit.status == AppointmentStatus.COMPLETED]
    missed = sum(visit.status == AppointmentStatus.NO_SHOW for visit in visits)
    recent = [visit for visit in completed if now - visit.start <= REACH]
    weights = [_weight(visit, now) for visit in recent]
    local = [visit.start.astimezone(zone) for visit in recent]
    weekdays, parts = list(Weekday.values), list(DayPart.values)
    days = preferred(
        [weekdays[at.weekday()] for at in local], weights, chance=1 / 7, at_least=DAY_SHARE
    )
    times = preferred([day_part(at) for at in local], weights, chance=1 / 3, at_least=TIME_SHARE)
    providers = [visit.provider_id for visit in recent]
    return Habits(
        days=sorted(days, key=weekdays.index),
        times=sorted(times, key=parts.index),
        provider_ids=preferred(providers, weights, chance=0, at_least=PROVIDER_SHARE),
        late_minutes=_lateness(visits, now),
        no_show_rate=(missed + prior_missed)
        / (len(completed) + missed + prior_missed + prior_kept),
        finished=len(visits),
        completed=len(completed),
        learned_from=len(recent),
    )


def prior_of(missed: int, kept: int) -> tuple[float, float]:
    """The beta prior (a, b) of one patient's rate from the whole tenant's finished visits.

    It weighs as much as the default, which also stands for tenants with few visits.
    """
    if missed + kept < RATE_MIN_VISITS:
        return DEFAULT.prior_missed, DEFAULT.prior_kept
    weight = (DEFAULT.prior_missed + DEFAULT.prior_kept) / (missed + kept)
    # Where nobody ever missed a visit, the rate is still above zero.
    return max(missed, 0.5) * weight, max(kept, 0.5) * weight


def preferred(
    keys: Sequence[Key], weights: Sequence[float], *, chance: float, at_least: float
) -> list[Key]:
    """Keys whose smoothed share reaches ``at_least``, the greatest share first.

    With fewer than ``MIN_VISITS`` keys nothing is preferred, and nothing that came up fewer than
    ``MIN_ALIKE`` times.

    Args:
        keys: one per visit.
        weights: one per visit, 0–1.
        chance: a key's share where nothing is known.
    """
    if len(keys) < MIN_VISITS:
        return []
    total = sum(weights)
    sums: dict[Key, float] = defaultdict(float)
    counts: dict[Key, int] = defaultdict(int)
    for key, weight in zip(keys, weights, strict=True):
        sums[key] += weight
        counts[key] += 1
    shares = {
        key: (weight + PSEUDO_VISITS * chance) / (total + PSEUDO_VISITS)
        for key, weight in sums.items()
    }
    found = [key for key in shares if counts[key] >= MIN_ALIKE and shares[key] >= at_least]
    return sorted(found, key=lambda key: (-shares[key], str(key)))


def day_part(local: datetime) -> DayPart:
    if local.hour < NOON:
        return DayPart.MORNING
    return DayPart.AFTERNOON if local.hour < EVENING else DayPart.EVENING


def _lateness(visits: Iterable[PastVisit], now: datetime) -> float | None:
    late = total = 0.0
    for visit in visits:
        if visit.checked_in_at is None or now - visit.start > REACH:
            continue
        minutes = (visit.checked_in_at - visit.start).total_seconds() / 60
        weight = _weight(visit, now)
        late += weight * min(max(minutes, 0.0), MOST_LATE_MINUTES)
        total += weight
    return round(late / total, 1) if total else None


def _weight(visit: PastVisit, now: datetime) -> float:
    """Halves every ``HALF_LIFE_DAYS``."""
    age = max((now - visit.start) / timedelta(days=1), 0.0)
    return 0.5 ** (age / HALF_LIFE_DAYS)
