"""A patient's own place in a queue, as their page and their paper ticket show it: without a name,
a reason or anything else of the visit."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np

from accounts.models import User
from appointments.enums import QUEUE_PRESENT, Modality, QueueEntryStatus
from appointments.models import QueueEntry, QueueEvent, ServicePoint, WaitingQueue
from appointments.queue import estimates
from appointments.queue.line import read_line
from appointments.queue.selectors import configuration_of
from appointments.queue.self_service import HOLDS, holds_of
from core.errors import NotFoundError
from core.lookups import MAX_KEY

SHOWN_AFTER = timedelta(hours=1)
SOON_PLACES = 2
SOON_MINUTES = 10
S = QueueEntryStatus


class Stage(StrEnum):
    """What a patient is told."""

    WAITING = "waiting"
    SOON = "soon"
    CALLED = "called"
    SERVING = "serving"
    HELD = "held"
    SKIPPED = "skipped"
    DONE = "done"
    LEFT = "left"
    MISSED = "missed"


STAGES: dict[str, Stage] = {
    S.WAITING: Stage.WAITING,
    S.CALLED: Stage.CALLED,
    S.IN_PROGRESS: Stage.SERVING,
    S.ON_HOLD: Stage.HELD,
    S.SKIPPED: Stage.SKIPPED,
    S.COMPLETED: Stage.DONE,
    S.LEFT: Stage.LEFT,
    S.TRANSFERRED: Stage.LEFT,
    S.NO_SHOW: Stage.MISSED,
}
MAY_LEAVE = (Stage.WAITING, Stage.SOON, Stage.CALLED, Stage.HELD, Stage.SKIPPED)


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """
    Attributes:
        entry_id: of the stay as it is now, wherever the patient was sent on to.
        position: from 1; None for whoever does not stand in the line.
        p10, p90: the wait in whole minutes; None where it is not known.
        percent: of the whole wait, as it is estimated now, that is over.
        room: where the patient is called to or served; empty where that is not told.
        video_room_url: where the visit takes place by video; empty where staff call instead.
        may_ask_for_time: more time can be asked for; ``has_asked_enough``: not any more.
    """

    entry_id: int
    queue_id: int
    ticket: str
    queue_name: str
    site_name: str
    stage: Stage
    joined_at: datetime
    position: int | None
    p10: int | None
    p90: int | None
    percent: int
    room: str
    held_until: datetime | None
    is_remote: bool
    is_telehealth: bool
    video_room_url: str
    may_ask_for_time: bool
    has_asked_enough: bool

    @property
    def may_leave(self) -> bool:
        return self.stage in MAY_LEAVE

    @property
    def may_join(self) -> bool:
        """The video visit: once it is the patient's turn."""
        return bool(self.video_room_url) and self.stage in (Stage.CALLED, Stage.SERVING)

    @property
    def is_over(self) -> bool:
        return self.stage in (Stage.DONE, Stage.LEFT, Stage.MISSED)


def present_entry_of(user: User) -> QueueEntry | None:
    """Where the patient whose login this is waits now."""
    own = QueueEntry.objects.filter(patient__user_id=user.pk, status__in=QUEUE_PRESENT)
    return own.order_by("-pk").first()


def tickets_of(visit_ids: Iterable[int]) -> dict[int, str]:
    """The ticket of each of the visits that waits in a queue or is served from one."""
    entries = QueueEntry.objects.filter(
        appointment__in=list(visit_ids), status__in=QUEUE_PRESENT
    ).order_by("pk")
    return dict(entries.values_list("appointment_id", "ticket"))


