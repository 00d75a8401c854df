"""Queues' figures as JSON."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.enums import QueueEntryStatus
from core.api_fields import Instant, StrictSerializer

GROUP = {
    "total_entries": 42,
    "served_entries": 40,
    "completed_entries": 39,
    "no_shows": 1,
    "left_entries": 1,
    "no_show_rate": 0.024,
    "left_rate": 0.024,
    "average_wait_time_minutes": 14.2,
    "median_wait_time_minutes": 12.0,
    "p90_wait_time_minutes": 27.5,
    "max_wait_time_minutes": 41.0,
    "average_service_time_minutes": 11.8,
    "on_time_rate": 0.93,
}
ESTIMATES = {
    "count": 40,
    "mean_error_minutes": 5.1,
    "within_10_minutes": 0.88,
    "coverage": 0.82,
}
HOUR = {
    "date": "2030-01-31",
    "hour": 9,
    "total_entries": 9,
    "served_entries": 8,
    "completed_entries": 7,
    "no_shows": 0,
    "left_entries": 0,
    "average_wait_time_minutes": 11.0,
    "max_wait_time_minutes": 24.0,
    "average_service_time_minutes": 12.4,
    "peak_queue_size": 6,
    "average_queue_size": 3.2,
}
METRICS = {
    "queue_id": 2,
    "queue_name": "Walk-in",
    "date": "2030-01-31",
    "now": {
        "current_size": 4,
        "max_size": 50,
        "average_wait_minutes": 12.5,
        "load_factor": 1.0,
        "load_level": "green",
    },
    "metrics": GROUP,
    "estimates": ESTIMATES,
    "hours": [HOUR],
}
ANALYTICS = {
    "queue_id": 2,
    "queue_name": "Walk-in",
    "period": {"start": "2030-01-25", "end": "2030-01-31", "days": 7},
    "metrics": GROUP,
    "previous_metrics": GROUP,
    "estimates": ESTIMATES,
    "days": [{"date": "2030-01-31", **GROUP}],
    "hours": [HOUR],
    "providers": [{"provider_id": 7, "name": "Dr. Ada Adler", **GROUP}],
    "appointment_types": [{"name": "Consultation", **GROUP}],
    "priorities": [{"name": "Urgent", **GROUP}],
}

MOMENT = {
    "queue_id": 2,
    "queue_name": "Walk-in",
    "at": "2030-01-31T14:30:00+01:00",
    "current_size": 1,
    "entries": [
        {"entry_id": 31, "ticket": "A-017", "position": 1, "status": "WAITING"},
        {"entry_id": 30, "ticket": "A-016", "position": 0, "status": "IN_PROGRESS"},
    ],
}


class DaysSerializer(StrictSerializer):
    """Read from the query, where everything is text."""

    days = serializers.IntegerField(
        default=7, min_value=1, max_value=366, help_text="Up to and with today."
    )


class AtSerializer(StrictSerializer):
    at = Instant(help_text="When, in the past; a plus sign is written %2B in an address.")


class MomentEntrySerializer(serializers.Serializer):
    entry_id = serializers.IntegerField()
    ticket = serializers.CharField()
    position = serializers.IntegerField(help_text="1 was next; 0 when not in the line.")
    status = serializers.ChoiceField(choices=QueueEntryStatus.choices)


@extend_schema_serializer(examples=[OpenApiExample("An afternoon", value=MOMENT)])
class QueueMomentSerializer(serializers.Serializer):
    queue_id = serializers.IntegerField()
    queue_name = serializers.CharField()
    at = Instant()
    current_size = serializers.IntegerField(help_text="How many waited.")
    entries = MomentEntrySerializer(many=True)


class GroupSerializer(serializers.Serializer):
    """Rates are 0 to 1, times are minutes; null where there was nothing to average."""

    total_entries = serializers.IntegerField(help_text="Joined.")
    served_entries = serializers.IntegerField(help_text="Visits begun.")
    completed_entries = serializers.IntegerField()
    no_shows = serializers.IntegerField()
    left_entries = serializers.IntegerField()
    no_show_rate = serializers.FloatField(allow_null=True)
    left_rate = serializers.FloatField(allow_null=True)
    average_wait_time_minutes = serializers.FloatField(allow_null=True)
    median_wait_time_minutes = serializers.FloatField(allow_null=True)
    p90_wait_time_minutes = serializers.FloatField(allow_null=True)
    max_wait_time_minutes = serializers.FloatField(allow_null=True)
    average_service_time_minutes = serializers.FloatField(allow_null=True)
    on_time_rate = serializers.FloatField(
        allow_null=True, help_text="Seen within the target of their urgency."
    )


class NamedGroupSerializer(GroupSerializer):
    name = serializers.CharField()


class ProviderGroupSerializer(NamedGroupSerializer):
    provider_id = serializers.IntegerField(allow_null=True)


class DayGroupSerializer(GroupSerializer):
    date = serializers.DateField()


class HourSerializer(serializers.Serializer):
    """One hour of the tenant's clock, as ``QueueMetrics`` keeps it."""

    date = serializers.DateField()
    hour = serializers.IntegerField(help_text="0 to 23.")
    total_entries = serializers.IntegerField()
    served_entries = serializers.IntegerField()
    completed_entries = serializers.IntegerField()
    no_shows = serializers.IntegerField()
    left_entries = serializers.IntegerField()
    average_wait_time_minutes = serializers.FloatField(allow_null=True)
    max_wait_time_minutes = serializers.FloatField(allow_null=True)
    average_service_time_minutes = serializers.FloatField(allow_null=True)
    peak_queue_size = serializers.IntegerField()
    average_queue_size = serializers.FloatField(help_text="Weighted by time.")


class EstimatesSerializer(serializers.Serializer):
    """How well the waits that people were told on joining fitted what came."""

    count = serializers.IntegerField()
    mean_error_minutes = serializers.FloatField(allow_null=True, help_text="Mean absolute error.")
    within_10_minutes = serializers.FloatField(allow_null=True, help_text="Share, 0 to 1.")
    coverage = serializers.FloatField(allow_null=True, help_text="Inside P10 to P90, 0 to 1.")


class NowSerializer(serializers.Serializer):
    current_size = serializers.IntegerField()
    max_size = serializers.IntegerField()
    average_wait_minutes = serializers.FloatField(allow_null=True)
    load_factor = serializers.FloatField()
    load_level = serializers.ChoiceField(choices=["green", "yellow", "red"])


@extend_schema_serializer(examples=[OpenApiExample("Today", value=METRICS)])
class QueueMetricsSerializer(serializers.Serializer):
    queue_id = serializers.IntegerField()
    queue_name = serializers.CharField()
    date = serializers.DateField()
    now = NowSerializer()
    metrics = GroupSerializer()
    estimates = EstimatesSerializer()
    hours = HourSerializer(many=True)


class SpanSerializer(serializers.Serializer):
    start = serializers.DateField()
    end = serializers.DateField(help_text="Included.")
    days = serializers.IntegerField()


@extend_schema_serializer(examples=[OpenApiExample("A week", value=ANALYTICS)])
class QueueAnalyticsSerializer(serializers.Serializer):
    queue_id = serializers.IntegerField()
    queue_name = serializers.CharField()
    period = SpanSerializer()
    metrics = GroupSerializer()
    previous_metrics = GroupSerializer(help_text="Of as many days before.")
    estimates = EstimatesSerializer()
    days = DayGroupSerializer(many=True)
    hours = HourSerializer(many=True)
    providers = ProviderGroupSerializer(many=True)
    appointment_types = NamedGroupSerializer(many=True)
    priorities = NamedGroupSerializer(many=True)
