"""``series/``: visits that are booked together by one rule."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from appointments.api.booking_views import BookingViewSet
from appointments.api.serializers import appointments, series
from appointments.booking.alternatives import near
from appointments.booking.errors import SeriesRefusedError, TimeRefusedError
from appointments.booking.group_engine import GroupBookingEngine
from appointments.models import AppointmentRequest, AppointmentSeries
from core.api_fields import iso


class SeriesViewSet(BookingViewSet):
    """A series is booked as a whole; its visits are appointments like others."""

    noun, nouns = "series", "series"
    http_method_names = ["post"]
    serializer_class = series.SeriesSerializer
    body_serializers = {
        "create": series.BookSeriesSerializer,
        "cancel_following": series.CancelFollowingSerializer,
    }
    required_permissions = {"*": Permission.BOOK}

    @extend_schema(
        summary="Book a series",
        description="All visits of the rule, or none: a refusal lists each that cannot take place.",
        request=series.BookSeriesSerializer,
        responses={201: series.SeriesSerializer, 409: series.SeriesRefusedSerializer},
    )
    def create(self, request: Request) -> Response:
        wish = self.body()
        wish["start"] = wish.pop("scheduled_datetime")
        try:
            rows = GroupBookingEngine(by=request.user).book_series(**wish)
        except SeriesRefusedError as error:
            error.extra["occurrences"] = [self._refused(each, error) for each in error.refusals]
            raise
        return Response(self._shown_series(rows), status=201)

    @extend_schema(
        summary="Cancel a visit of a series and all that follow",
        request=series.CancelFollowingSerializer,
        responses={200: series.SeriesSerializer, 409: series.SeriesRefusedSerializer},
    )
    @action(detail=True, methods=["post"], url_path="cancel_following")
    def cancel_following(self, request: Request, pk: str) -> Response:
        """The answer holds the visits that were cancelled."""
        rows = GroupBookingEngine(by=request.user).cancel_following(int(pk), **self.body())
        return Response(self._shown_series(rows))

    def _shown_series(self, rows: list[AppointmentRequest]) -> dict[str, Any]:
        found = AppointmentSeries.objects.get(pk=rows[0].series_id)
        booked = AppointmentRequest.objects.filter(pk__in=[row.pk for row in rows])
        shown = appointments.appointment_rows(booked.order_by("scheduled_datetime", "pk"))
        return {
            "id": found.pk,
            "rrule": found.rule,
            "appointments": [appointments.shown(row) for row in shown],
        }

    def _refused(self, refusal: TimeRefusedError, error: SeriesRefusedError) -> dict[str, Any]:
        visit = refusal.visit
        slots = near(self.request._request.tenant, refusal, taken=tuple(error.taken))
        return {
            "start": iso(visit.start),
            "end": iso(visit.end),
            "code": refusal.code,
            "detail": str(refusal),
            "conflicts": list(getattr(refusal, "conflicts", [])),
            "alternative_slots": appointments.slots(slots),
        }
