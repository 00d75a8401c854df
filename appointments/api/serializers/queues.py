"""Queues and their entries as JSON."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.models import QueueEntry, WaitingQueue

QUEUE = {
    "id": 2,
    "name": "Walk-in",
    "site_id": 1,
    "prefix": "A",
    "max_queue_size": 50,
    "is_accepting_patients": True,
    "is_active": True,
    "current_size": 4,
    "version": 18,
}
ENTRY = {
    "id": 31,
    "queue_id": 2,
    "patient_id": 12,
    "patient_name": "Maria Lindqvist",
    "appointment_id": None,
    "ticket": "A017",
    "queue_position": 3,
    "priority_score": 25.0,
    "estimated_service_time": 20,
    "notes": "",
    "status": "WAITING",
    "joined_at": "2030-01-31T14:22:10+01:00",
    "called_at": None,
    "started_at": None,
    "completed_at": None,
    "version": 1,
}


@extend_schema_serializer(examples=[OpenApiExample("A queue", value=QUEUE)])
class QueueSerializer(serializers.ModelSerializer):
    site_id = serializers.IntegerField(allow_null=True)
    current_size = serializers.IntegerField(help_text="How many wait.")

    class Meta:
        model = WaitingQueue
        fields = list(QUEUE)


@extend_schema_serializer(examples=[OpenApiExample("An entry", value=ENTRY)])
class QueueEntrySerializer(serializers.ModelSerializer):
    queue_id = serializers.IntegerField()
    patient_id = serializers.IntegerField()
    patient_name = serializers.CharField(source="patient.get_full_name")
    appointment_id = serializers.IntegerField(allow_null=True)
    queue_position = serializers.IntegerField(help_text="1 is next; 0 when not in the line.")

    class Meta:
        model = QueueEntry
        fields = list(ENTRY)
