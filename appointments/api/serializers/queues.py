"""Queues and their entries as JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from appointments.enums import Priority, QueueEntryStatus, QueueStep
from appointments.models import QueueEntry, WaitingQueue
from appointments.queue.discipline import Band, bands
from appointments.queue.queue_engine import SCORES
from appointments.queue.selectors import PRIORITY_WORDS
from core.api_fields import (
    Choice,
    ClockTime,
    Flag,
    Instant,
    Key,
    Number,
    StrictSerializer,
    Text,
    Whole,
)
from core.lookups import MAX_KEY

RANGE = {"p10": 6, "p50": 11, "p90": 19}
QUEUE = {
    "id": 2,
    "name": "Walk-in",
    "site_id": 1,
    "prefix": "A",
    "specialty": "",
    "max_queue_size": 50,
    "is_accepting_patients": True,
    "accepts_walk_ins": True,
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
    "appointment_type_id": None,
    "wanted_provider_id": None,
    "wanted_specialty": "",
    "is_flexible": False,
    "ticket": "A-017",
    "queue_position": 3,
    "priority": "routine",
    "priority_score": 25.0,
    "estimated_service_time": 20,
    "notes": "",
    "status": "WAITING",
    "service_point": None,
    "served_by_id": None,
    "transferred_from_id": None,
    "arrived_at": "2030-01-31T14:22:10+01:00",
    "joined_at": "2030-01-31T14:22:10+01:00",
    "called_at": None,
    "started_at": None,
    "completed_at": None,
    "version": 1,
}
SHOWN_ENTRY = ENTRY | {"estimated_wait_minutes": RANGE}
STATUS = {
    "queue_id": 2,
    "queue_name": "Walk-in",
    "version": 812,
    "current_size": 1,
    "max_size": 50,
    "average_wait_minutes": 12.5,
    "load_factor": 1.0,
    "load_level": "green",
    "is_accepting": True,
    "entries": [
        {
            "entry_id": 31,
            "ticket": "A-017",
            "position": 1,
            "status": "WAITING",
            "priority": "routine",
            "estimated_wait_minutes": RANGE,
            "waiting_since": "2030-01-31T13:22:10+00:00",
        }
    ],
    "now_serving": [
        {
            "entry_id": 30,
            "ticket": "A-016",
            "service_point": "Room 3",
            "status": "CALLED",
            "called_at": "2030-01-31T13:40:02+00:00",
            "started_at": None,
        }
    ],
    "recent_calls": [
        {
            "call_id": 977,
            "queue_id": 2,
            "entry_id": 30,
            "ticket": "A-016",
            "service_point": "Room 3",
            "called_at": "2030-01-31T13:40:02+00:00",
            "is_recall": False,
        }
    ],
    "timestamp": "2030-01-31T13:41:00+00:00",
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
    appointment_type_id = serializers.IntegerField(allow_null=True)
    wanted_provider_id = serializers.IntegerField(allow_null=True)
    queue_position = serializers.IntegerField(help_text="1 is next; 0 when not in the line.")
    priority = serializers.SerializerMethodField(help_text="The class of priority_score.")
    service_point = serializers.SerializerMethodField(help_text="Its name.")
    transferred_from_id = serializers.IntegerField(
        allow_null=True, help_text="The entry from which the patient was sent on to here."
    )
    served_by_id = serializers.IntegerField(
        allow_null=True, help_text="The provider who saw the patient."
    )

    class Meta:
        model = QueueEntry
        fields = list(ENTRY)

    @extend_schema_field(serializers.ChoiceField(choices=Priority.choices))
    def get_priority(self, entry: QueueEntry) -> str:
        return PRIORITY_WORDS[Band(int(bands(entry.priority_score)))]

    def get_service_point(self, entry: QueueEntry) -> str | None:
        return entry.service_point.name if entry.service_point else None


class WaitRangeSerializer(serializers.Serializer):
    """Whole minutes; null while no service point that may serve the patient is open."""

    p10 = serializers.IntegerField(allow_null=True, help_text="Nine in ten wait longer.")
    p50 = serializers.IntegerField(allow_null=True, help_text="Half wait longer.")
    p90 = serializers.IntegerField(allow_null=True, help_text="One in ten waits longer.")


@extend_schema_serializer(examples=[OpenApiExample("An entry", value=SHOWN_ENTRY)])
class ShownQueueEntrySerializer(QueueEntrySerializer):
    """One entry, with the wait that is ahead of it."""

    estimated_wait_minutes = WaitRangeSerializer(allow_null=True)

    class Meta(QueueEntrySerializer.Meta):
        fields = list(SHOWN_ENTRY)


class LineEntrySerializer(serializers.Serializer):
    entry_id = serializers.IntegerField()
    ticket = serializers.CharField()
    position = serializers.IntegerField(help_text="1 is next.")
    status = serializers.ChoiceField(choices=QueueEntryStatus.choices)
    priority = serializers.ChoiceField(choices=Priority.choices)
    estimated_wait_minutes = WaitRangeSerializer()
    waiting_since = serializers.DateTimeField()


class ServingSerializer(serializers.Serializer):
    entry_id = serializers.IntegerField()
    ticket = serializers.CharField()
    service_point = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=QueueEntryStatus.choices)
    called_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)


class CallSerializer(serializers.Serializer):
    """A call; ``call_id`` is its own, so that each is announced once."""

    call_id = serializers.IntegerField()
    queue_id = serializers.IntegerField()
    entry_id = serializers.IntegerField()
    ticket = serializers.CharField()
    service_point = serializers.CharField(allow_null=True)
    called_at = serializers.DateTimeField()
    is_recall = serializers.BooleanField()


@extend_schema_serializer(examples=[OpenApiExample("A status", value=STATUS)])
class QueueStatusSerializer(serializers.Serializer):
    """What the queue's screens show: no names, no patients' ids."""

    queue_id = serializers.IntegerField()
    queue_name = serializers.CharField()
    version = serializers.IntegerField(help_text="Grows with every change.")
    current_size = serializers.IntegerField(help_text="How many wait.")
    max_size = serializers.IntegerField()
    average_wait_minutes = serializers.FloatField(
        allow_null=True, help_text="Of those called in the last hour; null if nobody was."
    )
    load_factor = serializers.FloatField(help_text="1.0, 1.2, 1.5 or 2.0.")
    load_level = serializers.ChoiceField(choices=["green", "yellow", "red"])
    is_accepting = serializers.BooleanField()
    entries = LineEntrySerializer(many=True, help_text="In serving order.")
    now_serving = ServingSerializer(many=True, help_text="Called or in progress, newest first.")
    recent_calls = CallSerializer(many=True, help_text="Of the last 10 minutes, oldest first.")
    timestamp = serializers.DateTimeField()


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class PointField(serializers.Field):
    """A service point by its id or its name."""

    default_error_messages = {"invalid": "Give a service point's id or name."}

    def to_internal_value(self, data: Any) -> int | str:
        is_key = type(data) is int and 0 < data <= MAX_KEY
        is_name = isinstance(data, str) and 0 < len(data) <= 60 and data.isprintable()
        if not (is_key or is_name):
            self.fail("invalid")
        return data


ADD = {"patient_id": 12, "priority": "priority", "notes": "Wheelchair"}


@extend_schema_serializer(examples=[OpenApiExample("A walk-in", value=ADD, request_only=True)])
class AddPatientSerializer(StrictSerializer):
    patient_id = Key()
    appointment_id = Key(
        required=False, allow_null=True, help_text="Their visit; it is checked in."
    )
    priority = Choice(choices=Priority.choices, required=False)
    priority_score = Number(
        required=False, min_value=0, max_value=100, help_text="Instead of `priority`: 0 to 100."
    )
    notes = Text(required=False, allow_blank=True, max_length=500, lines=True)
    appointment_type_id = Key(required=False, allow_null=True)
    wanted_provider_id = Key(required=False, allow_null=True)
    wanted_specialty = Text(required=False, allow_blank=True, max_length=60)
    is_flexible = Flag(required=False, help_text="Agrees to whoever is free first.")
    is_remote = Flag(required=False, help_text="Waits elsewhere.")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        return scored(values)


def scored(values: dict[str, Any]) -> dict[str, Any]:
    """``priority`` as the score that stands for it."""
    if "priority" in values and "priority_score" in values:
        raise serializers.ValidationError(
            {"priority": "Give either priority or priority_score."}, code="ambiguous"
        )
    if "priority" in values:
        values["priority_score"] = SCORES[values.pop("priority")]
    return values


@extend_schema_serializer(
    examples=[OpenApiExample("To a room", value={"service_point": "Room 3"}, request_only=True)]
)
class CallNextSerializer(StrictSerializer):
    service_point = PointField(required=False, help_text="Its id or name.")


class MarkCalledSerializer(CallNextSerializer):
    pass


@extend_schema_serializer(
    examples=[OpenApiExample("With a reason", value={"reason": "Went to the pharmacy"})]
)
class ReasonSerializer(StrictSerializer):
    reason = Text(required=False, allow_blank=True, max_length=500)


@extend_schema_serializer(
    examples=[OpenApiExample("Ten minutes", value={"until": "2030-01-31T14:40:00+01:00"})]
)
class HoldEntrySerializer(ReasonSerializer):
    until = Instant(required=False, allow_null=True, help_text="Back in the line then.")


@extend_schema_serializer(
    examples=[OpenApiExample("To the laboratory", value={"to_queue_id": 3, "reason": "Blood test"})]
)
class TransferSerializer(ReasonSerializer):
    to_queue_id = Key()


@extend_schema_serializer(
    examples=[OpenApiExample("To the head", value={"position": 1, "reason": "Feels faint"})]
)
class MoveSerializer(StrictSerializer):
    position = Whole(min_value=1, max_value=100_000, help_text="From 1.")
    reason = Text(max_length=500)


@extend_schema_serializer(examples=[OpenApiExample("Urgent", value={"priority": "urgent"})])
class ChangeEntrySerializer(StrictSerializer):
    priority = Choice(choices=Priority.choices, required=False)
    priority_score = Number(required=False, min_value=0, max_value=100)
    notes = Text(required=False, allow_blank=True, max_length=500, lines=True)
    is_flexible = Flag(required=False)
    reason = Text(required=False, allow_blank=True, max_length=500)

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        return scored(values)


@extend_schema_serializer(examples=[OpenApiExample("Four wait", value={"repositioned": 4})])
class RepositionedSerializer(serializers.Serializer):
    repositioned = serializers.IntegerField(help_text="How many wait.")


EVENT = {
    "id": 977,
    "step": "call",
    "from_status": "WAITING",
    "to_status": "CALLED",
    "service_point": "Room 3",
    "reason": "",
    "at": "2030-01-31T14:40:02+01:00",
    "by_name": "Nora Nurse",
}


@extend_schema_serializer(examples=[OpenApiExample("A call", value=EVENT)])
class QueueEventSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    step = serializers.ChoiceField(choices=QueueStep.choices)
    from_status = serializers.CharField()
    to_status = serializers.ChoiceField(choices=QueueEntryStatus.choices)
    service_point = serializers.CharField(source="service_point.name", default=None)
    reason = serializers.CharField()
    at = Instant()
    by_name = serializers.CharField()


CONFIGURATION = {
    "queue_id": 2,
    "use_dynamic_positioning": True,
    "priority_weight": 0.5,
    "wait_time_weight": 0.3,
    "appointment_time_weight": 0.2,
    "guard_minutes": 60,
    "skip_return_after": 3,
    "enable_overflow_queue": False,
    "overflow_threshold": 10,
    "overflow_queue_id": None,
    "opens_at": "08:00",
    "closes_at": "18:00",
    "opening_days": [0, 1, 2, 3, 4],
    "last_ticket_minutes": 30,
    "use_historical_data": True,
    "default_service_time_minutes": 20,
    "enable_websocket_updates": True,
    "update_interval_seconds": 30,
    "load_yellow": 0.75,
    "load_red": 0.9,
    "alert_wait_minutes": 60,
    "max_queue_size": 50,
    "is_accepting_patients": True,
    "accepts_walk_ins": True,
    "version": 3,
}
WEIGHT = {"min_value": 0, "max_value": 1, "required": False}
COUNT = {"min_value": 0, "max_value": 1_000_000, "required": False}
CHANGED = {"priority_weight": 0.6, "wait_time_weight": 0.3, "appointment_time_weight": 0.1}


@extend_schema_serializer(
    examples=[OpenApiExample("Other weights", value=CHANGED, request_only=True)]
)
class ConfigurationWriteSerializer(StrictSerializer):
    """What is not given stays.  Only the ratios of the weights count."""

    use_dynamic_positioning = Flag(required=False, help_text="False: by arrival.")
    priority_weight = Number(**WEIGHT)
    wait_time_weight = Number(**WEIGHT)
    appointment_time_weight = Number(**WEIGHT)
    guard_minutes = Whole(**COUNT, help_text="Who waits longer goes first, after the urgent.")
    skip_return_after = Whole(**COUNT, help_text="Calls until a skipped patient is back.")
    enable_overflow_queue = Flag(required=False)
    overflow_threshold = Whole(**COUNT)
    overflow_queue_id = Key(required=False, allow_null=True)
    opens_at = ClockTime(required=False, allow_null=True)
    closes_at = ClockTime(required=False, allow_null=True)
    opening_days = serializers.ListField(
        child=Whole(min_value=0, max_value=6),
        required=False,
        max_length=7,
        help_text="Weekdays it is open, Monday: 0; empty for all.",
    )
    last_ticket_minutes = Whole(**COUNT, help_text="Before closing.")
    use_historical_data = Flag(required=False)
    default_service_time_minutes = Whole(**COUNT)
    enable_websocket_updates = Flag(required=False)
    update_interval_seconds = Whole(**COUNT)
    load_yellow = Number(**WEIGHT)
    load_red = Number(**WEIGHT)
    alert_wait_minutes = Whole(**COUNT)
    max_queue_size = Whole(**COUNT)
    is_accepting_patients = Flag(required=False)
    accepts_walk_ins = Flag(required=False)


@extend_schema_serializer(examples=[OpenApiExample("A configuration", value=CONFIGURATION)])
class ConfigurationSerializer(ConfigurationWriteSerializer):
    queue_id = serializers.IntegerField()
    version = serializers.IntegerField()


NEW_QUEUE = {"name": "Blood tests", "prefix": "C", "site_id": 1}


@extend_schema_serializer(examples=[OpenApiExample("A queue", value=NEW_QUEUE, request_only=True)])
class QueueWriteSerializer(StrictSerializer):
    name = Text(max_length=100)
    prefix = Text(max_length=3, required=False, help_text="A free letter where left out.")
    site_id = Key(required=False, allow_null=True)
    specialty = Text(max_length=60, required=False, allow_blank=True)


@extend_schema_serializer(
    examples=[OpenApiExample("Anyone of a specialty", value={"patient_id": 12, "specialty": "ENT"})]
)
class JoinShortestSerializer(StrictSerializer):
    patient_id = Key()
    specialty = Text(required=False, allow_blank=True, max_length=60)
    site_id = Key(required=False, allow_null=True)
    priority = Choice(choices=Priority.choices, required=False)
    priority_score = Number(required=False, min_value=0, max_value=100)
    notes = Text(required=False, allow_blank=True, max_length=500, lines=True)

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        return scored(values)
