"""Series of appointments as JSON."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.api.fields import DiagnosisCodes
from appointments.api.serializers.appointments import (
    APPOINTMENT,
    AppointmentSerializer,
    PlaceSerializer,
)
from appointments.api.serializers.conflicts import FreeSlotSerializer
from appointments.enums import Priority
from appointments.scheduling.recurrence import MAX_LENGTH, MAX_VISITS
from core.api_fields import Choice, Day, Instant, Key, StrictSerializer, Text

RULE = "FREQ=WEEKLY;COUNT=6"
RULE_HELP = (
    "RFC 5545: FREQ of DAILY, WEEKLY or MONTHLY with INTERVAL, BYDAY, WKST and either COUNT or "
    "UNTIL; 2 to 52 visits, on the tenant's wall clock."
)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Six weeks",
            value={
                "patient_id": 12,
                "provider_id": 7,
                "appointment_type_id": 3,
                "scheduled_datetime": "2030-01-31T14:30:00+01:00",
                "rrule": RULE,
            },
        )
    ]
)
class BookSeriesSerializer(PlaceSerializer):
    rrule = Text(max_length=MAX_LENGTH, help_text=RULE_HELP)
    except_dates = serializers.ListField(
        child=Day(),
        required=False,
        max_length=MAX_VISITS,
        help_text="Days of the rule without a visit, such as those that a search found missing.",
    )
    patient_id = Key()
    priority = Choice(choices=Priority.choices, required=False)
    reason = Text(max_length=500, lines=True, required=False, allow_blank=True)
    diagnosis_codes = DiagnosisCodes(required=False)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A series",
            value={"id": 5, "rrule": RULE, "appointments": [{**APPOINTMENT, "series_id": 5}]},
        )
    ]
)
class SeriesSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    rrule = serializers.CharField()
    appointments = AppointmentSerializer(many=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "The rest", value={"from": "2030-02-14T00:00:00+01:00", "reason": "Patient is well"}
        )
    ]
)
class CancelFollowingSerializer(StrictSerializer):
    reason = Text(max_length=500, lines=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        start = Instant(source="start", help_text="Visits that start then or later.")
        return {"from": start, **super().get_fields()}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Refused",
            status_codes=["409"],
            value={
                "type": "client_error",
                "errors": [
                    {
                        "code": "series_refused",
                        "detail": "1 of 6 visits cannot take place, so none was booked.",
                        "attr": "rrule",
                    }
                ],
                "occurrences": [
                    {
                        "start": "2030-02-07T14:30:00+01:00",
                        "end": "2030-02-07T15:00:00+01:00",
                        "code": "slot_taken",
                        "detail": "This time is already taken.",
                        "conflicts": [40],
                        "alternative_slots": [
                            {
                                "start": "2030-02-07T15:00:00+01:00",
                                "end": "2030-02-07T15:30:00+01:00",
                            }
                        ],
                    }
                ],
            },
        )
    ]
)
class SeriesRefusedSerializer(serializers.Serializer):
    """409 of a series: every visit that cannot take place."""

    class Occurrence(serializers.Serializer):
        start = Instant()
        end = Instant()
        code = serializers.CharField()
        detail = serializers.CharField()
        conflicts = serializers.ListField(child=serializers.IntegerField())
        alternative_slots = FreeSlotSerializer(many=True)

        class Meta:
            ref_name = "RefusedOccurrence"

    class Problem(serializers.Serializer):
        code = serializers.CharField()
        detail = serializers.CharField()
        attr = serializers.CharField(allow_null=True)

        class Meta:
            ref_name = "SeriesProblem"

    type = serializers.CharField()
    errors = Problem(many=True)
    occurrences = Occurrence(many=True, required=False, help_text="With series_refused.")
