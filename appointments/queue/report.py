"""What a queue's past says to managers: waits, endings, fairness and how good the estimates were.

A stay belongs to the day on which it began.  docs/algorithms/metrics.md defines each figure.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import F

from appointments.models import QueueEntry, QueueEvent, WaitingQueue
from appointments.queue.calibration import Quality, quality_of
from appointments.queue.discipline import BAND_TARGETS, Band, bands
from appointments.queue.hourly import HourFigures
from appointments.queue.metrics import hours_of, stays_between
from appointments.queue.stays import MINUTE, Stay, at_instant, instant
from appointments.scheduling.analytics import Period
from appointments.scheduling.availability import to_utc

SMALLEST_GROUP = 10
"""Fewer people than this are not shown as a group of their own: it could be known who they are."""

LONGEST_SHOWN = 10
BAND_NAMES = {Band.URGENT: "Urgent", Band.PRIORITY: "Priority", Band.ROUTINE: "Routine"}
BY_APPOINTMENT, WALK_IN = "With an appointment", "Walk-in"
NO_TYPE, OTHER_LANGUAGES = "No type", "Other languages"


@dataclass(frozen=True, slots=True)
class Seen:
    """A stay with what is known of its patient's visit.

    Attributes:
        provider: who saw the patient, else whose visit it was; None and empty of nobody.
        booked_at: as ``instant`` writes it; None for walk-ins.
        told: the wait's low, median and high estimate on joining, minutes; None if there was none.
    """

    stay: Stay
    entry_id: int
    ticket: str
    day: date
    band: Band
    came: str
    kind: str
    provider: tuple[int | None, str]
    point: str
    language: str
    told: tuple[float, float, float] | None
    booked_at: int | None = None

    @property
    def wait(self) -> float | None:
        """Minutes, of a visit that has begun."""
        return None if self.stay.wait is None else self.stay.wait / MINUTE

    @property
    def is_on_time(self) -> bool:
        """Seen within the target of its urgency, of which nothing is used up before the booked
        time."""
        if self.wait is None or self.stay.joined_at is None:
            return False
        early = max(0, (self.booked_at or 0) - self.stay.joined_at) / MINUTE
        return self.wait - early <= BAND_TARGETS[self.band]


@dataclass(frozen=True)
class Group:
    """Figures of some stays; minutes and fractions of 1, None where there is nothing to divide."""

    seen: Sequence[Seen] = ()

    @property
    def joined(self) -> int:
        return len(self.seen)

    @cached_property
    def waits(self) -> list[float]:
        return sorted(each.wait for each in self.seen if each.wait is not None)

    @cached_property
    def services(self) -> list[float]:
        return [s.stay.service / MINUTE for s in self.seen if s.stay.service is not None]

    @property
    def served(self) -> int:
        return sum(each.stay.began_at is not None for each in self.seen)

    @property
    def completed(self) -> int:
        return self.ended("completed")

    def ended(self, ending: str) -> int:
        return sum(each.stay.ending == ending for each in self.seen)

    @property
    def over(self) -> int:
        """Stays that ended here: completed, missed or left."""
        return self.completed + self.ended("no_show") + self.ended("left")

    @property
    def no_show_rate(self) -> float | None:
        return _ratio(self.ended("no_show"), self.over)

    @property
    def left_rate(self) -> float | None:
        return _ratio(self.ended("left"), self.over)

    @property
    def average_wait(self) -> float | None:
        return _ratio(sum(self.waits), len(self.waits))

    @property
    def median_wait(self) -> float | None:
        return self._quantile(0.5)

    @property
    def p90_wait(self) -> float | None:
        return self._quantile(0.9)

    @property
    def longest_wait(self) -> float | None:
        return self.waits[-1] if self.waits else None

    @property
    def average_service(self) -> float | None:
        return _ratio(sum(self.services), len(self.services))

    @property
    def on_time_rate(self) -> float | None:
        """Seen within 15, 30 or 60 minutes by urgency, of all that were seen."""
        return _ratio(sum(each.is_on_time for each in self.seen), len(self.waits))

    @cached_property
    def estimates(self) -> Quality:
        """How the ranges told on joining met the waits; who went away for a time is left out."""
        pairs = self.told_and_waited()
        columns = np.array(pairs, float).reshape(-1, 4).T
        return quality_of(*columns)

    def told_and_waited(self) -> list[tuple[float, float, float, float]]:
        """Low, median and high estimate, and the wait that came; minutes."""
        return [
            (*each.told, each.wait)
            for each in self.seen
            if each.told is not None and each.wait is not None and not each.stay.was_away
        ]

    def _quantile(self, share: float) -> float | None:
        return float(np.quantile(self.waits, share)) if self.waits else None


@dataclass(frozen=True, slots=True)
class Line:
    """One provider, type or group of people, in the period and in the one before."""

    name: str
    now: Group
    before: Group = field(default_factory=Group)
    key: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """
    Attributes:
        hours: of the period, those in which anything happened, in order.
        languages: empty where fewer than two groups are large enough to be shown.
        longest: who waited longest, by ticket.
        is_comparable: whether anything is known of the period before.
    """

    queue: WaitingQueue
    period: Period
    total: Line
    days: list[tuple[date, Group]]
    hours: list[HourFigures]
    providers: list[Line]
    points: list[Line]
    types: list[Line]
    urgencies: list[Line]
    ways: list[Line]
    languages: list[Line]
    longest: list[Seen]

    @property
    def is_empty(self) -> bool:
        return not self.total.now.joined

    @property
    def is_comparable(self) -> bool:
        return bool(self.total.before.joined)


def report_of(queue: WaitingQueue, period: Period, *, zone: ZoneInfo, now: datetime) -> Report:
    """Everything the analytics page shows; the same few statements at any size."""
    rows = _seen(queue, period.previous.start, period.end, zone)
    current = [each for each in rows if each.day in period]
    before = [each for each in rows if each.day not in period]
    by_day = _grouped(current, lambda each: each.day)
    every = [period.start + timedelta(days=n) for n in range(period.days)]

    def lines(key: Callable[[Seen], Any], names: Iterable[Any] = ()) -> list[Line]:
        return _lines(current, before, key, list(names))

    return Report(
        queue=queue,
        period=period,
        total=Line("All", Group(current), Group(before)),
        days=[(day, Group(by_day.get(day, ()))) for day in every],
        hours=hours_of(queue.pk, period.start, period.end, zone=zone, now=now),
        providers=[each for each in lines(lambda s: s.provider) if each.key is not None],
        points=[each for each in lines(lambda s: s.point) if each.name],
        types=lines(lambda s: s.kind),
        urgencies=lines(lambda s: BAND_NAMES[s.band], BAND_NAMES.values()),
        ways=lines(lambda s: s.came, (BY_APPOINTMENT, WALK_IN)),
        languages=_languages(current),
        longest=_longest(current),
    )


def calibration_rows(queue: WaitingQueue, *, since: datetime, now: datetime) -> list[QueueEntry]:
    """The entries that have an estimate and were seen, with ``waited``, the minutes that came."""
    stays = stays_between([queue.pk], since, now).get(queue.pk, {})
    entries = QueueEntry.objects.filter(
        queue=queue, joined_at__gte=since, joined_at__lt=now, predicted_wait__isnull=False
    )
    found = []
    for entry in entries.order_by("joined_at", "pk"):
        stay = stays.get(entry.pk)
        if stay is not None and stay.wait is not None and not stay.was_away:
            entry.waited = stay.wait / MINUTE
            found.append(entry)
    return found


def _seen(queue: WaitingQueue, first: date, last: date, zone: ZoneInfo) -> list[Seen]:
    """Whoever joined on these days, in that order; three statements."""
    since = to_utc(first, time.min, zone)
    until = to_utc(last + timedelta(days=1), time.min, zone)
    stays = stays_between([queue.pk], since, until).get(queue.pk, {})
    asked = QueueEvent.objects.filter(queue=queue, at__gte=since, at__lt=until).order_by()
    rows = QueueEntry.objects.filter(queue=queue, pk__in=asked.values("entry")).values(
        "pk",
        "ticket",
        "priority_score",
        "appointment_id",
        "predicted_p10",
        "predicted_p50",
        "predicted_p90",
        kind=F("appointment_type__name"),
        booked_at=F("appointment__scheduled_datetime"),
        by=F("served_by"),
        by_first=F("served_by__first_name"),
        by_last=F("served_by__last_name"),
        own=F("appointment__provider"),
        own_first=F("appointment__provider__first_name"),
        own_last=F("appointment__provider__last_name"),
        point=F("service_point__name"),
        language=F("patient__language"),
    )
    found = []
    for row in rows:
        stay = stays.get(row["pk"])
        if stay is None or stay.joined_at is None:
            continue
        joined = at_instant(stay.joined_at).astimezone(zone)
        if first <= joined.date() <= last:
            found.append(_row(stay, joined.date(), row))
    return sorted(found, key=lambda each: (each.stay.joined_at, each.entry_id))


def _row(stay: Stay, day: date, row: dict[str, Any]) -> Seen:
    told = (row["predicted_p10"], row["predicted_p50"], row["predicted_p90"])
    whose = "by" if row["by"] else "own"
    name = f"{row[f'{whose}_first'] or ''} {row[f'{whose}_last'] or ''}".strip()
    return Seen(
        stay=stay,
        entry_id=row["pk"],
        ticket=row["ticket"],
        day=day,
        band=Band(int(bands(np.array([row["priority_score"]]))[0])),
        came=BY_APPOINTMENT if row["appointment_id"] else WALK_IN,
        kind=row["kind"] or NO_TYPE,
        provider=(row[whose], name),
        point=row["point"] or "",
        language=row["language"],
        told=None if None in told else told,
        booked_at=instant(row["booked_at"]) if row["booked_at"] else None,
    )


def _lines(
    current: list[Seen], before: list[Seen], key: Callable[[Seen], Any], names: list[Any]
) -> list[Line]:
    """By name, or as ``names`` are given."""
    now, earlier = _grouped(current, key), _grouped(before, key)
    found = []
    for each in {**now, **earlier}:
        number, name = each if isinstance(each, tuple) else (None, each)
        found.append(Line(name, Group(now.get(each, ())), Group(earlier.get(each, ())), number))
    place = {name: number for number, name in enumerate(names)}
    return sorted(found, key=lambda each: (place.get(each.name, 0), each.name, each.key or 0))


def _languages(current: list[Seen]) -> list[Line]:
    """Groups so large that nobody can be made out, also not by subtracting the others."""
    groups = sorted(_grouped(current, lambda s: s.language).items(), key=lambda row: len(row[1]))
    rest: list[Seen] = []
    while groups and (len(groups[0][1]) < SMALLEST_GROUP or 0 < len(rest) < SMALLEST_GROUP):
        rest += groups.pop(0)[1]
    if len(groups) + bool(rest) < 2 or 0 < len(rest) < SMALLEST_GROUP:
        return []
    found = [Line(name, Group(seen)) for name, seen in sorted(groups, key=lambda r: -len(r[1]))]
    return [*found, Line(OTHER_LANGUAGES, Group(rest))] if rest else found


def _longest(current: list[Seen]) -> list[Seen]:
    waited = [each for each in current if each.wait is not None]
    return sorted(waited, key=lambda each: -(each.wait or 0))[:LONGEST_SHOWN]


def _grouped(rows: Iterable[Seen], key: Callable[[Seen], Any]) -> dict[Any, list[Seen]]:
    found: dict[Any, list[Seen]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
