"""Three weeks of queues: who came, how long they waited, what they had been told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from random import Random
from zoneinfo import ZoneInfo

import numpy as np

from appointments.enums import Priority, QueueEntryStatus
from appointments.management.demo.waiting import SCORES, number, queue_of_visits
from appointments.models import (
    AppointmentRequest,
    AppointmentTemplate,
    QueueEntry,
    QueueEvent,
    QueueMetrics,
    ServicePoint,
    WaitCalibration,
    WaitingQueue,
)
from appointments.queue.calibration import calibrate
from appointments.queue.hourly import figures, hours_between
from appointments.queue.learning import fitted_rows
from appointments.queue.metrics import row_of
from appointments.queue.stays import Step, instant, stay_of
from appointments.queue.wait_estimate import DEFAULT_OFFSETS, ranges, schedule
from patients.models import PatientProfile

DAYS = 21
OPENS, HOURS = time(8), (5, 8, 9, 8, 4, 5, 7, 6, 3)  # how many come, one hour after the other
LOAD = 0.8
BY_WEEKDAY = (1.15, 1.0, 0.95, 1.0, 1.05, 0.5, 0.35)
SPREAD = 0.4  # of the logarithm of a visit's length
NO_SHOW, LEFT = 0.04, 0.03
GIVEN_UP_AFTER, PATIENCE = timedelta(minutes=5), 25


class Day:
    """One queue's walk-ins on one day, served urgent ones first, by whoever is free."""

    def __init__(
        self, queue: WaitingQueue, points: Sequence[ServicePoint], start: datetime, rng: Random
    ) -> None:
        self.queue, self.points, self.rng = queue, points, rng
        self.free = [start] * len(points)  # when each will be
        self.expected = [start] * len(points)  # when it seems so
        self.line: list[QueueEntry] = []
        self.found: list[QueueEntry] = []

    def join(self, patient: PatientProfile, kind: AppointmentTemplate, at: datetime) -> None:
        self._serve_until(at)
        rng = self.rng
        entry = QueueEntry(
            tenant_id=self.queue.tenant_id,
            queue=self.queue,
            patient=patient,
            appointment_type=kind,
            priority_score=SCORES[rng.choices(list(SCORES), (80, 15, 5))[0]],
            estimated_service_time=kind.duration_minutes,
            arrived_at=at,
            joined_at=at,
        )
        place = len(self.line)
        if entry.priority_score == SCORES[Priority.URGENT]:
            place = sum(each.priority_score == entry.priority_score for each in self.line)
        self.line.insert(place, entry)
        lengths = np.array([each.estimated_service_time for each in self.line], float)
        able = np.ones((len(self.line), len(self.points)), bool)
        left = np.array([max(0.0, (e - at).total_seconds() / 60) for e in self.expected])
        tell(entry, float(schedule(lengths, able, left)[place]))
        self.found.append(entry)

    def close(self) -> list[QueueEntry]:
        self._serve_until(None)
        return self.found

    def _serve_until(self, at: datetime | None) -> None:
        while self.line:
            place = min(range(len(self.free)), key=self.free.__getitem__)
            called = max(self.free[place], self.line[0].joined_at)
            if at is not None and called >= at:
                return
            self._call(self.line.pop(0), place, called)

    def _call(self, entry: QueueEntry, place: int, called: datetime) -> None:
        rng, waited = self.rng, (called - entry.joined_at).total_seconds() / 60
        if waited > PATIENCE and rng.random() < LEFT * 4:
            entry.status = QueueEntryStatus.LEFT
            entry.ended_at = entry.joined_at + (called - entry.joined_at) * rng.uniform(0.5, 0.95)
            return
        entry.service_point, entry.called_at = self.points[place], called
        if rng.random() < NO_SHOW:
            entry.status = QueueEntryStatus.NO_SHOW
            entry.ended_at = called + GIVEN_UP_AFTER
            self.free[place] = self.expected[place] = entry.ended_at
            return
        entry.status = QueueEntryStatus.COMPLETED
        entry.served_by_id = self.points[place].provider_id
        entry.started_at = called + timedelta(minutes=rng.uniform(0.3, 1.5))
        usual = entry.estimated_service_time
        length = usual * rng.lognormvariate(-SPREAD * SPREAD / 2, SPREAD)
        entry.completed_at = entry.started_at + timedelta(minutes=max(2.0, length))
        self.free[place] = entry.completed_at
        self.expected[place] = entry.started_at + timedelta(minutes=usual)


