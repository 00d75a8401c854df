"""Several visits of one patient at once, all or none: the series and the trip."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction

from accounts.permissions import Permission
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import (
    NothingToCancelError,
    SeriesRefusedError,
    TimeRefusedError,
)
from appointments.booking.placement import insert, lock_moves
from appointments.booking.requests import Visit, existing_patient, wanted_visit
from appointments.booking.series import visits_of
from appointments.booking.trip import trip_visits
from appointments.enums import TRANSITIONS, Priority, Step
from appointments.models import AppointmentRequest, AppointmentSeries
from appointments.scheduling.diagnoses import checked_codes
from core.errors import NotFoundError
from core.lookups import MAX_KEY
from core.models import Tenant
from core.tenancy import current_tenant_id


class GroupBookingEngine(BookingEngine):
    """Commands on several appointments; what ``BookingEngine`` promises holds for all together."""

    @transaction.atomic
    def book_series(
        self,
        *,
        rrule: str,
        patient_id: int,
        except_dates: Collection[date] = (),
        priority: str = Priority.ROUTINE,
        reason: str = "",
        diagnosis_codes: Sequence[str] = (),
        **wish: Any,
    ) -> list[AppointmentRequest]:
        """Book every visit of a recurrence rule, or none.

        All take the same room or device where it is free.

        Args:
            rrule: RFC 5545, on the tenant's wall clock; its first visit is at ``start``.
            except_dates: days of the rule, in the tenant's zone, without a visit; they count
                towards the rule's COUNT.
            wish: what ``wanted_visit`` takes: provider, type, start and the like.

        Returns:
            The appointments by start; their ``series`` is the same.

        Raises:
            InvalidInputError: 400, naming the field.
            SeriesRefusedError: with a refusal for each visit that cannot take place.
        """
        self._check(Permission.BOOK)
        now, tenant = self.clock(), Tenant.objects.get(pk=current_tenant_id())
        patient = existing_patient(patient_id)
        first = wanted_visit(by=self.by, now=now, **wish)
        visits = visits_of(first, rrule, except_dates, zone=tenant.zone_info, by=self.by, now=now)
        lock_moves(first)
        series = AppointmentSeries.objects.create(
            rule=rrule.strip().upper(), created_by_id=self.by.pk if self.by else None
        )
        shared = {
            "series": series,
            "priority": priority,
            "reason": reason,
            "diagnosis_codes": checked_codes(diagnosis_codes) if diagnosis_codes else [],
        }
        rows = self._insert_all(visits, patient_id=patient.pk, shared=shared, now=now)
        for row in rows:
            self._record(row, Step.BOOK, before={}, from_status="", reason="", now=now)
        return rows

    @transaction.atomic
    def book_trip(
        self,
        *,
        patient_id: int,
        visits: Sequence[Mapping[str, Any]],
        priority: str = Priority.ROUTINE,
        reason: str = "",
        diagnosis_codes: Sequence[str] = (),
    ) -> list[AppointmentRequest]:
        """Book two or three visits of one patient that follow one another, or none.

        Args:
            visits: of each, what ``wanted_visit`` takes: provider, type, start and the like.

        Returns:
            The appointments by start.

        Raises:
            InvalidInputError: 400, naming the field, as ``visits.1.provider_id``.
            TimeRefusedError: of the first visit that cannot take place, as ``book`` raises it.
        """
        self._check(Permission.BOOK)
        now = self.clock()
        patient = existing_patient(patient_id)
        wanted = trip_visits(visits, by=self.by, now=now)
        codes = checked_codes(diagnosis_codes) if diagnosis_codes else []
        lock_moves(*(visit for _, visit in wanted))
        rows = []
        for number, visit in wanted:
            row = self._new(visit, patient_id=patient.pk)
            row.priority, row.reason, row.diagnosis_codes = priority, reason, codes
            try:
                insert(row, visit, now=now)
            except TimeRefusedError as refusal:
                refusal.attr = f"visits.{number}.{refusal.attr}"
                raise
            self._record(row, Step.BOOK, before={}, from_status="", reason="", now=now)
            rows.append(row)
        return rows

    @transaction.atomic
    def undo_trip(self, appointment_ids: Sequence[int]) -> list[AppointmentRequest]:
        """``undo`` the booking of each, in that order, or of none.

        Raises:
            NothingToUndoError: something has happened to one of them since.
        """
        return [self.undo(key, step=Step.BOOK) for key in sorted(set(appointment_ids))]

    def undo_series(self, series_id: int) -> list[AppointmentRequest]:
        """Take back the booking of every visit of the series, or of none.

        Raises:
            NotFoundError: there is no such series.
        """
        visits = AppointmentRequest.objects.filter(series_id=min(series_id, MAX_KEY))
        keys = list(visits.values_list("pk", flat=True))
        if not keys:
            raise NotFoundError("There is no such series.")
        return self.undo_trip(keys)

    def _insert_all(
        self, visits: list[Visit], *, patient_id: int, shared: dict[str, Any], now: datetime
    ) -> list[AppointmentRequest]:
        rows: list[AppointmentRequest] = []
        refusals: list[TimeRefusedError] = []
        for visit in visits:
            row = self._new(visit, patient_id=patient_id)
            for name, value in shared.items():
                setattr(row, name, value)
            row.resource_id = rows[-1].resource_id if rows else None
            try:
                insert(row, visit, now=now)
            except TimeRefusedError as refusal:
                refusals.append(refusal)
            else:
                rows.append(row)
        if refusals:
            taken = [(visit.blocked_from, visit.blocked_until) for visit in visits]
            raise SeriesRefusedError(refusals, taken=taken)
        return rows

    @transaction.atomic
    def cancel_following(
        self, series_id: int, *, start: datetime, reason: str
    ) -> list[AppointmentRequest]:
        """Cancel every visit of the series from ``start`` on that can still be cancelled.

        Returns:
            Those that were, by start.

        Raises:
            NotFoundError: there is no such series.
            NothingToCancelError: there is no such visit.
            InvalidInputError: no reason.
        """
        self._check(Permission.BOOK)
        if not AppointmentSeries.objects.filter(pk=series_id).exists():
            raise NotFoundError("There is no such series.")
        following = AppointmentRequest.objects.filter(
            series_id=series_id,
            scheduled_datetime__gte=start,
            status__in=TRANSITIONS[Step.CANCEL].sources,
        )
        keys = list(following.order_by("pk").values_list("pk", flat=True))
        if not keys:
            raise NothingToCancelError
        rows = [self.take(Step.CANCEL, key, reason=reason) for key in keys]
        return sorted(rows, key=lambda row: row.scheduled_datetime)
