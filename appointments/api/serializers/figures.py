"""Figures as JSON.  Rates are fractions of 1; null where there is nothing to divide by."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.models import SchedulingMetrics
from appointments.scheduling.analytics import MAX_DAYS, Figures, Line, Period
from appointments.scheduling.lead_time import HORIZON_DAYS
from core.lookups import MAX_KEY

METRICS = {
    "utilization_rate": 0.7413,
    "no_show_rate": 0.0812,
    "cancellation_rate": 0.0654,
    "available_minutes": 9600,
    "booked_minutes": 7116,
    "appointments": 214,
    "completed_appointments": 181,
    "no_shows": 16,
    "cancellations": 14,
    "average_wait_minutes": 11.4,
    "average_duration_minutes": 24.1,
    "overtime_minutes": 75,
}
PERIOD = {"start": "2030-01-02", "end": "2030-01-31", "days": 30}
ANALYTICS = {
    "provider_id": 7,
    "provider_name": "Dr. Ada Adler",
    "period": PERIOD,
    "metrics": METRICS | {"third_next_available_days": 2},
    "previous": {
        "period": {"start": "2029-12-03", "end": "2030-01-01", "days": 30},
        "metrics": METRICS,
    },
}
DAY = {
    "id": 311,
    "provider_id": 7,
    "provider_name": "Dr. Ada Adler",
    "date": "2030-01-31",
    "total_slots": 36,
    "booked_slots": 27,
    "available_minutes": 540,
    "booked_minutes": 405,
    "completed_appointments": 14,
    "no_shows": 1,
    "cancellations": 2,
    "average_appointment_duration": 23.5,
    "average_wait_time": 12.25,
    "total_overtime_minutes": 10,
    "utilization_rate": 0.75,
    "no_show_rate": 0.0667,
    "computed_at": "2030-01-31T18:05:00+01:00",
}


class AskedSerializer(serializers.Serializer):
    """Query parameters of ``provider-analytics``."""

    provider_id = serializers.IntegerField(min_value=1, max_value=MAX_KEY)
    days = serializers.IntegerField(
        min_value=1, max_value=MAX_DAYS, default=30, help_text="Up to today, today included."
    )


class PeriodSerializer(serializers.Serializer):
    start = serializers.DateField()
    end = serializers.DateField(help_text="Included.")
    days = serializers.IntegerField()


class MetricsSerializer(serializers.Serializer):
    utilization_rate = serializers.FloatField(
        allow_null=True, help_text="Booked by available minutes, 0 to 1."
    )
    no_show_rate = serializers.FloatField(
        allow_null=True, help_text="Missed of completed and missed, 0 to 1."
    )
    cancellation_rate = serializers.FloatField(
        allow_null=True, help_text="Cancelled of all booked, 0 to 1."
    )
    available_minutes = serializers.IntegerField()
    booked_minutes = serializers.IntegerField()
    appointments = serializers.IntegerField()
    completed_appointments = serializers.IntegerField()
    no_shows = serializers.IntegerField()
    cancellations = serializers.IntegerField()
    average_wait_minutes = serializers.FloatField(
        allow_null=True, help_text="From check-in to the start of the visit."
    )
    average_duration_minutes = serializers.FloatField(allow_null=True)
    overtime_minutes = serializers.IntegerField()


class PresentMetricsSerializer(MetricsSerializer):
    third_next_available_days = serializers.IntegerField(
        allow_null=True,
        help_text="Days from today to the third free slot of the type that is booked most; null "
        f"if there is none within {HORIZON_DAYS} days.",
    )


class PreviousSerializer(serializers.Serializer):
    period = PeriodSerializer()
    metrics = MetricsSerializer()


@extend_schema_serializer(examples=[OpenApiExample("A provider", value=ANALYTICS)])
class ProviderAnalyticsSerializer(serializers.Serializer):
    provider_id = serializers.IntegerField()
    provider_name = serializers.CharField()
    period = PeriodSerializer()
    metrics = PresentMetricsSerializer()
    previous = PreviousSerializer(help_text="The equally long period right before.")


def shown_analytics(line: Line, period: Period) -> dict[str, Any]:
    present = _metrics(line.now) | {"third_next_available_days": line.lead_days}
    return {
        "provider_id": line.key,
        "provider_name": line.name,
        "period": _period(period),
        "metrics": present,
        "previous": {"period": _period(period.previous), "metrics": _metrics(line.before)},
    }


def _period(period: Period) -> dict[str, Any]:
    return {
        "start": period.start.isoformat(),
        "end": period.end.isoformat(),
        "days": period.days,
    }


def _metrics(figures: Figures) -> dict[str, Any]:
    facts = figures.facts
    return {
        "utilization_rate": _rounded(figures.utilization_rate, 4),
        "no_show_rate": _rounded(figures.no_show_rate, 4),
        "cancellation_rate": _rounded(figures.cancellation_rate, 4),
        "available_minutes": facts.available,
        "booked_minutes": facts.booked,
        "appointments": facts.visits,
        "completed_appointments": facts.completed,
        "no_shows": facts.missed,
        "cancellations": facts.cancelled,
        "average_wait_minutes": _rounded(figures.average_wait_minutes, 2),
        "average_duration_minutes": _rounded(figures.average_duration_minutes, 2),
        "overtime_minutes": facts.overtime,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


@extend_schema_serializer(examples=[OpenApiExample("A provider's day", value=DAY)])
class SchedulingMetricsSerializer(serializers.ModelSerializer):
    provider_id = serializers.IntegerField()
    provider_name = serializers.CharField(source="provider.get_full_name")

    class Meta:
        model = SchedulingMetrics
        fields = list(DAY)
