"""A time to be checked: its parts looked up, and its bounds."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from accounts.models import User
from appointments.booking.requests import LATE_ENTRY, wanted_visit
from appointments.models import AppointmentRequest, AppointmentTemplate, Resource
from appointments.scheduling.availability import Interval, to_utc
from appointments.scheduling.utils import Conflict, ConflictDetector, ConflictKind
from appointments.scheduling.wishes import MAX_MINUTES, MIN_MINUTES
from core.errors import InvalidInputError
from core.lookups import existing
from core.models import Site, Tenant
from patients.models import PatientProfile

HORIZON = timedelta(days=730)
ATTRS = {"scheduled_datetime": "start_time", "duration_minutes": "end_time"}
"""What a check calls the fields of a booking."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer: what stands against the time and, if anything does, free ones near it."""

    start: datetime
    end: datetime
    conflicts: list[Conflict]
    alternatives: list[Interval]


@dataclass(frozen=True, slots=True)
class TimeCheck:
    """The parts of a question, all of this tenant; ``is_past`` where it is too late to book it."""

    provider: User
    start: datetime
    end: datetime
    except_id: int | None
    patient: PatientProfile | None
    kind: AppointmentTemplate | None
    resource: Resource | None
    site: Site | None
    modality: str | None
    is_past: bool

    def answer(self, tenant: Tenant, *, by: User) -> Checked:
        """At most 13 queries."""
        detector = ConflictDetector(tenant, by=by)
        parts = {
            "exclude_appointment_id": self.except_id,
            "patient": self.patient,
            "appointment_type": self.kind,
            "resource": self.resource,
            "site": self.site,
            "modality": self.modality,
        }
        found = detector.check_conflicts(self.provider, self.start, self.end, **parts)
        if self.is_past:
            words = "This time has passed."
            found.insert(0, Conflict(ConflictKind.PAST, None, self.start, self.end, words))
        if not found:
            return Checked(self.start, self.end, [], [])
        minutes = int((self.end - self.start).total_seconds() // 60)
        slots = detector.suggest_alternative_slots(self.provider, self.start, minutes, **parts)
        return Checked(self.start, self.end, found, slots)


def wanted_check(
    *,
    by: User,
    now: datetime,
    zone: ZoneInfo,
    provider_id: int,
    start_time: datetime,
    end_time: datetime,
    exclude_appointment_id: int | None = None,
    patient_id: int | None = None,
    appointment_type_id: int | None = None,
    resource_id: int | None = None,
    site_id: int | None = None,
    modality: str | None = None,
) -> TimeCheck:
    """What no booking could have is refused as a booking is, so far as it is known; that a time
    of today has passed stands against it like a visit.

    Raises:
        InvalidInputError: 400, with ``attr`` the field at fault.
    """
    minutes = _checked_length(start_time, end_time)
    _check_bounds(start_time, end_time, now=now, zone=zone)
    place = {"provider_id": provider_id, "site_id": site_id, "resource_id": resource_id}
    if appointment_type_id is None:
        parts = _untyped(**place)
    else:
        # A visit that is moved keeps how it takes place, whatever its type says now.
        asked = None if exclude_appointment_id else modality
        start = max(start_time, now)
        parts = _typed(appointment_type_id, start, minutes, by=by, now=now, modality=asked, **place)
    patients = PatientProfile.objects.filter(is_active=True)
    if exclude_appointment_id is not None:
        existing(AppointmentRequest.objects, exclude_appointment_id, "exclude_appointment_id")
        patients = PatientProfile.objects.all()  # whoever has a visit can have it moved
    return TimeCheck(
        start=start_time,
        end=end_time,
        except_id=exclude_appointment_id,
        patient=_existing(patients, patient_id, "patient_id"),
        modality=modality,
        is_past=start_time < now - LATE_ENTRY,
        **parts,
    )


def _typed(kind_id: int, start: datetime, minutes: int, **place: Any) -> dict[str, Any]:
    try:
        visit = wanted_visit(
            appointment_type_id=kind_id, start=start, duration_minutes=minutes, **place
        )
    except InvalidInputError as error:
        error.attr = ATTRS.get(error.attr or "", error.attr)
        raise
    return {
        "provider": visit.provider,
        "kind": visit.appointment_type,
        "resource": visit.resource,
        "site": visit.site,
    }


def _untyped(*, provider_id: int, site_id: int | None, resource_id: int | None) -> dict[str, Any]:
    resources, sites = Resource.objects.filter(is_active=True), Site.objects.filter(is_active=True)
    return {
        "provider": existing(User.objects.providers(), provider_id, "provider_id"),
        "kind": None,
        "resource": _existing(resources, resource_id, "resource_id"),
        "site": _existing(sites, site_id, "site_id"),
    }


def _existing(queryset: QuerySet[Any], key: int | None, attr: str) -> Any:
    return None if key is None else existing(queryset, key, attr)


def _checked_length(start: datetime, end: datetime) -> int:
    """Minutes."""
    if end <= start:
        raise InvalidInputError(
            "The end must be later than the start.", attr="end_time", code="end_before_start"
        )
    if not timedelta(minutes=MIN_MINUTES) <= end - start <= timedelta(minutes=MAX_MINUTES):
        raise InvalidInputError(
            f"A visit lasts between {MIN_MINUTES} and {MAX_MINUTES} minutes.",
            attr="end_time",
            code="out_of_range",
        )
    return int((end - start).total_seconds() // 60)


def _check_bounds(start: datetime, end: datetime, *, now: datetime, zone: ZoneInfo) -> None:
    today = to_utc(now.astimezone(zone).date(), time.min, zone)
    if end <= today:
        raise InvalidInputError("This day has passed.", attr="start_time", code="in_the_past")
    if start > now + HORIZON:
        raise InvalidInputError(
            f"Choose a time within {HORIZON.days} days.", attr="start_time", code="too_far_ahead"
        )