def own_place(entry_id: int, *, now: datetime) -> OwnPlace:
    """
    Raises:
        NotFoundError: there is no such entry, or it ended longer than an hour ago.
    """
    entry = followed(entry_id)
    if entry.status not in QUEUE_PRESENT:
        last = QueueEvent.objects.filter(entry=entry).order_by("-pk").first()
        if last is None or last.at + SHOWN_AFTER <= now:
            raise NotFoundError("This stay is over.")
    position, wait = _in_line(entry, now=now)
    stage = STAGES[entry.status]
    if stage == Stage.WAITING and _is_soon(position, wait):
        stage = Stage.SOON
    visit = entry.appointment
    asked = holds_of(entry.pk)
    can_pause = stage in (Stage.WAITING, Stage.SOON, Stage.CALLED, Stage.SKIPPED)
    point: ServicePoint | None = entry.service_point
    return OwnPlace(
        entry_id=entry.pk,
        queue_id=entry.queue_id,
        ticket=entry.ticket,
        queue_name=entry.queue.name,
        site_name=entry.queue.site.name if entry.queue.site else "",
        stage=stage,
        joined_at=entry.joined_at,
        position=position,
        p10=wait["p10"],
        p90=wait["p90"],
        percent=_percent(entry, wait["p50"], now=now),
        room=point.name if point and stage in (Stage.CALLED, Stage.SERVING) else "",
        held_until=entry.away_until if stage == Stage.HELD else None,
        is_remote=entry.is_remote,
        is_telehealth=visit is not None and visit.modality == Modality.TELEHEALTH,
        video_room_url=video_room_of(entry),
        may_ask_for_time=can_pause and asked < HOLDS,
        has_asked_enough=can_pause and asked >= HOLDS,
    )


def soon_entries(queue: WaitingQueue, *, now: datetime) -> set[int]:
    """Keys of those in the line whose pages say that it is nearly their turn."""
    line = read_line(queue.pk)
    waits = estimates.waits(line, estimates.read_capacity(queue, configuration_of(queue), now=now))
    return {
        int(key)
        for row, key in enumerate(line.columns.entry_id)
        if _is_soon(row + 1, estimates.shown(waits, row))
    }


def followed(entry_id: int) -> QueueEntry:
    """The entry, or the one that it became by being sent on.

    Raises:
        NotFoundError: there is none.
    """
    rows = QueueEntry.objects.select_related(
        "queue__site",
        "service_point__provider__provider_profile",
        "appointment__provider__provider_profile",
    )
    entry = rows.filter(pk=min(entry_id, MAX_KEY)).first()
    if entry is None:
        raise NotFoundError("There is no such queue entry.")
    while entry.status == S.TRANSFERRED:
        sent = rows.filter(transferred_from=entry).order_by("-pk").first()
        if sent is None:
            break
        entry = sent
    return entry


def video_room_of(entry: QueueEntry) -> str:
    """The address of the video room of whoever serves the entry, or else was booked.

    Empty for a visit on site, and where that provider has none.
    """
    visit, point = entry.appointment, entry.service_point
    if visit is None or visit.modality != Modality.TELEHEALTH:
        return ""
    provider = (point.provider if point else None) or visit.provider
    return provider.video_room_url if provider else ""


def _in_line(entry: QueueEntry, *, now: datetime) -> tuple[int | None, dict[str, Any]]:
    unknown = {"p10": None, "p50": None, "p90": None}
    if entry.status != S.WAITING:
        return None, unknown
    line = read_line(entry.queue_id)
    rows = np.flatnonzero(line.columns.entry_id == entry.pk)
    if not len(rows):  # called since it was read
        return None, unknown
    capacity = estimates.read_capacity(entry.queue, configuration_of(entry.queue), now=now)
    row = int(rows[0])
    return row + 1, estimates.shown(estimates.waits(line, capacity), row)


def _is_soon(position: int | None, wait: dict[str, Any]) -> bool:
    median = wait["p50"]
    is_first = position is not None and position <= SOON_PLACES
    return is_first or (median is not None and median <= SOON_MINUTES)


def _percent(entry: QueueEntry, median: int | None, *, now: datetime) -> int:
    if entry.status != S.WAITING:
        return 100
    waited = max(0.0, (now - entry.joined_at).total_seconds() / 60)
    if median is None:
        return 0
    return round(100 * waited / (waited + median)) if waited + median else 100
