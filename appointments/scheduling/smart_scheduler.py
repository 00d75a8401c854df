"""SmartScheduler: the best times for a visit, and why.  Reads only; booking is the engine's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from accounts.models import User
from appointments.models import AppointmentTemplate
from appointments.scheduling import no_show, scoring
from appointments.scheduling.priority import PriorityDemand
from appointments.scheduling.ranking import (
    DaySummary,
    Found,
    by_day,
    patient_history,
    rank,
    tenant_model,
)
from appointments.scheduling.reasons import factor_reasons, main_risks, summary
from appointments.scheduling.scoring import Weights
from appointments.scheduling.series_search import Repetition, best_repetitions
from appointments.scheduling.slot_reads import read_facts
from appointments.scheduling.slot_search import Free, find_free
from appointments.scheduling.slots import MINUTE, day_number, day_of, instant
from appointments.scheduling.trips import NOBODY, Option, best_trips
from appointments.scheduling.weights import current_weights
from appointments.scheduling.wishes import (
    DEFAULT_RESULTS,
    FARTHEST,
    Wish,
    series_days,
    wanted_dates,
)
from core.clock import Clock, system_clock
from core.models import Tenant
from patients.models import PatientProfile

Instant = datetime
TRANSFER_MINUTES = 30


@dataclass(frozen=True, slots=True)
class SlotScore:
    """How good a slot is.

    Attributes:
        total: 0–100.
        breakdown: each factor, 0–100, before its weight.
        reasons: each factor in words.
    """

    total: float
    breakdown: dict[str, float]
    reasons: dict[str, str]


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that can be booked.

    Attributes:
        datetime, end_datetime: aware UTC; the visit without its buffers.
        resource_id: the room or equipment that is free then; None where none is needed.
        why: one line.
        missed_probability: 0–1; with its main reasons in ``risks``.
        is_late: beyond the longest wait a priority rule allows.
    """

    datetime: Instant
    end_datetime: Instant
    provider_id: int
    provider_name: str
    site_id: int
    site_name: str
    resource_id: int | None
    resource_name: str
    score: SlotScore
    why: str
    missed_probability: float
    risks: list[str]
    is_late: bool


@dataclass(frozen=True, slots=True)
class SearchResult:
    """
    Attributes:
        slots: best first.
        free: how many can be booked in all.
        days: one summary per wished date.
        demand: what the priority rules ask for.
    """

    slots: list[Slot]
    free: int
    days: list[DaySummary]
    demand: PriorityDemand


@dataclass(frozen=True, slots=True)
class TripPlan:
    """Visits of one day.

    Attributes:
        visits: which wish each slot serves, in the order of the day.
        demands: what the priority rules ask for, one per slot.
    """

    visits: tuple[int, ...]
    slots: list[Slot]
    idle_minutes: int
    score: float
    demands: list[PriorityDemand]

    @property
    def rules(self) -> list[str]:
        """Names of the priority rules that match one of the visits."""
        return sorted({name for demand in self.demands for name in demand.names})


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """Visits at one time of day.

    Attributes:
        slots: the free ones, by time; on ``days``.
        missing: days of the series on which the time is not free.
        demand: what the priority rules ask for.
    """

    slots: list[Slot]
    days: list[date]
    missing: list[date]
    score: float
    demand: PriorityDemand


