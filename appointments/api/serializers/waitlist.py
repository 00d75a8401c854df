"""The waitlist and its warnings as JSON."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.api.fields import DiagnosisCodes
from appointments.booking.requests import MAX_MINUTES, MIN_MINUTES
from appointments.enums import Priority
from appointments.models import WaitingList
from core.api_fields import Choice, ClockTime, Day, Instant, Key, StrictSerializer, Text, Whole

WISHES = {
    "patient_id": 12,
    "appointment_type_id": 3,
    "preferred_provider_id": None,
    "preferred_date": None,
    "preferred_time": "09:00:00",
    "desired_date_range_start": "2030-02-01",
    "desired_date_range_end": "2030-02-28",
    "priority": "routine",
    "diagnosis_codes": ["E11.9"],
    "notes": "",
}
WISH = {
    "id": 9,
    "patient_name": "Maria Lindqvist",
    "status": "ACTIVE",
    "scheduled_appointment_id": None,
    "created_at": "2030-01-15T09:30:00+01:00",
    "version": 1,
    **WISHES,
}
WARNING = {
    "waitlist_entry_id": 9,
    "appointment_id": None,
    "patient_id": 12,
    "patient_name": "Maria Lindqvist",
    "appointment_type_id": 3,
    "appointment_type_name": "Consultation",
    "provider_id": None,
    "asked_at": "2030-01-15T09:30:00+01:00",
    "scheduled_datetime": None,
    "due_on": "2030-01-22",
    "days_left": 2,
    "rule": "New heart attack",
}
ANY = "Null for any."


@extend_schema_serializer(examples=[OpenApiExample("A wish", value=WISHES)])
class WaitlistWriteSerializer(StrictSerializer):
    patient_id = Key()
    appointment_type_id = Key()
    preferred_provider_id = Key(required=False, allow_null=True, help_text=ANY)
    preferred_date = Day(required=False, allow_null=True, help_text=ANY)
    preferred_time = ClockTime(
        required=False, allow_null=True, help_text="On the tenant's wall clock; null for any."
    )
    desired_date_range_start = Day(required=False, allow_null=True, help_text="First day.")
    desired_date_range_end = Day(required=False, allow_null=True, help_text="Last day, included.")
    priority = Choice(choices=Priority.choices, required=False)
    diagnosis_codes = DiagnosisCodes(required=False)
    notes = Text(max_length=500, lines=True, required=False, allow_blank=True)


@extend_schema_serializer(
    examples=[OpenApiExample("A change", value={"priority": "urgent", "preferred_time": None})]
)
class WaitlistPatchSerializer(WaitlistWriteSerializer):
    patient_id = None


@extend_schema_serializer(examples=[OpenApiExample("A wish", value=WISH)])
class WaitlistSerializer(serializers.ModelSerializer):
    patient_id = serializers.IntegerField()
    patient_name = serializers.CharField(source="patient.get_full_name")
    appointment_type_id = serializers.IntegerField()
    preferred_provider_id = serializers.IntegerField(allow_null=True)
    scheduled_appointment_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = WaitingList
        fields = list(WISH)


@extend_schema_serializer(
    examples=[OpenApiExample("Added", value={**WISH, "already_waiting": [4]})]
)
class AddedWishSerializer(WaitlistSerializer):
    already_waiting = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Ids of other entries of this patient that wait for the same type.",
    )

    class Meta(WaitlistSerializer.Meta):
        fields = [*WISH, "already_waiting"]


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A time",
            value={"provider_id": 7, "scheduled_datetime": "2030-01-31T14:30:00+01:00"},
        )
    ]
)
class WaitlistBookSerializer(StrictSerializer):
    provider_id = Key()
    scheduled_datetime = Instant()
    duration_minutes = Whole(
        min_value=MIN_MINUTES,
        max_value=MAX_MINUTES,
        required=False,
        help_text="The type's where left out.",
    )
    site_id = Key(required=False, allow_null=True)
    reason = Text(max_length=500, lines=True, required=False, allow_blank=True)
    override_reason = Text(max_length=500, lines=True, required=False, allow_blank=True)


class WaitWarningSerializer(serializers.Serializer):
    waitlist_entry_id = serializers.IntegerField(
        source="entry_id", allow_null=True, help_text="Null where a visit comes too late."
    )
    appointment_id = serializers.IntegerField(
        source="visit_id", allow_null=True, help_text="The visit that comes too late."
    )
    patient_id = serializers.IntegerField()
    patient_name = serializers.CharField()
    appointment_type_id = serializers.IntegerField(source="type_id")
    appointment_type_name = serializers.CharField(source="type_name")
    provider_id = serializers.IntegerField(allow_null=True)
    asked_at = Instant()
    scheduled_datetime = Instant(source="starts_at", allow_null=True)
    due_on = serializers.DateField(help_text="The last day on which the wait is not too long.")
    days_left = serializers.IntegerField(help_text="Until then; negative once it has passed.")
    rule = serializers.CharField(source="rule_name", help_text="The strictest rule that matches.")


@extend_schema_serializer(
    examples=[OpenApiExample("Warnings", value={"count": 1, "overdue": 0, "results": [WARNING]})]
)
class WaitWarningsSerializer(serializers.Serializer):
    count = serializers.IntegerField(source="total")
    overdue = serializers.IntegerField(help_text="How many of all are too late already.")
    results = WaitWarningSerializer(many=True, source="rows")
