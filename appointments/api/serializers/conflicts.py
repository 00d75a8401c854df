"""What stands against a time, as JSON."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.api.serializers.appointments import MODALITIES
from appointments.scheduling.availability import Interval
from appointments.scheduling.utils import Conflict, ConflictKind
from core.api_fields import Choice, Instant, Key, StrictSerializer, iso

KINDS = [kind.value for kind in ConflictKind if kind is not ConflictKind.OUTSIDE_HOURS]


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A time",
            value={
                "provider_id": 7,
                "start_time": "2030-01-31T14:30:00+01:00",
                "end_time": "2030-01-31T15:00:00+01:00",
            },
        )
    ]
)
class CheckConflictsSerializer(StrictSerializer):
    provider_id = Key()
    start_time = Instant()
    end_time = Instant(help_text="Of the visit, without buffers; 5 minutes to 12 hours later.")
    exclude_appointment_id = Key(
        required=False, allow_null=True, help_text="The visit that is to be moved."
    )
    patient_id = Key(
        required=False, allow_null=True, help_text="Look for other visits of the patient, too."
    )
    appointment_type_id = Key(
        required=False, allow_null=True, help_text="Count its buffers, and the room it takes."
    )
    resource_id = Key(required=False, allow_null=True, help_text="This room or device, too.")
    site_id = Key(
        required=False,
        allow_null=True,
        help_text="Where left out, the one at which the provider works then.",
    )
    modality = Choice(
        choices=MODALITIES, required=False, help_text="The type's own where left out."
    )


class ConflictRowSerializer(serializers.Serializer):
    id = serializers.IntegerField(
        allow_null=True, help_text="Of the appointment, the time off or the blocked window."
    )
    kind = serializers.ChoiceField(choices=KINDS)
    patient = serializers.CharField(
        help_text="Whose visit it is; empty for holds, and for those who may not see it."
    )
    start = Instant()
    end = Instant()
    detail = serializers.CharField()


class FreeSlotSerializer(serializers.Serializer):
    start = Instant()
    end = Instant()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A conflict",
            value={
                "has_conflict": True,
                "conflicts": [
                    {
                        "id": 41,
                        "kind": "provider",
                        "patient": "Maria Lindqvist",
                        "start": "2030-01-31T14:15:00+01:00",
                        "end": "2030-01-31T14:45:00+01:00",
                        "detail": "The provider's time is taken.",
                    }
                ],
                "outside_availability": False,
                "alternative_slots": [
                    {
                        "start": "2030-01-31T15:00:00+01:00",
                        "end": "2030-01-31T15:30:00+01:00",
                    }
                ],
            },
        )
    ]
)
class FoundConflictsSerializer(serializers.Serializer):
    has_conflict = serializers.BooleanField()
    conflicts = ConflictRowSerializer(many=True)
    outside_availability = serializers.BooleanField(
        help_text="Some of it lies outside the provider's working hours."
    )
    alternative_slots = FreeSlotSerializer(
        many=True, help_text="With a conflict: the nearest free ones, at most 5."
    )


def found_conflicts(found: Iterable[Conflict], slots: Iterable[Interval]) -> dict[str, Any]:
    """As ``FoundConflictsSerializer`` describes it."""
    overlaps = [each for each in found if each.kind is not ConflictKind.OUTSIDE_HOURS]
    return {
        "has_conflict": bool(overlaps),
        "conflicts": [
            {
                "id": each.id,
                "kind": each.kind.value,
                "patient": each.patient,
                "start": iso(each.start),
                "end": iso(each.end),
                "detail": each.words,
            }
            for each in overlaps
        ],
        "outside_availability": any(each.kind is ConflictKind.OUTSIDE_HOURS for each in found),
        "alternative_slots": [{"start": iso(start), "end": iso(end)} for start, end in slots],
    }