def tell(entry: QueueEntry, scheduled: float) -> None:
    """Keep the estimate that the patient got on joining."""
    low, middle, high = ranges(np.array([scheduled]), DEFAULT_OFFSETS)
    entry.predicted_wait = scheduled
    entry.predicted_p10, entry.predicted_p50 = float(low[0]), float(middle[0])
    entry.predicted_p90 = float(high[0])


def walk_in_past(
    queue: WaitingQueue,
    points: Sequence[ServicePoint],
    patients: Sequence[PatientProfile],
    kinds: Sequence[AppointmentTemplate],
    *,
    today: date,
    zone: ZoneInfo,
    rng: Random,
    given: Counter[date],
) -> Iterator[QueueEntry]:
    """By day and arrival, with their tickets."""
    usual = sum(kind.duration_minutes for kind in kinds) / len(kinds)
    each_hour = LOAD * len(points) * 60 / usual * len(HOURS) / sum(HOURS)
    for offset in range(-DAYS, 0):
        day = today + timedelta(days=offset)
        start = datetime.combine(day, OPENS, tzinfo=zone)
        played = Day(queue, points, start, rng)
        arrivals = sorted(
            start + timedelta(hours=hour, minutes=rng.uniform(0, 60))
            for hour, share in enumerate(HOURS)
            for _ in range(round(share * each_hour * BY_WEEKDAY[day.weekday()] + rng.random()))
        )
        people = rng.sample(patients, min(len(arrivals), len(patients)))
        for at, patient in zip(arrivals, people, strict=False):
            played.join(patient, rng.choice(kinds), at)
        yield from number(queue, played.close(), zone=zone, given=given)


def visits_past(
    queue: WaitingQueue,
    visits: Sequence[AppointmentRequest],
    room: ServicePoint,
    *,
    zone: ZoneInfo,
    rng: Random,
    given: Counter[date],
) -> Iterator[QueueEntry]:
    """The provider's completed visits as they waited; their own times are kept."""
    kept = sorted((v for v in visits if v.completed_at), key=lambda visit: visit.checked_in_at)
    for _, day in groupby(kept, key=lambda v: v.checked_in_at.astimezone(zone).date()):
        entries = list(queue_of_visits(queue, list(day), room))
        for entry in entries:
            wait = (entry.called_at - entry.joined_at).total_seconds() / 60
            tell(entry, max(0.0, wait * rng.lognormvariate(0, 0.35) + rng.gauss(0, 3)))
        yield from number(queue, entries, zone=zone, given=given)


def hours(
    queue: WaitingQueue, events: Sequence[QueueEvent], first: date, *, zone: ZoneInfo, now: datetime
) -> Iterator[QueueMetrics]:
    """What the job would have kept, up to now."""
    by_entry: dict[int, list[Step]] = {}
    for each in events:
        step = Step(str(each.step), str(each.to_status), instant(each.at))
        by_entry.setdefault(id(each.entry), []).append(step)
    stays = [stay_of(steps) for steps in by_entry.values()]
    days = hours_between(first, now.astimezone(zone).date(), zone)
    for found in figures(stays, days, until=instant(now)):
        if not found.is_empty:
            row = row_of(queue.pk, found, now=now)
            row.tenant_id, row.queue = queue.tenant_id, queue
            yield row


def calibrations(
    queue: WaitingQueue, entries: Sequence[QueueEntry], *, now: datetime
) -> list[WaitCalibration]:
    """What the nightly job would have learnt."""
    rows = [each for each in entries if each.predicted_wait is not None and each.started_at]
    for row in rows:
        row.waited = (row.called_at - row.joined_at).total_seconds() / 60
    if not rows:
        return []
    scheduled = np.array([row.predicted_wait for row in rows])
    offsets = calibrate(scheduled, np.array([row.waited for row in rows]))
    return fitted_rows(queue, rows, offsets, now=now)
