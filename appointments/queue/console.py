"""What the staff of a queue see, with names: who is served, who comes next and why, who is away.

Read in as many statements at any length of the line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Avg, Count, Q, QuerySet

from appointments.booking.selectors import day_bounds
from appointments.enums import QueueEntryStatus, QueueStep, ServicePointState
from appointments.models import (
    QueueConfiguration,
    QueueEntry,
    QueueEvent,
    ServicePoint,
    WaitingQueue,
)
from appointments.models.queue import WAIT
from appointments.queue import estimates
from appointments.queue.admission import why_closed
from appointments.queue.discipline import BAND_TARGETS, Band, Reason, bands, reasons
from appointments.queue.line import QueueLine, minutes, read_line, rules_of
from appointments.queue.routing_policy import eligibility
from appointments.queue.selectors import LAST_HOUR, PRIORITY_WORDS, configuration_of, version_of
from appointments.queue.undoing import UNDO_MINUTES
from appointments.queue.wait_estimate import load_factor, load_level
from core.errors import NotFoundError
from core.lookups import MAX_KEY

HEAD_ROWS = 40  # more than a screen shows; drawing hundreds at every change would slow all
RECENT = timedelta(minutes=UNDO_MINUTES)
S = QueueEntryStatus
ABSENT = (S.SKIPPED, S.ON_HOLD)
ENDED = (S.COMPLETED, S.NO_SHOW, S.LEFT, S.TRANSFERRED)
FIELDS = (
    "id",
    "version",
    "queue_id",
    "ticket",
    "status",
    "priority_score",
    "estimated_service_time",
    "is_flexible",
    "is_remote",
    "notes",
    "arrived_at",
    "joined_at",
    "away_at",
    "away_until",
    "called_at",
    "started_at",
    "completed_at",
    "service_point_id",
    "service_point__name",
    "patient_id",
    "patient__first_name",
    "patient__last_name",
    "patient__communication_needs",
    "appointment_id",
    "appointment__scheduled_datetime",
    "appointment_type__name",
    "wanted_provider_id",
    "wanted_provider__title",
    "wanted_provider__first_name",
    "wanted_provider__last_name",
    "wanted_specialty",
)


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry as the staff's lists show it."""

    id: int
    version: int
    queue_id: int
    ticket: str
    status: str
    priority_score: float
    expected_minutes: int
    is_flexible: bool
    is_remote: bool
    notes: str
    arrived_at: datetime
    joined_at: datetime
    away_at: datetime | None
    away_until: datetime | None
    called_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    point_id: int | None
    point_name: str
    patient_id: int
    patient_name: str
    needs: tuple[str, ...]
    appointment_id: int | None
    appointment_at: datetime | None
    type_name: str
    provider_id: int | None
    provider_name: str
    specialty: str

    @property
    def band(self) -> Band:
        return Band(int(bands(np.array([self.priority_score]))[0]))

    @property
    def priority(self) -> str:
        """urgent, priority or routine."""
        return PRIORITY_WORDS[self.band]

    @property
    def owed_since(self) -> datetime:
        """Since when they wait not by choice: whoever comes early waits from the booked time."""
        return max(self.arrived_at, self.appointment_at or self.arrived_at)

    @property
    def target(self) -> timedelta:
        """How long somebody of this urgency should wait at most."""
        return timedelta(minutes=BAND_TARGETS[self.band])


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry in the line; ``wait`` is its range in whole minutes, as screens show it."""

    entry: EntryRow
    position: int
    reason: Reason
    wait: dict[str, int | None]


@dataclass(frozen=True, slots=True)
class PointRow:
    """A service point, with whom it serves now and the ticket of whom it would call next."""

    point: ServicePoint
    serving: list[EntryRow]
    next_id: int | None
    next_ticket: str

    @property
    def is_open(self) -> bool:
        return self.point.state == ServicePointState.OPEN


@dataclass(frozen=True, slots=True)
class Figures:
    """Minutes; None where there is nothing to average.

    Attributes:
        average_wait: of those called in the last hour.
        average_service: of those finished today.
        longest_wait: of those who wait now.
    """

    average_wait: float | None
    average_service: float | None
    longest_wait: int | None
    served: int
    missed: int


@dataclass(frozen=True, slots=True)
class Console:
    """One queue for its staff.

    Attributes:
        line: its first rows, in the order in which they are called.
        nexts: whom the service points would call next, by key.
        ended: whoever left within the time in which that can be undone, the last first.
        closed: why it takes nobody, as a sentence; empty where it does.
        undoable: keys of entries whose last step can be undone.
    """

    queue: WaitingQueue
    configuration: QueueConfiguration
    version: int
    size: int
    serving: list[EntryRow]
    line: list[Waiting]
    nexts: dict[int, Waiting]
    absent: list[EntryRow]
    ended: list[EntryRow]
    points: list[PointRow]
    figures: Figures
    closed: str
    undoable: frozenset[int]
    read_at: datetime

    @property
    def utilisation(self) -> float:
        return self.size / self.queue.max_queue_size

    @property
    def load_level(self) -> str:
        return load_level(
            self.utilisation,
            yellow=self.configuration.load_yellow,
            red=self.configuration.load_red,
        )

    @property
    def load_factor(self) -> float:
        return load_factor(self.utilisation)


def console_of(
    queue: WaitingQueue, *, now: datetime, zone: ZoneInfo, all_rows: bool = False
) -> Console:
    """The queue as it is now.

    Args:
        all_rows: the whole line; else its first ``HEAD_ROWS``.
    """
    version, configuration = version_of(queue.pk), configuration_of(queue)
    line = read_line(queue.pk)
    shown = len(line) if all_rows else min(len(line), HEAD_ROWS)
    points = points_of(queue, line)
    nexts = {point.next_id for point in points if point.next_id is not None}
    keys = nexts | set(line.columns.entry_id[:shown].tolist())
    present = Q(queue=queue, status__in=[S.CALLED, S.IN_PROGRESS, *ABSENT])
    gone = Q(queue=queue, status__in=ENDED, pk__in=_recent_keys(queue, now))
    found = QueueEntry.objects.filter(present | gone | Q(pk__in=keys))
    rows = {row.id: row for row in _rows(found)}
    day, _ = day_bounds(now.astimezone(zone).date(), zone)
    waiting = _waiting(queue, configuration, line, rows, now=now)
    return Console(
        queue=queue,
        configuration=configuration,
        version=version,
        size=len(line),
        serving=_by(rows, (S.CALLED, S.IN_PROGRESS), key="called_at", is_newest_first=True),
        line=[row for row in waiting if row.position <= shown],
        nexts={row.entry.id: row for row in waiting if row.entry.id in nexts},
        absent=_by(rows, ABSENT, key="away_at"),
        ended=_by(rows, ENDED, key="completed_at"),
        points=points,
        figures=_figures(queue, line, now=now, day=day),
        closed=why_closed(queue, configuration, now=now, zone=zone),
        undoable=undoable_entries(rows, now=now),
        read_at=now,
    )


def entry_row(queue_ids: QuerySet[WaitingQueue], entry_id: int) -> EntryRow:
    """
    Raises:
        NotFoundError: none of these queues has such an entry.
    """
    found = QueueEntry.objects.filter(pk=min(entry_id, MAX_KEY), queue__in=queue_ids)
    for row in _rows(found):
        return row
    raise NotFoundError("There is no such queue entry.")


def place_of(queue: WaitingQueue, entry_id: int, *, now: datetime) -> Waiting | None:
    """The entry's place in the line, with its reason and range; None where it does not wait."""
    line, configuration = read_line(queue.pk), configuration_of(queue)
    rows = {row.id: row for row in _rows(QueueEntry.objects.filter(pk=entry_id))}
    waiting = _waiting(queue, configuration, line, rows, now=now)
    return waiting[0] if waiting else None


