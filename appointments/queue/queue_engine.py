"""AdvancedQueueEngine: every write to a queue goes through here.

No lock on the queue is taken to call somebody: ranks are settled whenever something changes, and
a call claims the first free entry in their order.  docs/algorithms/queue.md says why that is
exactly once, and docs/algorithms/locking.md in which order locks are taken.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.enums import QUEUE_TRANSITIONS, QueueEntryStatus, QueueStep
from appointments.models import LineRank, QueueEntry, WaitingQueue
from appointments.permissions import visible_queues
from appointments.queue import estimates, history, line, metrics, placing
from appointments.queue.admission import Admission, admit, alternatives_to, check_open
from appointments.queue.calling import claim, open_point
from appointments.queue.entry_steps import EntrySteps
from appointments.queue.errors import IllegalQueueStepError, QueueFullError
from appointments.queue.events import QueueChanged
from appointments.queue.loads import places_to_try
from appointments.queue.selectors import configuration_of, queue_status, status_of
from appointments.queue.tickets import next_ticket
from appointments.queue.undoing import undo_last
from appointments.queue.wait_estimate import load_factor
from core.clock import Clock, system_clock
from core.db import insert_unless_conflict
from core.errors import InvalidInputError, NotFoundError
from core.events import publish_on_commit
from core.lookups import MAX_KEY
from core.models import Tenant
from core.tenancy import current_tenant_id

SCORES = {"routine": 25.0, "priority": 50.0, "urgent": 100.0}
MAX_NOTE = 500
PUBLICATION = """
INSERT INTO appointments_queuepublication (tenant_id, queue_id, version, at)
VALUES (%s, %s, 1 + %s, %s)
ON CONFLICT (queue_id)
DO UPDATE SET version = appointments_queuepublication.version + %s, at = EXCLUDED.at
RETURNING version
"""


class AdvancedQueueEngine:
    """Commands on one queue, on behalf of one user (None: the system itself).

    All of them raise NotAllowedError where the role does not allow the step, NotFoundError for
    what the user may not see, StaleVersionError where ``version`` is given and is not the entry's
    present one, and leave nothing half-written.
    """

    def __init__(
        self, queue: WaitingQueue, *, by: User | None = None, clock: Clock = system_clock
    ) -> None:
        self.queue, self.by, self.clock = queue, by, clock
        self.configuration = configuration_of(queue)
        self.steps = EntrySteps(queue, self.configuration, by=by, clock=clock)

    @cached_property
    def zone(self) -> ZoneInfo:
        return Tenant.objects.get(pk=current_tenant_id()).zone_info

    @classmethod
    def of_entry(
        cls, entry_id: int, *, by: User | None = None, clock: Clock = system_clock
    ) -> "AdvancedQueueEngine":
        """The engine of the queue in which the entry stands.

        Raises:
            NotFoundError: there is no such entry, or the user may not see its queue.
        """
        queues = WaitingQueue.objects.all() if by is None else visible_queues(by)
        found = queues.filter(entries=min(entry_id, MAX_KEY)).first()
        if found is None:
            raise NotFoundError("There is no such queue entry.")
        return cls(found, by=by, clock=clock)

    @transaction.atomic
    def add_to_queue(
        self,
        *,
        patient_id: int,
        appointment_id: int | None = None,
        priority_score: float = SCORES["routine"],
        notes: str = "",
        reason: str = "",
        **wishes: Any,
    ) -> QueueEntry:
        """Let the patient wait; beyond the overflow threshold, a walk-in in the other queue.

        Args:
            appointment_id: their visit, which is checked in if it was not.
            priority_score: 0–100.
            reason: for the history.
            wishes: ``appointment_type_id``, ``wanted_provider_id``, ``wanted_specialty``,
                ``is_flexible``, ``is_remote``; a visit gives its own type and provider.

        Raises:
            InvalidInputError: naming the field.
            AlreadyWaitingError: the patient is in this queue.
            QueueClosedError, QueueFullError: with queues that would take the patient.
            VisitNotExpectedError: the visit is over, cancelled or missed.
        """
        self._check()
        now, zone = self.clock(), self.zone
        stay = {"priority_score": _score(priority_score), "notes": _note(notes)}
        admission = admit(
            self.queue,
            self.configuration,
            patient_id=patient_id,
            appointment_id=appointment_id,
            by=self.by,
            now=now,
            zone=zone,
            **wishes,
        )
        for queue in self._places(admission, now=now, zone=zone):
            with suppress(QueueFullError), transaction.atomic():  # gives the ticket back
                return self._of(queue)._join(
                    admission, arrived_at=now, now=now, reason=reason, **stay
                )
        raise QueueFullError(
            f"{self.queue.name} is full: {self.queue.max_queue_size} people wait.",
            alternatives=alternatives_to(self.queue, now=now, zone=zone),
        )

    def _places(self, admission: Admission, *, now: datetime, zone: ZoneInfo) -> list[WaitingQueue]:
        """Whoever was booked, or wants somebody in particular, waits here and nowhere else."""
        fields = admission.fields
        wants_one = fields["wanted_provider_id"] is not None and not fields["is_flexible"]
        if not admission.is_limited or wants_one:
            return [self.queue]
        places = places_to_try(
            self.queue,
            self.configuration,
            specialty=fields["wanted_specialty"],
            now=now,
            zone=zone,
        )
        if places[0] != self.queue:
            self.steps.check_absent(fields["patient_id"])
        return places

    def _join(
        self, admission: Admission, *, now: datetime, reason: str = "", **stay: Any
    ) -> QueueEntry:
        fields = admission.fields_in(self.queue)
        entry = QueueEntry(queue=self.queue, joined_at=now, **fields, **stay)
        entry.estimated_service_time = estimates.expected_minutes(
            self.queue, self.configuration, admission.kind, now=now
        )
        entry.ticket = next_ticket(self.queue, now.astimezone(self.zone).date())
        admission.check_room(self.queue)
        rank = placing.predict(entry, self.configuration, now=now)
        if not insert_unless_conflict(entry):
            self.steps.refuse_second(entry.patient_id)
        LineRank.objects.create(entry=entry, queue=self.queue, rank=rank)
        self.steps.visits.joined(entry)
        self.steps.record(entry, QueueStep.JOIN, {}, "", now=now, reason=reason, rank=rank)
        return entry

    @transaction.atomic
    def get_next_patient(self, *, service_point_id: int | None = None) -> QueueEntry | None:
        """Call whoever is next for the service point; each patient is called once, however many
        call at the same moment.

        Args:
            service_point_id: where they are served; None takes the first of the line.

        Returns:
            The entry, now CALLED; None where nobody waits whom the point may take.

        Raises:
            InvalidInputError: the service point does not serve this queue.
            ServicePointNotOpenError: it is paused or closed.
        """
        self._check()
        point = open_point(self.queue, service_point_id) if service_point_id is not None else None
        entry = claim(self.queue, point, return_absent=self.return_absent)
        if entry is not None:
            self.steps.take(entry, QueueStep.CALL, service_point=point)
        return entry

    @transaction.atomic
    def take(
        self,
        step: QueueStep,
        entry_id: int,
        *,
        version: int | None = None,
        service_point_id: int | None = None,
        reason: str = "",
        until: datetime | None = None,
    ) -> QueueEntry:
        """Take one step of the transition table.

        Args:
            service_point_id: of a call.
            until: when a hold ends by itself; never where None.

        Raises:
            IllegalQueueStepError: the table has no such step from the present state.
            InvalidInputError, ServicePointNotOpenError: as ``get_next_patient``.
        """
        entry = self._lock(step, entry_id, version)
        point = open_point(self.queue, service_point_id) if service_point_id is not None else None
        if until is not None and until <= self.clock():
            raise InvalidInputError("This time has passed.", attr="until", code="in_the_past")
        if step == QueueStep.RETURN:
            self.steps.bring_back(entry, reason=reason)
        else:
            self.steps.take(entry, step, service_point=point, reason=reason, until=until)
        return entry

    @transaction.atomic
    def transfer(
        self, entry_id: int, *, to_queue_id: int, version: int | None = None, reason: str = ""
    ) -> QueueEntry:
        """Send the patient on to another queue, in which the arrival still counts.

        Returns:
            The new entry, in the other queue.

        Raises:
            InvalidInputError: there is no such queue, or it is this one.
            AlreadyWaitingError, QueueClosedError, QueueFullError: of the other queue.
        """
        entry = self._lock(QueueStep.TRANSFER, entry_id, version)
        target = WaitingQueue.objects.filter(pk=min(to_queue_id, MAX_KEY), is_active=True).first()
        if target is None or target == self.queue:
            raise InvalidInputError(
                "Choose another queue.", attr="to_queue_id", code="does_not_exist"
            )
        self.steps.take(entry, QueueStep.TRANSFER, reason=reason)
        return self._of(target)._receive(entry)

    def _receive(self, sent: QueueEntry) -> QueueEntry:
        now = self.clock()
        check_open(self.queue, self.configuration, now=now, zone=self.zone)
        self.steps.check_absent(sent.patient_id)  # before any wait: two may be sent crosswise
        admission = Admission.of_transfer(self.queue, sent)
        return self._join(
            admission,
            now=now,
            transferred_from=sent,
            priority_score=sent.priority_score,
            notes=sent.notes,
            arrived_at=sent.arrived_at,
        )

    @transaction.atomic
    def move(
        self, entry_id: int, *, position: int, reason: str, version: int | None = None
    ) -> QueueEntry:
        """Put the entry at a place of the line by hand, from 1; it keeps it until it is called.

        Raises:
            InvalidInputError: no reason, or no such place.
        """
        self._publication()  # settling must not write an older order over this
        entry = self._lock(QueueStep.MOVE, entry_id, version)
        if not reason.strip():
            raise InvalidInputError("Say why.", attr="reason", code="required")
        waiting = QueueEntry.objects.filter(
            queue=self.queue, status=QueueEntryStatus.WAITING
        ).count()
        if not 1 <= position <= waiting:
            raise InvalidInputError(
                f"Choose a place from 1 to {waiting}.", attr="position", code="out_of_range"
            )
        now = self.clock()
        before = history.snapshot(entry) | history.place_by_hand(entry)
        rank = getattr(entry, "rank", None) or LineRank(
            entry=entry, queue=self.queue, rank=float(waiting + 1)
        )
        rank.manual_position, rank.manual_at = position, now
        rank.save()
        self.steps.save(entry)
        self.steps.record(entry, QueueStep.MOVE, before, entry.status, now=now, reason=reason)
        return entry

    @transaction.atomic
    def change(
        self, entry_id: int, *, version: int | None = None, reason: str = "", **values: Any
    ) -> QueueEntry:
        """Change what ``CHANGEABLE`` names; what is not given stays.

        Raises:
            InvalidInputError: naming the field.
        """
        unknown = set(values) - set(CHANGEABLE)
        if unknown:
            raise TypeError(f"no such values: {sorted(unknown)}")
        entry = self._lock(QueueStep.CHANGE, entry_id, version)
        before = history.snapshot(entry)
        for name, value in values.items():
            setattr(entry, name, CHANGEABLE[name](value))
        self.steps.save(entry, *values)
        self.steps.record(
            entry, QueueStep.CHANGE, before, entry.status, now=self.clock(), reason=reason
        )
        return entry

    @transaction.atomic
    def undo(self, entry_id: int, *, version: int | None = None) -> QueueEntry:
        """Go back to before the entry's last step, if it is younger than 10 minutes.

        Undoing that it joined lets it leave; undoing a transfer takes the patient back from the
        other queue, unless they were called there.

        Raises:
            NothingToUndoError: no such step, or it was itself an undo, or the patient
                joined by being sent on.
            AlreadyWaitingError: the patient has joined this queue again meanwhile.
        """
        self._publication()  # the step may have been a move
        entry = self._lock(QueueStep.UNDO, entry_id, version)
        undo_last(self.steps, entry)
        return entry

    @transaction.atomic
    def clear_queue(self, *, reason: str) -> int:
        """Let everybody leave who is not being served; how many.  Booked visits are cancelled."""
        self._check()
        stay = QUEUE_TRANSITIONS[QueueStep.LEAVE].sources
        present = QueueEntry.objects.filter(queue=self.queue, status__in=stay)
        keys = list(present.order_by("pk").values_list("pk", flat=True))
        left = 0
        for key in keys:
            with suppress(IllegalQueueStepError):  # called meanwhile: they are being served
                self.take(QueueStep.LEAVE, key, reason=reason)
                left += 1
        return left

    @transaction.atomic
    def return_absent(self) -> int:
        """Let those whose hold is over, or who were skipped long enough, come back; how many."""
        return self.steps.bring_back_absent()

    @transaction.atomic
    def reposition_queue_entries(self) -> int:
        """Settle the order in which the queue is served; how many wait."""
        self._check()
        settled = self._settle(self._publication())
        self.broadcast_queue_update()
        return len(settled)

    @transaction.atomic
    def settle_positions(self) -> int:
        """Settle the order as the next publication of the queue.

        Publishers of one queue come one after another: what is read after this, in the same
        transaction, is never older than what the publication before has shown.

        Returns:
            The publication's version.
        """
        version = self._publication(count=1)
        self._settle(version)
        return version

    @transaction.atomic
    def settled_status(self) -> dict[str, Any]:
        """``settle_positions``, and what the queue's screens show of it."""
        version = self._publication(count=1)
        settled = self._settle(version)
        return status_of(self.queue, self.configuration, settled, version=version, now=self.clock())

    def calculate_optimal_position(self, entry: QueueEntry) -> int:
        """The place in the line, from 1, that is due to the entry now, stored or not."""
        return placing.place_of(entry, self.configuration, now=self.clock())

    def calculate_estimated_wait_time(self, entry: QueueEntry | None = None) -> timedelta | None:
        """The median wait of the entry, or of a newcomer; None while no service point is open."""
        now = self.clock()
        wanted = entry or QueueEntry(queue=self.queue, arrived_at=now)
        return placing.wait_of(wanted, self.queue, self.configuration, now=now)

    def calculate_load_factor(self) -> float:
        """1.0, 1.2, 1.5 or 2.0 by the share of the queue's capacity that is taken."""
        waiting = QueueEntry.objects.filter(
            queue=self.queue, status=QueueEntryStatus.WAITING
        ).count()
        return load_factor(waiting / self.queue.max_queue_size)

    def get_queue_status(self) -> dict[str, Any]:
        """What the screens show; see ``selectors.queue_status``."""
        return queue_status(self.queue, now=self.clock())

    def update_queue_metrics(self) -> int:
        """Store the figures of this hour and the one before; how many rows."""
        own = Tenant.objects.get(pk=current_tenant_id())
        return metrics.keep_current(own, queue_ids=[self.queue.pk], clock=self.clock)

    def broadcast_queue_update(self) -> None:
        """Let every screen of the queue be told once the transaction has committed."""
        tenant_id: int = self.queue.tenant_id  # type: ignore[assignment]
        publish_on_commit(QueueChanged(tenant_id=tenant_id, queue_id=self.queue.pk))

    def _of(self, queue: WaitingQueue) -> "AdvancedQueueEngine":
        if queue == self.queue:
            return self
        return AdvancedQueueEngine(queue, by=self.by, clock=self.clock)

    def _lock(self, step: QueueStep, entry_id: int, version: int | None) -> QueueEntry:
        self._check()
        return self.steps.lock(step, entry_id, version)

    def _settle(self, version: int) -> line.QueueLine:
        self.steps.bring_back_absent()
        return line.settle(self.queue, self.configuration, now=self.clock(), version=version)

    def _publication(self, *, count: int = 0) -> int:
        """Lock the queue's publication, adding to its version, which is returned."""
        with connection.cursor() as cursor:
            cursor.execute(
                PUBLICATION, [current_tenant_id(), self.queue.pk, count, self.clock(), count]
            )
            version: int = cursor.fetchone()[0]
        return version

    def _check(self) -> None:
        if self.by is not None:
            check(self.by, Permission.RUN_QUEUES)
            if not visible_queues(self.by).filter(pk=self.queue.pk).exists():
                raise NotFoundError("There is no such queue.")


def _score(value: float) -> float:
    if not 0 <= value <= 100:
        raise InvalidInputError(
            "Give a score from 0 to 100.", attr="priority_score", code="out_of_range"
        )
    return float(value)


def _note(text: str) -> str:
    if len(text) > MAX_NOTE:
        raise InvalidInputError(
            f"Use at most {MAX_NOTE} characters.", attr="notes", code="max_length"
        )
    return text.strip()


CHANGEABLE: dict[str, Callable[[Any], Any]] = {
    "priority_score": _score,
    "notes": _note,
    "is_flexible": bool,
    "is_remote": bool,
}
"""What ``change`` takes, and how it is checked."""
