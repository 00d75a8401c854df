"""Appointments, holds and their history as JSON."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.api.fields import DiagnosisCodes
from appointments.booking.requests import MAX_MINUTES, MIN_MINUTES
from appointments.enums import AppointmentStatus, Modality, Priority, Step
from appointments.models import AppointmentRequest
from appointments.scheduling.availability import Interval
from core.api_fields import Choice, Instant, Key, StrictSerializer, Text, Whole, iso

SITE = "Where left out, the one at which the provider works then."
MODALITIES = [choice for choice in Modality.choices if choice[0] != Modality.EITHER]
STATUSES = [choice for choice in AppointmentStatus.choices if choice[0] != AppointmentStatus.HELD]
PLAIN = (
    "id",
    "patient_id",
    "provider_id",
    "appointment_type_id",
    "site_id",
    "resource_id",
    "series_id",
    "modality",
    "status",
    "priority",
    "reason",
    "diagnosis_codes",
    "is_waitlist_conversion",
    "overbooked",
    "override_reason",
    "cancellation_reason",
    "version",
)
INSTANTS = (
    "scheduled_datetime",
    "scheduled_end_datetime",
    "confirmed_at",
    "checked_in_at",
    "started_at",
    "completed_at",
    "cancelled_at",
    "created_at",
)
NAMES = (
    "patient__first_name",
    "patient__last_name",
    "provider__title",
    "provider__first_name",
    "provider__last_name",
    "provider__username",
    "appointment_type__name",
    "resource__name",
)
APPOINTMENT = {
    "id": 41,
    "patient_id": 12,
    "patient_name": "Maria Lindqvist",
    "provider_id": 7,
    "provider_name": "Dr. Ada Adler",
    "appointment_type_id": 3,
    "appointment_type_name": "Consultation",
    "site_id": 1,
    "resource_id": None,
    "resource_name": "",
    "series_id": None,
    "modality": "on_site",
    "scheduled_datetime": "2030-01-31T14:30:00+01:00",
    "scheduled_end_datetime": "2030-01-31T15:00:00+01:00",
    "status": "PENDING",
    "priority": "routine",
    "reason": "Check-up",
    "diagnosis_codes": [],
    "is_waitlist_conversion": False,
    "overbooked": False,
    "override_reason": "",
    "cancellation_reason": "",
    "confirmed_at": None,
    "checked_in_at": None,
    "started_at": None,
    "completed_at": None,
    "cancelled_at": None,
    "created_at": "2030-01-15T09:12:45+01:00",
    "version": 1,
}


def appointment_rows(appointments: QuerySet[AppointmentRequest]) -> QuerySet:
    """Plain rows with all that is shown, in one query."""
    return appointments.values(*PLAIN, *INSTANTS, *NAMES)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """One of ``appointment_rows`` as JSON."""
    return {
        **{name: row[name] for name in PLAIN},
        **{name: iso(row[name]) for name in INSTANTS},
        "patient_name": _joined(row["patient__first_name"], row["patient__last_name"]),
        "provider_name": _joined(
            row["provider__title"], row["provider__first_name"], row["provider__last_name"]
        )
        or row["provider__username"],
        "appointment_type_name": row["appointment_type__name"],
        "resource_name": row["resource__name"] or "",
    }


def _joined(*parts: str | None) -> str:
    return " ".join(filter(None, parts))


@extend_schema_serializer(examples=[OpenApiExample("An appointment", value=APPOINTMENT)])
class AppointmentSerializer(serializers.Serializer):
    """``shown`` writes it; a test holds the two together."""

    id = serializers.IntegerField()
    patient_id = serializers.IntegerField()
    patient_name = serializers.CharField()
    provider_id = serializers.IntegerField()
    provider_name = serializers.CharField()
    appointment_type_id = serializers.IntegerField()
    appointment_type_name = serializers.CharField()
    site_id = serializers.IntegerField(allow_null=True)
    resource_id = serializers.IntegerField(
        allow_null=True, help_text="The room or device that it takes."
    )
    resource_name = serializers.CharField()
    series_id = serializers.IntegerField(allow_null=True)
    modality = serializers.ChoiceField(choices=MODALITIES)
    scheduled_datetime = Instant()
    scheduled_end_datetime = Instant()
    status = serializers.ChoiceField(choices=STATUSES)
    priority = serializers.ChoiceField(choices=Priority.choices)
    reason = serializers.CharField()
    diagnosis_codes = serializers.ListField(child=serializers.CharField())
    is_waitlist_conversion = serializers.BooleanField()
    overbooked = serializers.BooleanField(help_text="Deliberately put over another appointment.")
    override_reason = serializers.CharField()
    cancellation_reason = serializers.CharField()
    confirmed_at = Instant(allow_null=True)
    checked_in_at = Instant(allow_null=True)
    started_at = Instant(allow_null=True)
    completed_at = Instant(allow_null=True)
    cancelled_at = Instant(allow_null=True)
    created_at = Instant()
    version = serializers.IntegerField(help_text="Grows by every change.")

    def to_representation(self, row: dict[str, Any]) -> dict[str, Any]:
        return shown(row)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Booked", value={**APPOINTMENT, "outside_availability": False, "conflicts": []}
        )
    ]
)
class PlacedAppointmentSerializer(AppointmentSerializer):
    outside_availability = serializers.BooleanField(
        help_text="Some of it lies outside the provider's working hours."
    )
    conflicts = serializers.ListField(
        child=serializers.IntegerField(), help_text="Ids of what a deliberate overbooking overlaps."
    )


class PlaceSerializer(StrictSerializer):
    """Where, when and with whom."""

    provider_id = Key()
    appointment_type_id = Key()
    scheduled_datetime = Instant()
    duration_minutes = Whole(
        min_value=MIN_MINUTES,
        max_value=MAX_MINUTES,
        required=False,
        help_text="The type's where left out.",
    )
    site_id = Key(required=False, allow_null=True, help_text=SITE)
    modality = Choice(
        choices=MODALITIES, required=False, help_text="As the type offers it; its own if left out."
    )
    resource_id = Key(
        required=False,
        allow_null=True,
        help_text="The one room or device to take; any free one that fits where left out.",
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A booking",
            value={
                "patient_id": 12,
                "provider_id": 7,
                "appointment_type_id": 3,
                "scheduled_datetime": "2030-01-31T14:30:00+01:00",
                "reason": "Check-up",
            },
        )
    ]
)
class BookSerializer(PlaceSerializer):
    patient_id = Key()
    priority = Choice(choices=Priority.choices, required=False)
    reason = Text(max_length=500, lines=True, required=False, allow_blank=True)
    diagnosis_codes = DiagnosisCodes(required=False)
    override_reason = Text(
        max_length=500,
        lines=True,
        required=False,
        allow_blank=True,
        help_text="Books over what is in the way; needs the right to.",
    )
    hold_id = Key(required=False, allow_null=True, help_text="Your own hold on this time.")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A hold",
            value={
                "provider_id": 7,
                "appointment_type_id": 3,
                "scheduled_datetime": "2030-01-31T14:30:00+01:00",
            },
        )
    ]
)
class HoldWriteSerializer(PlaceSerializer):
    patient_id = Key(required=False, allow_null=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A hold",
            value={
                "id": 42,
                "provider_id": 7,
                "appointment_type_id": 3,
                "site_id": 1,
                "resource_id": None,
                "modality": "on_site",
                "patient_id": None,
                "scheduled_datetime": "2030-01-31T14:30:00+01:00",
                "scheduled_end_datetime": "2030-01-31T15:00:00+01:00",
                "hold_expires_at": "2030-01-31T10:05:00+01:00",
            },
        )
    ]
)
class HoldSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    provider_id = serializers.IntegerField()
    appointment_type_id = serializers.IntegerField()
    site_id = serializers.IntegerField(allow_null=True)
    resource_id = serializers.IntegerField(allow_null=True)
    modality = serializers.ChoiceField(choices=MODALITIES)
    patient_id = serializers.IntegerField(allow_null=True)
    scheduled_datetime = Instant()
    scheduled_end_datetime = Instant()
    hold_expires_at = Instant()


@extend_schema_serializer(examples=[OpenApiExample("A reason", value={"reason": "Patient is ill"})])
class CancelSerializer(StrictSerializer):
    reason = Text(max_length=500, lines=True)


@extend_schema_serializer(
    examples=[OpenApiExample("A move", value={"start": "2030-02-01T09:00:00+01:00"})]
)
class RescheduleSerializer(StrictSerializer):
    start = Instant()
    provider_id = Key(required=False, help_text="The present one where left out.")
    duration_minutes = Whole(
        min_value=MIN_MINUTES,
        max_value=MAX_MINUTES,
        required=False,
        help_text="The present one where left out.",
    )
    override_reason = Text(max_length=500, lines=True, required=False, allow_blank=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A step",
            value={
                "id": 90,
                "step": "check_in",
                "from_status": "PENDING",
                "to_status": "CHECKED_IN",
                "reason": "",
                "at": "2030-01-31T14:22:10+01:00",
                "by_id": 3,
                "by_name": "Fay Desk",
            },
        )
    ]
)
class AppointmentEventSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    step = serializers.ChoiceField(choices=Step.choices)
    from_status = serializers.ChoiceField(choices=STATUSES, allow_blank=True)
    to_status = serializers.ChoiceField(choices=STATUSES)
    reason = serializers.CharField()
    at = Instant()
    by_id = serializers.IntegerField(allow_null=True, help_text="Null: the system itself.")
    by_name = serializers.CharField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Taken",
            status_codes=["409"],
            value={
                "type": "client_error",
                "errors": [
                    {
                        "code": "slot_taken",
                        "detail": "This time is already taken.",
                        "attr": "scheduled_datetime",
                    }
                ],
                "conflicts": [40],
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
class ConflictSerializer(serializers.Serializer):
    """409 of an appointment: the common error format with what helps to go on."""

    class Slot(serializers.Serializer):
        start = Instant()
        end = Instant()

        class Meta:
            ref_name = "AlternativeSlot"

    class Problem(serializers.Serializer):
        code = serializers.CharField()
        detail = serializers.CharField()
        attr = serializers.CharField(allow_null=True)

        class Meta:
            ref_name = "ConflictProblem"

    type = serializers.CharField()
    errors = Problem(many=True)
    conflicts = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        help_text="With slot_taken and resource_taken.",
    )
    alternative_slots = Slot(
        many=True, required=False, help_text="Where the time was refused: the nearest free ones."
    )
    legal = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="With illegal_transition."
    )


def slots(intervals: Iterable[Interval]) -> list[dict[str, str | None]]:
    """``alternative_slots`` as JSON."""
    return [{"start": iso(start), "end": iso(end)} for start, end in intervals]