def points_of(queue: WaitingQueue, line: QueueLine) -> list[PointRow]:
    """The queue's service points, by name."""
    points = list(
        ServicePoint.objects.filter(is_active=True, servicepointqueue__queue=queue)
        .select_related("provider__provider_profile", "attendant")
        .prefetch_related("servicepointtype_set")
        .order_by("name", "pk")
    )
    serving: dict[int, list[EntryRow]] = {point.pk: [] for point in points}
    entries = QueueEntry.objects.filter(
        service_point__in=list(serving), status__in=estimates.BEING_SERVED
    )
    for row in _rows(entries.order_by("called_at", "pk")):
        if row.point_id is not None:
            serving[row.point_id].append(row)
    able = eligibility(line.wishes, [estimates.point_of(each, {queue.pk}) for each in points])
    result = []
    for column, point in enumerate(points):
        first = np.flatnonzero(able[:, column])[:1]
        key = int(line.columns.entry_id[first[0]]) if first.size else None
        ticket = line.tickets[first[0]] if first.size else ""
        result.append(PointRow(point, serving[point.pk], key, ticket))
    return result


def undoable_entries(entry_ids: Iterable[int], *, now: datetime) -> frozenset[int]:
    """Those of the entries whose last step can still be undone."""
    recent = (
        QueueEvent.objects.filter(entry__in=list(entry_ids), at__gte=now - RECENT)
        .order_by("entry_id", "-pk")
        .distinct("entry_id")
        .values_list("entry_id", "step", "entry__transferred_from_id")
    )
    return frozenset(
        key
        for key, step, sent_from in recent
        if step != QueueStep.UNDO and (step != QueueStep.JOIN or sent_from is None)
    )


