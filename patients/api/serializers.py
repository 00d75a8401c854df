"""Patients as JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from core.api_fields import Choice, Day, Flag, Number, StrictSerializer, Text
from patients import validation
from patients.models import WRITTEN, CommunicationNeed, PatientProfile, Sex

EXAMPLE = {
    "first_name": "Maria",
    "last_name": "Lindqvist",
    "birth_date": "1984-03-12",
    "sex": "female",
    "phone": "+49 30 901820",
    "email": "maria@example.org",
    "address": "Hill Road 1, 10115 Berlin",
    "language": "de",
    "communication_needs": ["interpreter"],
    "consents_to_sms": True,
}
SHOWN = {
    "id": 12,
    "mrn": "P0000012",
    "full_name": "Maria Lindqvist",
    **EXAMPLE,
    "phone": "+4930901820",
    "second_phone": "",
    "latitude": None,
    "longitude": None,
    "consents_to_email": False,
    "consents_to_data_sharing": False,
    "notes": "",
    "is_active": True,
    "version": 1,
    "created_at": "2026-01-15T09:30:00+01:00",
}


@extend_schema_serializer(examples=[OpenApiExample("A patient", value=EXAMPLE)])
class PatientWriteSerializer(StrictSerializer):
    mrn = Text(max_length=32, required=False, help_text="Assigned where none is given.")
    first_name = Text(max_length=100)
    last_name = Text(max_length=100)
    birth_date = Day()
    sex = Choice(choices=Sex.choices, required=False)
    phone = Text(
        max_length=40, required=False, allow_blank=True, help_text="National or international."
    )
    second_phone = Text(max_length=40, required=False, allow_blank=True)
    email = Text(max_length=254, required=False, allow_blank=True)
    address = Text(max_length=250, required=False, allow_blank=True)
    latitude = Number(min_value=-90, max_value=90, required=False, allow_null=True)
    longitude = Number(min_value=-180, max_value=180, required=False, allow_null=True)
    language = Text(max_length=10, required=False, help_text="Code, such as de or ar.")
    communication_needs = serializers.ListField(
        child=Choice(choices=CommunicationNeed.choices), required=False, max_length=10
    )
    consents_to_sms = Flag(required=False)
    consents_to_email = Flag(required=False)
    consents_to_data_sharing = Flag(required=False)
    notes = Text(max_length=4000, lines=True, required=False, allow_blank=True)
    is_active = Flag(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        validation.clean(attrs, partial=self.partial)
        return attrs


@extend_schema_serializer(
    examples=[OpenApiExample("A change", value={"phone": "+49 30 901821", "consents_to_sms": True})]
)
class PatientPatchSerializer(PatientWriteSerializer):
    pass


class PhoneSerializerField(serializers.CharField):
    def to_representation(self, value: Any) -> str:
        return value.as_e164 if value else ""


@extend_schema_serializer(examples=[OpenApiExample("A patient", value=SHOWN)])
class PatientSerializer(serializers.ModelSerializer):
    full_name = serializers.CharField(source="get_full_name", read_only=True)
    phone = PhoneSerializerField(help_text="E.164, or empty.")
    second_phone = PhoneSerializerField(help_text="E.164, or empty.")
    communication_needs = serializers.ListField(
        child=serializers.ChoiceField(choices=CommunicationNeed.choices)
    )

    class Meta:
        model = PatientProfile
        fields = ["id", "full_name", *WRITTEN, "version", "created_at"]


class RegisteredPatientSerializer(PatientSerializer):
    possible_duplicates = serializers.ListField(
        child=serializers.IntegerField(), help_text="Ids of patients who may be the same person."
    )

    class Meta(PatientSerializer.Meta):
        fields = [*PatientSerializer.Meta.fields, "possible_duplicates"]
