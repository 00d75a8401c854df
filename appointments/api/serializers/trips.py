"""Several visits booked in one trip, as JSON."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.api.fields import DiagnosisCodes
from appointments.api.serializers.appointments import (
    APPOINTMENT,
    AppointmentSerializer,
    PlaceSerializer,
)
from appointments.booking.trip import FEWEST, MOST
from appointments.enums import Priority
from core.api_fields import Choice, Key, StrictSerializer, Text

SECOND = {
    "id": 42,
    "appointment_type_id": 4,
    "appointment_type_name": "Blood test",
    "scheduled_datetime": "2030-01-31T15:00:00+01:00",
    "scheduled_end_datetime": "2030-01-31T15:10:00+01:00",
}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Two visits",
            value={
                "patient_id": 12,
                "visits": [
                    {
                        "provider_id": 7,
                        "appointment_type_id": 3,
                        "scheduled_datetime": "2030-01-31T14:30:00+01:00",
                    },
                    {
                        "provider_id": 7,
                        "appointment_type_id": 4,
                        "scheduled_datetime": "2030-01-31T15:00:00+01:00",
                    },
                ],
                "reason": "Check-up",
            },
        )
    ]
)
class BookTripSerializer(StrictSerializer):
    patient_id = Key()
    visits = PlaceSerializer(many=True, min_length=FEWEST, max_length=MOST)
    priority = Choice(choices=Priority.choices, required=False)
    reason = Text(max_length=500, lines=True, required=False, allow_blank=True)
    diagnosis_codes = DiagnosisCodes(required=False)


@extend_schema_serializer(
    examples=[
        OpenApiExample("Booked", value={"appointments": [APPOINTMENT, {**APPOINTMENT, **SECOND}]})
    ]
)
class TripBookedSerializer(serializers.Serializer):
    appointments = AppointmentSerializer(many=True, help_text="By start.")
