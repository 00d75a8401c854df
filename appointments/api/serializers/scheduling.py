"""Slot search as JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointments.api.fields import DiagnosisCodes
from appointments.enums import Modality, Priority
from appointments.scheduling.ranking import DaySummary
from appointments.scheduling.scoring import FACTORS, Weights
from appointments.scheduling.smart_scheduler import SearchResult, SeriesPlan, Slot, TripPlan
from appointments.scheduling.wishes import (
    DEFAULT_RESULTS,
    MAX_DATES,
    MAX_MINUTES,
    MAX_RESULTS,
    MIN_MINUTES,
    date_range,
)
from core.api_fields import (
    Choice,
    ClockTime,
    Day,
    Flag,
    Key,
    Number,
    StrictSerializer,
    Text,
    Whole,
    iso,
)

MAX_LISTED = 500
MAX_RANGES = 6
ORDERS = [("best", "Best first"), ("soonest", "Soonest first")]
MODALITIES = [choice for choice in Modality.choices if choice[0] != Modality.EITHER]
WISH = {
    "patient_id": 12,
    "appointment_type_id": 3,
    "provider_ids": [7, 9],
    "date_from": "2030-01-28",
    "date_to": "2030-02-08",
    "weekdays": [0, 1, 3],
    "times": [{"from": "08:00", "to": "12:00"}],
    "max_results": 5,
}
SLOT = {
    "datetime": "2030-01-31T14:30:00+01:00",
    "end_datetime": "2030-01-31T15:00:00+01:00",
    "provider_id": 7,
    "provider_name": "Dr. Ada Adler",
    "site_id": 1,
    "site_name": "Main site",
    "resource_id": None,
    "resource_name": "",
    "score": 84.6,
    "score_breakdown": {
        "provider_availability": 77.4,
        "patient_priority": 86.7,
        "no_show_risk": 61.0,
        "geographic_proximity": 100.0,
        "patient_preference": 80.0,
    },
    "score_reasons": {
        "provider_availability": "adjacent to another visit, leaves no gap",
        "patient_priority": "in 3 days, as soon as it should be",
        "no_show_risk": "chance of a missed visit 9 %, 6 points lower than at the riskiest time",
        "geographic_proximity": "about 19 min to travel, the shortest on offer",
        "patient_preference": "with a preferred provider, not on a preferred weekday",
    },
    "why": "Adjacent to another visit, leaves no gap; in 3 days, as soon as it should be",
    "no_show_probability": 0.09,
    "no_show_reasons": ["kept all 6 visits"],
    "is_later_than_allowed": False,
}


class TimeRangeSerializer(StrictSerializer):
    """The visit starts from ``from`` on and before ``to``, on the tenant's wall clock."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {"from": ClockTime(), "to": ClockTime()}


