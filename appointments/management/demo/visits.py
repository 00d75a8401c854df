"""Visits of 90 days past, of today and of 30 days to come, each with its whole history.

A visit's life is drawn once, from booking to end, and lived only up to now: so what is over, in
the room, waiting or expected always fits the clock, at whatever hour the demo is loaded.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from accounts.models import User
from appointments.booking.engine import TIMESTAMPS, UNDOABLE_FIELDS
from appointments.enums import TRANSITIONS, AppointmentStatus, Priority, Step
from appointments.models import (
    AppointmentEvent,
    AppointmentRequest,
    AppointmentTemplate,
    Resource,
)
from appointments.scheduling.availability import Interval
from core.models import Site
from patients.models import PatientProfile

GRID = timedelta(minutes=15)
BUSY_HOUR = timedelta(minutes=60)
# The chance that a visit begins at a free quarter of an hour; 0.25 fills 40 % of the time.
PAST_CHANCE, TODAY_CHANCE = 0.22, 0.7
NEXT_CHANCE, LAST_CHANCE = 0.4, 0.1  # of the days to come, the first and the last
CANCEL_REASONS = (
    "Patient is ill",
    "Patient found an earlier time elsewhere",
    "No longer needed",
    "Transport fell through",
    "Provider called to an emergency",
)
REASONS = {
    "General medicine": ("Cough for two weeks", "Blood pressure", "Back pain", "Tiredness", ""),
    "Cardiology": ("Palpitations", "Chest pain on stairs", "ECG control", "Heart failure", ""),
    "Paediatrics": ("Ear ache", "U7 examination", "Fever", "Rash", ""),
    "Orthopaedics": ("Knee pain", "After a fall", "Shoulder", "Cast removal", ""),
}


@dataclass(slots=True)
class Life:
    """Takes one appointment through its steps as the engine would, but never past ``now``."""

    row: AppointmentRequest
    now: datetime
    events: list[AppointmentEvent] = field(default_factory=list)

    def take(self, step: Step, at: datetime, by: User | None, reason: str = "") -> bool:
        """Whether the step lies in the past and was therefore taken."""
        if at > self.now:
            return False
        row, is_new = self.row, step == Step.BOOK
        event = AppointmentEvent(
            tenant_id=row.tenant_id,
            appointment=row,
            step=step,
            from_status="" if is_new else row.status,
            before={} if is_new else snapshot(row),
            reason=reason,
            at=at,
            by_id=by.pk if by else None,
            by_name=by.get_full_name() if by else "",
        )
        if is_new:
            row.created_at, row.created_by_id = at, by.pk if by else None
        else:
            row.status = TRANSITIONS[step].target
            row.version += 1
        if step in TIMESTAMPS:
            setattr(row, TIMESTAMPS[step], at)
        if step == Step.CANCEL:
            row.cancellation_reason = reason
        event.to_status = row.status
        self.events.append(event)
        return True


def snapshot(row: AppointmentRequest) -> dict[str, Any]:
    """What undo of the next step goes back to."""
    values = {name: getattr(row, name) for name in UNDOABLE_FIELDS}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


@dataclass(slots=True)
class Diary:
    """Writes the visits of one provider after the other; a patient comes once a day at most."""

    tenant_id: int
    now: datetime
    rng: Random
    grace: timedelta
    desk: User
    kinds: Sequence[AppointmentTemplate]
    weights: Sequence[int]
    adults: Sequence[PatientProfile]
    children: Sequence[PatientProfile]
    rooms: Sequence[Resource]
    lives: list[Life] = field(default_factory=list)
    seen: set[tuple[date, int]] = field(default_factory=set)
    taken: dict[int, list[Interval]] = field(default_factory=lambda: defaultdict(list))

    def fill(
        self,
        day: date,
        windows: Sequence[Interval],
        provider: User,
        site: Site,
        specialty: str,
        chance: float,
    ) -> None:
        """Book a provider's day.

        Args:
            windows: UTC, by start, not overlapping.
            chance: that a visit begins at a free quarter of an hour; around now, it always does.
        """
        free_at = windows[0][0] if windows else self.now
        taken_until = free_at
        for opens, closes in windows:
            for row in self._rows(opens, closes, taken_until, chance, site):
                taken_until = row.blocked_until
                row.provider, row.site = provider, site
                row.patient = self._patient(day, specialty)
                row.reason = self.rng.choice(REASONS[specialty])
                free_at = self._live(row, provider, free_at)

    def _rows(
        self, opens: datetime, closes: datetime, taken_until: datetime, chance: float, site: Site
    ) -> Iterator[AppointmentRequest]:
        start = opens
        while start < closes:
            kind = self.rng.choices(self.kinds, self.weights)[0]
            end = start + timedelta(minutes=kind.duration_minutes)
            before = start - timedelta(minutes=kind.buffer_before_minutes)
            wanted = abs(start - self.now) < BUSY_HOUR or self.rng.random() < chance
            after = end + timedelta(minutes=kind.buffer_after_minutes)
            room = self._free_room(kind, site, before, after)
            is_lacking = bool(kind.resource_kind) and room is None
            if end > closes or before < taken_until or not wanted or is_lacking:
                start += GRID
                continue
            taken_until = after
            if room is not None:
                self.taken[room.pk].append((before, after))
            yield AppointmentRequest(
                tenant_id=self.tenant_id,
                appointment_type=kind,
                scheduled_datetime=start,
                scheduled_end_datetime=end,
                blocked_from=before,
                blocked_until=taken_until,
                resource=room,
                status=AppointmentStatus.PENDING,
                priority=self.rng.choices(list(Priority), (88, 9, 3))[0],
            )
            while start < taken_until:
                start += GRID

    def _free_room(
        self, kind: AppointmentTemplate, site: Site, start: datetime, end: datetime
    ) -> Resource | None:
        for room in self.rooms:
            fits = room.kind == kind.resource_kind and room.site == site
            if fits and not any(a < end and b > start for a, b in self.taken[room.pk]):
                return room
        return None

    def _patient(self, day: date, specialty: str) -> PatientProfile:
        pool = self.children if specialty == "Paediatrics" else self.adults
        chosen = self.rng.choice(pool)
        while (day, chosen.pk) in self.seen:
            chosen = self.rng.choice(pool)
        self.seen.add((day, chosen.pk))
        return chosen

    def _live(self, row: AppointmentRequest, provider: User, free_at: datetime) -> datetime:
        """Live the row up to now; returns when its provider is free again."""
        rng, life, start = self.rng, Life(row, self.now), row.scheduled_datetime
        self.lives.append(life)
        lead = timedelta(days=rng.triangular(0.1, 40, 6))
        created = min(start - lead, self.now - timedelta(minutes=rng.uniform(60, 6000)))
        life.take(Step.BOOK, created, self.desk)
        fate = rng.random()
        if fate < 0.08:
            at = created + (start - created) * rng.uniform(0.05, 0.98)
            if life.take(Step.CANCEL, at, self.desk, rng.choice(CANCEL_REASONS)):
                return free_at
        if rng.random() < 0.75:
            life.take(Step.CONFIRM, created + (start - created) * rng.uniform(0.01, 0.7), self.desk)
        if 0.08 <= fate < 0.15:
            life.take(Step.NO_SHOW, start + self.grace, None)
            return free_at
        return self._visit(life, provider, free_at)

    def _visit(self, life: Life, provider: User, free_at: datetime) -> datetime:
        rng, row, start = self.rng, life.row, life.row.scheduled_datetime
        early = rng.uniform(3, 25) if rng.random() < 0.93 else -rng.uniform(5, 25)
        arrives = max(start - minutes(early), row.created_at + minutes(1))
        begins = max(arrives + minutes(rng.uniform(1, 4)), start - minutes(5), free_at)
        length = (row.scheduled_end_datetime - start) * rng.uniform(0.65, 1.05)
        steps = (
            (Step.CHECK_IN, arrives, self.desk),
            (Step.START, begins, provider),
            (Step.COMPLETE, begins + length, provider),
        )
        for step, at, by in steps:
            if not life.take(step, at, by):
                break
        return begins + length + minutes(1)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def chance_of(offset: int, days_ahead: int) -> float:
    """How likely a free quarter of an hour is taken, by its distance from today in days."""
    if offset < 0:
        return PAST_CHANCE
    if offset == 0:
        return TODAY_CHANCE
    return NEXT_CHANCE + (LAST_CHANCE - NEXT_CHANCE) * offset / days_ahead
