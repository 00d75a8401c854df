"""What other settings would do to today's line, before they are saved."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from appointments.models import QueueConfiguration, QueueEntry, WaitingQueue
from appointments.queue.discipline import Line, reasons, serving_order
from appointments.queue.line import instant, minutes, read_line, rules_of
from appointments.queue.selectors import configuration_of

NAN = np.nan
EXAMPLES = (
    # who, score, minutes since the arrival, minutes since the appointment
    ("Came without an appointment 45 min ago", 25.0, 45.0, NAN),
    ("Booked for 20 min ago, came on time", 25.0, 25.0, 20.0),
    ("Priority, came 10 min ago", 50.0, 10.0, NAN),
    ("Came without an appointment 20 min ago", 25.0, 20.0, NAN),
    ("Urgent, came just now", 100.0, 1.0, NAN),
    ("Booked in 10 min, came early", 25.0, 30.0, -10.0),
)
ORDINARY_MINUTES = 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody's place by the new settings, and by the stored ones; from 1."""

    who: str
    ticket: str
    reason: str
    place: int
    before: int

    @property
    def rises(self) -> bool:
        return self.place < self.before

    @property
    def falls(self) -> bool:
        return self.place > self.before


@dataclass(frozen=True, slots=True)
class Preview:
    """The whole line; ``is_example`` where nobody waits and people are made up."""

    places: list[Place]
    is_example: bool

    @property
    def moved(self) -> int:
        return sum(each.place != each.before for each in self.places)


def preview(
    queue: WaitingQueue, draft: QueueConfiguration, *, now: datetime, zone: ZoneInfo
) -> Preview:
    """Who would be served when; names are for those who may see them.

    Raises:
        ValueError: the draft's weights cannot be.
    """
    rules: dict[str, Any] = rules_of(draft)
    present = read_line(queue.pk)
    line = present.columns if len(present) else _example(now)
    at = minutes(now)
    stored: dict[str, Any] = rules_of(configuration_of(queue))
    before = {int(row): n for n, row in enumerate(serving_order(line, now=at, **stored), start=1)}
    why = reasons(line, now=at, **rules)
    names = _names(queue) if len(present) else dict(enumerate(who for who, *_ in EXAMPLES))
    return Preview(
        [
            Place(
                who=names.get(int(line.entry_id[row]), ""),
                ticket=present.tickets[row] if len(present) else "",
                reason=why[row].say(_clock(line.appointment[row], zone)),
                place=place,
                before=before[int(row)],
            )
            for place, row in enumerate(serving_order(line, now=at, **rules), start=1)
        ],
        is_example=not len(present),
    )


def _names(queue: WaitingQueue) -> dict[int, str]:
    rows = QueueEntry.objects.filter(queue=queue, status="WAITING").select_related("patient")
    return {row.pk: row.patient.get_full_name() for row in rows}


def _clock(appointment: float, zone: ZoneInfo) -> str:
    return "" if np.isnan(appointment) else f"{instant(appointment).astimezone(zone):%H:%M}"


def _example(now: datetime) -> Line:
    _, scores, arrived, appointment = (np.array(column) for column in zip(*EXAMPLES, strict=True))
    count = len(EXAMPLES)
    return Line(
        entry_id=np.arange(count),
        priority_score=scores,
        arrived=minutes(now) - arrived,
        appointment=minutes(now) - appointment,
        expected_minutes=np.full(count, ORDINARY_MINUTES),
        manual_rank=np.full(count, NAN),
        manual_at=np.full(count, NAN),
    )
