"""Appointment types, availability and weekly rules as JSON."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.enums import Modality
from appointments.models import AppointmentTemplate, AvailabilityRule, SlotAvailability
from appointments.models.schedule import WEEKDAYS
from core.api_fields import Choice, ClockTime, Day, Flag, Key, StrictSerializer, Text, Whole

MAX_LISTED = 500
TYPE = {
    "name": "Ultrasound",
    "description": "",
    "duration_minutes": 45,
    "buffer_before_minutes": 5,
    "buffer_after_minutes": 10,
    "colour": "#0b6e69",
    "specialty": "Radiology",
    "modality": "on_site",
    "resource_kind": "Ultrasound room",
    "min_lead_minutes": 60,
    "max_lead_days": 365,
    "is_bookable_online": True,
    "is_active": True,
    "provider_ids": [7],
    "site_ids": [],
}
WINDOW = {
    "provider_id": 7,
    "site_id": 1,
    "date": "2030-01-31",
    "start_time": "08:00:00",
    "end_time": "12:00:00",
    "duration_minutes": 15,
    "is_active": True,
    "is_blocked": False,
}
RULE = {
    "provider_id": 7,
    "site_id": 1,
    "weekday": 3,
    "start_time": "08:00:00",
    "end_time": "12:00:00",
    "slot_minutes": 15,
    "valid_from": None,
    "valid_until": None,
}


def _keys(help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=Key(), required=False, max_length=MAX_LISTED, help_text=help_text
    )


@extend_schema_serializer(examples=[OpenApiExample("A type", value=TYPE)])
class AppointmentTypeWriteSerializer(StrictSerializer):
    name = Text(max_length=100)
    description = Text(max_length=300, required=False, allow_blank=True)
    duration_minutes = Whole(min_value=5, max_value=720, required=False)
    buffer_before_minutes = Whole(min_value=0, max_value=120, required=False)
    buffer_after_minutes = Whole(min_value=0, max_value=120, required=False)
    colour = Text(max_length=7, required=False, help_text="Such as #0b6e69.")
    specialty = Text(max_length=60, required=False, allow_blank=True)
    modality = Choice(choices=Modality.choices, required=False, help_text="How it takes place.")
    resource_kind = Text(
        max_length=60,
        required=False,
        allow_blank=True,
        help_text="The kind of room or equipment it takes, if any.",
    )
    min_lead_minutes = Whole(min_value=0, max_value=525_600, required=False)
    max_lead_days = Whole(min_value=1, max_value=730, required=False)
    is_bookable_online = Flag(required=False)
    is_active = Flag(required=False)
    provider_ids = _keys("Who offers it; empty for everyone.")
    site_ids = _keys("Where it is offered; empty for everywhere.")

    def validate_colour(self, value: str) -> str:
        field = AppointmentTemplate._meta.get_field("colour")
        field.run_validators(value)
        return value


@extend_schema_serializer(
    examples=[OpenApiExample("A change", value={"duration_minutes": 40, "site_ids": [1]})]
)
class AppointmentTypePatchSerializer(AppointmentTypeWriteSerializer):
    pass


@extend_schema_serializer(examples=[OpenApiExample("A type", value={"id": 3, **TYPE})])
class AppointmentTypeSerializer(serializers.ModelSerializer):
    provider_ids = serializers.SerializerMethodField()
    site_ids = serializers.SerializerMethodField()

    class Meta:
        model = AppointmentTemplate
        fields = ["id", *TYPE]

    def get_provider_ids(self, kind: AppointmentTemplate) -> list[int]:
        return sorted(row.provider_id for row in kind.templateprovider_set.all())

    def get_site_ids(self, kind: AppointmentTemplate) -> list[int]:
        return sorted(row.site_id for row in kind.templatesite_set.all())


@extend_schema_serializer(examples=[OpenApiExample("A window", value=WINDOW)])
class AvailabilityWriteSerializer(StrictSerializer):
    provider_id = Key()
    site_id = Key()
    date = Day()
    start_time = ClockTime(help_text="On the tenant's wall clock.")
    end_time = ClockTime(help_text="On the tenant's wall clock, later than the start.")
    duration_minutes = Whole(
        min_value=5, max_value=720, required=False, help_text="The grid on which slots start."
    )
    is_active = Flag(required=False)
    is_blocked = Flag(required=False, help_text="Closed, for everyone.")


@extend_schema_serializer(examples=[OpenApiExample("A change", value={"is_blocked": True})])
class AvailabilityPatchSerializer(AvailabilityWriteSerializer):
    pass


@extend_schema_serializer(
    examples=[OpenApiExample("A window", value={"id": 88, "rule_id": 5, **WINDOW})]
)
class AvailabilitySerializer(serializers.ModelSerializer):
    provider_id = serializers.IntegerField()
    site_id = serializers.IntegerField()
    rule_id = serializers.IntegerField(
        allow_null=True, help_text="The weekly rule that made it; null if made by hand."
    )

    class Meta:
        model = SlotAvailability
        fields = ["id", "rule_id", *WINDOW]


@extend_schema_serializer(examples=[OpenApiExample("A rule", value=RULE)])
class AvailabilityRuleWriteSerializer(StrictSerializer):
    provider_id = Key()
    site_id = Key()
    weekday = Whole(min_value=0, max_value=6, help_text="Monday is 0.")
    start_time = ClockTime()
    end_time = ClockTime()
    slot_minutes = Whole(min_value=5, max_value=720, required=False)
    valid_from = Day(required=False, allow_null=True)
    valid_until = Day(required=False, allow_null=True, help_text="Last day, included.")


@extend_schema_serializer(examples=[OpenApiExample("A change", value={"end_time": "13:00"})])
class AvailabilityRulePatchSerializer(AvailabilityRuleWriteSerializer):
    pass


@extend_schema_serializer(examples=[OpenApiExample("A rule", value={"id": 5, **RULE})])
class AvailabilityRuleSerializer(serializers.ModelSerializer):
    provider_id = serializers.IntegerField()
    site_id = serializers.IntegerField()
    weekday = serializers.IntegerField(
        min_value=0, max_value=6, help_text=", ".join(f"{key} {name}" for key, name in WEEKDAYS)
    )

    class Meta:
        model = AvailabilityRule
        fields = ["id", *RULE]
