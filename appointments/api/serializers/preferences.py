"""A patient's scheduling preferences as JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.enums import DayPart, Weekday
from appointments.scheduling.habits import MOST_LATE_MINUTES
from appointments.scheduling.preferences import LEARNED, Known
from core.api_fields import Choice, Key, Number, StrictSerializer, Text, Whole, iso
from core.lookups import MAX_KEY

MOST_PROVIDERS = 50
AS_LEARNED = "Null goes back to what is learned."
PREFERENCES = {
    "patient_id": 12,
    "preferred_days": ["Monday", "Thursday"],
    "preferred_times": ["morning"],
    "preferred_providers": [7],
    "average_no_show_rate": 0.0714,
    "average_late_arrival_minutes": 3.5,
    "total_appointments": 14,
    "completed_appointments": 12,
    "home_address": "",
    "travel_time_to_clinic": 25,
    "manual_fields": ["preferred_days"],
    "learned": {
        "preferred_days": ["Monday"],
        "preferred_times": ["morning"],
        "preferred_providers": [7],
        "average_no_show_rate": 0.0714,
        "average_late_arrival_minutes": 3.5,
        "from_visits": 12,
    },
    "updated_at": "2030-01-31T14:30:00+01:00",
    "version": 3,
}
WRITTEN = {
    "preferred_days": ["Monday", "Thursday"],
    "preferred_times": None,
    "preferred_providers": [7],
    "home_address": "1 Hill Road",
    "travel_time_to_clinic": 25,
}


class WhoseSerializer(serializers.Serializer):
    """Query parameter of ``preferences``."""

    patient_id = serializers.IntegerField(min_value=1, max_value=MAX_KEY)


@extend_schema_serializer(examples=[OpenApiExample("By hand", value=WRITTEN)])
class PreferencesWriteSerializer(StrictSerializer):
    """What is given is set by hand, and wins over what is learned."""

    preferred_days = serializers.ListField(
        child=Choice(choices=Weekday.choices), max_length=7, allow_null=True, help_text=AS_LEARNED
    )
    preferred_times = serializers.ListField(
        child=Choice(choices=DayPart.choices), max_length=3, allow_null=True, help_text=AS_LEARNED
    )
    preferred_providers = serializers.ListField(
        child=Key(),
        max_length=MOST_PROVIDERS,
        allow_null=True,
        help_text=f"Ids. {AS_LEARNED}",
    )
    average_no_show_rate = Number(
        min_value=0,
        max_value=1,
        allow_null=True,
        required=False,
        help_text=f"0 to 1. {AS_LEARNED}",
    )
    average_late_arrival_minutes = Number(
        min_value=0,
        max_value=MOST_LATE_MINUTES,
        allow_null=True,
        required=False,
        help_text=AS_LEARNED,
    )
    home_address = Text(max_length=250, allow_blank=True)
    travel_time_to_clinic = Whole(
        min_value=0,
        max_value=24 * 60,
        allow_null=True,
        help_text="Minutes one way; null: estimated from the address.",
    )


@extend_schema_serializer(examples=[OpenApiExample("Learn anew", value={"patient_id": 12})])
class UpdatePreferencesSerializer(PreferencesWriteSerializer):
    """With nothing but ``patient_id``, what is learned is computed anew."""

    patient_id = Key()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.required = name == "patient_id"


class LearnedSerializer(serializers.Serializer):
    preferred_days = serializers.ListField(child=serializers.ChoiceField(choices=Weekday.choices))
    preferred_times = serializers.ListField(child=serializers.ChoiceField(choices=DayPart.choices))
    preferred_providers = serializers.ListField(child=serializers.IntegerField())
    average_no_show_rate = serializers.FloatField()
    average_late_arrival_minutes = serializers.FloatField(allow_null=True)
    from_visits = serializers.IntegerField(help_text="Completed visits of the last two years.")


@extend_schema_serializer(examples=[OpenApiExample("Preferences", value=PREFERENCES)])
class PreferencesSerializer(serializers.Serializer):
    patient_id = serializers.IntegerField()
    preferred_days = serializers.ListField(child=serializers.ChoiceField(choices=Weekday.choices))
    preferred_times = serializers.ListField(child=serializers.ChoiceField(choices=DayPart.choices))
    preferred_providers = serializers.ListField(child=serializers.IntegerField())
    average_no_show_rate = serializers.FloatField(
        help_text="0 to 1; learned, it is smoothed towards the tenant's rate."
    )
    average_late_arrival_minutes = serializers.FloatField(
        allow_null=True, help_text="Learned, coming early counts 0; null before the first arrival."
    )
    total_appointments = serializers.IntegerField(help_text="Completed, missed or cancelled.")
    completed_appointments = serializers.IntegerField()
    home_address = serializers.CharField()
    travel_time_to_clinic = serializers.IntegerField(allow_null=True)
    manual_fields = serializers.ListField(
        child=serializers.ChoiceField(choices=[(name, name) for name in LEARNED])
    )
    learned = LearnedSerializer(help_text="What the finished visits say now.")
    updated_at = serializers.DateTimeField()
    version = serializers.IntegerField(help_text="Grows by every change by hand.")


def shown_preferences(known: Known) -> dict[str, Any]:
    row, found = known.row, known.learned
    return {
        "patient_id": row.patient_id,
        "preferred_days": row.preferred_days,
        "preferred_times": row.preferred_times,
        "preferred_providers": known.provider_ids,
        "average_no_show_rate": round(row.average_no_show_rate or 0.0, 4),
        "average_late_arrival_minutes": row.average_late_arrival_minutes,
        "total_appointments": row.total_appointments,
        "completed_appointments": row.completed_appointments,
        "home_address": row.home_address,
        "travel_time_to_clinic": row.travel_time_to_clinic,
        "manual_fields": row.manual_fields,
        "learned": {
            "preferred_days": found.days,
            "preferred_times": found.times,
            "preferred_providers": found.provider_ids,
            "average_no_show_rate": round(found.no_show_rate, 4),
            "average_late_arrival_minutes": found.late_minutes,
            "from_visits": found.learned_from,
        },
        "updated_at": iso(row.updated_at),
        "version": row.version,
    }
