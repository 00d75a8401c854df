"""What a queue's console says of each entry, as text, before its template runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.formats import time_format
from django.utils.timezone import localtime

from appointments.booking.board import Timer
from appointments.booking.selectors import named_needs
from appointments.enums import QueueEntryStatus, QueueStep, legal_queue_steps
from appointments.queue.console import Console, EntryRow, PointRow, Waiting
from appointments.views.today_cards import DrawnTimer, drawn_timer

S = QueueEntryStatus
PLACEHOLDER = "0"
STEPS = (
    QueueStep.CALL,
    QueueStep.RECALL,
    QueueStep.START,
    QueueStep.COMPLETE,
    QueueStep.NO_SHOW,
    QueueStep.SKIP,
    QueueStep.HOLD,
    QueueStep.RETURN,
    QueueStep.LEAVE,
)
"""Steps that need nothing but a click."""

CALL_SOON, CALL_LATE = timedelta(minutes=2), timedelta(minutes=5)
"""When whoever was called and has not come is worth a look, and when they are missing."""

LEVELS = {"green": "Quiet", "yellow": "Busy", "red": "Nearly full"}


@dataclass(frozen=True, slots=True)
class DrawnEntry:
    """``urls``: where each step is posted, and the pages, by name."""

    key: str
    version: str
    status: str
    status_label: str
    ticket: str
    name: str
    about: str
    provider: str
    priority: str
    needs: list[tuple[str, str]]
    is_remote: bool
    is_flexible: bool
    notes: str
    point: str
    position: int
    reason: str
    wait: str
    away: str
    timer: DrawnTimer
    is_undoable: bool
    is_mine: bool
    urls: dict[str, str]
    may: dict[str, bool]


@dataclass(frozen=True, slots=True)
class DrawnPoint:
    key: str
    version: str
    name: str
    state: str
    state_label: str
    is_open: bool
    is_mine: bool
    staff: list[str]
    serving: list[DrawnEntry]
    next_ticket: str


@dataclass(frozen=True, slots=True)
class DrawnQueue:
    """One queue as its console draws it; ``first`` is whom the next call would take."""

    console: Console
    serving: list[DrawnEntry]
    first: DrawnEntry | None
    line: list[DrawnEntry]
    absent: list[DrawnEntry]
    ended: list[DrawnEntry]
    points: list[DrawnPoint]
    mine: DrawnPoint | None
    level_label: str
    percent: int

    @property
    def rest(self) -> bool:
        return self.console.size > len(self.line)

    @property
    def has_open_point(self) -> bool:
        return not self.points or any(point.is_open for point in self.points)


class QueueDrawing:
    """Draws one queue for one request, in the active locale and zone.

    Args:
        point_id: where the user serves; None where they chose none.
    """

    def __init__(self, console: Console, *, point_id: int | None, now: datetime) -> None:
        self.console, self.now = console, now
        self._point_id = point_id
        self._urls = _urls()
        self._times: dict[datetime, str] = {}

    def queue(self) -> DrawnQueue:
        console = self.console
        points = [self._point(row) for row in console.points]
        mine = next((point for point in points if point.is_mine), None)
        line = [self.waiting(row) for row in console.line]
        serving = sorted((self.entry(row) for row in console.serving), key=_not_mine)
        return DrawnQueue(
            console=console,
            serving=serving,
            first=self._first(line),
            line=line,
            absent=[self.entry(row) for row in console.absent],
            ended=[self.entry(row) for row in console.ended[::-1]],
            points=points,
            mine=mine,
            level_label=LEVELS[console.load_level],
            percent=round(100 * console.utilisation),
        )

    def waiting(self, row: Waiting) -> DrawnEntry:
        at = row.entry.appointment_at
        reason = row.reason.say(self._time(at) if at else "")
        return self.entry(
            row.entry,
            position=row.position,
            reason=reason[:1].upper() + reason[1:],
            wait=wait_words(row.wait),
        )

    def entry(self, row: EntryRow, **about: Any) -> DrawnEntry:
        key = str(row.id)
        known = {"position": 0, "reason": "", "wait": "", **about}
        steps = legal_queue_steps(row.status)
        return DrawnEntry(
            key=key,
            version=str(row.version),
            status=row.status,
            status_label=S(row.status).label,
            ticket=row.ticket,
            name=row.patient_name,
            about=self._about(row),
            provider=row.provider_name or row.specialty,
            priority=row.priority,
            needs=named_needs(row.needs),
            is_remote=row.is_remote,
            is_flexible=row.is_flexible and bool(row.provider_id or row.specialty),
            notes=row.notes,
            point=row.point_name,
            away=self._away(row),
            timer=drawn_timer(_timer(row, now=self.now)),
            is_undoable=row.id in self.console.undoable,
            is_mine=row.point_id is not None and row.point_id == self._point_id,
            urls={name: f"{before}{key}{after}" for name, (before, after) in self._urls.items()},
            may={step.value: True for step in steps},
            **known,
        )

    def _first(self, line: list[DrawnEntry]) -> DrawnEntry | None:
        """Whom the user's own point would call, else the head of the line."""
        own = next((row for row in self.console.points if row.point.pk == self._point_id), None)
        if own is None:
            return line[0] if line else None
        wanted = self.console.nexts.get(own.next_id or 0)
        return self.waiting(wanted) if wanted else None

    def _point(self, row: PointRow) -> DrawnPoint:
        point = row.point
        return DrawnPoint(
            key=str(point.pk),
            version=str(point.version),
            name=point.name,
            state=point.state,
            state_label=str(point.get_state_display()),
            is_open=row.is_open,
            is_mine=point.pk == self._point_id,
            staff=[each.get_full_name() for each in (point.provider, point.attendant) if each],
            serving=[self.entry(each) for each in row.serving],
            next_ticket=row.next_ticket,
        )

    def _about(self, row: EntryRow) -> str:
        way = f"booked {self._time(row.appointment_at)}" if row.appointment_at else "walk-in"
        words = f"{row.type_name} · {way}" if row.type_name else way
        return words[:1].upper() + words[1:]

    def _away(self, row: EntryRow) -> str:
        if row.status == S.SKIPPED:
            count = self.console.configuration.skip_return_after
            return f"Comes back after {count} calls"
        if row.status == S.ON_HOLD:
            return f"Until {self._time(row.away_until)}" if row.away_until else "Until called back"
        return ""

    def _time(self, instant: datetime) -> str:
        if instant not in self._times:
            self._times[instant] = time_format(localtime(instant))
        return self._times[instant]


