"""Which visit somebody who arrives can check in for, and from when until when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from appointments.booking.selectors import day_bounds
from appointments.enums import EXPECTED, AppointmentStatus
from appointments.models import AppointmentRequest

EARLIEST = timedelta(hours=2)
A = AppointmentStatus


class Turn(StrEnum):
    """Whether one can check in for a visit: not yet, now, done already, or no more."""

    EARLY = "early"
    OPEN = "open"
    HERE = "here"
    OVER = "over"


class Finding(StrEnum):
    """What there is for somebody at a site today."""

    VISIT = "visit"
    EARLY = "early"
    LATE = "late"
    NOT_HERE = "not_here"
    NONE = "none_today"


@dataclass(frozen=True, slots=True)
class Found:
    """``visit`` is there for VISIT and EARLY."""

    finding: Finding
    visit: AppointmentRequest | None = None


def opens_at(visit: AppointmentRequest, *, zone: ZoneInfo) -> datetime:
    """From when one can check in: two hours before the visit, but on its own day."""
    start = visit.scheduled_datetime
    first, _ = day_bounds(start.astimezone(zone).date(), zone)
    return max(start - EARLIEST, first)


def turn_of(visit: AppointmentRequest, *, now: datetime, zone: ZoneInfo) -> Turn:
    if visit.status in (A.CHECKED_IN, A.IN_PROGRESS):
        return Turn.HERE
    if visit.status not in EXPECTED or now >= visit.scheduled_end_datetime:
        return Turn.OVER
    return Turn.EARLY if now < opens_at(visit, zone=zone) else Turn.OPEN


def todays_visit(patient_id: int, *, site_id: int, now: datetime, zone: ZoneInfo) -> Found:
    """The visit for which the patient comes to the site now: of several, the first that is open.

    A visit without a site is one at every site.
    """
    start, end = day_bounds(now.astimezone(zone).date(), zone)
    visits = AppointmentRequest.objects.filter(
        patient=patient_id, scheduled_datetime__gte=start, scheduled_datetime__lt=end
    ).exclude(status__in=(A.HELD, A.CANCELLED, A.COMPLETED))
    turns = [
        (turn_of(visit, now=now, zone=zone), visit)
        for visit in visits.order_by("scheduled_datetime", "pk")
    ]
    here = [(turn, visit) for turn, visit in turns if visit.site_id in (site_id, None)]
    for wanted, finding in (
        ((Turn.OPEN, Turn.HERE), Finding.VISIT),
        ((Turn.EARLY,), Finding.EARLY),
    ):
        for turn, visit in here:
            if turn in wanted:
                return Found(finding, visit)
    if any(turn != Turn.OVER for turn, _ in turns):
        return Found(Finding.NOT_HERE)
    return Found(Finding.LATE if here else Finding.NONE)
