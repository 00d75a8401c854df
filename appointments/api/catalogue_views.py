"""``appointment-types/``, ``availability/`` and ``availability-rules/``."""

from abc import ABC, abstractmethod
from typing import Any

from django.db.models import QuerySet

from accounts.permissions import Permission
from appointments.api.filters import (
    AppointmentTypeFilters,
    AvailabilityFilters,
    AvailabilityRuleFilters,
)
from appointments.api.serializers import catalogue as shapes
from appointments.models import AppointmentTemplate, AvailabilityRule, SlotAvailability
from appointments.scheduling.catalogue import Catalogue
from core.api_views import RecordViewSet

EDIT = dict.fromkeys(["create", "partial_update", "destroy"], Permission.EDIT_CATALOGUE)


class CatalogueViewSet(RecordViewSet, ABC):
    """Everyone on the staff reads it; few may change it."""

    required_permissions = {**EDIT, "*": Permission.SEE_CATALOGUE}

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(by=self.request.user)

    def create_record(self, values: dict[str, Any]) -> Any:
        return self.save(self.queryset.model(), values)

    def change_record(self, record: Any, values: dict[str, Any]) -> None:
        self.save(record, values)

    @abstractmethod
    def save(self, record: Any, values: dict[str, Any]) -> Any:
        """Write the values to the record, new or not, and return it."""


class AppointmentTypeViewSet(CatalogueViewSet):
    """What can be booked."""

    noun, nouns = "appointment type", "appointment types"
    queryset = AppointmentTemplate.unscoped.none()
    serializer_class = shapes.AppointmentTypeSerializer
    filterset_class = AppointmentTypeFilters
    body_serializers = {
        "create": shapes.AppointmentTypeWriteSerializer,
        "partial_update": shapes.AppointmentTypePatchSerializer,
    }

    def get_queryset(self) -> QuerySet[AppointmentTemplate]:
        types = AppointmentTemplate.objects.order_by("name", "pk")
        return types.prefetch_related("templateprovider_set", "templatesite_set")

    def delete_record(self, record: AppointmentTemplate) -> None:
        self.catalogue.delete_type(record)

    def save(self, record: AppointmentTemplate, values: dict[str, Any]) -> AppointmentTemplate:
        offered = {name: values.pop(name, None) for name in ("provider_ids", "site_ids")}
        return self.catalogue.save_type(record, values, **offered)


class AvailabilityViewSet(CatalogueViewSet):
    """When providers work, date by date, on the tenant's wall clock.

    Changing the hours of a window that a weekly rule made detaches it from the rule.
    """

    noun, nouns = "working window", "working windows"
    queryset = SlotAvailability.unscoped.none()
    serializer_class = shapes.AvailabilitySerializer
    filterset_class = AvailabilityFilters
    body_serializers = {
        "create": shapes.AvailabilityWriteSerializer,
        "partial_update": shapes.AvailabilityPatchSerializer,
    }

    def get_queryset(self) -> QuerySet[SlotAvailability]:
        return SlotAvailability.objects.order_by("date", "start_time", "provider_id", "pk")

    def save(self, record: SlotAvailability, values: dict[str, Any]) -> SlotAvailability:
        return self.catalogue.save_window(record, values)

    def delete_record(self, record: SlotAvailability) -> None:
        self.catalogue.delete_window(record)


class AvailabilityRuleViewSet(CatalogueViewSet):
    """Weekly working hours.  A change is applied to all coming windows at once."""

    noun, nouns = "weekly rule", "weekly rules"
    queryset = AvailabilityRule.unscoped.none()
    serializer_class = shapes.AvailabilityRuleSerializer
    filterset_class = AvailabilityRuleFilters
    body_serializers = {
        "create": shapes.AvailabilityRuleWriteSerializer,
        "partial_update": shapes.AvailabilityRulePatchSerializer,
    }

    def get_queryset(self) -> QuerySet[AvailabilityRule]:
        return AvailabilityRule.objects.order_by("provider_id", "weekday", "start_time", "pk")

    def save(self, record: AvailabilityRule, values: dict[str, Any]) -> AvailabilityRule:
        return self.catalogue.save_rule(record, values)

    def delete_record(self, record: AvailabilityRule) -> None:
        self.catalogue.delete_rule(record)
