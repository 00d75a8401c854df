"""Reads of booked visits for the screens: thin rows, one query each, at any size."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.booking.engine import NEEDS, UNDO_MINUTES
from appointments.enums import AppointmentStatus, Step
from appointments.models import AppointmentEvent, AppointmentRequest, SlotAvailability
from appointments.permissions import visible_appointments
from appointments.scheduling.availability import to_utc
from core.errors import NotFoundError
from core.lookups import MAX_KEY
from core.models import Site
from patients.models import CommunicationNeed

NEED_LABELS = dict(CommunicationNeed.choices)
ROW_FIELDS = (
    "id",
    "version",
    "status",
    "priority",
    "scheduled_datetime",
    "scheduled_end_datetime",
    "blocked_from",
    "blocked_until",
    "checked_in_at",
    "started_at",
    "completed_at",
    "overbooked",
    "reason",
    "site_id",
    "provider_id",
    "provider__title",
    "provider__first_name",
    "provider__last_name",
    "patient_id",
    "patient__first_name",
    "patient__last_name",
    "patient__communication_needs",
    "appointment_type_id",
    "appointment_type__name",
)


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit as lists show it.  ``patient_name`` is empty for a hold without a patient."""

    id: int
    version: int
    status: str
    priority: str
    start: datetime
    end: datetime
    blocked_from: datetime
    blocked_until: datetime
    checked_in_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    overbooked: bool
    reason: str
    site_id: int | None
    provider_id: int
    provider_name: str
    provider_short: str
    patient_id: int | None
    patient_name: str
    needs: tuple[str, ...]
    type_id: int
    type_name: str

    @property
    def status_label(self) -> str:
        return AppointmentStatus(self.status).label

    @property
    def minutes(self) -> int:
        return int((self.end - self.start).total_seconds() // 60)

    @property
    def named_needs(self) -> list[tuple[str, str]]:
        return named_needs(self.needs)


def named_needs(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Each known need with its label."""
    return [(code, NEED_LABELS[code]) for code in codes if code in NEED_LABELS]


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The local day as UTC instants; 23 or 25 hours apart where the clock changes."""
    return to_utc(day, time.min, zone), to_utc(day + timedelta(days=1), time.min, zone)


def visits_between(
    user: User, start: datetime, end: datetime, *, now: datetime, provider_id: int | None = None
) -> list[VisitRow]:
    """Visits and live holds the user may see that start in ``[start, end)``, by start.

    Args:
        provider_id: whose alone; all providers' where None.
    """
    rows = (
        visible_appointments(user)
        .filter(scheduled_datetime__gte=start, scheduled_datetime__lt=end)
        .exclude(status=AppointmentStatus.HELD, hold_expires_at__lte=now)
    )
    if provider_id is not None:
        rows = rows.filter(provider_id=provider_id)
    return _rows(rows.order_by("scheduled_datetime", "pk"))


def patient_visits(user: User, patient_id: int, *, limit: int) -> list[VisitRow]:
    """The newest ``limit`` visits of the patient that the user may see, latest start first."""
    rows = visible_appointments(user).filter(patient_id=patient_id)
    rows = rows.exclude(status=AppointmentStatus.HELD)
    return _rows(rows.order_by("-scheduled_datetime", "-pk")[:limit])


def visits_by_key(user: User, keys: Iterable[int]) -> list[VisitRow]:
    """Those of the visits and holds that the user may see, by start."""
    rows = visible_appointments(user).filter(pk__in=list(keys))
    return _rows(rows.order_by("scheduled_datetime", "pk"))


def _rows(rows: QuerySet[AppointmentRequest]) -> list[VisitRow]:
    return [_row(values) for values in rows.values_list(*ROW_FIELDS)]


def _row(values: tuple[Any, ...]) -> VisitRow:
    shown: list[Any] = [
        *values[:15],
        " ".join(filter(None, values[15:18])),
        " ".join(filter(None, (values[15], values[17] or values[16]))),
        values[18],
        f"{values[19] or ''} {values[20] or ''}".strip(),
        tuple(values[21] or ()),
        *values[22:],
    ]
    return VisitRow(*shown)


def undoable_visits(user: User, visit_ids: Iterable[int], *, now: datetime) -> set[int]:
    """Those of the visits whose last step the user may still undo."""
    recent = (
        AppointmentEvent.objects.filter(
            appointment_id__in=list(visit_ids), at__gte=now - timedelta(minutes=UNDO_MINUTES)
        )
        .order_by("appointment_id", "-pk")
        .distinct("appointment_id")
        .values_list("appointment_id", "step")
    )
    return {
        key
        for key, step in recent
        if step != Step.UNDO and can(user, NEEDS.get(Step(step), Permission.RUN_FLOW))
    }


def visible_visit(user: User, visit_id: int) -> AppointmentRequest:
    """One visit with its patient, provider, type, site and resource.

    Raises:
        NotFoundError: there is none of that key that the user may see.
    """
    visit = (
        visible_appointments(user)
        .exclude(status=AppointmentStatus.HELD)
        .select_related(
            "patient",
            "provider__provider_profile",
            "appointment_type",
            "site",
            "resource",
            "series",
        )
        .filter(pk=min(visit_id, MAX_KEY))
        .first()
    )
    if visit is None:
        raise NotFoundError("There is no such visit.")
    return visit


def history(visit_id: int) -> QuerySet[AppointmentEvent]:
    """The visit's steps, newest first."""
    return AppointmentEvent.objects.filter(appointment_id=visit_id).order_by("-pk")


def shown_providers(user: User, *, sees_all: bool) -> list[User]:
    """Providers whose visits the user may see, by name."""
    providers = User.objects.providers()
    return list(providers if sees_all else providers.filter(pk=user.pk))


def active_sites() -> list[Site]:
    return list(Site.objects.filter(is_active=True).only("pk", "name"))


def windows_between(provider_ids: Iterable[int], first: date, last: date) -> list[SlotAvailability]:
    """Working and blocked windows, ``first`` to ``last`` included, in order of time."""
    return list(
        SlotAvailability.objects.filter(
            provider_id__in=list(provider_ids), date__range=(first, last), is_active=True
        ).order_by("date", "start_time")
    )
