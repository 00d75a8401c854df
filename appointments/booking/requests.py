"""What is asked for, checked against the catalogue before any time is taken."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.enums import Modality
from appointments.models import AppointmentTemplate, Resource
from appointments.scheduling.wishes import MAX_MINUTES, MIN_MINUTES
from core.errors import InvalidInputError
from core.lookups import existing
from core.models import Site
from patients.models import PatientProfile

LATE_ENTRY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Visit:
    """A wanted visit whose parts exist in this tenant and fit together.

    ``resource`` is the room or device that was asked for by name.
    """

    provider: User
    appointment_type: AppointmentTemplate
    site: Site | None
    start: datetime
    duration_minutes: int
    modality: str = Modality.ON_SITE
    resource: Resource | None = None

    @property
    def is_on_site(self) -> bool:
        return self.modality != Modality.TELEHEALTH

    @property
    def resource_kind(self) -> str:
        """The kind of room or equipment it takes; empty for none."""
        return self.appointment_type.resource_kind if self.is_on_site else ""

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.duration_minutes)

    @property
    def blocked_from(self) -> datetime:
        return self.start - timedelta(minutes=self.appointment_type.buffer_before_minutes)

    @property
    def blocked_until(self) -> datetime:
        return self.end + timedelta(minutes=self.appointment_type.buffer_after_minutes)


def wanted_visit(
    *,
    by: User | None,
    now: datetime,
    provider_id: int,
    appointment_type_id: int,
    start: datetime,
    duration_minutes: int | None = None,
    site_id: int | None = None,
    modality: str | None = None,
    resource_id: int | None = None,
) -> Visit:
    """
    Args:
        start: aware; staff may enter a visit up to 15 minutes after its start.
        duration_minutes: the type's where None.
        modality: the type's where None; on site where the type leaves it open.
        resource_id: the one room or device that it shall take.

    Raises:
        InvalidInputError: 400, with ``attr`` the field at fault.
    """
    kind = existing(
        AppointmentTemplate.objects.filter(is_active=True),
        appointment_type_id,
        "appointment_type_id",
    )
    provider = existing(User.objects.providers(), provider_id, "provider_id")
    site = existing(Site.objects.filter(is_active=True), site_id, "site_id") if site_id else None
    _check_offered(kind, provider)
    minutes = kind.duration_minutes if duration_minutes is None else duration_minutes
    if not MIN_MINUTES <= minutes <= MAX_MINUTES:
        raise InvalidInputError(
            f"Choose between {MIN_MINUTES} and {MAX_MINUTES} minutes.",
            attr="duration_minutes",
            code="out_of_range",
        )
    visit = Visit(provider, kind, site, start, minutes, _modality(kind, modality))
    check_lead(visit, by=by, now=now)
    if resource_id is not None:
        visit = replace(visit, resource=_resource(visit, resource_id))
    return visit


def existing_patient(patient_id: int) -> PatientProfile:
    return existing(PatientProfile.objects.filter(is_active=True), patient_id, "patient_id")


def _check_offered(kind: AppointmentTemplate, provider: User) -> None:
    offered_by = set(kind.templateprovider_set.values_list("provider_id", flat=True))
    if offered_by and provider.pk not in offered_by:
        raise InvalidInputError(
            f"{provider.get_full_name()} does not offer {kind.name}.",
            attr="provider_id",
            code="not_offered",
        )


def _modality(kind: AppointmentTemplate, wanted: str | None) -> str:
    offered = (
        [Modality.ON_SITE, Modality.TELEHEALTH]
        if kind.modality == Modality.EITHER
        else [Modality(kind.modality)]
    )
    if wanted is not None and wanted not in offered:
        words = " or ".join(choice.label.lower() for choice in offered)
        raise InvalidInputError(
            f"{kind.name} takes place {words} only.", attr="modality", code="not_offered"
        )
    return wanted or offered[0]


def _resource(visit: Visit, resource_id: int) -> Resource:
    found = existing(Resource.objects.filter(is_active=True), resource_id, "resource_id")
    if found.kind != visit.resource_kind or not visit.resource_kind:
        raise InvalidInputError(
            f"{found.name} is not what {visit.appointment_type.name} takes.",
            attr="resource_id",
            code="not_offered",
        )
    if visit.site is not None and found.site_id != visit.site.pk:
        raise InvalidInputError(
            f"{found.name} is at another site.", attr="resource_id", code="not_offered"
        )
    return found


def check_lead(visit: Visit, *, by: User | None, now: datetime) -> None:
    """
    Raises:
        InvalidInputError: the visit is in the past, or outside the type's lead time.
    """
    kind, start = visit.appointment_type, visit.start
    staff = by is None or can(by, Permission.BOOK)
    earliest = now - LATE_ENTRY if staff else now + timedelta(minutes=kind.min_lead_minutes)
    if start < now - LATE_ENTRY or (not staff and start < now):
        raise InvalidInputError(
            "This time has passed. Choose a time from now on.",
            attr="scheduled_datetime",
            code="in_the_past",
        )
    if start < earliest:
        raise InvalidInputError(
            f"{kind.name} must be booked at least {kind.min_lead_minutes} minutes ahead.",
            attr="scheduled_datetime",
            code="too_soon",
        )
    if start > now + timedelta(days=kind.max_lead_days):
        raise InvalidInputError(
            f"{kind.name} can be booked at most {kind.max_lead_days} days ahead.",
            attr="scheduled_datetime",
            code="too_far_ahead",
        )
