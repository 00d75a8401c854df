"""Rooms and counters as JSON."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.models import ServicePoint
from core.api_fields import Flag, Key, StrictSerializer, Text

MOST_KEYS = 50
POINT = {
    "name": "Room 3",
    "site_id": 1,
    "provider_id": 7,
    "queue_ids": [2],
    "type_ids": [],
    "is_active": True,
}
SHOWN = {
    "id": 4,
    **POINT,
    "attendant_id": 12,
    "state": "open",
    "state_at": "2030-01-31T08:02:11+01:00",
    "version": 12,
}


@extend_schema_serializer(examples=[OpenApiExample("A room", value=SHOWN)])
class ServicePointSerializer(serializers.ModelSerializer):
    site_id = serializers.IntegerField(allow_null=True)
    provider_id = serializers.IntegerField(allow_null=True, help_text="Who serves there now.")
    attendant_id = serializers.IntegerField(
        allow_null=True, help_text="Who of the other staff serves there now."
    )
    queue_ids = serializers.SerializerMethodField()
    type_ids = serializers.SerializerMethodField(help_text="All where empty.")

    class Meta:
        model = ServicePoint
        fields = list(SHOWN)

    def get_queue_ids(self, point: ServicePoint) -> list[int]:
        return sorted(each.queue_id for each in point.servicepointqueue_set.all())

    def get_type_ids(self, point: ServicePoint) -> list[int]:
        return sorted(each.appointment_type_id for each in point.servicepointtype_set.all())


@extend_schema_serializer(examples=[OpenApiExample("A room", value=POINT, request_only=True)])
class ServicePointWriteSerializer(StrictSerializer):
    name = Text(max_length=60)
    queue_ids = serializers.ListField(child=Key(), min_length=1, max_length=MOST_KEYS)
    type_ids = serializers.ListField(
        child=Key(), required=False, max_length=MOST_KEYS, help_text="Everything where empty."
    )
    provider_id = Key(required=False, allow_null=True)
    site_id = Key(required=False, allow_null=True)
    is_active = Flag(required=False)
