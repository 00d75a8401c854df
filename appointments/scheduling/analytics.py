"""Figures for managers: how full, how kept, how long; per provider, type, site and day.

Rates are fractions of 1, times minutes, lead times days.  ``docs/algorithms/metrics.md`` defines
each figure.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from accounts.models import User
from accounts.permissions import Role
from appointments.models import AppointmentTemplate, SchedulingPreference
from appointments.scheduling import facts as counted
from appointments.scheduling.facts import DayFacts, Facts, Grouped, Scope
from appointments.scheduling.lead_time import LeadTimes, lead_times
from appointments.scheduling.preferences import Preferences
from core.clock import Clock, system_clock
from core.errors import InvalidInputError
from core.models import Site, Tenant
from patients.models import PatientProfile

MAX_DAYS = 366
NO_SITE = "No site"


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the tenant's calendar, both included.

    Raises:
        InvalidInputError: the end lies before the start, or more than a year after it.
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise InvalidInputError(
                "The last day must not be before the first.", attr="end", code="end_before_start"
            )
        if self.days > MAX_DAYS:
            raise InvalidInputError(
                f"Choose at most {MAX_DAYS} days.", attr="end", code="out_of_range"
            )

    @classmethod
    def last(cls, days: int, *, today: date) -> "Period":
        """The ``days`` days up to today, today included."""
        return cls(today - timedelta(days=days - 1), today)

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def previous(self) -> "Period":
        """The equally long one right before."""
        return Period(self.start - timedelta(days=self.days), self.start - timedelta(days=1))

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


@dataclass(frozen=True, slots=True)
class Figures:
    """Facts as people read them; None where there is nothing to divide by."""

    facts: Facts

    @property
    def utilization_rate(self) -> float | None:
        return _ratio(self.facts.booked, self.facts.available)

    @property
    def no_show_rate(self) -> float | None:
        """Missed of all that were either completed or missed."""
        return _ratio(self.facts.missed, self.facts.completed + self.facts.missed)

    @property
    def cancellation_rate(self) -> float | None:
        """Cancelled of all that were booked."""
        return _ratio(self.facts.cancelled, self.facts.visits)

    @property
    def average_wait_minutes(self) -> float | None:
        return _ratio(self.facts.wait, self.facts.waits)

    @property
    def average_duration_minutes(self) -> float | None:
        return _ratio(self.facts.length, self.facts.lengths)

    @property
    def is_empty(self) -> bool:
        return not (self.facts.available or self.facts.visits)


@dataclass(frozen=True, slots=True)
class Line:
    """One provider, type or site; ``lead_days`` None: none within the horizon, or not asked."""

    key: int | None
    name: str
    now: Figures
    before: Figures
    lead_days: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """
    Attributes:
        types: what is open is the whole scope's, so their utilisations add up to its own, but for
            overbooked hours.
        lead_type: whose third next available is shown for providers and sites.
        is_comparable: whether the period before was recorded well enough; if not, every
            ``before`` is empty.
    """

    period: Period
    total: Line
    providers: list[Line]
    types: list[Line]
    sites: list[Line]
    days: list[tuple[date, Figures]]
    lead_type: AppointmentTemplate | None
    is_comparable: bool

    @property
    def is_empty(self) -> bool:
        return self.total.now.is_empty


class SchedulingAnalytics:
    """Figures of the active tenant.  Each method costs the same few queries at any size."""

    def __init__(self, tenant: Tenant, *, clock: Clock = system_clock) -> None:
        self.tenant, self.clock = tenant, clock

    @property
    def zone(self) -> ZoneInfo:
        return self.tenant.zone_info

    @property
    def today(self) -> date:
        return self.clock().astimezone(self.zone).date()

    def calculate_provider_utilization(
        self, provider: User, date_range_start: date, date_range_end: date
    ) -> float:
        """Booked by available minutes, 0–1; 0 without any open time.  Both days included."""
        return self._of(provider, date_range_start, date_range_end).utilization_rate or 0.0

    def calculate_no_show_rate(
        self, provider: User | None, date_range_start: date, date_range_end: date
    ) -> float:
        """0–1; 0 where nothing has ended yet.  ``provider`` None: everyone's."""
        return self._of(provider, date_range_start, date_range_end).no_show_rate or 0.0

    def update_patient_scheduling_preferences(
        self, patient: PatientProfile
    ) -> SchedulingPreference:
        """Learn anew from the patient's finished visits."""
        return Preferences(by=None, clock=self.clock).learn(patient.pk)

    def report(self, period: Period, scope: Scope | None = None) -> Report:
        """Everything the analytics page shows, with the previous period beside it."""
        scope = scope or Scope()
        return _Reading(self, period, scope).report()

    def provider_line(self, provider: User, period: Period) -> Line:
        """One provider, with the previous period; three days of lead time for the type that is
        booked most."""
        return _Reading(self, period, Scope(provider_id=provider.pk)).provider(provider)

    def _of(self, provider: User | None, first: date, last: date) -> Figures:
        scope = Scope(provider_id=provider.pk if provider else None)
        period = Period(first, last)
        rows = counted.by_provider_and_day(period.start, period.end, zone=self.zone, scope=scope)
        return Figures(_sum(rows))


