"""The call list as JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.enums import AppointmentStatus, ReminderOutcome
from appointments.models import ReminderCall
from appointments.scheduling.call_list import Callee, CallList, RiskyVisit
from appointments.scheduling.no_show_selectors import Risk
from core.api_fields import Choice, Instant, Key, StrictSerializer, Text, Whole, iso

MAX_MOST, MAX_VISITS, MAX_VERSION = 200, 50, 2**31 - 1
RISK = {
    "probability": 0.38,
    "reasons": [
        {"text": "booked 5 weeks ahead", "raises": True},
        {"text": "missed 2 of 6 visits", "raises": True},
    ],
}


class CallListQuerySerializer(StrictSerializer):
    most = serializers.IntegerField(
        min_value=1, max_value=MAX_MOST, required=False, help_text="Patients, the riskiest first."
    )


class ReasonSerializer(serializers.Serializer):
    text = serializers.CharField()
    raises = serializers.BooleanField(help_text="Whether it raises the risk or lowers it.")


class RiskSerializer(serializers.Serializer):
    probability = serializers.FloatField(help_text="Of missing the visit, 0 to 1.")
    reasons = ReasonSerializer(many=True, help_text="The strongest first, at most 3.")


class RiskyVisitSerializer(RiskSerializer):
    id = serializers.IntegerField()
    version = serializers.IntegerField()
    scheduled_datetime = Instant()
    provider_id = serializers.IntegerField()
    provider_name = serializers.CharField()
    appointment_type_id = serializers.IntegerField()
    appointment_type_name = serializers.CharField()
    status = serializers.ChoiceField(
        choices=[AppointmentStatus.PENDING.value, AppointmentStatus.CONFIRMED.value]
    )


class CalleeSerializer(RiskSerializer):
    patient_id = serializers.IntegerField()
    patient_name = serializers.CharField()
    phone = serializers.CharField(help_text="E.164; empty where there is none.")
    second_phone = serializers.CharField()
    language = serializers.CharField()
    tried = serializers.IntegerField(help_text="Calls that nobody answered.")
    visits = RiskyVisitSerializer(many=True)


class SpokenAboutSerializer(StrictSerializer):
    """A visit that the call was about."""

    id = Key()
    version = Whole(
        min_value=1,
        max_value=MAX_VERSION,
        required=False,
        help_text="As it was seen; any if left out.",
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Will come",
            value={
                "patient_id": 12,
                "outcome": "confirmed",
                "visits": [{"id": 41, "version": 1}],
            },
        )
    ]
)
class NoteCallSerializer(StrictSerializer):
    patient_id = Key()
    outcome = Choice(choices=ReminderOutcome.choices)
    visits = SpokenAboutSerializer(
        many=True, min_length=1, max_length=MAX_VISITS, help_text="All that were spoken about."
    )
    reason = Text(
        max_length=500, required=False, help_text="Of a cancellation; that it was said by phone."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """As ``ReminderCalls.record`` takes it."""
        visits = {each["id"]: each.get("version") for each in attrs["visits"]}
        if len(visits) < len(attrs["visits"]):
            raise serializers.ValidationError({"visits": "Name each once."}, code="unique")
        return {**attrs, "visits": visits}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Noted",
            value={
                "patient_id": 12,
                "patient_name": "Maria Lindqvist",
                "outcome": "confirmed",
                "at": "2030-01-28T09:12:45+01:00",
                "by_name": "Fiona Frost",
            },
        )
    ]
)
class ReminderCallSerializer(serializers.Serializer):
    patient_id = serializers.IntegerField()
    patient_name = serializers.CharField()
    outcome = serializers.ChoiceField(choices=ReminderOutcome.choices)
    at = Instant()
    by_name = serializers.CharField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A patient to call, and one who was called",
            value={
                "first": "2030-01-29",
                "last": "2030-01-31",
                "patients": 61,
                "count": 1,
                "results": [
                    {
                        "patient_id": 12,
                        "patient_name": "Maria Lindqvist",
                        "phone": "+4930123456",
                        "second_phone": "",
                        "language": "en",
                        "tried": 0,
                        **RISK,
                        "visits": [
                            {
                                "id": 41,
                                "version": 1,
                                "scheduled_datetime": "2030-01-31T14:30:00+01:00",
                                "provider_id": 7,
                                "provider_name": "Dr. Ada Adler",
                                "appointment_type_id": 3,
                                "appointment_type_name": "Consultation",
                                "status": "PENDING",
                                **RISK,
                            }
                        ],
                    }
                ],
                "done": [
                    {
                        "patient_id": 15,
                        "patient_name": "Tom Meyer",
                        "outcome": "confirmed",
                        "at": "2030-01-28T09:12:45+01:00",
                        "by_name": "Fiona Frost",
                    }
                ],
            },
        )
    ]
)
class CallListSerializer(serializers.Serializer):
    first = serializers.DateField()
    last = serializers.DateField()
    patients = serializers.IntegerField(help_text="With a visit in these days.")
    count = serializers.IntegerField(help_text="Of ``results``.")
    results = CalleeSerializer(many=True)
    done = ReminderCallSerializer(many=True)


def shown_list(found: CallList) -> dict[str, Any]:
    """As ``CallListSerializer`` describes it."""
    return {
        "first": found.first.isoformat(),
        "last": found.last.isoformat(),
        "patients": found.patients,
        "count": len(found.callees),
        "results": [_callee(each) for each in found.callees],
        "done": [shown_call(each) for each in found.done],
    }


def _risk(risk: Risk) -> dict[str, Any]:
    return {
        "probability": round(risk.probability, 4),
        "reasons": [{"text": each.text, "raises": each.raises} for each in risk.reasons],
    }


def _callee(callee: Callee) -> dict[str, Any]:
    patient = callee.patient
    return {
        "patient_id": patient.pk,
        "patient_name": patient.get_full_name(),
        "phone": str(patient.phone),
        "second_phone": str(patient.second_phone),
        "language": patient.language,
        "tried": len(callee.tried),
        **_risk(callee.risk),
        "visits": [_visit(each) for each in callee.visits],
    }


def _visit(each: RiskyVisit) -> dict[str, Any]:
    visit = each.visit
    return {
        "id": visit.pk,
        "version": visit.version,
        "scheduled_datetime": iso(visit.scheduled_datetime),
        "provider_id": visit.provider_id,
        "provider_name": visit.provider.get_full_name(),
        "appointment_type_id": visit.appointment_type_id,
        "appointment_type_name": visit.appointment_type.name,
        "status": visit.status,
        **_risk(each.risk),
    }


def shown_call(call: ReminderCall) -> dict[str, Any]:
    """As ``ReminderCallSerializer`` describes it."""
    return {
        "patient_id": call.patient_id,
        "patient_name": call.patient.get_full_name(),
        "outcome": call.outcome,
        "at": iso(call.at),
        "by_name": call.by_name,
    }
