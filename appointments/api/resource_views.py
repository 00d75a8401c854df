"""``resources/`` and ``time-off/``."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from appointments.api.catalogue_views import CatalogueViewSet
from appointments.api.filters import ResourceFilters, TimeOffFilters
from appointments.api.serializers import resources as shapes
from appointments.models import Resource, TimeOff
from appointments.scheduling.selectors import visits_during
from core.clock import system_clock


class ResourceViewSet(CatalogueViewSet):
    """Rooms and devices that some visits take."""

    noun, nouns = "resource", "resources"
    queryset = Resource.unscoped.none()
    serializer_class = shapes.ResourceSerializer
    filterset_class = ResourceFilters
    body_serializers = {
        "create": shapes.ResourceWriteSerializer,
        "partial_update": shapes.ResourcePatchSerializer,
    }

    def get_queryset(self) -> QuerySet[Resource]:
        return Resource.objects.order_by("name", "pk")

    def save(self, record: Resource, values: dict[str, Any]) -> Resource:
        return self.catalogue.save_resource(record, values)

    def delete_record(self, record: Resource) -> None:
        self.catalogue.delete_resource(record)


@extend_schema_view(
    create=extend_schema(responses={201: shapes.SavedTimeOffSerializer}),
    partial_update=extend_schema(responses=shapes.SavedTimeOffSerializer),
)
class TimeOffViewSet(CatalogueViewSet):
    """When providers are away, sites closed, and resources out of service."""

    noun, nouns = "time off", "times off"
    queryset = TimeOff.unscoped.none()
    serializer_class = shapes.TimeOffSerializer
    filterset_class = TimeOffFilters
    body_serializers = {
        "create": shapes.TimeOffWriteSerializer,
        "partial_update": shapes.TimeOffPatchSerializer,
    }

    def get_queryset(self) -> QuerySet[TimeOff]:
        return TimeOff.objects.order_by("starts_at", "pk")

    def written(self, shown: dict[str, Any], *, status: int = 200, **extra: Any) -> Response:
        off = TimeOff.objects.get(pk=shown["id"])
        hit = visits_during(off, now=system_clock()).values_list("pk", flat=True)
        return super().written(shown, status=status, conflicts=list(hit), **extra)

    def save(self, record: TimeOff, values: dict[str, Any]) -> TimeOff:
        return self.catalogue.save_time_off(record, values)

    def delete_record(self, record: TimeOff) -> None:
        self.catalogue.delete_time_off(record)
