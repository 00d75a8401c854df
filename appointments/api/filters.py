"""Query parameters of the appointments app's lists."""

import django_filters
from django.db.models import Q, QuerySet

from appointments.api.serializers.appointments import MODALITIES, STATUSES
from appointments.enums import (
    Priority,
    QueueEntryStatus,
    ServicePointState,
    TimeOffKind,
    WaitingListStatus,
)
from appointments.models import (
    AppointmentPriorityRule,
    AppointmentRequest,
    AppointmentTemplate,
    AvailabilityRule,
    DisplayScreen,
    QueueEntry,
    Resource,
    ServicePoint,
    SlotAvailability,
    TimeOff,
    WaitingList,
    WaitingQueue,
)
from core.api_filters import (
    ChoicesFilter,
    DateFilter,
    DayFilter,
    FlagFilter,
    KeyFilter,
    ListFilters,
    Ordering,
    SearchFilter,
)
from patients.search import search

FIRST_DAY = "First day, on the tenant's calendar."
LAST_DAY = "Last day, included."
PATIENT_TEXT = "Any part of the patient's name, MRN, phone or birth date."


def of_patients_like(queryset: QuerySet, name: str, value: str) -> QuerySet:
    """Rows of patients whom the text fits."""
    return queryset.filter(patient_id__in=search(value).values("pk"))


class AppointmentFilters(ListFilters):
    patient_id = KeyFilter()
    provider_id = KeyFilter()
    appointment_type_id = KeyFilter()
    site_id = KeyFilter()
    resource_id = KeyFilter()
    series_id = KeyFilter()
    modality = ChoicesFilter(choices=MODALITIES, help_text="One, or several with commas.")
    status = ChoicesFilter(choices=STATUSES, help_text="One, or several with commas.")
    priority = ChoicesFilter(choices=Priority.choices, help_text="One, or several with commas.")
    is_waitlist_conversion = FlagFilter()
    overbooked = FlagFilter()
    date_from = DayFilter(field_name="scheduled_datetime", lookup_expr="gte", help_text=FIRST_DAY)
    date_to = DayFilter(field_name="scheduled_datetime", lookup_expr="lte", help_text=LAST_DAY)
    search = SearchFilter(method=of_patients_like, help_text=PATIENT_TEXT)
    ordering = Ordering(fields=["scheduled_datetime", "created_at", "id", "status"])

    class Meta:
        model = AppointmentRequest
        fields: list[str] = []


class AppointmentTypeFilters(ListFilters):
    provider_id = KeyFilter(method="offered_by", help_text="Types this provider offers.")
    site_id = KeyFilter(method="offered_at", help_text="Types offered at this site.")
    specialty = django_filters.CharFilter(max_length=60)
    is_active = FlagFilter()
    is_bookable_online = FlagFilter()
    search = SearchFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")
    ordering = Ordering(fields=["id", "name", "duration_minutes"])

    class Meta:
        model = AppointmentTemplate
        fields: list[str] = []

    def offered_by(self, queryset: QuerySet, name: str, value: int) -> QuerySet:
        return _listed_or_open(queryset, "templateprovider", "provider_id", value)

    def offered_at(self, queryset: QuerySet, name: str, value: int) -> QuerySet:
        return _listed_or_open(queryset, "templatesite", "site_id", value)


def _listed_or_open(queryset: QuerySet, relation: str, column: str, value: int) -> QuerySet:
    """Types that list the key, or list none and so are open to all."""
    listed = Q(**{f"{relation}__{column}": value})
    return queryset.filter(listed | Q(**{f"{relation}__isnull": True})).distinct()


class AvailabilityFilters(ListFilters):
    provider_id = KeyFilter()
    site_id = KeyFilter()
    rule_id = KeyFilter()
    date_from = DateFilter(field_name="date", lookup_expr="gte", help_text=FIRST_DAY)
    date_to = DateFilter(field_name="date", lookup_expr="lte", help_text=LAST_DAY)
    is_active = FlagFilter()
    is_blocked = FlagFilter()
    ordering = Ordering(fields=["date", "start_time", "id"])

    class Meta:
        model = SlotAvailability
        fields: list[str] = []


class AvailabilityRuleFilters(ListFilters):
    provider_id = KeyFilter()
    site_id = KeyFilter()
    ordering = Ordering(fields=["weekday", "start_time", "id"])

    class Meta:
        model = AvailabilityRule
        fields: list[str] = []


