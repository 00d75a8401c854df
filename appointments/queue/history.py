"""What happened to entries: written down with what each step replaced, undone and replayed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils.dateparse import parse_datetime

from accounts.models import User
from appointments.enums import QUEUE_PRESENT, QueueEntryStatus, QueueStep
from appointments.models import LineRank, QueueEntry, QueueEvent, QueueSnapshot
from appointments.queue.events import QueueChanged, QueueEntryChanged
from core.events import publish_on_commit

FIELDS = (
    "status",
    "service_point_id",
    "served_by_id",
    "wanted_provider_id",
    "wanted_specialty",
    "is_flexible",
    "is_remote",
    "priority_score",
    "notes",
    "away_at",
    "away_until",
    "called_at",
    "started_at",
    "completed_at",
)
"""What a step may change, and undo puts back."""

LONGEST_STAY = timedelta(days=7)
"""Nobody stays longer: ``upkeep`` ends each day what was forgotten."""

TAKEN_BACK = "Taken back"
"""The reason for leaving a queue to which sending on was undone."""


def snapshot(entry: QueueEntry) -> dict[str, Any]:
    """The values of ``FIELDS``, JSON-ready."""
    values = {name: getattr(entry, name) for name in FIELDS}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def place_by_hand(entry: QueueEntry) -> dict[str, Any]:
    """The place to which staff moved a waiting entry, JSON-ready; empty where nobody did."""
    rank = getattr(entry, "rank", None)
    if rank is None or rank.manual_position is None:
        return {}
    return {
        "manual_position": rank.manual_position,
        "manual_at": rank.manual_at.isoformat() if rank.manual_at else None,
    }


def give_place_back(entry: QueueEntry, before: dict[str, Any]) -> None:
    """Let the waiting entry stand where a step's ``before`` says that it was moved by hand."""
    moved_at = before.get("manual_at")
    LineRank.objects.filter(entry=entry).update(
        manual_position=before.get("manual_position"),
        manual_at=parse_datetime(moved_at) if moved_at else None,
    )


def restore(entry: QueueEntry, before: dict[str, Any]) -> None:
    """Set what a snapshot holds; nothing is written."""
    for name in FIELDS:
        if name in before:
            value = before[name]
            is_time = name.startswith("away_") or name.endswith("_at")
            setattr(entry, name, parse_datetime(value) if is_time and value else value)


def record(
    entry: QueueEntry,
    step: QueueStep,
    *,
    by: User | None,
    before: dict[str, Any],
    from_status: str,
    now: datetime,
    reason: str = "",
    rank: float | None = None,
) -> QueueEvent:
    """Write the step down and tell of it after the commit."""
    event = QueueEvent.objects.create(
        queue_id=entry.queue_id,
        entry=entry,
        step=step,
        from_status=from_status,
        to_status=entry.status,
        service_point_id=entry.service_point_id,
        rank=rank,
        before=before,
        reason=reason[:500],
        at=now,
        by_id=by.pk if by else None,
        by_name=by.get_full_name() if by else "",
    )
    tenant_id: int = entry.tenant_id  # type: ignore[assignment]
    publish_on_commit(
        QueueEntryChanged(
            tenant_id=tenant_id, queue_id=entry.queue_id, entry_id=entry.pk, step=step
        )
    )
    publish_on_commit(QueueChanged(tenant_id=tenant_id, queue_id=entry.queue_id))
    return event


@dataclass(frozen=True, slots=True)
class Moment:
    """A queue as it was.

    Attributes:
        tickets: of every entry that was present, by key.
        waiting: keys of the entries in the line, in serving order.
        states: the status of every entry that was present, by key.
    """

    waiting: tuple[int, ...]
    states: dict[int, str]
    tickets: dict[int, str]


def replay(queue_id: int, at: datetime) -> Moment:
    """The queue at a past instant, from its events and snapshots alone.

    Args:
        at: aware; what happened at this very instant has happened.
    """
    last = (
        QueueEvent.objects.filter(entry=OuterRef("pk"), at__lte=at)
        .order_by("-pk")
        .values("to_status")[:1]
    )
    entered = QueueEvent.objects.filter(
        entry=OuterRef("pk"), at__lte=at, rank__isnull=False
    ).order_by("-pk")
    later = QueueEvent.objects.filter(queue_id=queue_id, entry=OuterRef("pk"), at__gt=at)
    rows = (
        QueueEntry.objects.filter(
            # Who is neither here now nor was in any step since had left before.
            Q(status__in=QUEUE_PRESENT) | Exists(later),
            queue_id=queue_id,
            joined_at__range=(at - LONGEST_STAY, at),
        )
        .annotate(
            state=Subquery(last),
            entry_rank=Subquery(entered.values("rank")[:1]),
            entered_at=Subquery(entered.values("at")[:1]),
        )
        .exclude(state=None)
        .values_list("pk", "state", "ticket", "arrived_at", "entry_rank", "entered_at")
    )
    present = [row for row in rows if row[1] in QUEUE_PRESENT]
    settled_at, settled = _settled(queue_id, at)

    def rank(key: int, entered: float | None, entered_at: datetime | None) -> float:
        is_later = settled_at is not None and entered_at is not None and entered_at > settled_at
        known = entered if is_later else settled.get(key, entered)
        return float("inf") if known is None else known

    line = sorted(
        (rank(key, entered, entered_at), arrived, key)
        for key, state, _, arrived, entered, entered_at in present
        if state == QueueEntryStatus.WAITING
    )
    return Moment(
        waiting=tuple(key for _, _, key in line),
        states={key: state for key, state, *_ in present},
        tickets={key: ticket for key, _, ticket, *_ in present},
    )


def _settled(queue_id: int, at: datetime) -> tuple[datetime | None, dict[int, float]]:
    """When the order was last settled anew, and the ranks that it gave, by entry."""
    newest = QueueSnapshot.objects.filter(queue_id=queue_id, at__lte=at).order_by("-pk").first()
    if newest is None:
        return None, {}
    ranks = newest.ranks or range(1, len(newest.entry_ids) + 1)
    return newest.at, dict(zip(newest.entry_ids, ranks, strict=True))
