"""One step of one entry: locked, checked, written with its times, mirrored and recorded."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from accounts.models import User
from accounts.permissions import Role
from appointments.enums import (
    QUEUE_PRESENT,
    QUEUE_TRANSITIONS,
    QueueEntryStatus,
    QueueStep,
    legal_queue_steps,
)
from appointments.models import QueueConfiguration, QueueEntry, ServicePoint, WaitingQueue
from appointments.queue import history, line
from appointments.queue.errors import AlreadyWaitingError, IllegalQueueStepError
from appointments.queue.placing import enter_line
from appointments.queue.visits import VisitMirror
from core.clock import Clock
from core.errors import NotFoundError, StaleVersionError
from core.lookups import MAX_KEY

ABSENT = (QueueEntryStatus.SKIPPED, QueueEntryStatus.ON_HOLD)


class EntrySteps:
    """Steps of a queue's entries, inside the caller's transaction."""

    def __init__(
        self,
        queue: WaitingQueue,
        configuration: QueueConfiguration,
        *,
        by: User | None,
        clock: Clock,
    ) -> None:
        self.queue, self.configuration, self.by, self.clock = queue, configuration, by, clock
        self.visits = VisitMirror(by=by, clock=clock)

    def lock(self, step: QueueStep, entry_id: int, version: int | None = None) -> QueueEntry:
        """The entry, locked, of this queue, of the wanted version and ready for the step.

        Raises:
            IllegalQueueStepError: the table has no such step from the present state.
            NotFoundError, StaleVersionError.
        """
        entry = (
            QueueEntry.objects.select_for_update(no_key=True)
            .filter(queue=self.queue, pk=min(entry_id, MAX_KEY))
            .first()
        )
        if entry is None:
            raise NotFoundError("There is no such queue entry.")
        if version is not None and version != entry.version:
            raise StaleVersionError
        if step in QUEUE_TRANSITIONS and entry.status not in QUEUE_TRANSITIONS[step].sources:
            label = str(QueueEntryStatus(entry.status).label)
            raise IllegalQueueStepError(step, label, legal_queue_steps(entry.status))
        return entry

    def take(
        self,
        entry: QueueEntry,
        step: QueueStep,
        *,
        service_point: ServicePoint | None = None,
        reason: str = "",
        until: datetime | None = None,
        mirror: bool = True,
    ) -> None:
        """Take a step of the table with a locked entry.

        Args:
            mirror: whether the visit takes its step too.
        """
        now = self.clock()
        before, from_status = history.snapshot(entry), entry.status
        if from_status == QueueEntryStatus.WAITING:
            before |= history.place_by_hand(entry)
        if step == QueueStep.CALL:
            entry.mark_as_called(now, service_point)
        else:
            entry.status = QUEUE_TRANSITIONS[step].target or entry.status
            for name, value in _stamps(step, now, until).items():
                setattr(entry, name, value)
            if step == QueueStep.START:
                entry.served_by_id = self._server_of(entry)
        self.save(entry, *history.FIELDS)
        if mirror:
            self.visits.stepped(entry, step)
        self.record(entry, step, before, from_status, now=now, reason=reason)

    def _server_of(self, entry: QueueEntry) -> int | None:
        """Whoever serves at the entry's service point; where nobody in particular does, the
        provider who starts."""
        if entry.service_point is not None and entry.service_point.provider_id is not None:
            return entry.service_point.provider_id
        is_provider = self.by is not None and self.by.role == Role.PROVIDER
        return self.by.pk if is_provider else None

    def bring_back(self, entry: QueueEntry, *, reason: str = "") -> None:
        """Let a locked entry that was skipped or on hold wait again."""
        now = self.clock()
        before, from_status = history.snapshot(entry), entry.status
        entry.status, entry.away_at, entry.away_until = QueueEntryStatus.WAITING, None, None
        self.save(entry, *history.FIELDS)
        rank = enter_line(entry, self.configuration, now=now)
        self.record(entry, QueueStep.RETURN, before, from_status, now=now, reason=reason, rank=rank)

    def bring_back_absent(self) -> int:
        """Bring back whose hold is over, or who were skipped long enough; how many."""
        keys = line.absent_ended(
            self.queue.pk,
            skip_return_after=self.configuration.skip_return_after,
            now=self.clock(),
        )
        rows = QueueEntry.objects.select_for_update(skip_locked=True, no_key=True).filter(
            pk__in=keys, status__in=ABSENT
        )
        entries = list(rows.order_by("pk"))
        for entry in entries:
            self.bring_back(entry)
        return len(entries)

    def save(self, entry: QueueEntry, *changed: str) -> None:
        """Write the changed fields, and that the entry has another version."""
        entry.version += 1
        names = [name.removesuffix("_id") for name in changed]
        entry.save(update_fields=[*names, "version"])

    def record(
        self,
        entry: QueueEntry,
        step: QueueStep,
        before: dict[str, Any],
        from_status: str,
        *,
        now: datetime,
        reason: str = "",
        rank: float | None = None,
    ) -> None:
        history.record(
            entry,
            step,
            by=self.by,
            before=before,
            from_status=from_status,
            now=now,
            reason=reason.strip(),
            rank=rank,
        )

    def check_absent(self, patient_id: int) -> None:
        """
        Raises:
            AlreadyWaitingError: the patient is in this queue, with the stay that goes on.
        """
        stay = QueueEntry.objects.filter(
            queue=self.queue, patient_id=patient_id, status__in=QUEUE_PRESENT
        ).first()
        if stay is not None:
            raise AlreadyWaitingError(entry_id=stay.pk, ticket=stay.ticket)

    def refuse_second(self, patient_id: int) -> NoReturn:
        """As ``check_absent``, where it is known that the patient was in it a moment ago."""
        self.check_absent(patient_id)
        raise AlreadyWaitingError(entry_id=0, ticket="")


def _stamps(step: QueueStep, now: datetime, until: datetime | None) -> Mapping[str, Any]:
    if step == QueueStep.START:
        return {"started_at": now}
    if step == QueueStep.COMPLETE:
        return {"completed_at": now}
    if step in (QueueStep.SKIP, QueueStep.HOLD):
        return {"away_at": now, "away_until": until, "service_point_id": None, "called_at": None}
    return {}
