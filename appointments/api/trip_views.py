"""``trips/``: several visits of one patient, booked together."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from appointments.api.booking_views import BookingViewSet
from appointments.api.serializers import appointments, trips
from appointments.booking.group_engine import GroupBookingEngine
from appointments.models import AppointmentRequest


class TripViewSet(BookingViewSet):
    """A trip is booked as a whole; its visits are appointments like others."""

    noun, nouns = "trip", "trips"
    http_method_names = ["post"]
    serializer_class = trips.TripBookedSerializer
    body_serializers = {"create": trips.BookTripSerializer}
    required_permissions = {"*": Permission.BOOK}

    @extend_schema(
        summary="Book a trip",
        description=(
            "Two or three visits that follow one another, or none: a refusal names the first that "
            "cannot take place, as ``visits.1.scheduled_datetime``."
        ),
        request=trips.BookTripSerializer,
        responses={201: trips.TripBookedSerializer, 409: appointments.ConflictSerializer},
    )
    def create(self, request: Request) -> Response:
        wish = self.body()
        for visit in wish["visits"]:
            visit["start"] = visit.pop("scheduled_datetime")
        with self.alternatives():
            rows = GroupBookingEngine(by=request.user).book_trip(**wish)
        booked = AppointmentRequest.objects.filter(pk__in=[row.pk for row in rows])
        shown = appointments.appointment_rows(booked.order_by("scheduled_datetime", "pk"))
        return Response({"appointments": [appointments.shown(row) for row in shown]}, status=201)