class SmartScheduler:
    """Slot search for one tenant, which must be the active one."""

    def __init__(
        self, tenant: Tenant, *, weights: Weights | None = None, clock: Clock = system_clock
    ) -> None:
        self.tenant, self._weights, self.clock = tenant, weights, clock

    @property
    def weights(self) -> Weights:
        """What slots are ranked by: those given, else the tenant's."""
        return self._weights or current_weights()

    def find_optimal_slots(
        self,
        patient: PatientProfile | None,
        provider: User | None,
        appointment_type: AppointmentTemplate,
        preferred_dates: Iterable[date],
        duration_minutes: int = 30,
        max_results: int = 10,
    ) -> list[Slot]:
        """The best free slots on these days, best first.

        Args:
            provider: None for anyone who offers the type.
            preferred_dates: days of the tenant's calendar.

        Raises:
            InvalidInputError: naming the field.
        """
        today = self.clock().astimezone(self.tenant.zone_info).date()
        wish = Wish(
            appointment_type=appointment_type,
            dates=wanted_dates(preferred_dates, today=today, attr="preferred_dates"),
            duration_minutes=duration_minutes,
            patient_id=patient.pk if patient else None,
            provider_ids=(provider.pk,) if provider else None,
            max_results=max_results,
        )
        return self.search(wish).slots

    def search(self, wish: Wish) -> SearchResult:
        """Every free slot, scored; the best of them explained."""
        return _result(self.find(wish))

    def search_with_days(
        self, wish: Wish, days: Iterable[date]
    ) -> tuple[SearchResult, list[DaySummary]]:
        """``search``, and how much is free on each of the ``days`` too, from one read."""
        now, zone, others = self.clock(), self.tenant.zone_info, tuple(sorted(days))
        every = replace(wish, dates=tuple(sorted({*wish.dates, *others})))
        free = find_free(every, zone=zone, now=now)
        found = self._ranked(free.of_days(wish.dates), now)
        return _result(found), by_day(self._ranked(free.of_days(others), now)) if others else []

    def find(self, wish: Wish) -> Found:
        """As ``search``, as columns."""
        now = self.clock()
        return self._ranked(find_free(wish, zone=self.tenant.zone_info, now=now), now)

    def _ranked(self, free: Free, now: datetime) -> Found:
        return rank(free, zone=self.tenant.zone_info, now=now, weights=self._weights)

    def find_trips(
        self,
        wishes: Sequence[Wish],
        *,
        transfer_minutes: int = TRANSFER_MINUTES,
        keep_order: bool = False,
        max_results: int = DEFAULT_RESULTS,
        per_day: int | None = None,
    ) -> list[TripPlan]:
        """Two or three visits on one day, the least idle time first; where a rule or a wish asks
        for the soonest, those of the earliest day before others.

        Args:
            wishes: of one patient, for the same dates.
            transfer_minutes: to get from one site to another.
            keep_order: whether they must follow one another as listed.
            per_day: how many trips of one day at most.
        """
        found = [self.find(wish) for wish in wishes]
        providers = sorted({key for each in found for key in each.free.calendar.provider_ids})
        trips = best_trips(
            [_option(each, providers) for each in found],
            transfer_minutes=transfer_minutes,
            keep_order=keep_order,
            count=max_results,
            per_day=per_day,
            earliest_day_first=any(each.is_soonest_first for each in found),
        )
        return [
            TripPlan(
                visits=trip.visits,
                slots=[
                    describe(found[number], [row])[0]
                    for number, row in zip(trip.visits, trip.rows, strict=True)
                ],
                idle_minutes=trip.idle // MINUTE,
                score=round(trip.score, 2),
                demands=[found[number].demand for number in trip.visits],
            )
            for trip in trips
        ]

    def find_series(self, wish: Wish, rrule: str) -> list[SeriesPlan]:
        """First times on the wish's dates whose repetitions are free at the same time of day.

        Complete series come first, then those that lack the fewest visits; of equals the better, or
        where a rule or the wish asks for it, the earlier.

        Args:
            rrule: RFC 5545, such as ``FREQ=WEEKLY;COUNT=6``.

        Raises:
            InvalidInputError: naming ``rrule``, or the dates.
        """
        firsts = [day for day in wish.dates if not wish.weekdays or day.weekday() in wish.weekdays]
        days_of = series_days(rrule, firsts, zone=self.tenant.zone_info)
        every = {day for days in days_of.values() for day in days}
        all_dates = wanted_dates(every, today=wish.dates[0], attr="rrule", most=FARTHEST.days + 1)
        found = self.find(replace(wish, dates=all_dates, weekdays=frozenset()))
        free = found.free
        best = best_repetitions(
            lane=free.slots.lane,
            site=free.site,
            day=free.day,
            clock=free.clock,
            score=-free.slots.start.astype(float) if found.is_soonest_first else found.total,
            days_of={
                day_number(first): [day_number(day) for day in days]
                for first, days in days_of.items()
            },
            count=wish.max_results,
        )
        return [_series_plan(found, each, days_of) for each in best]

    def apply_priority_routing(self, slots: list[Slot], demand: PriorityDemand) -> list[Slot]:
        """Slots as priority rules want them offered.

        Where a rule asks for the same day, only today's are left; from a base score of 80 on,
        the earliest comes first.
        """
        zone = self.tenant.zone_info
        if demand.requires_same_day:
            today = self.clock().astimezone(zone).date()
            slots = [slot for slot in slots if slot.datetime.astimezone(zone).date() == today]
        if demand.earliest_first:
            return sorted(slots, key=lambda slot: slot.datetime)
        return slots

    def predict_no_show_probability(self, patient: PatientProfile, slot_time: datetime) -> float:
        """How likely the patient is to miss a visit then, 0–1.

        Args:
            slot_time: aware.
        """
        now, zone = self.clock(), self.tenant.zone_info
        local = slot_time.astimezone(zone)
        day = local.date()
        facts = read_facts(patient.pk, day=day, zone=zone, now=now)
        probability = no_show.slot_probabilities(
            tenant_model(facts),
            patient_history(facts, zone=zone, now=now),
            lead_days=np.array([(day - now.astimezone(zone).date()).days], dtype=float),
            hours=np.array([local.hour]),
            weekdays=np.array([local.weekday()]),
        )
        return float(probability[0])


