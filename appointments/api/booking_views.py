"""``appointments/`` and ``holds/``: parse, ask the booking engine, show."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from appointments.api.filters import AppointmentFilters
from appointments.api.serializers import appointments as shapes
from appointments.booking.alternatives import near
from appointments.booking.engine import NEEDS, BookingEngine
from appointments.booking.errors import SlotTakenError, TimeRefusedError
from appointments.enums import TRANSITIONS, AppointmentStatus, Step
from appointments.models import AppointmentRequest
from appointments.permissions import visible_appointments
from appointments.scheduling.selectors import hours_at
from core.api_fields import Nothing
from core.api_views import ReadViewSet
from core.errors import DomainError, NotFoundError
from core.etags import check_if_match, etag_of

CHANGED = {200: shapes.AppointmentSerializer, 409: shapes.ConflictSerializer}


class BookingViewSet(ReadViewSet):
    """What appointments and holds share."""

    queryset = AppointmentRequest.unscoped.none()

    @property
    def engine(self) -> BookingEngine:
        return BookingEngine(by=self.request.user)

    @property
    def zone(self) -> Any:
        return self.request._request.tenant.zone_info

    @contextmanager
    def alternatives(self) -> Iterator[None]:
        """A time that cannot be had is refused together with the free ones nearest to it."""
        try:
            yield
        except TimeRefusedError as error:
            if isinstance(error, SlotTakenError):
                error.extra["conflicts"] = error.conflicts
            own = self.kwargs.get("pk")
            error.extra["alternative_slots"] = shapes.slots(
                near(self.request._request.tenant, error, except_id=int(own) if own else None)
            )
            raise


class AppointmentViewSet(BookingViewSet):
    """The appointments the caller may see, by start; each step of a visit is a command."""

    noun, nouns = "appointment", "appointments"
    http_method_names = ["get", "head", "post"]
    serializer_class = shapes.AppointmentSerializer
    filterset_class = AppointmentFilters
    body_serializers = {
        "create": shapes.BookSerializer,
        "cancel": shapes.CancelSerializer,
        "reschedule": shapes.RescheduleSerializer,
        **dict.fromkeys(["confirm", "check_in", "start", "complete", "no_show", "undo"], Nothing),
    }
    required_permissions = {
        "create": NEEDS[Step.BOOK],
        **{step.value: NEEDS.get(step, Permission.RUN_FLOW) for step in TRANSITIONS},
        "undo": Permission.RUN_FLOW,
        "*": Permission.SEE_TODAY,
    }

    def get_queryset(self) -> QuerySet[AppointmentRequest]:
        visible = visible_appointments(self.request.user)
        booked = visible.exclude(status=AppointmentStatus.HELD)
        return booked.order_by("scheduled_datetime", "pk")

    def rows(self, page: QuerySet) -> QuerySet:
        return shapes.appointment_rows(page) if self.action == "list" else page

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.seen(self._shown())

    @extend_schema(
        summary="Book an appointment",
        responses={201: shapes.PlacedAppointmentSerializer, 409: shapes.ConflictSerializer},
    )
    def create(self, request: Request) -> Response:
        """A time outside working hours is accepted, and said to be so."""
        wish = self.body()
        wish["start"] = wish.pop("scheduled_datetime")
        with self.alternatives():
            row = self.engine.book(**wish)
        return self._placed(row, status=201)

    @extend_schema(summary="Confirm", responses=CHANGED)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        return self._take(Step.CONFIRM)

    @extend_schema(summary="Check in", responses=CHANGED)
    @action(detail=True, methods=["post"], url_path="check_in")
    def check_in(self, request: Request, pk: str) -> Response:
        return self._take(Step.CHECK_IN)

    @extend_schema(summary="Start the visit", responses=CHANGED)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        return self._take(Step.START)

    @extend_schema(summary="Complete the visit", responses=CHANGED)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        return self._take(Step.COMPLETE)

    @extend_schema(summary="Mark as missed", responses=CHANGED)
    @action(detail=True, methods=["post"], url_path="no_show")
    def no_show(self, request: Request, pk: str) -> Response:
        return self._take(Step.NO_SHOW)

    @extend_schema(summary="Cancel", responses=CHANGED)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        return self._take(Step.CANCEL)

    @extend_schema(
        summary="Move",
        responses={200: shapes.PlacedAppointmentSerializer, 409: shapes.ConflictSerializer},
    )
    @action(detail=True, methods=["post"])
    def reschedule(self, request: Request, pk: str) -> Response:
        """Everything that is not given stays as it is."""
        wish = self.body()
        with _named(scheduled_datetime="start"), self.alternatives():
            row = self.engine.reschedule(int(pk), version=self._version(), **wish)
        return self._placed(row)

    @extend_schema(
        summary="Undo the last step",
        description="Within 10 minutes. Undoing a booking cancels it.",
        responses=CHANGED,
    )
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        self.body()
        with self.alternatives():
            self.engine.undo(int(pk), version=self._version())
        return self.written(self._shown())

    @extend_schema(
        summary="List an appointment's steps, newest first",
        responses=shapes.AppointmentEventSerializer(many=True),
        filters=False,
    )
    @action(
        detail=True,
        serializer_class=shapes.AppointmentEventSerializer,
        filterset_class=None,
        query_parameters=("page", "page_size"),
    )
    def history(self, request: Request, pk: str) -> Response:
        self.get_object()
        events = AppointmentRequest(pk=int(pk)).events.order_by("-pk")
        page = self.paginate_queryset(events)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def _take(self, step: Step) -> Response:
        self.engine.take(step, int(self.kwargs["pk"]), version=self._version(), **self.body())
        return self.written(self._shown())

    def _placed(self, row: AppointmentRequest, *, status: int = 200) -> Response:
        hours = hours_at(
            row.provider_id, row.scheduled_datetime, row.scheduled_end_datetime, self.zone
        )
        return self.written(
            self._shown(row.pk),
            status=status,
            outside_availability=hours.is_outside,
            conflicts=list(row.conflicts),
        )

    def _version(self) -> int | None:
        """The version that ``If-Match`` lets be changed; None for any."""
        tags = self.request.headers.get("If-Match")
        if tags is None:
            return None
        shown = self._shown()
        check_if_match(tags, etag_of(shown))
        return shown["version"]

    def _shown(self, key: int | None = None) -> dict[str, Any]:
        wanted = self.get_queryset().filter(pk=key or self.kwargs["pk"])
        row = shapes.appointment_rows(wanted).first()
        if row is None:
            raise NotFoundError("There is no such appointment.")
        return shapes.shown(row)


class HoldViewSet(BookingViewSet):
    """A hold keeps a time for 5 minutes, for the caller alone."""

    noun, nouns = "hold", "holds"
    http_method_names = ["post", "delete"]
    serializer_class = shapes.HoldSerializer
    body_serializers = {"create": shapes.HoldWriteSerializer}
    required_permissions = {"*": Permission.BOOK}

    @extend_schema(
        summary="Hold a time",
        responses={201: shapes.HoldSerializer, 409: shapes.ConflictSerializer},
    )
    def create(self, request: Request) -> Response:
        wish = self.body()
        wish["start"] = wish.pop("scheduled_datetime")
        with self.alternatives():
            row = self.engine.hold(**wish)
        return Response(self.represent(row), status=201)

    @extend_schema(summary="Release a hold", request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        self.engine.release_hold(int(pk))
        return Response(status=204)


@contextmanager
def _named(**names: str) -> Iterator[None]:
    """Refusals name a field as this route does, not as the engine does."""
    try:
        yield
    except DomainError as error:
        error.attr = names.get(error.attr or "", error.attr)
        raise