class PriorityRuleFilters(ListFilters):
    appointment_type_id = KeyFilter(method="for_type", help_text="Rules that it can match.")
    is_active = FlagFilter()
    search = SearchFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")
    ordering = Ordering(fields=["id", "name", "base_priority_score", "max_wait_days"])

    class Meta:
        model = AppointmentPriorityRule
        fields: list[str] = []

    def for_type(self, queryset: QuerySet, name: str, value: int) -> QuerySet:
        return _listed_or_open(queryset, "ruletype", "appointment_type_id", value)


class ResourceFilters(ListFilters):
    site_id = KeyFilter()
    kind = django_filters.CharFilter(max_length=60)
    is_active = FlagFilter()
    search = SearchFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")
    ordering = Ordering(fields=["id", "name", "kind"])

    class Meta:
        model = Resource
        fields: list[str] = []


class TimeOffFilters(ListFilters):
    """``date_from`` and ``date_to`` keep what touches these days."""

    provider_id = KeyFilter()
    site_id = KeyFilter()
    resource_id = KeyFilter()
    kind = ChoicesFilter(choices=TimeOffKind.choices, help_text="One, or several with commas.")
    date_from = DayFilter(field_name="ends_at", lookup_expr="gte", help_text=FIRST_DAY)
    date_to = DayFilter(field_name="starts_at", lookup_expr="lte", help_text=LAST_DAY)
    ordering = Ordering(fields=["starts_at", "ends_at", "id"])

    class Meta:
        model = TimeOff
        fields: list[str] = []


class QueueFilters(ListFilters):
    site_id = KeyFilter()
    is_active = FlagFilter()
    is_accepting_patients = FlagFilter()
    search = SearchFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")
    ordering = Ordering(fields=["id", "name"])

    class Meta:
        model = WaitingQueue
        fields: list[str] = []


class ServicePointFilters(ListFilters):
    queue_id = KeyFilter(field_name="servicepointqueue__queue_id")
    site_id = KeyFilter()
    provider_id = KeyFilter()
    state = ChoicesFilter(
        choices=ServicePointState.choices, help_text="One, or several with commas."
    )
    is_active = FlagFilter()
    search = SearchFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")
    ordering = Ordering(fields=["id", "name"])

    class Meta:
        model = ServicePoint
        fields: list[str] = []


class QueueEntryFilters(ListFilters):
    queue_id = KeyFilter()
    patient_id = KeyFilter()
    appointment_id = KeyFilter()
    appointment_type_id = KeyFilter()
    wanted_provider_id = KeyFilter()
    service_point_id = KeyFilter()
    status = ChoicesFilter(
        choices=QueueEntryStatus.choices, help_text="One, or several with commas."
    )
    date_from = DayFilter(field_name="joined_at", lookup_expr="gte", help_text=FIRST_DAY)
    date_to = DayFilter(field_name="joined_at", lookup_expr="lte", help_text=LAST_DAY)
    search = SearchFilter(method=of_patients_like, help_text=PATIENT_TEXT)
    ordering = Ordering(
        fields={
            "line__position": "queue_position",
            "joined_at": "joined_at",
            "id": "id",
            "priority_score": "priority_score",
        }
    )

    class Meta:
        model = QueueEntry
        fields: list[str] = []


class WaitlistFilters(ListFilters):
    patient_id = KeyFilter()
    appointment_type_id = KeyFilter()
    preferred_provider_id = KeyFilter()
    scheduled_appointment_id = KeyFilter()
    status = ChoicesFilter(
        choices=WaitingListStatus.choices, help_text="One, or several with commas."
    )
    priority = ChoicesFilter(choices=Priority.choices, help_text="One, or several with commas.")
    date_from = DayFilter(field_name="created_at", lookup_expr="gte", help_text=FIRST_DAY)
    date_to = DayFilter(field_name="created_at", lookup_expr="lte", help_text=LAST_DAY)
    search = SearchFilter(method=of_patients_like, help_text=PATIENT_TEXT)
    ordering = Ordering(fields=["created_at", "id", "priority"])

    class Meta:
        model = WaitingList
        fields: list[str] = []


class DisplayFilters(ListFilters):
    site_id = KeyFilter()
    queue_id = KeyFilter(field_name="displayqueue__queue_id", help_text="Screens that show it.")
    search = SearchFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")
    ordering = Ordering(fields=["id", "name"])

    class Meta:
        model = DisplayScreen
        fields: list[str] = []
