"""``queues/`` and ``queue-entries/``: parse, ask the queue engine, show."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from appointments.api.filters import QueueEntryFilters, QueueFilters
from appointments.api.serializers import queue_figures as figure_shapes
from appointments.api.serializers import queues as shapes
from appointments.enums import QueueStep
from appointments.models import QueueEntry, WaitingQueue
from appointments.permissions import visible_queues
from appointments.queue import figures
from appointments.queue.joining import join_shortest
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.selectors import point_key, queue_status, wait_of, with_sizes
from appointments.queue.settings import QueueSettings, configuration_values, create_queue
from core.api_fields import Nothing
from core.api_views import ReadViewSet, RecordViewSet
from core.clock import system_clock
from core.errors import NotFoundError
from core.etags import check_if_match, etag_of

SHOWN = shapes.ShownQueueEntrySerializer


def entries(queues: QuerySet[WaitingQueue]) -> QuerySet[QueueEntry]:
    """Stays in these queues, with all that is shown, in one statement: the positions among those
    who wait are 1..n, whatever happens meanwhile."""
    rows = QueueEntry.objects.filter(queue__in=queues)
    return rows.select_related("patient", "line", "service_point").order_by("joined_at", "pk")


def shown(entry: QueueEntry) -> dict[str, Any]:
    """One entry as JSON, with its wait."""
    entry.estimated_wait_minutes = wait_of(entry, now=system_clock())  # type: ignore[attr-defined]
    return dict(SHOWN(entry).data)


@extend_schema_view(
    partial_update=extend_schema(request=shapes.QueueWriteSerializer),
    destroy=extend_schema(summary="Retire a queue", description="Only while nobody waits in it."),
)
class QueueManagementViewSet(RecordViewSet):
    """The queues the caller may see."""

    noun, nouns = "queue", "queues"
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    queryset = WaitingQueue.unscoped.none()
    serializer_class = shapes.QueueSerializer
    filterset_class = QueueFilters
    body_serializers = {
        "add_patient": shapes.AddPatientSerializer,
        "call_next": shapes.CallNextSerializer,
        "reposition": Nothing,
        "configure": shapes.ConfigurationWriteSerializer,
        "create": shapes.QueueWriteSerializer,
        "partial_update": shapes.QueueWriteSerializer,
        "join_shortest": shapes.JoinShortestSerializer,
    }
    required_permissions = {
        **dict.fromkeys(
            ("add_patient", "call_next", "reposition", "join_shortest"), Permission.RUN_QUEUES
        ),
        **dict.fromkeys(
            ("create", "partial_update", "destroy", "configure"), Permission.CONFIGURE_QUEUES
        ),
        **dict.fromkeys(("analytics", "metrics"), Permission.SEE_ANALYTICS),
        "*": Permission.SEE_QUEUES,
    }

    def get_queryset(self) -> QuerySet[WaitingQueue]:
        return with_sizes(visible_queues(self.request.user))

    @property
    def engine(self) -> AdvancedQueueEngine:
        return AdvancedQueueEngine(self._queue(), by=self.request.user)

    @extend_schema(summary="Add a patient", responses={201: SHOWN})
    @action(detail=True, methods=["post"])
    def add_patient(self, request: Request, pk: str) -> Response:
        """Beyond the queue's overflow threshold, a patient without a visit waits in the other
        queue: see `queue_id`.  409: `already_waiting`, `queue_closed` or `queue_full`, the last
        two with `alternatives`, the queues that would take the patient."""
        return self._added(self.engine.add_to_queue(**self.body()))

    @extend_schema(summary="Call the next patient", responses={200: SHOWN, 204: None})
    @action(detail=True, methods=["post"])
    def call_next(self, request: Request, pk: str) -> Response:
        """The first of the line whom the service point may take; 204 when nobody waits whom it
        may."""
        wanted = self.body().get("service_point")
        engine = self.engine
        point_id = None if wanted is None else point_key(engine.queue, wanted)
        entry = engine.get_next_patient(service_point_id=point_id)
        if entry is None:
            return Response(status=204)
        answer = shown(self._entry(entry.pk))
        return Response(answer, headers={"ETag": etag_of(answer)})

    @extend_schema(summary="Settle the order", responses=shapes.RepositionedSerializer)
    @action(detail=True, methods=["post"])
    def reposition(self, request: Request, pk: str) -> Response:
        """It settles by itself after every change and every minute."""
        self.body()
        return Response({"repositioned": self.engine.reposition_queue_entries()})

    @extend_schema(summary="Add a patient where the wait is shortest", responses={201: SHOWN})
    @action(detail=False, methods=["post"])
    def join_shortest(self, request: Request) -> Response:
        """Among the queues of the site and specialty that take walk-ins: the least expected work
        per open service point."""
        return self._added(join_shortest(**self.body(), by=request.user))

    @extend_schema(summary="Show the configuration", responses=shapes.ConfigurationSerializer)
    @action(detail=True, filterset_class=None)
    def configuration(self, request: Request, pk: str) -> Response:
        return self.seen(self._configuration(self._queue()))

    @extend_schema(summary="Change the configuration", responses=shapes.ConfigurationSerializer)
    @configuration.mapping.put
    def configure(self, request: Request, pk: str) -> Response:
        """What is not given stays; 412 if `If-Match` names an older version."""
        queue = self._queue()
        tags = request.headers.get("If-Match")
        known = self._configuration(queue)
        check_if_match(tags, etag_of(known))
        version = known["version"] if tags else None  # asked again under the lock
        QueueSettings(queue, by=request.user).change(version=version, **self.body())
        return self.written(self._configuration(self._queue()))

    @extend_schema(
        summary="Show the figures of the last days",
        parameters=[figure_shapes.DaysSerializer],
        responses=figure_shapes.QueueAnalyticsSerializer,
        filters=False,
    )
    @action(detail=True, filterset_class=None, query_parameters=("days",))
    def analytics(self, request: Request, pk: str) -> Response:
        """Waits, service times, rates and how good the estimates were, by day, hour, provider,
        type and urgency."""
        asked = figure_shapes.DaysSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        zone = request._request.tenant.zone_info
        days = asked.validated_data["days"]
        return Response(
            figures.analytics_of(self._queue(), days=days, now=system_clock(), zone=zone)
        )

    @extend_schema(
        summary="Show today's figures by the hour",
        responses=figure_shapes.QueueMetricsSerializer,
        filters=False,
    )
    @action(detail=True, filterset_class=None)
    def metrics(self, request: Request, pk: str) -> Response:
        """Up to this moment, the hour that runs included."""
        zone = request._request.tenant.zone_info
        return Response(figures.metrics_of(self._queue(), now=system_clock(), zone=zone))

    @extend_schema(
        summary="Show a past moment",
        parameters=[figure_shapes.AtSerializer],
        responses=figure_shapes.QueueMomentSerializer,
        filters=False,
    )
    @action(detail=True, filterset_class=None, query_parameters=("at",))
    def moment(self, request: Request, pk: str) -> Response:
        """The line as it stood then, and whoever was away or being served, replayed from the
        history."""
        asked = figure_shapes.AtSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        found = figures.moment_of(self._queue(), asked.validated_data["at"], now=system_clock())
        return Response(figure_shapes.QueueMomentSerializer(found).data)

    @extend_schema(summary="Show the status", responses=shapes.QueueStatusSerializer, filters=False)
    @action(detail=True, filterset_class=None)
    def status(self, request: Request, pk: str) -> Response:
        """The line, who is being served and the load: what screens show, without names."""
        return Response(queue_status(self._queue(), now=system_clock()))

    def create_record(self, values: dict[str, Any]) -> WaitingQueue:
        return create_queue(by=self.request.user, **values)

    def change_record(self, record: WaitingQueue, values: dict[str, Any]) -> None:
        QueueSettings(record, by=self.request.user).rename(**values)

    def delete_record(self, record: WaitingQueue) -> None:
        QueueSettings(record, by=self.request.user).retire()

    def _added(self, entry: QueueEntry) -> Response:
        answer = shown(self._entry(entry.pk))
        headers = {
            "ETag": etag_of(answer),
            "Location": f"/api/appointments/queue-entries/{entry.pk}/",
        }
        return Response(answer, status=201, headers=headers)

    @staticmethod
    def _configuration(queue: WaitingQueue) -> dict[str, Any]:
        return {"queue_id": queue.pk, **configuration_values(queue)}

    def _queue(self) -> WaitingQueue:
        found = visible_queues(self.request.user).filter(pk=self.kwargs["pk"]).first()
        if found is None:
            raise NotFoundError("There is no such queue.")
        return found

    def _entry(self, key: int) -> QueueEntry:
        return entries(WaitingQueue.objects.all()).get(pk=key)


class QueueEntryViewSet(ReadViewSet):
    """Stays in queues, in the order in which patients joined; each step is a command."""

    noun, nouns = "queue entry", "queue entries"
    http_method_names = ["get", "head", "post", "patch", "delete"]
    queryset = QueueEntry.unscoped.none()
    serializer_class = shapes.QueueEntrySerializer
    filterset_class = QueueEntryFilters
    body_serializers = {
        "mark_called": shapes.MarkCalledSerializer,
        "hold": shapes.HoldEntrySerializer,
        "transfer": shapes.TransferSerializer,
        "move": shapes.MoveSerializer,
        "partial_update": shapes.ChangeEntrySerializer,
        **dict.fromkeys(("mark_in_progress", "mark_completed", "recall", "undo"), Nothing),
        **dict.fromkeys(("mark_no_show", "skip", "put_back"), shapes.ReasonSerializer),
    }
    required_permissions = {
        "list": Permission.SEE_QUEUES,
        "retrieve": Permission.SEE_QUEUES,
        "history": Permission.SEE_QUEUES,
        "*": Permission.RUN_QUEUES,
    }

    def get_queryset(self) -> QuerySet[QueueEntry]:
        return entries(visible_queues(self.request.user))

    @extend_schema(summary="Get one queue entry", responses=SHOWN)
    def retrieve(self, request: Request, pk: str) -> Response:
        return self.seen(self._shown())

    @extend_schema(summary="Change a queue entry", responses=SHOWN)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Priority, notes and consent; what is not given stays."""
        return self._written(lambda engine, **given: engine.change(**given))

    @extend_schema(summary="Remove from the queue", request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """The patient has left; the entry stays, with the status LEFT, and can be undone."""
        self._engine().take(QueueStep.LEAVE, int(pk), version=self._version())
        return Response(status=204)

    @extend_schema(summary="Remove from the queue", request=None, responses={204: None})
    @action(detail=True, methods=["delete"])
    def remove(self, request: Request, pk: str) -> Response:
        """The same as `DELETE` of the entry itself."""
        return self.destroy(request, pk)

    @extend_schema(summary="Call", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def mark_called(self, request: Request, pk: str) -> Response:
        """This patient, whoever would be next."""
        return self._take(QueueStep.CALL)

    @extend_schema(summary="Call again", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def recall(self, request: Request, pk: str) -> Response:
        return self._take(QueueStep.RECALL)

    @extend_schema(summary="Start", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def mark_in_progress(self, request: Request, pk: str) -> Response:
        return self._take(QueueStep.START)

    @extend_schema(summary="Finish", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def mark_completed(self, request: Request, pk: str) -> Response:
        return self._take(QueueStep.COMPLETE)

    @extend_schema(summary="Mark as not come", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def mark_no_show(self, request: Request, pk: str) -> Response:
        return self._take(QueueStep.NO_SHOW)

    @extend_schema(summary="Skip for now", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str) -> Response:
        """Back in the line after the number of calls that the queue's configuration says."""
        return self._take(QueueStep.SKIP)

    @extend_schema(summary="Put on hold", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def hold(self, request: Request, pk: str) -> Response:
        return self._take(QueueStep.HOLD)

    @extend_schema(summary="Put back into the line", responses=SHOWN)
    @action(detail=True, methods=["post"], url_path="return")
    def put_back(self, request: Request, pk: str) -> Response:
        """Ends a skip or a hold."""
        return self._take(QueueStep.RETURN)

    @extend_schema(summary="Send on to another queue", responses={201: SHOWN})
    @action(detail=True, methods=["post"])
    def transfer(self, request: Request, pk: str) -> Response:
        """Answers with the new entry; the arrival still counts."""
        given = self.body()
        sent = self._engine().transfer(int(pk), version=self._version(), **given)
        answer = shown(entries(WaitingQueue.objects.all()).get(pk=sent.pk))
        return Response(answer, status=201, headers={"ETag": etag_of(answer)})

    @extend_schema(summary="Move in the line by hand", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        return self._written(lambda engine, **given: engine.move(**given))

    @extend_schema(summary="Undo the last step", description="Within 10 minutes.", responses=SHOWN)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        return self._written(lambda engine, **given: engine.undo(**given))

    @extend_schema(
        summary="List an entry's steps, newest first",
        responses=shapes.QueueEventSerializer(many=True),
        filters=False,
    )
    @action(
        detail=True,
        serializer_class=shapes.QueueEventSerializer,
        filterset_class=None,
        query_parameters=("page", "page_size"),
    )
    def history(self, request: Request, pk: str) -> Response:
        self.get_object()
        events = QueueEntry(pk=int(pk)).events.select_related("service_point").order_by("-pk")
        page = self.paginate_queryset(events)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def _take(self, step: QueueStep) -> Response:
        given = self.body()
        engine, key = self._engine(), int(self.kwargs["pk"])
        if "service_point" in given:
            given["service_point_id"] = point_key(engine.queue, given.pop("service_point"))
        engine.take(step, key, version=self._version(), **given)
        return self.written(self._shown())

    def _written(self, command: Any) -> Response:
        given = self.body()
        key = int(self.kwargs["pk"])
        command(self._engine(), entry_id=key, version=self._version(), **given)
        return self.written(self._shown())

    def _engine(self) -> AdvancedQueueEngine:
        return AdvancedQueueEngine.of_entry(int(self.kwargs["pk"]), by=self.request.user)

    def _version(self) -> int | None:
        """The version that ``If-Match`` lets be changed; None for any."""
        tags = self.request.headers.get("If-Match")
        if tags is None:
            return None
        answer = self._shown()
        check_if_match(tags, etag_of(answer))
        return answer["version"]

    def _shown(self) -> dict[str, Any]:
        entry = self.get_queryset().filter(pk=self.kwargs["pk"]).first()
        if entry is None:
            raise NotFoundError("There is no such queue entry.")
        return shown(entry)