def _recent_keys(queue: WaitingQueue, now: datetime) -> Sequence[int]:
    """Entries to which something final happened lately."""
    events = QueueEvent.objects.filter(queue=queue, at__gte=now - RECENT, to_status__in=ENDED)
    return list(events.order_by("-pk").values_list("entry_id", flat=True)[:HEAD_ROWS])


def _waiting(
    queue: WaitingQueue,
    configuration: QueueConfiguration,
    line: QueueLine,
    rows: dict[int, EntryRow],
    *,
    now: datetime,
) -> list[Waiting]:
    """Those of ``rows`` that stand in the line, in its order."""
    capacity = estimates.read_capacity(queue, configuration, now=now)
    waits = estimates.waits(line, capacity)
    why = reasons(line.columns, now=minutes(now), **rules_of(configuration))
    return [
        Waiting(rows[key], place + 1, why[place], estimates.shown(waits, place))
        for place, key in enumerate(line.columns.entry_id.tolist())
        if key in rows and rows[key].status == S.WAITING
    ]


def _by(
    rows: dict[int, EntryRow],
    statuses: Iterable[str],
    *,
    key: str,
    is_newest_first: bool = False,
) -> list[EntryRow]:
    found = [row for row in rows.values() if row.status in statuses]
    found.sort(key=lambda row: (getattr(row, key) or row.joined_at, row.id))
    return found[::-1] if is_newest_first else found


def _figures(queue: WaitingQueue, line: QueueLine, *, now: datetime, day: datetime) -> Figures:
    rows = QueueEntry.objects.filter(queue=queue)
    lately = Q(called_at__gte=now - LAST_HOUR)
    today = Q(joined_at__gte=day)
    done = today & Q(status=S.COMPLETED)
    found: dict[str, Any] = rows.filter(lately | today).aggregate(
        wait=Avg(WAIT, filter=lately),
        service=Avg(estimates.SERVICE_TIME, filter=today & estimates.SERVED),
        served=Count("pk", filter=done),
        missed=Count("pk", filter=today & Q(status=S.NO_SHOW)),
    )
    arrived = line.columns.arrived
    return Figures(
        average_wait=_minutes(found["wait"]),
        average_service=_minutes(found["service"]),
        longest_wait=int(minutes(now) - arrived.min()) if len(line) else None,
        served=found["served"],
        missed=found["missed"],
    )


def _minutes(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds() / 60


def _rows(entries: QuerySet[QueueEntry]) -> list[EntryRow]:
    return [_row(values) for values in entries.values_list(*FIELDS)]


def _row(values: tuple[Any, ...]) -> EntryRow:
    shown: list[Any] = [
        *values[:18],
        values[18] or "",
        values[19],
        " ".join(filter(None, values[20:22])),
        tuple(values[22] or ()),
        *values[23:25],
        values[25] or "",
        values[26],
        " ".join(filter(None, values[27:30])),
        values[30],
    ]
    return EntryRow(*shown)
