"""Priority rules as JSON."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.api.fields import DiagnosisCodes
from appointments.models import AppointmentPriorityRule
from appointments.scheduling.rules import MAX_LISTED
from core.api_fields import Flag, Key, Number, StrictSerializer, Text, Whole

RULE = {
    "name": "New heart attack",
    "description": "Cardiology follow-up within a week.",
    "appointment_type_ids": [3],
    "specialties": ["Cardiology"],
    "diagnosis_codes": ["I21"],
    "base_priority_score": 85.0,
    "urgency_multiplier": 2.0,
    "max_wait_days": 7,
    "requires_same_day": False,
    "is_active": True,
}
FOR_ALL = "Empty for all."


@extend_schema_serializer(examples=[OpenApiExample("A rule", value=RULE)])
class PriorityRuleWriteSerializer(StrictSerializer):
    name = Text(max_length=100)
    description = Text(max_length=300, required=False, allow_blank=True)
    appointment_type_ids = serializers.ListField(
        child=Key(), required=False, max_length=MAX_LISTED, help_text=FOR_ALL
    )
    specialties = serializers.ListField(
        child=Text(max_length=60), required=False, max_length=50, help_text=FOR_ALL
    )
    diagnosis_codes = DiagnosisCodes(
        required=False, help_text="ICD-10 codes; E11 covers E11.9 too. Empty for all."
    )
    base_priority_score = Number(
        min_value=0, max_value=100, required=False, help_text="From 80 on, earliest slots first."
    )
    urgency_multiplier = Number(
        min_value=0.1, max_value=10, required=False, help_text="2 halves the wait that is short."
    )
    max_wait_days = Whole(
        min_value=0, max_value=365, required=False, allow_null=True, help_text="Null for no limit."
    )
    requires_same_day = Flag(required=False)
    is_active = Flag(required=False)


@extend_schema_serializer(examples=[OpenApiExample("A change", value={"is_active": False})])
class PriorityRulePatchSerializer(PriorityRuleWriteSerializer):
    pass


@extend_schema_serializer(examples=[OpenApiExample("A rule", value={"id": 4, **RULE})])
class PriorityRuleSerializer(serializers.ModelSerializer):
    appointment_type_ids = serializers.SerializerMethodField()

    class Meta:
        model = AppointmentPriorityRule
        fields = ["id", *RULE]

    def get_appointment_type_ids(self, rule: AppointmentPriorityRule) -> list[int]:
        return sorted(link.appointment_type_id for link in rule.ruletype_set.all())
