"""``waitlist/``: parse, ask the waitlist engine, show."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from appointments.api.filters import WaitlistFilters
from appointments.api.serializers import appointments as visit_shapes
from appointments.api.serializers import waitlist as shapes
from appointments.booking.alternatives import near
from appointments.booking.errors import SlotTakenError, TimeRefusedError
from appointments.models import AppointmentRequest, WaitingList
from appointments.scheduling.selectors import hours_at
from appointments.waitlist.selectors import also_waiting
from appointments.waitlist.waitlist_engine import WaitlistEngine
from core.api_fields import Nothing
from core.api_views import RecordViewSet

EDITS = ("create", "partial_update", "destroy", "book", "put_back")


@extend_schema_view(
    partial_update=extend_schema(request=shapes.WaitlistPatchSerializer),
    destroy=extend_schema(
        summary="Withdraw", description="The entry stays, with the status CANCELLED."
    ),
)
class WaitlistViewSet(RecordViewSet):
    """Patients who would come sooner, longest waiting first."""

    noun, nouns = "waitlist entry", "waitlist entries"
    queryset = WaitingList.unscoped.none()
    serializer_class = shapes.WaitlistSerializer
    filterset_class = WaitlistFilters
    required_permissions = {
        **dict.fromkeys(EDITS, Permission.EDIT_WAITLIST),
        "*": Permission.SEE_WAITLIST,
    }
    body_serializers = {
        "create": shapes.WaitlistWriteSerializer,
        "partial_update": shapes.WaitlistPatchSerializer,
        "book": shapes.WaitlistBookSerializer,
        "put_back": Nothing,
    }

    @property
    def engine(self) -> WaitlistEngine:
        return WaitlistEngine(self.request._request.tenant, by=self.request.user)

    def get_queryset(self) -> QuerySet[WaitingList]:
        return WaitingList.objects.select_related("patient").order_by("created_at", "pk")

    @extend_schema(
        request=shapes.WaitlistWriteSerializer, responses={201: shapes.AddedWishSerializer}
    )
    def create(self, request: Request) -> Response:
        """A second entry for the same patient and type is accepted, and said to be one."""
        entry = self.engine.add(**self.body())
        others = also_waiting(entry.patient_id, entry.appointment_type_id, except_id=entry.pk)
        return self.written(
            self._fresh(entry.pk), status=201, already_waiting=[other.pk for other in others]
        )

    def change_record(self, record: WaitingList, values: dict[str, Any]) -> None:
        self.engine.change(record.pk, **values)

    def delete_record(self, record: WaitingList) -> None:
        self.engine.withdraw(record.pk)

    @extend_schema(
        summary="Book a visit for a waiting patient",
        description="The visit has `is_waitlist_conversion`; the entry becomes SCHEDULED.",
        request=shapes.WaitlistBookSerializer,
        responses={
            201: visit_shapes.PlacedAppointmentSerializer,
            409: visit_shapes.ConflictSerializer,
        },
    )
    @action(detail=True, methods=["post"])
    def book(self, request: Request, pk: str) -> Response:
        """Once only: whoever comes second gets 409 ``not_waiting``."""
        wish = self.body()
        wish["start"] = wish.pop("scheduled_datetime")
        self._matched(request)
        try:
            visit = self.engine.book_from(int(pk), **wish)
        except TimeRefusedError as error:
            if isinstance(error, SlotTakenError):
                error.extra["conflicts"] = error.conflicts
            free = near(request._request.tenant, error)
            error.extra["alternative_slots"] = visit_shapes.slots(free)
            raise
        return Response(self._booked(visit), status=201)

    @extend_schema(
        summary="Put back",
        description="A wait that ended without a visit goes on, since when it began.",
        request=Nothing,
        responses=shapes.WaitlistSerializer,
    )
    @action(detail=True, methods=["post"], url_path="put_back")
    def put_back(self, request: Request, pk: str) -> Response:
        self.body()
        entry = self.engine.put_back(self._matched(request).pk)
        return self.written(self._fresh(entry.pk))

    def _booked(self, visit: AppointmentRequest) -> dict[str, Any]:
        zone = self.request._request.tenant.zone_info
        hours = hours_at(
            visit.provider_id, visit.scheduled_datetime, visit.scheduled_end_datetime, zone
        )
        row = visit_shapes.appointment_rows(AppointmentRequest.objects.filter(pk=visit.pk)).get()
        return {
            **visit_shapes.shown(row),
            "outside_availability": hours.is_outside,
            "conflicts": list(visit.conflicts),
        }
