"""``service-points/``: rooms and counters at which people of queues are served."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from appointments.api.filters import ServicePointFilters
from appointments.api.serializers import service_points as shapes
from appointments.enums import ServicePointState
from appointments.models import ServicePoint, ServicePointQueue
from appointments.permissions import visible_queues
from appointments.queue.points import ServicePointEngine
from core.api_fields import Nothing
from core.api_views import RecordViewSet

SHOWN = shapes.ServicePointSerializer
STEPS = ("open", "pause", "close")


@extend_schema_view(
    destroy=extend_schema(summary="Take a service point out of use"),
    partial_update=extend_schema(request=shapes.ServicePointWriteSerializer),
)
class ServicePointViewSet(RecordViewSet):
    """Rooms and counters of the queues that the caller may see."""

    noun, nouns = "service point", "service points"
    queryset = ServicePoint.unscoped.none()
    serializer_class = SHOWN
    filterset_class = ServicePointFilters
    body_serializers = {
        "create": shapes.ServicePointWriteSerializer,
        "partial_update": shapes.ServicePointWriteSerializer,
        **dict.fromkeys(STEPS, Nothing),
    }
    required_permissions = {
        **dict.fromkeys(("list", "retrieve"), Permission.SEE_QUEUES),
        **dict.fromkeys(STEPS, Permission.RUN_QUEUES),
        "*": Permission.CONFIGURE_QUEUES,
    }

    def get_queryset(self) -> QuerySet[ServicePoint]:
        links = ServicePointQueue.objects.filter(queue__in=visible_queues(self.request.user))
        points = ServicePoint.objects.filter(pk__in=links.values("point"))
        return points.prefetch_related("servicepointqueue_set", "servicepointtype_set").order_by(
            "name", "pk"
        )

    @property
    def engine(self) -> ServicePointEngine:
        return ServicePointEngine(by=self.request.user)

    @extend_schema(summary="Open a service point", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def open(self, request: Request, pk: str) -> Response:
        return self._to(ServicePointState.OPEN)

    @extend_schema(summary="Pause a service point", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Nobody is called there; whoever is being served stays."""
        return self._to(ServicePointState.PAUSED)

    @extend_schema(summary="Close a service point", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        return self._to(ServicePointState.CLOSED)

    def create_record(self, values: dict[str, Any]) -> ServicePoint:
        return self.engine.create(**values)

    def change_record(self, record: ServicePoint, values: dict[str, Any]) -> None:
        self.engine.change(record.pk, **values)

    def delete_record(self, record: ServicePoint) -> None:
        self.engine.change(record.pk, is_active=False)

    def _to(self, state: ServicePointState) -> Response:
        record = self._matched(self.request)
        self.body()
        self.engine.set_state(record.pk, state)
        return self.written(self._fresh(record.pk))