class _Reading:
    """One report being put together."""

    def __init__(self, analytics: SchedulingAnalytics, period: Period, scope: Scope) -> None:
        self.analytics, self.period, self.scope = analytics, period, scope

    def report(self) -> Report:
        lead_type = self._lead_type()
        return Report(
            period=self.period,
            total=Line(None, "All", *self._pair(self.rows), self._lead_of(lead_type)),
            providers=self._providers(lead_type),
            types=self._types(),
            sites=self._sites(lead_type),
            days=self._days(),
            lead_type=lead_type,
            is_comparable=self.is_comparable,
        )

    def provider(self, provider: User) -> Line:
        lead = self._lead_of(self._lead_type())
        now, before = self._split(self.rows)
        return Line(
            provider.pk, provider.get_full_name(), Figures(_sum(now)), Figures(_sum(before)), lead
        )

    @cached_property
    def rows(self) -> list[DayFacts]:
        """Of both periods, which adjoin."""
        return counted.by_provider_and_day(
            self.period.previous.start,
            self.period.end,
            zone=self.analytics.zone,
            scope=self.scope,
        )

    @cached_property
    def types(self) -> Grouped:
        return self._grouped(counted.by_type)

    @cached_property
    def kinds(self) -> dict[int, AppointmentTemplate]:
        return {kind.pk: kind for kind in AppointmentTemplate.objects.order_by("name", "pk")}

    @cached_property
    def leads(self) -> LeadTimes:
        return lead_times(zone=self.analytics.zone, now=self.analytics.clock(), scope=self.scope)

    def _lead_type(self) -> AppointmentTemplate | None:
        """The type chosen, else the one booked most, else the first that can be booked."""
        if self.scope.type_id:
            return self.kinds.get(self.scope.type_id)
        active = [key for key, kind in self.kinds.items() if kind.is_active]
        now = self.types[0]
        most = max(active, key=lambda key: now.get(key, Facts()).visits, default=None)
        return None if most is None else self.kinds[most]

    def _lead_of(self, kind: AppointmentTemplate | None) -> int | None:
        return None if kind is None else self.leads.types.get(kind.pk)

    def _providers(self, lead_type: AppointmentTemplate | None) -> list[Line]:
        by_key: dict[int, list[DayFacts]] = {}
        for row in self.rows:
            by_key.setdefault(row.provider_id, []).append(row)
        people = User.objects.filter(role=Role.PROVIDER).order_by("last_name", "first_name", "pk")
        wanted = people.filter(pk__in=by_key)
        return [
            Line(
                user.pk,
                user.get_full_name(),
                *self._pair(by_key[user.pk]),
                self.leads.providers.get((lead_type.pk, user.pk)) if lead_type else None,
            )
            for user in wanted
        ]

    def _types(self) -> list[Line]:
        now, before = self.types
        open_now, open_before = (each.facts.available for each in self._pair(self.rows))
        return [
            Line(
                key,
                kind.name,
                Figures(replace(now.get(key, Facts()), available=open_now)),
                Figures(replace(before.get(key, Facts()), available=open_before)),
                self.leads.types.get(key),
            )
            for key, kind in self.kinds.items()
            if key in now or key in before
        ]

    def _sites(self, lead_type: AppointmentTemplate | None) -> list[Line]:
        now, before = self._grouped(counted.by_site)
        names = dict(Site.objects.order_by("name").values_list("pk", "name")) | {None: NO_SITE}
        return [
            Line(
                key,
                name,
                Figures(now.get(key, Facts())),
                Figures(before.get(key, Facts())),
                self.leads.sites.get((lead_type.pk, key)) if lead_type and key else None,
            )
            for key, name in names.items()
            if key in now or key in before
        ]

    def _days(self) -> list[tuple[date, Figures]]:
        by_day: dict[date, list[DayFacts]] = {}
        for row in self.rows:
            by_day.setdefault(row.day, []).append(row)
        every = (self.period.start + timedelta(days=n) for n in range(self.period.days))
        return [(day, Figures(_sum(by_day.get(day, [])))) for day in every]

    @cached_property
    def is_comparable(self) -> bool:
        """A period of which fewer than half as many days are known says nothing."""
        now, before = ({row.day for row in rows} for rows in self._split(self.rows))
        return bool(before) and len(before) * 2 >= len(now)

    def _pair(self, rows: list[DayFacts]) -> tuple[Figures, Figures]:
        now, before = self._split(rows)
        return Figures(_sum(now)), Figures(_sum(before if self.is_comparable else []))

    def _split(self, rows: list[DayFacts]) -> tuple[list[DayFacts], list[DayFacts]]:
        """Those of the period, and those before it."""
        now = [row for row in rows if row.day in self.period]
        return now, [row for row in rows if row.day not in self.period]

    def _grouped(self, count: Callable[..., Grouped]) -> Grouped:
        first, split, last = self.period.previous.start, self.period.start, self.period.end
        now, before = count(first, split, last, zone=self.analytics.zone, scope=self.scope)
        return now, before if self.is_comparable else {}


def _sum(rows: list[DayFacts]) -> Facts:
    return sum((row.facts for row in rows), Facts())


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
