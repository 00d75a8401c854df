"""Every write of the call list: what a patient said on the phone, and what follows from it."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.booking.engine import BookingEngine
from appointments.enums import EXPECTED, AppointmentStatus, ReminderOutcome
from appointments.models import AppointmentRequest, ReminderCall
from appointments.scheduling.call_list import is_about
from core.clock import Clock, system_clock
from core.errors import DomainError, InvalidInputError, StaleVersionError
from core.lookups import existing, unknown
from core.models import Tenant
from core.tenancy import current_tenant_id
from patients.models import PatientProfile

CANCEL_REASON = "Will not come, said on the phone"


class AlreadyCalledError(DomainError):
    """Somebody else has reached the patient about these visits meanwhile."""

    code = "already_called"
    message = "The patient was called already."


class ReminderCalls:
    """Commands of the call list, on behalf of one user."""

    def __init__(self, *, by: User, clock: Clock = system_clock) -> None:
        self.by, self.clock = by, clock

    @transaction.atomic
    def record(
        self,
        patient_id: int,
        outcome: ReminderOutcome,
        visits: Mapping[int, int | None],
        *,
        reason: str = CANCEL_REASON,
    ) -> ReminderCall:
        """Note a call; the visits that were spoken about become confirmed or cancelled.

        Args:
            visits: by key, the version that the caller saw (None for any); at least one.
            reason: of a cancellation.

        Raises:
            NotAllowedError: the role may not book.
            InvalidInputError: no such patient, or the patient has no such visit.
            AlreadyCalledError: the patient has said already that they will come.
            StaleVersionError: a visit was changed, or is no longer to come.
        """
        check(self.by, Permission.BOOK)
        if not visits:
            raise InvalidInputError("Name the visits.", attr="visits", code="required")
        patient = existing(PatientProfile.objects.all(), patient_id, "patient_id")
        rows = self._lock(patient, visits)
        zone = Tenant.objects.only("zone").get(pk=current_tenant_id()).zone_info
        self._check_not_reached(patient, rows, zone)
        self._follow(rows, outcome, reason)
        return ReminderCall.objects.create(
            patient=patient,
            visits_until=max(row.scheduled_datetime.astimezone(zone).date() for row in rows),
            outcome=outcome,
            at=self.clock(),
            by_id=self.by.pk,
            by_name=self.by.get_full_name(),
        )

    def _lock(
        self, patient: PatientProfile, visits: Mapping[int, int | None]
    ) -> list[AppointmentRequest]:
        """The visits, locked by their start, as the caller saw them."""
        rows = list(
            AppointmentRequest.objects.select_for_update(of=("self",))
            .filter(pk__in=list(visits), patient=patient)
            .order_by("scheduled_datetime", "pk")
        )
        if len(rows) != len(visits):
            raise unknown("visits")
        for row in rows:
            seen = visits[row.pk]
            if row.status not in EXPECTED or (seen is not None and seen != row.version):
                raise StaleVersionError
        return rows

    def _check_not_reached(
        self, patient: PatientProfile, rows: list[AppointmentRequest], zone: ZoneInfo
    ) -> None:
        calls = ReminderCall.objects.filter(patient=patient, outcome=ReminderOutcome.CONFIRMED)
        for call in calls.order_by("-at"):
            if all(is_about(call, row, zone) for row in rows):
                raise AlreadyCalledError(f"{call.by_name} has called the patient already.")

    def _follow(
        self, rows: list[AppointmentRequest], outcome: ReminderOutcome, reason: str
    ) -> None:
        engine = BookingEngine(by=self.by, clock=self.clock)
        for row in rows:
            if outcome == ReminderOutcome.CANCELLED:
                engine.cancel(row.pk, reason=reason, version=row.version)
            elif outcome == ReminderOutcome.CONFIRMED and row.status == AppointmentStatus.PENDING:
                engine.confirm(row.pk, version=row.version)
