"""The flow board: which column a visit stands in and what is wrong with it.  Pure: no database."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from appointments.booking.selectors import VisitRow
from appointments.enums import EXPECTED, OCCUPYING, AppointmentStatus

S = AppointmentStatus

WAIT_LONG = timedelta(minutes=15)
WAIT_TOO_LONG = timedelta(minutes=30)
LATE_AFTER = timedelta(minutes=5)
OVERRUN = timedelta(minutes=15)
HEAD_CARDS = 40  # more than a screen shows; drawing hundreds at every change would slow all

FLAGS = {
    "late": "Late",
    "overdue": "Waiting too long",
    "double": "Double-booked",
    "unconfirmed": "Not confirmed",
}


@dataclass(frozen=True, slots=True)
class Timer:
    """A running clock: counts from ``since``, turns amber and red at the other two instants."""

    since: datetime
    amber_at: datetime
    red_at: datetime
    minutes: int
    hue: str

    @property
    def text(self) -> str:
        hours, minutes = divmod(self.minutes, 60)
        return f"{hours} h {minutes:02d}" if hours else f"{minutes} min"


@dataclass(frozen=True, slots=True)
class Card:
    visit: VisitRow
    timer: Timer | None
    flags: frozenset[str]

    @property
    def is_double(self) -> bool:
        return "double" in self.flags


@dataclass(frozen=True, slots=True)
class Column:
    key: str
    title: str
    hue: str
    empty: str
    cards: list[Card] = field(default_factory=list)
    aside: list[Card] = field(default_factory=list)  # ended without a visit


def columns(visits: Iterable[VisitRow], *, now: datetime) -> list[Column]:
    """Expected, waiting, in room, done: each in the order in which staff will turn to them."""
    visits = list(visits)
    doubled = double_booked(visits)
    expected = Column("expected", "Expected", "slate", "Nobody is expected")
    waiting = Column("waiting", "Waiting", "amber", "Nobody is waiting")
    in_room = Column("in-room", "In room", "violet", "No visit is running")
    done = Column("done", "Done", "green", "No visit is finished yet")
    by_status = {
        S.PENDING: expected.cards,
        S.CONFIRMED: expected.cards,
        S.CHECKED_IN: waiting.cards,
        S.IN_PROGRESS: in_room.cards,
        S.COMPLETED: done.cards,
        S.NO_SHOW: done.aside,
        S.CANCELLED: done.aside,
    }
    for visit in visits:
        if visit.status in by_status:
            by_status[S(visit.status)].append(card(visit, now=now, is_double=visit.id in doubled))
    waiting.cards.sort(key=lambda c: c.timer.amber_at if c.timer else c.visit.start)
    in_room.cards.sort(key=lambda c: c.timer.since if c.timer else c.visit.start)
    done.cards.sort(key=lambda c: c.visit.completed_at or c.visit.end, reverse=True)
    return [expected, waiting, in_room, done]


def card(visit: VisitRow, *, now: datetime, is_double: bool) -> Card:
    timer = timer_of(visit, now=now)
    flags = set()
    if visit.status in EXPECTED and timer and timer.hue:
        flags.add("late")
    if timer and visit.status in (S.CHECKED_IN, S.IN_PROGRESS) and timer.hue == "vermilion":
        flags.add("overdue")
    if visit.status == S.PENDING and visit.start > now:
        flags.add("unconfirmed")
    if is_double:
        flags.add("double")
    return Card(visit, timer, frozenset(flags))


def timer_of(visit: VisitRow, *, now: datetime) -> Timer | None:
    """The clock on the card.

    Waiting counts from the arrival, but is too long only measured from the booked time on: who
    comes early waits by choice.  In the room it is held against the booked duration.
    """
    if visit.status in EXPECTED and now > visit.start:
        marks = visit.start, visit.start + LATE_AFTER, visit.start + WAIT_LONG
    elif visit.status == S.CHECKED_IN:
        arrived = visit.checked_in_at or visit.start
        due = max(arrived, visit.start)
        marks = arrived, due + WAIT_LONG, due + WAIT_TOO_LONG
    elif visit.status == S.IN_PROGRESS:
        started = visit.started_at or visit.start
        planned = started + (visit.end - visit.start)
        marks = started, planned, planned + OVERRUN
    else:
        return None
    since, amber_at, red_at = marks
    minutes = max(0, int((now - since).total_seconds() // 60))
    hue = "vermilion" if now >= red_at else "amber" if now >= amber_at else ""
    return Timer(since, amber_at, red_at, minutes, hue)


def double_booked(visits: Iterable[VisitRow]) -> set[int]:
    """Keys of visits that take a provider's, or a patient's, time together with another."""
    found: set[int] = set()
    for attribute in ("provider_id", "patient_id"):
        lanes: dict[int, list[VisitRow]] = defaultdict(list)
        for visit in visits:
            key = getattr(visit, attribute)
            if key is not None and visit.status in OCCUPYING:
                lanes[key].append(visit)
        for lane in lanes.values():
            found |= _overlapping(sorted(lane, key=lambda visit: visit.start))
    return found


def _overlapping(visits: list[VisitRow]) -> set[int]:
    found: set[int] = set()
    longest: VisitRow | None = None
    for visit in visits:
        if longest and visit.start < longest.end:
            found |= {visit.id, longest.id}
        if longest is None or visit.end > longest.end:
            longest = visit
    return found
