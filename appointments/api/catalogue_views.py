"""``appointment-types/``, ``availability/`` and ``availability-rules/``."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view

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


class CatalogueViewSet(RecordViewSet):
    """Everyone on the staff reads it; few may change it."""

    required_permissions = {**EDIT, "*": Permission.SEE_CATALOGUE}

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(by=self.request.user)


@extend_schema_view(
    create=extend_schema(
        request=shapes.AppointmentTypeWriteSerializer,
        responses={201: shapes.AppointmentTypeSerializer},
    ),
    partial_update=extend_schema(request=shapes.AppointmentTypePatchSerializer),
)
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

    def create_record(self, values: dict[str, Any]) -> AppointmentTemplate:
        return self._save(AppointmentTemplate(), values)

    def change_record(self, record: AppointmentTemplate, values: dict[str, Any]) -> None:
        self._save(record, values)

    def delete_record(self, record: AppointmentTemplate) -> None:
        self.catalogue.delete_type(record)

    def _save(self, kind: AppointmentTemplate, values: dict[str, Any]) -> AppointmentTemplate:
        offered = {name: values.pop(name, None) for name in ("provider_ids", "site_ids")}
        return self.catalogue.save_type(kind, values, **offered)


@extend_schema_view(
    create=extend_schema(
        request=shapes.AvailabilityWriteSerializer, responses={201: shapes.AvailabilitySerializer}
    ),
    partial_update=extend_schema(request=shapes.AvailabilityPatchSerializer),
)
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

    def create_record(self, values: dict[str, Any]) -> SlotAvailability:
        return self.catalogue.save_window(SlotAvailability(), values)

    def change_record(self, record: SlotAvailability, values: dict[str, Any]) -> None:
        self.catalogue.save_window(record, values)

    def delete_record(self, record: SlotAvailability) -> None:
        self.catalogue.delete_window(record)


@extend_schema_view(
    create=extend_schema(
        request=shapes.AvailabilityRuleWriteSerializer,
        responses={201: shapes.AvailabilityRuleSerializer},
    ),
    partial_update=extend_schema(request=shapes.AvailabilityRulePatchSerializer),
)
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

    def create_record(self, values: dict[str, Any]) -> AvailabilityRule:
        return self.catalogue.save_rule(AvailabilityRule(), values)

    def change_record(self, record: AvailabilityRule, values: dict[str, Any]) -> None:
        self.catalogue.save_rule(record, values)

    def delete_record(self, record: AvailabilityRule) -> None:
        self.catalogue.delete_rule(record)