def wait_words(wait: dict[str, int | None]) -> str:
    """A range of minutes as people read it; empty where nobody may serve the entry now."""
    low, high = wait["p10"], wait["p90"]
    if low is None or high is None:
        return ""
    if high <= 1:
        return "any moment"
    return f"{high} min" if low == high else f"{low}–{high} min"


def _timer(row: EntryRow, *, now: datetime) -> Timer:
    """Of whoever waits: since the arrival; of the called: since the call; of the served: since the
    start, held against the expected length."""
    if row.status == S.CALLED and row.called_at:
        marks = row.called_at, row.called_at + CALL_SOON, row.called_at + CALL_LATE
    elif row.status == S.IN_PROGRESS and row.started_at:
        planned = timedelta(minutes=row.expected_minutes)
        marks = row.started_at, row.started_at + planned, row.started_at + 1.5 * planned
    else:
        target = row.target
        marks = row.arrived_at, row.owed_since + target * 2 / 3, row.owed_since + target
    since, amber_at, red_at = marks
    minutes = max(0, int((now - since).total_seconds() // 60))
    hue = "vermilion" if now >= red_at else "amber" if now >= amber_at else ""
    return Timer(since, amber_at, red_at, minutes, hue)


def _not_mine(entry: DrawnEntry) -> bool:
    return not entry.is_mine


def _urls() -> dict[str, tuple[str, str]]:
    """Each address by name, in two parts around the entry's key: reversed once, not per entry."""
    names = {name: (name, []) for name in ("entry", "undo", "transfer", "move")}
    names |= {step.value: ("take_step", [step]) for step in STEPS}
    result = {}
    for name, (url, more) in names.items():
        address = reverse(f"queue:{url}", args=[PLACEHOLDER, *more])
        before, after = address.split(f"/{PLACEHOLDER}/", 1)
        result[name] = (f"{before}/", f"/{after}")
    return result