class WishSerializer(StrictSerializer):
    """What every search for times has in common."""

    patient_id = Key()
    appointment_type_id = Key()
    provider_id = Key(required=False, allow_null=True, help_text="Left out: anyone.")
    provider_ids = serializers.ListField(
        child=Key(), required=False, min_length=1, max_length=MAX_LISTED, help_text="Any of them."
    )
    specialty = Text(max_length=60, required=False, help_text="Only providers of it.")
    site_id = Key(required=False, allow_null=True)
    preferred_dates = serializers.ListField(
        child=Day(), required=False, max_length=MAX_DATES, help_text="Or date_from and date_to."
    )
    date_from = Day(required=False)
    date_to = Day(required=False, help_text="Included.")
    weekdays = serializers.ListField(
        child=Whole(min_value=0, max_value=6), required=False, max_length=7, help_text="Monday: 0."
    )
    times = TimeRangeSerializer(many=True, required=False, max_length=MAX_RANGES)
    duration_minutes = Whole(
        min_value=MIN_MINUTES,
        max_value=MAX_MINUTES,
        required=False,
        help_text="The type's where left out.",
    )
    priority = Choice(choices=Priority.choices, required=False)
    diagnosis_codes = DiagnosisCodes(required=False)
    modality = Choice(choices=MODALITIES, required=False)
    order = Choice(choices=ORDERS, required=False)
    max_results = Whole(
        min_value=1,
        max_value=MAX_RESULTS,
        required=False,
        help_text=f"{DEFAULT_RESULTS} where left out.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """As ``checked_wish`` takes it."""
        wish = dict(attrs)
        wish |= self._dates(wish) | self._providers(wish)
        wish["weekdays"] = frozenset(wish.get("weekdays", ()))
        wish["times"] = tuple((each["from"], each["to"]) for each in wish.get("times", ()))
        wish["urgency"] = wish.pop("priority", Priority.ROUTINE)
        wish["diagnosis_codes"] = tuple(wish.get("diagnosis_codes", ()))
        wish["soonest_first"] = wish.pop("order", "best") == "soonest"
        wish.setdefault("modality", None)
        return wish

    def _dates(self, wish: dict[str, Any]) -> dict[str, Any]:
        listed = wish.pop("preferred_dates", None)
        first, last = wish.pop("date_from", None), wish.pop("date_to", None)
        if listed is not None and (first or last):
            raise _both("preferred_dates", "date_from and date_to")
        if listed is not None:
            return {"dates": listed, "dates_attr": "preferred_dates"}
        if first is None and last is None:
            raise serializers.ValidationError(
                {"preferred_dates": "Give dates, or date_from and date_to."}, code="required"
            )
        for name, day in (("date_from", first), ("date_to", last)):
            if day is None:
                raise serializers.ValidationError({name: "Give both ends."}, code="required")
        return {"dates": date_range(first, last), "dates_attr": "date_from"}

    def _providers(self, wish: dict[str, Any]) -> dict[str, Any]:
        one, several = wish.pop("provider_id", None), wish.pop("provider_ids", None)
        if one is not None and several is not None:
            raise _both("provider_id", "provider_ids")
        if one is not None:
            return {"provider_ids": [one], "provider_attr": "provider_id"}
        return {"provider_ids": several}


def _both(name: str, other: str) -> serializers.ValidationError:
    return serializers.ValidationError({name: f"Give either this or {other}."}, code="ambiguous")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "One provider, listed days",
            value={
                "patient_id": 12,
                "provider_id": 7,
                "appointment_type_id": 3,
                "preferred_dates": ["2030-01-31"],
                "duration_minutes": 30,
            },
        ),
        OpenApiExample("Any of two, mornings", value=WISH),
    ]
)
class FindSlotsSerializer(WishSerializer):
    pass


class BreakdownSerializer(serializers.Serializer):
    """Each factor, 0 to 100, before its weight."""

    provider_availability = serializers.FloatField()
    patient_priority = serializers.FloatField()
    no_show_risk = serializers.FloatField()
    geographic_proximity = serializers.FloatField()
    patient_preference = serializers.FloatField()


class ReasonsSerializer(serializers.Serializer):
    """Each factor in plain words."""

    provider_availability = serializers.CharField()
    patient_priority = serializers.CharField()
    no_show_risk = serializers.CharField()
    geographic_proximity = serializers.CharField()
    patient_preference = serializers.CharField()


class SlotSerializer(serializers.Serializer):
    datetime = serializers.DateTimeField()
    end_datetime = serializers.DateTimeField()
    provider_id = serializers.IntegerField()
    provider_name = serializers.CharField()
    site_id = serializers.IntegerField()
    site_name = serializers.CharField()
    resource_id = serializers.IntegerField(
        allow_null=True, help_text="The room or equipment that is free; null where none is needed."
    )
    resource_name = serializers.CharField()
    score = serializers.FloatField(help_text="0 to 100.")
    score_breakdown = BreakdownSerializer()
    score_reasons = ReasonsSerializer()
    why = serializers.CharField(help_text="One line.")
    no_show_probability = serializers.FloatField(help_text="0 to 1. Never a reason to refuse.")
    no_show_reasons = serializers.ListField(child=serializers.CharField())
    is_later_than_allowed = serializers.BooleanField(
        help_text="Beyond the longest wait that a priority rule allows."
    )


class DaySerializer(serializers.Serializer):
    date = serializers.DateField()
    free = serializers.IntegerField()
    best_score = serializers.FloatField(allow_null=True)


class DemandSerializer(serializers.Serializer):
    """What the matching priority rules ask for."""

    rules = serializers.ListField(child=serializers.CharField())
    target_days = serializers.FloatField()
    max_wait_days = serializers.IntegerField(allow_null=True)
    requires_same_day = serializers.BooleanField()
    earliest_first = serializers.BooleanField()


DEMAND = {
    "rules": [],
    "target_days": 21.0,
    "max_wait_days": None,
    "requires_same_day": False,
    "earliest_first": False,
}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Found",
            value={
                "slots": [SLOT],
                "count": 1,
                "free": 214,
                "days": [{"date": "2030-01-31", "free": 9, "best_score": 84.6}],
                "demand": DEMAND,
                "why_nothing": "",
            },
        )
    ]
)
class FoundSlotsSerializer(serializers.Serializer):
    slots = SlotSerializer(many=True)
    count = serializers.IntegerField(help_text="Length of slots.")
    free = serializers.IntegerField(help_text="How many times are free in all.")
    days = DaySerializer(many=True)
    demand = DemandSerializer()
    why_nothing = serializers.CharField(help_text="Where free is 0: the main reason. Else empty.")


VISIT = {"appointment_type_id": 3, "provider_id": 7}
TRIP = {
    "patient_id": 12,
    "visits": [VISIT, {"appointment_type_id": 4}],
    "date_from": "2030-01-28",
    "date_to": "2030-02-08",
    "keep_order": True,
}


class TripVisitSerializer(StrictSerializer):
    """One of the visits of a trip."""

    appointment_type_id = Key()
    provider_id = Key(required=False, allow_null=True, help_text="Left out: anyone.")
    duration_minutes = Whole(min_value=MIN_MINUTES, max_value=MAX_MINUTES, required=False)
    modality = Choice(choices=MODALITIES, required=False)


@extend_schema_serializer(examples=[OpenApiExample("Two visits, in this order", value=TRIP)])
class FindTripsSerializer(StrictSerializer):
    patient_id = Key()
    visits = TripVisitSerializer(many=True, min_length=2, max_length=3)
    site_id = Key(required=False, allow_null=True, help_text="All of them there.")
    date_from = Day()
    date_to = Day(help_text="Included.")
    weekdays = serializers.ListField(
        child=Whole(min_value=0, max_value=6), required=False, max_length=7, help_text="Monday: 0."
    )
    times = TimeRangeSerializer(many=True, required=False, max_length=MAX_RANGES)
    keep_order = Flag(required=False, help_text="They follow one another as listed.")
    transfer_minutes = Whole(
        min_value=0, max_value=240, required=False, help_text="From one site to another."
    )
    priority = Choice(choices=Priority.choices, required=False)
    diagnosis_codes = DiagnosisCodes(required=False)
    max_results = Whole(min_value=1, max_value=100, required=False)


class TripSerializer(serializers.Serializer):
    visits = serializers.ListField(
        child=serializers.IntegerField(), help_text="Which of the asked visits each slot serves."
    )
    slots = SlotSerializer(many=True)
    idle_minutes = serializers.IntegerField()
    score = serializers.FloatField(help_text="Mean of the slots'.")
    rules = serializers.ListField(
        child=serializers.CharField(), help_text="Priority rules that match one of the visits."
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Found",
            value={
                "trips": [
                    {
                        "visits": [0, 1],
                        "slots": [SLOT, SLOT],
                        "idle_minutes": 0,
                        "score": 81.2,
                        "rules": [],
                    }
                ],
                "count": 1,
            },
        )
    ]
)
class FoundTripsSerializer(serializers.Serializer):
    trips = TripSerializer(many=True)
    count = serializers.IntegerField()


@extend_schema_serializer(
    examples=[OpenApiExample("Weekly, six times", value={**WISH, "rrule": "FREQ=WEEKLY;COUNT=6"})]
)
class FindSeriesSerializer(WishSerializer):
    """The dates are those on which the first visit may be."""

    rrule = Text(max_length=200, help_text="RFC 5545: FREQ, INTERVAL, BYDAY, COUNT or UNTIL.")


class SeriesPlanSerializer(serializers.Serializer):
    slots = SlotSerializer(many=True)
    missing = serializers.ListField(
        child=serializers.DateField(), help_text="Days on which the time is not free."
    )
    score = serializers.FloatField(help_text="Mean of the slots'.")
    rules = serializers.ListField(
        child=serializers.CharField(), help_text="Priority rules that match."
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Found",
            value={
                "series": [
                    {
                        "slots": [SLOT, SLOT],
                        "missing": ["2030-02-07"],
                        "score": 79.9,
                        "rules": [],
                    }
                ],
                "count": 1,
            },
        )
    ]
)
class FoundSeriesSerializer(serializers.Serializer):
    series = SeriesPlanSerializer(many=True)
    count = serializers.IntegerField()


def shown_slot(slot: Slot) -> dict[str, Any]:
    """As ``SlotSerializer`` describes it."""
    return {
        "datetime": iso(slot.datetime),
        "end_datetime": iso(slot.end_datetime),
        "provider_id": slot.provider_id,
        "provider_name": slot.provider_name,
        "site_id": slot.site_id,
        "site_name": slot.site_name,
        "resource_id": slot.resource_id,
        "resource_name": slot.resource_name,
        "score": slot.score.total,
        "score_breakdown": slot.score.breakdown,
        "score_reasons": slot.score.reasons,
        "why": slot.why,
        "no_show_probability": slot.missed_probability,
        "no_show_reasons": slot.risks,
        "is_later_than_allowed": slot.is_late,
    }


def shown_result(result: SearchResult, *, why_nothing: str) -> dict[str, Any]:
    """As ``FoundSlotsSerializer`` describes it."""
    demand = result.demand
    return {
        "slots": [shown_slot(slot) for slot in result.slots],
        "count": len(result.slots),
        "free": result.free,
        "days": [shown_day(day) for day in result.days],
        "demand": {
            "rules": list(demand.names),
            "target_days": demand.target_days,
            "max_wait_days": demand.max_wait_days,
            "requires_same_day": demand.requires_same_day,
            "earliest_first": demand.earliest_first,
        },
        "why_nothing": why_nothing,
    }


def shown_trip(trip: TripPlan) -> dict[str, Any]:
    return {
        "visits": list(trip.visits),
        "slots": [shown_slot(slot) for slot in trip.slots],
        "idle_minutes": trip.idle_minutes,
        "score": trip.score,
        "rules": trip.rules,
    }


def shown_series(series: SeriesPlan) -> dict[str, Any]:
    return {
        "slots": [shown_slot(slot) for slot in series.slots],
        "missing": [day.isoformat() for day in series.missing],
        "score": series.score,
        "rules": list(series.demand.names),
    }


def shown_day(day: DaySummary) -> dict[str, Any]:
    return {"date": day.date.isoformat(), "free": day.free, "best_score": day.best_score}


WEIGHTS = {name: getattr(Weights(), name) for name in FACTORS}


@extend_schema_serializer(examples=[OpenApiExample("The defaults", value=WEIGHTS)])
class WeightsSerializer(StrictSerializer):
    """Fractions of 1 that sum to 1."""

    provider_availability = Number(min_value=0, max_value=1)
    patient_priority = Number(min_value=0, max_value=1)
    no_show_risk = Number(min_value=0, max_value=1)
    geographic_proximity = Number(min_value=0, max_value=1)
    patient_preference = Number(min_value=0, max_value=1)


@extend_schema_serializer(examples=[OpenApiExample("Stored", value={**WEIGHTS, "version": 3})])
class StoredWeightsSerializer(WeightsSerializer):
    version = serializers.IntegerField(help_text="0: the defaults, nothing stored.")
