"""BookingEngine: every write to an appointment goes through here.

Races for time are settled by the exclusion constraints; ``placement`` says how.  Several visits at
once are booked by ``group_engine``.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.booking.errors import (
    HoldExpiredError,
    IllegalStepError,
    NothingToUndoError,
)
from appointments.booking.history import PLACE_FIELDS, record, restore, snapshot
from appointments.booking.placement import (
    insert,
    meet_hours,
    mind_overbooked,
    move,
    stand,
)
from appointments.booking.requests import Visit, existing_patient, wanted_visit
from appointments.enums import (
    OCCUPYING,
    TRANSITIONS,
    AppointmentStatus,
    Priority,
    Step,
    legal_steps,
)
from appointments.models import AppointmentEvent, AppointmentRequest
from appointments.permissions import can_see_appointment
from appointments.scheduling.diagnoses import checked_codes
from core.clock import Clock, system_clock
from core.errors import InvalidInputError, NotFoundError, StaleVersionError

HOLD_MINUTES = 5
UNDO_MINUTES = 10

TIMESTAMPS = {
    Step.CONFIRM: "confirmed_at",
    Step.CHECK_IN: "checked_in_at",
    Step.START: "started_at",
    Step.COMPLETE: "completed_at",
    Step.CANCEL: "cancelled_at",
}
UNDOABLE_FIELDS = (
    "status",
    *PLACE_FIELDS,
    "overbooked",
    "override_reason",
    "cancellation_reason",
    *TIMESTAMPS.values(),
)
NEEDS = {
    Step.CONFIRM: Permission.BOOK,
    Step.CANCEL: Permission.BOOK,
    Step.RESCHEDULE: Permission.BOOK,
    Step.BOOK: Permission.BOOK,
}


class BookingEngine:
    """Commands on appointments, on behalf of one user (None: the system itself).

    All of them raise NotAllowedError where the role does not allow the step, NotFoundError for an
    appointment the user may not see, StaleVersionError where ``version`` is given and is not the
    present one, and leave nothing half-written.
    """

    def __init__(self, *, by: User | None, clock: Clock = system_clock) -> None:
        self.by = by
        self.clock = clock

    @transaction.atomic
    def hold(
        self,
        *,
        provider_id: int,
        appointment_type_id: int,
        start: datetime,
        duration_minutes: int | None = None,
        site_id: int | None = None,
        modality: str | None = None,
        resource_id: int | None = None,
        patient_id: int | None = None,
        minutes: int = HOLD_MINUTES,
    ) -> AppointmentRequest:
        """Keep a time, and a resource if it takes one, while the caller decides.

        It frees itself after ``minutes``.  Arguments and refusals are those of ``book``.
        """
        self._check(Permission.BOOK)
        now = self.clock()
        visit = wanted_visit(
            by=self.by,
            now=now,
            provider_id=provider_id,
            appointment_type_id=appointment_type_id,
            start=start,
            duration_minutes=duration_minutes,
            site_id=site_id,
            modality=modality,
            resource_id=resource_id,
        )
        patient = existing_patient(patient_id) if patient_id else None
        row = self._new(visit, patient_id=patient.pk if patient else None)
        row.status = AppointmentStatus.HELD
        row.hold_expires_at = now + timedelta(minutes=minutes)
        insert(row, visit, now=now)
        return row

    @transaction.atomic
    def release_hold(self, hold_id: int) -> None:
        """Give a hold back.

        Raises:
            NotFoundError: the user has none of that key.
        """
        self._check(Permission.BOOK)
        held = AppointmentRequest.objects.filter(pk=hold_id, status=AppointmentStatus.HELD)
        if self.by is not None:
            held = held.filter(created_by_id=self.by.pk)
        if not held.delete()[0]:
            raise NotFoundError("There is no such hold.")

    @transaction.atomic
    def book(
        self,
        *,
        patient_id: int,
        provider_id: int,
        appointment_type_id: int,
        start: datetime,
        duration_minutes: int | None = None,
        site_id: int | None = None,
        modality: str | None = None,
        resource_id: int | None = None,
        priority: str = Priority.ROUTINE,
        reason: str = "",
        diagnosis_codes: Sequence[str] = (),
        override_reason: str = "",
        hold_id: int | None = None,
        is_waitlist_conversion: bool = False,
    ) -> AppointmentRequest:
        """Take the time for the patient; the new appointment is PENDING.

        Args:
            start: aware.
            site_id: None for the one at which the provider works then, if it is one.
            modality: on site or telehealth, as the type offers it; the type's own where None.
            resource_id: the one room or device to take; any free one where None.
            override_reason: makes it a deliberate overbooking if, and only if, the time is taken
                or blocked; needs the right to overbook.  The returned row's ``conflicts`` then
                lists the keys of what it overlaps.  It never puts two visits into one room.
            hold_id: the caller's own hold on this time, which the booking replaces.

        Raises:
            InvalidInputError: 400, naming the field.
            SlotTakenError: with the conflicts; nothing was written.
            ResourceTakenError: the type takes a room or device, and none is free.
            ProviderUnavailableError: the provider is away, or the time is blocked.
            SiteClosedError: the site is closed.
            HoldExpiredError: the hold is gone.
        """
        self._check(Permission.BOOK)
        if override_reason:
            self._check(Permission.OVERBOOK)
        now = self.clock()
        patient = existing_patient(patient_id)
        visit = wanted_visit(
            by=self.by,
            now=now,
            provider_id=provider_id,
            appointment_type_id=appointment_type_id,
            start=start,
            duration_minutes=duration_minutes,
            site_id=site_id,
            modality=modality,
            resource_id=resource_id,
        )
        row = self._new(visit, patient_id=patient.pk)
        if hold_id is not None:
            row.resource_id = self._consume_hold(hold_id, now=now)
        row.priority, row.reason = priority, reason
        row.diagnosis_codes = checked_codes(diagnosis_codes) if diagnosis_codes else []
        row.is_waitlist_conversion = is_waitlist_conversion
        insert(row, visit, now=now, override_reason=override_reason)
        self._record(row, Step.BOOK, before={}, from_status="", reason=override_reason, now=now)
        return row

    def confirm(self, appointment_id: int, *, version: int | None = None) -> AppointmentRequest:
        return self.take(Step.CONFIRM, appointment_id, version=version)

    def check_in(self, appointment_id: int, *, version: int | None = None) -> AppointmentRequest:
        return self.take(Step.CHECK_IN, appointment_id, version=version)

    def start(self, appointment_id: int, *, version: int | None = None) -> AppointmentRequest:
        return self.take(Step.START, appointment_id, version=version)

    def complete(self, appointment_id: int, *, version: int | None = None) -> AppointmentRequest:
        return self.take(Step.COMPLETE, appointment_id, version=version)

    def no_show(self, appointment_id: int, *, version: int | None = None) -> AppointmentRequest:
        return self.take(Step.NO_SHOW, appointment_id, version=version)

    def cancel(
        self, appointment_id: int, *, reason: str, version: int | None = None
    ) -> AppointmentRequest:
        return self.take(Step.CANCEL, appointment_id, version=version, reason=reason)

    @transaction.atomic
    def take(
        self,
        step: Step,
        appointment_id: int,
        *,
        version: int | None = None,
        reason: str = "",
    ) -> AppointmentRequest:
        """Take one step of the transition table.

        Raises:
            IllegalStepError: the table has no such step from the present state.
            InvalidInputError: a cancellation without a reason.
        """
        row = self._lock(step, appointment_id, version)
        if step == Step.CANCEL and not reason.strip():
            raise InvalidInputError("Say why it is cancelled.", attr="reason", code="required")
        now = self.clock()
        before, from_status = snapshot(row, UNDOABLE_FIELDS), row.status
        row.status = TRANSITIONS[step].target or row.status
        changed = ["status"]
        if step in TIMESTAMPS:
            setattr(row, TIMESTAMPS[step], now)
            changed.append(TIMESTAMPS[step])
        if step == Step.CANCEL:
            row.cancellation_reason = reason.strip()
            changed.append("cancellation_reason")
        self._save(row, changed)
        self._record(row, step, before=before, from_status=from_status, reason=reason, now=now)
        return row

    @transaction.atomic
    def reschedule(
        self,
        appointment_id: int,
        *,
        start: datetime,
        provider_id: int | None = None,
        duration_minutes: int | None = None,
        override_reason: str = "",
        version: int | None = None,
    ) -> AppointmentRequest:
        """Move the appointment in one statement; it is never in two places or in none.

        It goes to the site at which the provider works then, if it is one, and stays otherwise;
        it keeps its room or device where that is free, and takes another otherwise.

        Args:
            start: aware.
            provider_id: the present one where None.
            duration_minutes: the present one where None.

        Raises:
            IllegalStepError, InvalidInputError, and for the time what ``book`` raises.
        """
        row = self._lock(Step.RESCHEDULE, appointment_id, version)
        if override_reason:
            self._check(Permission.OVERBOOK)
        now = self.clock()
        present = row.scheduled_end_datetime - row.scheduled_datetime
        visit = wanted_visit(
            by=self.by,
            now=now,
            provider_id=provider_id or row.provider_id,
            appointment_type_id=row.appointment_type_id,
            start=start,
            duration_minutes=duration_minutes or int(present.total_seconds() // 60),
        )
        visit = replace(visit, modality=row.modality)
        before = snapshot(row, UNDOABLE_FIELDS)
        stand(row, visit)
        row.overbooked, row.override_reason = False, ""
        meet_hours(row, visit, override_reason)
        mind_overbooked(row, visit, now=now, override_reason=override_reason)
        self._move(row, visit, now=now, override_reason=override_reason)
        self._record(
            row,
            Step.RESCHEDULE,
            before=before,
            from_status=row.status,
            reason=override_reason,
            now=now,
        )
        return row

    @transaction.atomic
    def undo(
        self, appointment_id: int, *, version: int | None = None, step: Step | None = None
    ) -> AppointmentRequest:
        """Go back to before the last step, if it is younger than 10 minutes.

        Undoing a booking cancels it.

        Args:
            step: what must have been the last one; None for any.

        Raises:
            NothingToUndoError: no such step, it was itself an undo, or it is not ``step``.
            SlotTakenError, ResourceTakenError: the time was given to somebody else meanwhile.
        """
        row = self._lock(Step.UNDO, appointment_id, version)
        now = self.clock()
        last = AppointmentEvent.objects.filter(appointment_id=row.pk).order_by("-pk").first()
        too_old = now - timedelta(minutes=UNDO_MINUTES)
        if last is None or last.at < too_old or last.step == Step.UNDO:
            raise NothingToUndoError
        if step not in (None, last.step):
            raise NothingToUndoError("Something has happened to the visit since.")
        self._check(NEEDS.get(Step(last.step), Permission.RUN_FLOW))
        before, from_status = snapshot(row, UNDOABLE_FIELDS), row.status
        if last.step == Step.BOOK:
            row.status, row.cancelled_at = AppointmentStatus.CANCELLED, now
            row.cancellation_reason = "Booking undone"
        else:
            restore(row, last.before)
        self._put_back(row, before, now=now)
        self._record(row, Step.UNDO, before=before, from_status=from_status, reason="", now=now)
        return row

    def _check(self, permission: Permission) -> None:
        if self.by is not None:
            check(self.by, permission)

    def _lock(self, step: Step, appointment_id: int, version: int | None) -> AppointmentRequest:
        """The row, locked, seen by this user, of the wanted version and ready for the step."""
        row = (
            AppointmentRequest.objects.select_for_update()
            .exclude(status=AppointmentStatus.HELD)
            .filter(pk=appointment_id)
            .first()
        )
        if row is None or (self.by is not None and not can_see_appointment(self.by, row)):
            raise NotFoundError("There is no such appointment.")
        if step != Step.UNDO:
            self._check(NEEDS.get(step, Permission.RUN_FLOW))
        if version is not None and version != row.version:
            raise StaleVersionError
        if step in TRANSITIONS and row.status not in TRANSITIONS[step].sources:
            raise IllegalStepError(step, row.get_status_display(), legal_steps(row.status))
        return row

    def _new(self, visit: Visit, *, patient_id: int | None) -> AppointmentRequest:
        row = AppointmentRequest(
            patient_id=patient_id,
            appointment_type=visit.appointment_type,
            site=visit.site,
            modality=visit.modality,
            created_by_id=self.by.pk if self.by else None,
        )
        stand(row, visit)
        return row

    def _consume_hold(self, hold_id: int, *, now: datetime) -> int | None:
        """Delete the caller's hold; returns the resource that it kept."""
        held = AppointmentRequest.objects.filter(
            pk=hold_id,
            status=AppointmentStatus.HELD,
            hold_expires_at__gt=now,
            created_by_id=self.by.pk if self.by else None,
        )
        resource_id = held.values_list("resource_id", flat=True).first()
        if not held.delete()[0]:
            raise HoldExpiredError
        return resource_id

    def _put_back(self, row: AppointmentRequest, before: dict[str, Any], *, now: datetime) -> None:
        """UPDATE the row after an undo; its place is asked for only if it had been given up."""
        after = snapshot(row, UNDOABLE_FIELDS)
        stayed = before["status"] in OCCUPYING and all(
            before[name] == after[name] for name in PLACE_FIELDS
        )
        if stayed or row.status not in OCCUPYING:
            self._save(row, UNDOABLE_FIELDS)
            return
        length = row.scheduled_end_datetime - row.scheduled_datetime
        visit = Visit(
            row.provider,
            row.appointment_type,
            row.site,
            row.scheduled_datetime,
            int(length.total_seconds() // 60),
            row.modality,
        )
        self._move(row, visit, now=now, override_reason=row.override_reason)

    def _move(
        self, row: AppointmentRequest, visit: Visit, *, now: datetime, override_reason: str
    ) -> None:
        row.version += 1
        changed = [name.removesuffix("_id") for name in UNDOABLE_FIELDS]
        move(
            row,
            visit,
            changed=[*changed, "version"],
            now=now,
            override_reason=override_reason,
        )

    def _save(self, row: AppointmentRequest, changed: Sequence[str]) -> None:
        row.version += 1
        row.save(update_fields=[*(name.removesuffix("_id") for name in changed), "version"])

    def _record(
        self,
        row: AppointmentRequest,
        step: Step,
        *,
        before: dict[str, Any],
        from_status: str,
        reason: str,
        now: datetime,
    ) -> None:
        record(
            row, step, by=self.by, before=before, from_status=from_status, reason=reason, now=now
        )
