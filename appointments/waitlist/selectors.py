"""Reads of the waitlist."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.core.paginator import Page, Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery

from appointments.enums import (
    EXPECTED,
    AppointmentStatus,
    Priority,
    WaitingListStatus,
)
from appointments.models import AppointmentRequest, WaitingList
from core.errors import NotFoundError
from core.lookups import MAX_KEY
from patients.search import search

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of the waitlist is asked for; empty criteria let everything through."""

    status: str = WaitingListStatus.ACTIVE
    priority: str = ""
    type_id: int | None = None
    provider_id: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries, longest waiting first, and how many each status has under the other
    criteria.  Entries carry what ``with_visit`` adds."""

    page: Page
    counts: dict[str, int]


class _Counted(Paginator):
    """Its rows were counted before."""

    count = 0


def find(wanted: Wanted, number: int | str, *, now: datetime) -> Found:
    """Two queries, and two for a text."""
    matching = _matching(wanted)
    counts = dict(matching.order_by().values_list("status").annotate(Count("pk")))
    rows = matching.filter(status=wanted.status).order_by("created_at", "pk")
    pages = _Counted(with_visit(rows, now=now), PAGE_SIZE)
    pages.count = counts.get(wanted.status, 0)
    return Found(pages.get_page(number), counts)


def with_visit(rows: QuerySet[WaitingList], *, now: datetime) -> QuerySet[WaitingList]:
    """With patient, type, provider and visit at hand, and ``coming_at``: the start of a visit of
    the type that the patient has anyway, or None."""
    coming = AppointmentRequest.objects.filter(
        patient_id=OuterRef("patient_id"),
        appointment_type_id=OuterRef("appointment_type_id"),
        scheduled_datetime__gt=now,
        status__in=EXPECTED,
    ).order_by("scheduled_datetime")
    return rows.select_related(
        "patient",
        "appointment_type",
        "preferred_provider",
        "scheduled_appointment",
        "scheduled_appointment__provider",
    ).annotate(coming_at=Subquery(coming.values("scheduled_datetime")[:1]))


def waitlist_entry(entry_id: int, *, now: datetime) -> WaitingList:
    """
    Raises:
        NotFoundError: the tenant has no such entry.
    """
    rows = WaitingList.objects.filter(pk=min(entry_id, MAX_KEY))
    found = with_visit(rows, now=now).first()
    if found is None:
        raise NotFoundError("There is no such waitlist entry.")
    return found


def also_waiting(
    patient_id: int, appointment_type_id: int, *, except_id: int | None = None
) -> list[WaitingList]:
    """Entries of the patient that wait for the same type, longest waiting first."""
    rows = WaitingList.objects.filter(
        patient_id=patient_id,
        appointment_type_id=appointment_type_id,
        status=WaitingListStatus.ACTIVE,
    )
    return list(rows.exclude(pk=except_id).order_by("created_at", "pk"))


def coming_visit(
    patient_id: int, appointment_type_id: int, *, now: datetime
) -> AppointmentRequest | None:
    """The patient's next expected visit of the type."""
    rows = AppointmentRequest.objects.filter(
        patient_id=patient_id,
        appointment_type_id=appointment_type_id,
        scheduled_datetime__gt=now,
        status__in=EXPECTED,
    )
    return rows.select_related("provider").order_by("scheduled_datetime").first()


def days_waiting(entry: WaitingList, *, now: datetime, zone: ZoneInfo) -> int:
    """Calendar days since the entry was made."""
    return (now.astimezone(zone).date() - entry.created_at.astimezone(zone).date()).days


def can_be_put_back(entry: WaitingList) -> bool:
    """Whether the wait has ended without a visit."""
    visit = entry.scheduled_appointment
    gone = (AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW)
    if entry.status == WaitingListStatus.SCHEDULED:
        return visit is None or visit.status in gone
    return entry.status != WaitingListStatus.ACTIVE


def _matching(wanted: Wanted) -> QuerySet[WaitingList]:
    """Everything but the status."""
    rows = WaitingList.objects.all()
    if wanted.priority in Priority.values:
        rows = rows.filter(priority=wanted.priority)
    if wanted.type_id is not None:
        rows = rows.filter(appointment_type_id=wanted.type_id)
    if wanted.provider_id is not None:
        rows = rows.filter(preferred_provider_id=wanted.provider_id)
    if wanted.text.strip():
        rows = rows.filter(patient_id__in=search(wanted.text).values("pk"))
    return rows
