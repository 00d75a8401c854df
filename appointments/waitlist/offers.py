"""Free times for a waiting patient, to be offered by hand."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

from appointments.enums import Priority
from appointments.models import WaitingList
from appointments.scheduling.smart_scheduler import Slot, SmartScheduler
from appointments.scheduling.wishes import Wish, date_range
from appointments.waitlist.selectors import days_waiting
from core.clock import Clock, system_clock
from core.models import Tenant

COUNT = 6
PER_DAY = 2
POOL = 60
DAYS_AHEAD = 30
DAYS_WIDER = 60
MOST_DAYS = 120
AROUND_DATE = timedelta(days=3)
BEFORE_TIME, AFTER_TIME = 60, 120
DAY_MINUTES = 24 * 60
MIDNIGHT = time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class Offers:
    """Slots, best first.  ``fits``: they meet the wishes; otherwise only the type was minded."""

    slots: list[Slot]
    fits: bool


def free_times(
    entry: WaitingList, tenant: Tenant, *, count: int = COUNT, clock: Clock = system_clock
) -> Offers:
    """The best free times that meet the entry's wishes, on several days if they can be; where
    there is none, any of the next 60 days."""
    scheduler = SmartScheduler(tenant, clock=clock)
    today = clock().astimezone(tenant.zone_info).date()
    waited = days_waiting(entry, now=clock(), zone=tenant.zone_info)
    wish = _wish(entry, today, waited)
    if wish is not None:
        slots = scheduler.search(wish).slots
        if slots:
            return Offers(_spread(slots, tenant, count), fits=True)
    slots = scheduler.search(_anything(entry, today, waited)).slots
    return Offers(_spread(slots, tenant, count), fits=False)


def _spread(slots: list[Slot], tenant: Tenant, count: int) -> list[Slot]:
    """The best, at most two of a day unless there are too few; best first."""
    days: Counter[date] = Counter()
    first, rest = [], []
    for slot in slots:
        day = slot.datetime.astimezone(tenant.zone_info).date()
        days[day] += 1
        (first if days[day] <= PER_DAY else rest).append(slot)
    return [*first, *rest][:count]


def _wish(entry: WaitingList, today: date, waited: int) -> Wish | None:
    """None if its dates have passed."""
    first, last = _dates(entry, today)
    if last < first:
        return None
    last = min(last, first + timedelta(days=MOST_DAYS))
    provider_id, at = entry.preferred_provider_id, entry.preferred_time
    return replace(
        _anything(entry, today, waited),
        dates=date_range(first, last),
        provider_ids=None if provider_id is None else (provider_id,),
        times=() if at is None else (_around(at),),
    )


def _anything(entry: WaitingList, today: date, waited: int) -> Wish:
    kind = entry.appointment_type
    return Wish(
        appointment_type=kind,
        dates=date_range(today, today + timedelta(days=DAYS_WIDER)),
        duration_minutes=kind.duration_minutes,
        patient_id=entry.patient_id,
        urgency=Priority(entry.priority),
        diagnosis_codes=tuple(entry.diagnosis_codes),
        max_results=POOL,
        waited_days=waited,
    )


def _dates(entry: WaitingList, today: date) -> tuple[date, date]:
    """First and last day; around the preferred one where no range is given."""
    first, last = entry.desired_date_range_start, entry.desired_date_range_end
    day = entry.preferred_date
    if first is None and last is None and day is not None and day >= today:
        first, last = day - AROUND_DATE, day + AROUND_DATE
    first = max(today, first or today)
    return first, last or first + timedelta(days=DAYS_AHEAD)


def _around(at: time) -> tuple[time, time]:
    minute = at.hour * 60 + at.minute
    opens, closes = max(0, minute - BEFORE_TIME), minute + AFTER_TIME
    return _clock(opens), MIDNIGHT if closes >= DAY_MINUTES else _clock(closes)


def _clock(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)