def _result(found: Found) -> SearchResult:
    return SearchResult(
        slots=describe(found, found.order),
        free=len(found.free),
        days=by_day(found),
        demand=found.demand,
    )


def describe(found: Found, rows: Iterable[int]) -> list[Slot]:
    """The slots in these rows, with their scores in words."""
    wanted = np.fromiter(rows, dtype=np.intp)
    return [
        _slot(found, int(row), risks)
        for row, risks in zip(wanted, main_risks(found, wanted), strict=True)
    ]


def _slot(found: Found, row: int, risks: list[str]) -> Slot:
    free = found.free
    provider_id = free.calendar.provider_ids[free.slots.lane[row]]
    start, site_id = instant(free.slots.start[row]), int(free.site[row])
    resource = free.resources[free.resource[row]] if free.resource[row] >= 0 else None
    reasons = factor_reasons(found, row)
    most = found.demand.max_wait_days
    return Slot(
        datetime=start,
        end_datetime=start + timedelta(minutes=free.wish.duration_minutes),
        provider_id=provider_id,
        provider_name=free.facts["providers"][str(provider_id)],
        site_id=site_id,
        site_name=next(name for key, name, *_ in free.facts["sites"] if key == site_id),
        resource_id=resource.id if resource else None,
        resource_name=resource.name if resource else "",
        score=SlotScore(
            total=round(float(found.total[row]), 2),
            breakdown={name: round(float(found.factors[name][row]), 2) for name in scoring.FACTORS},
            reasons=reasons,
        ),
        why=summary(found, row, reasons),
        missed_probability=round(float(found.missed[row]), 4),
        risks=risks,
        is_late=most is not None and found.lead_days[row] > most,
    )


def _option(found: Found, providers: list[int]) -> Option:
    free, kind = found.free, found.free.wish.appointment_type
    numbers = np.searchsorted(providers, free.calendar.provider_ids)
    rooms = np.array([*(each.id for each in free.resources), NOBODY])  # the last for -1
    return Option(
        length=free.wish.duration_minutes * MINUTE,
        before=kind.buffer_before_minutes * MINUTE,
        after=kind.buffer_after_minutes * MINUTE,
        day=free.day,
        start=free.slots.start,
        provider=numbers[free.slots.lane],
        site=free.site,
        resource=rooms[free.resource],
        score=found.total,
    )


def _series_plan(found: Found, series: Repetition, days_of: dict[date, list[date]]) -> SeriesPlan:
    rows = [row for row in series.rows if row >= 0]
    days = days_of[day_of(found.free.day[series.rows[0]])]
    return SeriesPlan(
        slots=describe(found, rows),
        days=[day for day, row in zip(days, series.rows, strict=True) if row >= 0],
        missing=[day for day, row in zip(days, series.rows, strict=True) if row < 0],
        score=round(float(found.total[rows].mean()), 2),
        demand=found.demand,
    )
