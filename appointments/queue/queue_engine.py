"""AdvancedQueueEngine: every write to a queue goes through here.

No lock on the queue is taken to call somebody: ranks are settled whenever something changes, and
a call claims the first free entry in their order.  docs/algorithms/queue.md says why that is
exactly once, and docs/algorithms/locking.md in which order locks are taken.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.enums import (
    QUEUE_PRESENT,
    QUEUE_TRANSITIONS,
    QueueEntryStatus,
    QueueStep,
    ServicePointState,
    legal_queue_steps,
)
from appointments.models import (
    LineRank,
    QueueEntry,
    QueueEvent,
    ServicePoint,
    WaitingQueue,
)
from appointments.permissions import visible_queues
from appointments.queue import estimates, history, line
from appointments.queue.admission import Admission, admit
from appointments.queue.discipline import serving_order
from appointments.queue.errors import (
    AlreadyWaitingError,
    IllegalQueueStepError,
    NothingToUndoInQueueError,
    ServicePointNotOpenError,
)
from appointments.queue.estimates import point_of
from appointments.queue.events import QueueChanged
from appointments.queue.routing_policy import Point
from appointments.queue.selectors import configuration_of, queue_status, size_of
from appointments.queue.tickets import next_ticket
from appointments.queue.visits import VisitMirror
from appointments.queue.wait_estimate import load_factor
from core.clock import Clock, system_clock
from core.db import insert_unless_conflict
from core.errors import InvalidInputError, NotFoundError, StaleVersionError
from core.events import publish_on_commit
from core.lookups import MAX_KEY
from core.models import Tenant
from core.tenancy import current_tenant_id

UNDO_MINUTES = 10
CLAIM_TRIES = 5
SCORES = {"routine": 25.0, "priority": 50.0, "urgent": 100.0}
MAX_NOTE = 500
PUBLICATION = """
INSERT INTO appointments_queuepublication (tenant_id, queue_id, version, at)
VALUES (%s, %s, 1 + %s, %s)
ON CONFLICT (queue_id)
DO UPDATE SET version = appointments_queuepublication.version + %s, at = EXCLUDED.at
RETURNING version
"""

S = QueueEntryStatus


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
        **wishes: Any,
    ) -> QueueEntry:
        """Let the patient wait; beyond the overflow threshold, a walk-in in the other queue.

        Args:
            appointment_id: their visit, which is checked in if it was not.
            priority_score: 0–100.
            wishes: ``appointment_type_id``, ``wanted_provider_id``, ``wanted_specialty``,
                ``is_flexible``, ``is_remote``; a visit gives its own type and provider.

        Raises:
            InvalidInputError: naming the field.
            AlreadyWaitingError: the patient is in this queue.
            QueueClosedError, QueueFullError: with queues that would take the patient.
            VisitNotExpectedError: the visit is over, cancelled or missed.
        """
        self._check()
        now = self.clock()
        self._check_note(notes)
        admission = admit(
            self.queue,
            self.configuration,
            patient_id=patient_id,
            appointment_id=appointment_id,
            now=now,
            zone=self._zone(),
            **wishes,
        )
        if admission.queue != self.queue:
            self.queue, self.configuration = admission.queue, configuration_of(admission.queue)
        entry = QueueEntry(
            queue=self.queue,
            priority_score=self._score(priority_score),
            notes=notes.strip(),
            arrived_at=now,
            joined_at=now,
            **admission.fields,
        )
        entry.estimated_service_time = estimates.expected_minutes(
            self.queue, self.configuration, admission.kind, now=now
        )
        self._join(entry, admission, now=now)
        return entry

    def _join(self, entry: QueueEntry, admission: Admission, *, now: datetime) -> None:
        entry.ticket = next_ticket(self.queue, now.astimezone(self._zone()).date())
        if admission.is_limited:
            admission.check_room(size_of(self.queue))
        if not insert_unless_conflict(entry):
            self._refuse_second(entry.patient_id)
        rank = self._enter_line(entry, now=now, predict=True)
        VisitMirror(by=self.by, clock=self.clock).joined(entry)
        history.record(
            entry, QueueStep.JOIN, by=self.by, before={}, from_status="", now=now, rank=rank
        )

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
        now = self.clock()
        point = self._open_point(service_point_id) if service_point_id is not None else None
        entry = self._claim(point, now=now)
        if entry is None:
            return None
        self._step(entry, QueueStep.CALL, now=now, service_point=point)
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
        now = self.clock()
        point = self._open_point(service_point_id) if service_point_id is not None else None
        if step == QueueStep.RETURN:
            return self._return(entry, now=now, reason=reason)
        if until is not None and until <= now:
            raise InvalidInputError("This time has passed.", attr="until", code="in_the_past")
        self._step(entry, step, now=now, service_point=point, reason=reason, until=until)
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
        now = self.clock()
        target = WaitingQueue.objects.filter(pk=min(to_queue_id, MAX_KEY), is_active=True).first()
        if target is None or target == self.queue:
            raise InvalidInputError(
                "Choose another queue.", attr="to_queue_id", code="does_not_exist"
            )
        self._step(entry, QueueStep.TRANSFER, now=now, reason=reason)
        other = AdvancedQueueEngine(target, by=self.by, clock=self.clock)
        return other._receive(entry, now=now)

    def _receive(self, sent: QueueEntry, *, now: datetime) -> QueueEntry:
        admission = Admission.of_transfer(self.queue, sent)
        admission.check_open(self.configuration, now=now, zone=self._zone())
        entry = QueueEntry(
            queue=self.queue,
            transferred_from=sent,
            priority_score=sent.priority_score,
            notes=sent.notes,
            arrived_at=sent.arrived_at,
            joined_at=now,
            **admission.fields,
        )
        entry.estimated_service_time = estimates.expected_minutes(
            self.queue, self.configuration, admission.kind, now=now
        )
        self._join(entry, admission, now=now)
        return entry

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
        waiting = QueueEntry.objects.filter(queue=self.queue, status=S.WAITING).count()
        if not 1 <= position <= waiting:
            raise InvalidInputError(
                f"Choose a place from 1 to {waiting}.", attr="position", code="out_of_range"
            )
        now = self.clock()
        rank = LineRank.objects.filter(entry=entry).first() or LineRank(
            entry=entry, queue=self.queue, rank=float(waiting + 1)
        )
        before = {"manual_position": rank.manual_position}
        rank.manual_position, rank.manual_at = position, now
        rank.save()
        self._save(entry)
        history.record(
            entry,
            QueueStep.MOVE,
            by=self.by,
            before=history.snapshot(entry) | before,
            from_status=entry.status,
            now=now,
            reason=reason.strip(),
        )
        return entry

    @transaction.atomic
    def change(
        self, entry_id: int, *, version: int | None = None, reason: str = "", **values: Any
    ) -> QueueEntry:
        """Change ``priority_score``, ``notes`` or ``is_flexible``; what is not given stays.

        Raises:
            InvalidInputError: naming the field.
        """
        unknown = set(values) - {"priority_score", "notes", "is_flexible"}
        if unknown:
            raise TypeError(f"no such values: {sorted(unknown)}")
        entry = self._lock(QueueStep.CHANGE, entry_id, version)
        before = history.snapshot(entry)
        if "priority_score" in values:
            entry.priority_score = self._score(values["priority_score"])
        if "notes" in values:
            self._check_note(values["notes"])
            entry.notes = values["notes"].strip()
        if "is_flexible" in values:
            entry.is_flexible = bool(values["is_flexible"])
        self._save(entry, *values)
        history.record(
            entry,
            QueueStep.CHANGE,
            by=self.by,
            before=before,
            from_status=entry.status,
            now=self.clock(),
            reason=reason,
        )
        return entry

    @transaction.atomic
    def undo(self, entry_id: int, *, version: int | None = None) -> QueueEntry:
        """Go back to before the entry's last step, if it is younger than 10 minutes.

        Undoing that it joined lets it leave; undoing a transfer takes the patient back from the
        other queue, unless they were called there.

        Raises:
            NothingToUndoInQueueError: no such step, or it was itself an undo.
            AlreadyWaitingError: the patient has joined this queue again meanwhile.
        """
        entry = self._lock(QueueStep.UNDO, entry_id, version)
        now = self.clock()
        last = QueueEvent.objects.filter(entry=entry).order_by("-pk").first()
        too_old = now - timedelta(minutes=UNDO_MINUTES)
        if last is None or last.at < too_old or last.step == QueueStep.UNDO:
            raise NothingToUndoInQueueError
        before, from_status = history.snapshot(entry), entry.status
        if last.step == QueueStep.TRANSFER:
            self._take_back(entry)
        if last.step == QueueStep.JOIN:
            entry.status = S.LEFT
        else:
            history.restore(entry, last.before)
        rank = self._put_back(entry, last, from_status, now=now)
        VisitMirror(by=self.by, clock=self.clock).undone(entry, QueueStep(last.step))
        history.record(
            entry,
            QueueStep.UNDO,
            by=self.by,
            before=before,
            from_status=from_status,
            now=now,
            rank=rank,
        )
        return entry

    def _take_back(self, entry: QueueEntry) -> None:
        sent = QueueEntry.objects.filter(transferred_from=entry).order_by("-pk").first()
        if sent is None or sent.status not in (S.WAITING, S.SKIPPED, S.ON_HOLD):
            raise NothingToUndoInQueueError
        other = AdvancedQueueEngine.of_entry(sent.pk, clock=self.clock)
        other.by = self.by
        locked = other._lock(QueueStep.LEAVE, sent.pk, None)
        other._step(locked, QueueStep.LEAVE, now=self.clock(), reason="Taken back", mirror=False)

    def _put_back(
        self, entry: QueueEntry, last: QueueEvent, from_status: str, *, now: datetime
    ) -> float | None:
        if entry.status in QUEUE_PRESENT and from_status not in QUEUE_PRESENT:
            others = QueueEntry.objects.filter(
                queue=self.queue, patient_id=entry.patient_id, status__in=QUEUE_PRESENT
            )
            if others.exclude(pk=entry.pk).exists():
                self._refuse_second(entry.patient_id)
        self._save(entry, *history.FIELDS)
        if last.step == QueueStep.MOVE:
            LineRank.objects.filter(entry=entry).update(
                manual_position=last.before.get("manual_position")
            )
        if entry.status == S.WAITING and from_status != S.WAITING:
            return self._enter_line(entry, now=now)
        return None

    @transaction.atomic
    def return_absent(self) -> int:
        """Let those whose hold is over, or who were skipped long enough, come back; how many."""
        now = self.clock()
        keys = line.absent_ended(
            self.queue.pk, skip_return_after=self.configuration.skip_return_after, now=now
        )
        rows = QueueEntry.objects.select_for_update(skip_locked=True, no_key=True).filter(
            pk__in=keys, status__in=(S.SKIPPED, S.ON_HOLD)
        )
        entries = list(rows)
        for entry in entries:
            self._return(entry, now=now)
        return len(entries)

    @transaction.atomic
    def reposition_queue_entries(self) -> int:
        """Settle the order in which the queue is served; how many wait."""
        self._check()
        version = self._publication()
        self.return_absent()
        settled = line.settle(self.queue, self.configuration, now=self.clock(), version=version)
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
        self.return_absent()
        line.settle(self.queue, self.configuration, now=self.clock(), version=version)
        return version

    def calculate_optimal_position(self, entry: QueueEntry) -> int:
        """The place in the line, from 1, that is due to the entry now, stored or not."""
        present = line.read_line(self.queue.pk)
        if entry.pk is None or entry.pk not in present.columns.entry_id:
            present = line.with_newcomer(present, entry)
        order = self._order(present, now=self.clock())
        key = entry.pk or 0
        return int(np.flatnonzero(present.columns.entry_id[order] == key)[0]) + 1

    def calculate_estimated_wait_time(self, entry: QueueEntry | None = None) -> timedelta | None:
        """The median wait of the entry, or of a newcomer; None while no service point is open."""
        now = self.clock()
        present = line.read_line(self.queue.pk)
        wanted = entry or QueueEntry(queue=self.queue, arrived_at=now)
        if wanted.pk is None or wanted.pk not in present.columns.entry_id:
            present = line.with_newcomer(present, wanted)
        ordered = line.reordered(present, self._order(present, now=now))
        capacity = estimates.read_capacity(self.queue, self.configuration, now=now)
        row = int(np.flatnonzero(ordered.columns.entry_id == (wanted.pk or 0))[0])
        median = estimates.waits(ordered, capacity).p50[row]
        return None if np.isnan(median) else timedelta(minutes=float(median))

    def calculate_load_factor(self) -> float:
        """1.0, 1.2, 1.5 or 2.0 by the share of the queue's capacity that is taken."""
        waiting = QueueEntry.objects.filter(queue=self.queue, status=S.WAITING).count()
        return load_factor(waiting / self.queue.max_queue_size)

    def get_queue_status(self) -> dict[str, Any]:
        """What the screens show; see ``selectors.queue_status``."""
        return queue_status(self.queue, now=self.clock())

    def broadcast_queue_update(self) -> None:
        """Let every screen of the queue be told once the transaction has committed."""
        tenant_id: int = self.queue.tenant_id  # type: ignore[assignment]
        publish_on_commit(QueueChanged(tenant_id=tenant_id, queue_id=self.queue.pk))

    def _claim(self, point: ServicePoint | None, *, now: datetime) -> QueueEntry | None:
        """The first entry that nobody else is claiming, locked."""
        eligible = self._eligible(point)
        for _ in range(CLAIM_TRIES):
            found = eligible.select_for_update(of=("self",), skip_locked=True, no_key=True).first()
            if found is not None:
                return found
            if not eligible.exists() and not self.return_absent():
                return None
            # Only entries that somebody is changing are left: wait for the first of them.
            found = eligible.select_for_update(of=("self",), no_key=True).first()
            if found is not None:
                return found
        return None

    def _eligible(self, point: ServicePoint | None) -> QuerySet[QueueEntry]:
        """Who waits and may be served there, as ``routing_policy.may_serve`` says, in order."""
        waiting = QueueEntry.objects.filter(queue=self.queue, status=S.WAITING)
        if point is not None:
            waiting = waiting.alias(specialty=Lower("wanted_specialty")).filter(
                _routed_to(point_of(point, {self.queue.pk}))
            )
        return waiting.order_by("rank__rank", "arrived_at", "pk")

    def _step(
        self,
        entry: QueueEntry,
        step: QueueStep,
        *,
        now: datetime,
        service_point: ServicePoint | None = None,
        reason: str = "",
        until: datetime | None = None,
        mirror: bool = True,
    ) -> None:
        before, from_status = history.snapshot(entry), entry.status
        entry.status = QUEUE_TRANSITIONS[step].target or entry.status
        for name, value in _stamps(step, now, until).items():
            setattr(entry, name, value)
        if service_point is not None:
            entry.service_point = service_point
        self._save(entry, *history.FIELDS)
        if mirror:
            VisitMirror(by=self.by, clock=self.clock).stepped(entry, step)
        history.record(
            entry,
            step,
            by=self.by,
            before=before,
            from_status=from_status,
            now=now,
            reason=reason.strip(),
        )

    def _return(self, entry: QueueEntry, *, now: datetime, reason: str = "") -> QueueEntry:
        before, from_status = history.snapshot(entry), entry.status
        entry.status, entry.away_at, entry.away_until = S.WAITING, None, None
        self._save(entry, *history.FIELDS)
        rank = self._enter_line(entry, now=now)
        history.record(
            entry,
            QueueStep.RETURN,
            by=self.by,
            before=before,
            from_status=from_status,
            now=now,
            reason=reason,
            rank=rank,
        )
        return entry

    def _enter_line(self, entry: QueueEntry, *, now: datetime, predict: bool = False) -> float:
        """Give a waiting entry its rank among the others; the next settling makes it whole."""
        LineRank.objects.filter(entry=entry).delete()
        present = line.read_line(self.queue.pk)
        order = self._order(present, now=now)
        rank = line.rank_between(present, order, entry.pk)
        LineRank.objects.create(entry=entry, queue=self.queue, rank=rank)
        if predict:
            self._predict(entry, line.reordered(present, order), now=now)
        return rank

    def _predict(self, entry: QueueEntry, ordered: line.QueueLine, *, now: datetime) -> None:
        """Keep what the patient is told on joining, to be compared with what came."""
        capacity = estimates.read_capacity(self.queue, self.configuration, now=now)
        waits = estimates.waits(ordered, capacity)
        row = int(np.flatnonzero(ordered.columns.entry_id == entry.pk)[0])
        if np.isnan(waits.p50[row]):
            return
        entry.predicted_wait = float(waits.scheduled[row])
        entry.predicted_p10, entry.predicted_p90 = float(waits.p10[row]), float(waits.p90[row])
        entry.save(update_fields=["predicted_wait", "predicted_p10", "predicted_p90"])

    def _order(self, present: line.QueueLine, *, now: datetime) -> np.ndarray:
        rules = line.rules_of(self.configuration)
        return serving_order(present.columns, now=line.minutes(now), **rules)

    def _lock(self, step: QueueStep, entry_id: int, version: int | None) -> QueueEntry:
        """The entry, locked, of this queue, of the wanted version and ready for the step."""
        self._check()
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

    def _open_point(self, key: int) -> ServicePoint:
        """
        Raises:
            InvalidInputError, ServicePointNotOpenError.
        """
        point = (
            ServicePoint.objects.filter(
                pk=min(key, MAX_KEY), is_active=True, servicepointqueue__queue=self.queue
            )
            .select_related("provider__provider_profile")
            .prefetch_related("servicepointtype_set")
            .first()
        )
        if point is None:
            raise InvalidInputError(
                "There is no such service point in this queue.",
                attr="service_point",
                code="does_not_exist",
            )
        if point.state != ServicePointState.OPEN:
            raise ServicePointNotOpenError
        return point

    def _publication(self, *, count: int = 0) -> int:
        """Lock the queue's publication, adding to its version, which is returned."""
        with connection.cursor() as cursor:
            cursor.execute(
                PUBLICATION, [current_tenant_id(), self.queue.pk, count, self.clock(), count]
            )
            version: int = cursor.fetchone()[0]
        return version

    def _save(self, entry: QueueEntry, *changed: str) -> None:
        entry.version += 1
        names = [name.removesuffix("_id") for name in changed]
        entry.save(update_fields=[*names, "version"])

    def _check(self) -> None:
        if self.by is not None:
            check(self.by, Permission.RUN_QUEUES)
            if not visible_queues(self.by).filter(pk=self.queue.pk).exists():
                raise NotFoundError("There is no such queue.")

    def _refuse_second(self, patient_id: int) -> None:
        present = QueueEntry.objects.filter(
            queue=self.queue, patient_id=patient_id, status__in=QUEUE_PRESENT
        ).first()
        raise AlreadyWaitingError(
            entry_id=present.pk if present else 0, ticket=present.ticket if present else ""
        )

    def _zone(self):
        return Tenant.objects.get(pk=current_tenant_id()).zone_info

    @staticmethod
    def _score(value: float) -> float:
        if not 0 <= value <= 100:
            raise InvalidInputError(
                "Give a score from 0 to 100.", attr="priority_score", code="out_of_range"
            )
        return float(value)

    @staticmethod
    def _check_note(note: str) -> None:
        if len(note) > MAX_NOTE:
            raise InvalidInputError(
                f"Use at most {MAX_NOTE} characters.", attr="notes", code="max_length"
            )


def _routed_to(point: Point) -> Q:
    anyone = Q(wanted_provider=None, wanted_specialty="")
    wanted = Q(is_flexible=True) | anyone
    if point.provider_id is not None:
        wanted |= Q(wanted_provider=point.provider_id)
    if point.specialties:
        lowered = [each.lower() for each in point.specialties]
        wanted |= Q(wanted_provider=None, specialty__in=lowered)
    if point.type_ids is not None:
        wanted &= Q(appointment_type=None) | Q(appointment_type__in=point.type_ids)
    return wanted


def _stamps(step: QueueStep, now: datetime, until: datetime | None) -> Mapping[str, Any]:
    if step == QueueStep.CALL:
        return {"called_at": now, "away_at": None, "away_until": None}
    if step == QueueStep.RECALL:
        return {"called_at": now}
    if step == QueueStep.START:
        return {"started_at": now}
    if step == QueueStep.COMPLETE:
        return {"completed_at": now}
    if step in (QueueStep.SKIP, QueueStep.HOLD):
        return {"away_at": now, "away_until": until, "service_point_id": None, "called_at": None}
    return {}
