"""WaitlistEngine: every write to the waitlist goes through here.

The entry's row is the lock.  Booking takes it before the appointment's time, as
docs/algorithms/locking.md orders, so one entry becomes one visit.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import NothingToUndoError
from appointments.booking.requests import existing_patient
from appointments.enums import OCCUPYING, AppointmentStatus, Priority, WaitingListStatus
from appointments.models import AppointmentRequest, AppointmentTemplate, WaitingList
from appointments.scheduling.diagnoses import checked_codes
from appointments.waitlist.errors import NotWaitingError, StillBookedError, StillWaitingError
from core.clock import Clock, system_clock
from core.errors import InvalidInputError, NotFoundError, StaleVersionError
from core.lookups import MAX_KEY, existing
from core.models import Tenant

MAX_DAYS_AHEAD = 730
DATES = ("preferred_date", "desired_date_range_start", "desired_date_range_end")
WISHES = frozenset(
    {
        "appointment_type_id",
        "preferred_provider_id",
        "preferred_time",
        "priority",
        "diagnosis_codes",
        "notes",
        *DATES,
    }
)
S = WaitingListStatus


class WaitlistEngine:
    """Commands on the waitlist of one tenant, on behalf of one user (None: the system itself).

    All of them raise NotAllowedError where the role does not allow it, NotFoundError for an entry
    that the tenant has not, and StaleVersionError where ``version`` is given and is not the
    present one.
    """

    def __init__(
        self, tenant: Tenant, *, by: User | None = None, clock: Clock = system_clock
    ) -> None:
        self.tenant, self.by, self.clock = tenant, by, clock

    @transaction.atomic
    def add(self, *, patient_id: int, appointment_type_id: int, **wishes: Any) -> WaitingList:
        """Let the patient wait for a visit of the type.

        A second entry for the same patient and type is allowed; ``also_waiting`` finds it.

        Args:
            wishes: ``WISHES``; what is left out means "any".

        Raises:
            InvalidInputError: naming the field.
        """
        self._check()
        entry = WaitingList(patient=existing_patient(patient_id), created_at=self.clock())
        wishes = {"priority": Priority.ROUTINE, **wishes}
        self._wish(entry, {"appointment_type_id": appointment_type_id, **wishes})
        entry.save()
        return entry

    @transaction.atomic
    def change(self, entry_id: int, *, version: int | None = None, **wishes: Any) -> WaitingList:
        """Change what a waiting patient wishes; what is not given stays.

        Raises:
            NotWaitingError, InvalidInputError.
        """
        entry = self._waiting(entry_id, version)
        self._wish(entry, wishes)
        return self._save(entry)

    @transaction.atomic
    def withdraw(self, entry_id: int, *, version: int | None = None) -> WaitingList:
        """The patient no longer waits.

        Raises:
            NotWaitingError.
        """
        entry = self._waiting(entry_id, version)
        entry.status = S.CANCELLED
        return self._save(entry)

    @transaction.atomic
    def put_back(self, entry_id: int, *, version: int | None = None) -> WaitingList:
        """The patient waits again, since when they did at first.

        Nothing does this by itself: who cancels a visit does not always want another one.

        Raises:
            StillWaitingError: the wait has not ended.
            StillBookedError: the visit booked from the entry was neither cancelled nor missed.
        """
        entry = self._locked(entry_id, version)
        if entry.status == S.ACTIVE:
            raise StillWaitingError
        visit = entry.scheduled_appointment
        gone = (AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW)
        if entry.status == S.SCHEDULED and visit is not None and visit.status not in gone:
            raise StillBookedError
        return self._wait_again(entry)

    @transaction.atomic
    def book_from(
        self,
        entry_id: int,
        *,
        provider_id: int,
        start: datetime,
        version: int | None = None,
        **booking: Any,
    ) -> AppointmentRequest:
        """Give the waiting patient a time, once: the visit and the end of the wait in one
        transaction.

        Args:
            start: aware.
            booking: further arguments of ``BookingEngine.book``; the entry's priority and
                diagnosis codes are taken where they are not among them.

        Raises:
            NotWaitingError: somebody else was faster, or the patient withdrew.
            What ``BookingEngine.book`` raises: the entry waits on.
        """
        entry = self._waiting(entry_id, version)
        given = {"priority": entry.priority, "diagnosis_codes": entry.diagnosis_codes, **booking}
        visit = BookingEngine(by=self.by, clock=self.clock).book(
            patient_id=entry.patient_id,
            provider_id=provider_id,
            appointment_type_id=entry.appointment_type_id,
            start=start,
            is_waitlist_conversion=True,
            **given,
        )
        entry.status, entry.scheduled_appointment = S.SCHEDULED, visit
        self._save(entry)
        return visit

    @transaction.atomic
    def undo_booking(self, entry_id: int) -> WaitingList:
        """Undo the visit just booked from the entry, whose patient waits again.

        Raises:
            NothingToUndoError: it was booked more than 10 minutes ago, or has gone on since.
        """
        entry = self._locked(entry_id, None)
        if entry.status != S.SCHEDULED or entry.scheduled_appointment_id is None:
            raise NothingToUndoError
        engine = BookingEngine(by=self.by, clock=self.clock)
        visit = engine.undo(entry.scheduled_appointment_id)
        if visit.status in OCCUPYING:
            raise NothingToUndoError
        return self._wait_again(entry)

    def _wait_again(self, entry: WaitingList) -> WaitingList:
        entry.status, entry.scheduled_appointment = S.ACTIVE, None
        return self._save(entry)

    def _check(self) -> None:
        if self.by is not None:
            check(self.by, Permission.EDIT_WAITLIST)

    def _waiting(self, entry_id: int, version: int | None) -> WaitingList:
        entry = self._locked(entry_id, version)
        if entry.status != S.ACTIVE:
            raise NotWaitingError(entry.status)
        return entry

    def _locked(self, entry_id: int, version: int | None) -> WaitingList:
        self._check()
        found = WaitingList.objects.select_for_update().filter(pk=min(entry_id, MAX_KEY)).first()
        if found is None:
            raise NotFoundError("There is no such waitlist entry.")
        if version is not None and version != found.version:
            raise StaleVersionError
        return found

    def _save(self, entry: WaitingList) -> WaitingList:
        entry.version += 1
        entry.save()
        return entry

    def _wish(self, entry: WaitingList, wishes: dict[str, Any]) -> None:
        """Put the wishes on the entry, checked."""
        unknown = set(wishes) - WISHES
        if unknown:
            raise TypeError(f"no such wishes: {sorted(unknown)}")
        changed = {name for name in wishes if wishes[name] != getattr(entry, name)}
        for name, value in wishes.items():
            setattr(entry, name, value)
        if "appointment_type_id" in changed:
            active = AppointmentTemplate.objects.filter(is_active=True)
            existing(active, entry.appointment_type_id, "appointment_type_id")
        if changed & {"appointment_type_id", "preferred_provider_id"}:
            self._check_provider(entry)
        self._check_dates(entry, changed)
        entry.diagnosis_codes = checked_codes(entry.diagnosis_codes)

    def _check_provider(self, entry: WaitingList) -> None:
        if entry.preferred_provider_id is None:
            return
        provider = existing(
            User.objects.providers(), entry.preferred_provider_id, "preferred_provider_id"
        )
        kind = AppointmentTemplate.objects.get(pk=entry.appointment_type_id)
        offered_by = set(kind.templateprovider_set.values_list("provider_id", flat=True))
        if offered_by and provider.pk not in offered_by:
            raise InvalidInputError(
                f"{provider.get_full_name()} does not offer {kind.name}.",
                attr="preferred_provider_id",
                code="not_offered",
            )

    def _check_dates(self, entry: WaitingList, changed: set[str]) -> None:
        """A date that stays as it was may have passed meanwhile."""
        today = self.clock().astimezone(self.tenant.zone_info).date()
        last = today + timedelta(days=MAX_DAYS_AHEAD)
        for name in DATES:
            day: date | None = getattr(entry, name)
            if day is None or name not in changed:
                continue
            if day < today and name != "desired_date_range_start":
                raise InvalidInputError("This day has passed.", attr=name, code="in_the_past")
            if day > last:
                raise InvalidInputError(
                    f"Choose a day within {MAX_DAYS_AHEAD} days.", attr=name, code="too_far_ahead"
                )
        first, until = entry.desired_date_range_start, entry.desired_date_range_end
        if first is not None and until is not None and until < first:
            raise InvalidInputError(
                "The last day must not be before the first.",
                attr="desired_date_range_end",
                code="end_before_start",
            )
