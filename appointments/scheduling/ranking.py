"""Free slots scored for one patient, and the order in which they are offered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.utils.module_loading import import_string

from appointments.enums import DayPart, Weekday
from appointments.scheduling import no_show, scoring
from appointments.scheduling.priority import PriorityDemand, Rule, matching, strictest
from appointments.scheduling.scoring import Floats, Weights
from appointments.scheduling.slot_search import Free
from appointments.scheduling.slots import HOUR, Flags, Ints, day_number
from appointments.scheduling.travel import rush_factor
from appointments.scheduling.wishes import Wish

AFTERNOON, EVENING = 12 * HOUR, 17 * HOUR
DAY_PARTS = (DayPart.MORNING, DayPart.AFTERNOON, DayPart.EVENING)
WEEKDAYS = {name: number for number, name in enumerate(Weekday.values)}


@dataclass(frozen=True)
class Found:
    """Free slots with their scores, and the order in which they are offered.

    Attributes:
        factors: by name, 0–100.
        total: the weighted sum, 0–100.
        missed: probability of a missed visit, 0–1.
        minutes: travel time; NaN where it is not known.
        means: of each factor, over all free slots.
        order: rows of the best slots, best first.
        is_soonest_first: as wished, or as a priority rule wants it.
    """

    free: Free
    demand: PriorityDemand
    weights: Weights
    model: no_show.Model
    history: no_show.History
    lead_days: Floats
    factors: Mapping[str, Floats]
    means: Mapping[str, float]
    orphans: Floats
    missed: Floats
    minutes: Floats
    wishes_met: Mapping[str, Flags]
    total: Floats
    order: Ints
    is_soonest_first: bool

    @cached_property
    def missed_percent(self) -> tuple[float, float]:
        """The lowest and the highest chance of a missed visit; there is a slot."""
        return 100 * float(self.missed.min()), 100 * float(self.missed.max())

    @cached_property
    def shortest_minutes(self) -> float:
        """The shortest journey; at least one is known."""
        return float(np.nanmin(self.minutes))


@dataclass(frozen=True, slots=True)
class DaySummary:
    """How much is free on one day."""

    date: date
    free: int
    best_score: float | None


def rank(free: Free, *, zone: ZoneInfo, now: datetime, weights: Weights | None = None) -> Found:
    """Score every free slot and order the best ``wish.max_results``.

    Args:
        weights: instead of the tenant's own, for a preview.
    """
    wish, facts = free.wish, free.facts
    today = day_number(now.astimezone(zone).date())
    demand = _demand(wish, facts)
    if demand.requires_same_day:
        free = free.only(free.day == today)
    lead = (free.day - today).astype(np.float64)
    model, history = tenant_model(facts), patient_history(facts, zone=zone, now=now)
    missed = no_show.slot_probabilities(
        model,
        history,
        lead_days=lead,
        hours=free.clock // HOUR,
        weekdays=free.weekday,
    )
    minutes = _travel(free)
    met = _wishes_met(free)
    fit, orphans = scoring.availability(
        free.slots.gap_before,
        free.slots.gap_after,
        free.calendar.windows.grid[free.slots.window],
        lead,
    )
    factors = {
        "provider_availability": fit,
        "patient_priority": scoring.priority(lead, demand.target_days),
        "no_show_risk": scoring.reliability(missed),
        "geographic_proximity": scoring.proximity(minutes),
        "patient_preference": scoring.preference(met["provider"], met["time"], met["day"]),
    }
    weights = weights or tenant_weights(facts)
    total = scoring.total(factors, weights)
    soonest = wish.soonest_first or demand.earliest_first
    order = (scoring.earliest if soonest else scoring.best)(
        total, free.slots.start, free.slots.lane, wish.max_results
    )
    return Found(
        free=free,
        demand=demand,
        weights=weights,
        model=model,
        history=history,
        lead_days=lead,
        factors=factors,
        means={name: float(values.mean()) for name, values in factors.items() if len(values)},
        orphans=orphans,
        missed=missed,
        minutes=minutes,
        wishes_met=met,
        total=total,
        order=order,
        is_soonest_first=soonest,
    )


def _demand(wish: Wish, facts: dict[str, Any]) -> PriorityDemand:
    rules = [
        Rule(
            name=row["name"],
            type_ids=frozenset(row["type_ids"] or ()),
            specialties=frozenset(row["specialties"]),
            diagnosis_codes=tuple(row["diagnosis_codes"]),
            base_priority_score=row["base_priority_score"],
            urgency_multiplier=row["urgency_multiplier"],
            max_wait_days=row["max_wait_days"],
            requires_same_day=row["requires_same_day"],
        )
        for row in facts["rules"] or ()
    ]
    kind = wish.appointment_type
    found = matching(
        rules,
        type_id=kind.pk,
        specialties={kind.specialty, wish.specialty, *(facts["specialties"] or ())} - {""},
        diagnosis_codes=wish.diagnosis_codes,
    )
    return strictest(found, urgency=wish.urgency, waited_days=wish.waited_days)


def tenant_weights(facts: dict[str, Any]) -> Weights:
    stored = facts["weights"]
    return Weights(**{name: stored[name] for name in scoring.FACTORS}) if stored else Weights()


def tenant_model(facts: dict[str, Any]) -> no_show.Model:
    """The fitted model, or the default one."""
    stored = facts["model"]
    if not stored:
        return no_show.DEFAULT
    return no_show.Model(
        prior_missed=stored["prior_missed"],
        prior_kept=stored["prior_kept"],
        coefficients=stored["coefficients"],
        version=stored["version_number"],
    )


def patient_history(facts: dict[str, Any], *, zone: ZoneInfo, now: datetime) -> no_show.History:
    """What the no-show model knows of the patient; the past only."""
    past, born = facts["history"], (facts["patient"] or {}).get("birth_date")
    last, local = past["last_at"], now.astimezone(zone)
    return no_show.History(
        kept=past["kept"],
        missed=past["missed"],
        kept_ahead=past["kept_ahead"],
        missed_ahead=past["missed_ahead"],
        last_missed=past["last_missed"],
        days_since_last=None if last is None else (now.timestamp() - last) / 86_400,
        age_years=(local.date() - date.fromisoformat(born)).days / 365.25 if born else None,
        booked_hour=float(local.hour),
    )


def _travel(free: Free) -> Floats:
    """Minutes to each slot; NaN where the patient's or the site's place is not known."""
    count = len(free)
    if free.wish.telehealth:
        return np.zeros(count)
    minutes = np.full(count, np.nan)
    patient = free.facts["patient"] or {}
    by_hand = (free.facts["preference"] or {}).get("travel_time_to_clinic")
    hours, weekdays = free.clock / HOUR, free.weekday
    if by_hand is not None:
        return by_hand * rush_factor(hours, weekdays)
    if patient.get("latitude") is None or patient.get("longitude") is None:
        return minutes
    places = {row[0]: (row[2], row[3]) for row in free.facts["sites"] if None not in row[2:4]}
    placed = np.isin(free.site, list(places))
    if placed.any():
        keys = sorted(places)
        minutes[placed] = import_string(settings.TRAVEL_TIME)(
            (patient["latitude"], patient["longitude"]),
            [places[key] for key in keys],
            hours=hours[placed],
            weekdays=weekdays[placed],
            which=np.searchsorted(keys, free.site[placed]),
        )
    return minutes


def _wishes_met(free: Free) -> dict[str, Flags]:
    """Which stated wishes each slot meets; one nobody stated counts as met."""
    stated = free.facts["preference"] or {}
    everywhere = np.ones(len(free), dtype=bool)
    met = {"provider": everywhere, "time": everywhere, "day": everywhere}
    if stated.get("provider_ids"):
        liked = np.isin(free.calendar.provider_ids, stated["provider_ids"])
        met["provider"] = liked[free.slots.lane]
    if stated.get("preferred_times"):
        parts = [DAY_PARTS.index(name) for name in stated["preferred_times"]]
        met["time"] = np.isin(np.searchsorted([AFTERNOON, EVENING], free.clock, "right"), parts)
    if stated.get("preferred_days"):
        days = [WEEKDAYS[name] for name in stated["preferred_days"]]
        met["day"] = np.isin(free.weekday, days)
    return met


def by_day(found: Found) -> list[DaySummary]:
    """One summary per wished date, ascending."""
    first = day_number(found.free.wish.dates[0])
    length = day_number(found.free.wish.dates[-1]) - first + 1
    row = found.free.day - first
    counts = np.bincount(row, minlength=length)
    tops = np.full(length, -np.inf)
    np.maximum.at(tops, row, found.total)
    return [
        DaySummary(
            day,
            int(counts[day_number(day) - first]),
            float(tops[day_number(day) - first]) if counts[day_number(day) - first] else None,
        )
        for day in found.free.wish.dates
    ]
