"""Resources and time off as JSON."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.enums import TimeOffKind
from appointments.models import Resource, TimeOff
from core.api_fields import Choice, Flag, Instant, Key, StrictSerializer, Text

RESOURCE = {"name": "Ultrasound 1", "kind": "Ultrasound room", "site_id": 1, "is_active": True}
TIME_OFF = {
    "provider_id": 7,
    "site_id": None,
    "resource_id": None,
    "starts_at": "2030-02-04T00:00:00+01:00",
    "ends_at": "2030-02-09T00:00:00+01:00",
    "kind": "leave",
    "note": "",
}
ONE_OF = "Exactly one of provider_id, site_id and resource_id."


@extend_schema_serializer(examples=[OpenApiExample("A room", value=RESOURCE)])
class ResourceWriteSerializer(StrictSerializer):
    name = Text(max_length=100)
    kind = Text(max_length=60, help_text="Those of one kind at one site are interchangeable.")
    site_id = Key()
    is_active = Flag(required=False)


@extend_schema_serializer(examples=[OpenApiExample("A change", value={"is_active": False})])
class ResourcePatchSerializer(ResourceWriteSerializer):
    pass


@extend_schema_serializer(examples=[OpenApiExample("A room", value={"id": 4, **RESOURCE})])
class ResourceSerializer(serializers.ModelSerializer):
    site_id = serializers.IntegerField()

    class Meta:
        model = Resource
        fields = ["id", *RESOURCE]


@extend_schema_serializer(examples=[OpenApiExample("Leave", value=TIME_OFF)])
class TimeOffWriteSerializer(StrictSerializer):
    provider_id = Key(required=False, allow_null=True, help_text=ONE_OF)
    site_id = Key(required=False, allow_null=True, help_text=ONE_OF)
    resource_id = Key(required=False, allow_null=True, help_text=ONE_OF)
    starts_at = Instant()
    ends_at = Instant(help_text="Later than the start; not included.")
    kind = Choice(choices=TimeOffKind.choices, required=False)
    note = Text(max_length=200, required=False, allow_blank=True)


@extend_schema_serializer(
    examples=[OpenApiExample("A change", value={"ends_at": "2030-02-10T00:00:00+01:00"})]
)
class TimeOffPatchSerializer(TimeOffWriteSerializer):
    pass


@extend_schema_serializer(examples=[OpenApiExample("Leave", value={"id": 9, **TIME_OFF})])
class TimeOffSerializer(serializers.ModelSerializer):
    provider_id = serializers.IntegerField(allow_null=True)
    site_id = serializers.IntegerField(allow_null=True)
    resource_id = serializers.IntegerField(allow_null=True)
    starts_at = Instant()
    ends_at = Instant()

    class Meta:
        model = TimeOff
        fields = ["id", *TIME_OFF]


@extend_schema_serializer(
    examples=[OpenApiExample("Leave", value={"id": 9, **TIME_OFF, "conflicts": [41]})]
)
class SavedTimeOffSerializer(TimeOffSerializer):
    conflicts = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Ids of visits to come that fall into it; they stay booked until moved.",
    )

    class Meta(TimeOffSerializer.Meta):
        fields = [*TimeOffSerializer.Meta.fields, "conflicts"]
