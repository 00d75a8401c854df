"""Random hospital days and a minute-by-minute oracle of their figures."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from appointments.enums import AppointmentStatus as S
from appointments.models import AppointmentRequest, SlotAvailability, TimeOff
from appointments.scheduling.availability import Window, interval_of
from appointments.tests.clinics import Clinic
from appointments.tests.visits import make_visit
from core.models import Site

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
STATES = [S.PENDING, S.CONFIRMED, S.CHECKED_IN, S.IN_PROGRESS, S.COMPLETED, S.COMPLETED]
STATES += [S.COMPLETED, S.NO_SHOW, S.CANCELLED]


def minutes(start: datetime, end: datetime) -> set[int]:
    first = (start - EPOCH) // timedelta(minutes=1)
    return set(range(first, (end - EPOCH) // timedelta(minutes=1)))


@dataclass
class Tally:
    """What ``Facts`` should say of one provider's day."""

    open: set[int] = field(default_factory=set)
    planned: set[int] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)
    states: list[str] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def row(self) -> dict[str, float]:
        after = {m for m in self.seen - self.planned if self.planned and m > min(self.planned)}
        return {
            "available": len(self.open),
            "booked": len(self.open & self.taken),
            "overtime": len(after),
            "visits": len(self.states),
            "completed": self.states.count(S.COMPLETED),
            "missed": self.states.count(S.NO_SHOW),
            "cancelled": self.states.count(S.CANCELLED),
            "length": sum(self.lengths),
            "lengths": len(self.lengths),
            "wait": sum(self.waits),
            "waits": len(self.waits),
        }


def random_days(clinic: Clinic, days: list[date], rng: Random) -> None:
    """Windows, blocked ones, leave, closures, visits and overbookings; inside the tenant."""
    second = Site.objects.create(name="Second building")
    SlotAvailability.objects.all().delete()
    zone = clinic.tenant.zone_info
    for provider in range(2):
        for day in days:
            site = rng.choice([clinic.site, second])
            for start, end in _windows(rng):
                SlotAvailability.objects.create(
                    provider=clinic.providers[provider],
                    site=site,
                    date=day,
                    start_time=start,
                    end_time=end,
                    is_active=rng.random() < 0.9,
                    is_blocked=rng.random() < 0.15,
                )
            for _ in range(rng.randint(0, 9)):
                _visit(clinic, provider, day, zone, rng, [clinic.site, second, None])
            if rng.random() < 0.5:
                _away(clinic, provider, second, day, zone, rng)


def _windows(rng: Random) -> list[tuple[time, time]]:
    """Some overlap; some lie where the clock changes; each starts at another time."""
    starts = rng.sample([0, 60, 90, 120, 150, 180, 480, 540, 720, 780, 1020], rng.randint(1, 6))
    found = []
    for start in starts:
        end = min(start + rng.choice([30, 45, 180, 300]), 1439)
        found.append((time(start // 60, start % 60), time(end // 60, end % 60)))
    return found


def _instant(day: date, zone: ZoneInfo, rng: Random) -> datetime:
    midnight = datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
    return midnight + timedelta(minutes=rng.choice([rng.randint(0, 1380), rng.randint(450, 900)]))


def _visit(
    clinic: Clinic, provider: int, day: date, zone: ZoneInfo, rng: Random, sites: list
) -> AppointmentRequest:
    start, status = _instant(day, zone, rng), rng.choice(STATES)
    length = rng.choice([15, 30, 45, 90])
    arrived = start + timedelta(minutes=rng.randint(-40, 30))
    began = arrived + timedelta(minutes=rng.randint(-3, 60))  # a clock may be wrong
    ended = began + timedelta(minutes=rng.choice([0, 10, 25, 40, 200, 800]))
    stamps = {}
    if status in (S.CHECKED_IN, S.IN_PROGRESS, S.COMPLETED) and rng.random() < 0.9:
        stamps["checked_in_at"] = arrived
    if status in (S.IN_PROGRESS, S.COMPLETED):
        stamps["started_at"] = began
    if status == S.COMPLETED:
        stamps["completed_at"] = ended
    return make_visit(
        clinic,
        start,
        status=status,
        provider=provider,
        patient=rng.randint(0, 2),
        minutes=length,
        site=rng.choice(sites),
        appointment_type=rng.choice(clinic.types),
        overbooked=True,
        override_reason="random",
        **stamps,
    )


def _away(
    clinic: Clinic, provider: int, site: Site, day: date, zone: ZoneInfo, rng: Random
) -> None:
    start = _instant(day, zone, rng)
    end = start + timedelta(minutes=rng.choice([30, 240, 2000]))
    whose = rng.choice([{"provider": clinic.providers[provider]}, {"site": site}])
    TimeOff.objects.create(starts_at=start, ends_at=end, **whose)


def tallies(clinic: Clinic, days: list[date]) -> dict[tuple[int, date], Tally]:
    """By provider and day; days with neither hours nor visits are left out."""
    zone = clinic.tenant.zone_info
    found: dict[tuple[int, date], Tally] = defaultdict(Tally)
    for row in SlotAvailability.objects.filter(date__in=days, is_active=True, is_blocked=False):
        own = found[row.provider_id, row.date]
        whole = minutes(*interval_of(_window(row), zone))
        own.planned |= whole
        own.open |= whole - _shut(row, zone)
    for row in AppointmentRequest.objects.exclude(status=S.HELD):
        day = row.scheduled_datetime.astimezone(zone).date()
        if day in days:
            _count(found[row.provider_id, day], row)
    return found


def _window(row: SlotAvailability) -> Window:
    return Window(row.date, row.start_time, row.end_time, row.duration_minutes)


def _shut(row: SlotAvailability, zone: ZoneInfo) -> set[int]:
    shut: set[int] = set()
    for off in TimeOff.objects.all():
        if off.provider_id == row.provider_id or (off.site_id and off.site_id == row.site_id):
            shut |= minutes(off.starts_at, off.ends_at)
    for other in SlotAvailability.objects.filter(
        provider_id=row.provider_id, is_active=True, is_blocked=True
    ):
        shut |= minutes(*interval_of(_window(other), zone))
    return shut


def _count(own: Tally, row: AppointmentRequest) -> None:
    own.states.append(row.status)
    if row.status not in (S.NO_SHOW, S.CANCELLED):
        own.taken |= minutes(row.scheduled_datetime, row.scheduled_end_datetime)
    half_a_day = timedelta(hours=12)
    if row.status == S.COMPLETED and timedelta(0) < row.completed_at - row.started_at <= half_a_day:
        own.seen |= minutes(row.started_at, row.completed_at)
        own.lengths.append((row.completed_at - row.started_at) / timedelta(minutes=1))
    if row.started_at and row.checked_in_at:
        wait = row.started_at - row.checked_in_at
        if timedelta(0) <= wait <= half_a_day:
            own.waits.append(wait / timedelta(minutes=1))
