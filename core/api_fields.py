"""Serializer fields and serializers that take exactly what the schema says, or name the field."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from core.lookups import MAX_KEY

MAX_UNKNOWN_NAMED = 20
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)


class Text(serializers.CharField):
    """A string without control characters.

    Args:
        lines: whether line breaks are allowed.
    """

    default_error_messages = {"control_characters": "Control characters are not allowed."}

    def __init__(self, *, lines: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.forbidden = CONTROL_BUT_LINES if lines else CONTROL

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if self.forbidden.search(data):
            self.fail("control_characters")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A JSON integer; not a string, a boolean or a fraction."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class Key(Whole):
    """The id of a record."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_KEY, **kwargs)


class Number(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            self.fail("invalid")
        try:
            return float(data)
        except OverflowError:
            self.fail("invalid")


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Choice(serializers.ChoiceField):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class Day(serializers.DateField):
    """``YYYY-MM-DD``."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not DAY.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DD")
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail("invalid", format="YYYY-MM-DD")


class ClockTime(serializers.TimeField):
    """``HH:MM`` or ``HH:MM:SS`` on the tenant's wall clock."""

    def to_internal_value(self, value: Any) -> time:
        if not isinstance(value, str) or not CLOCK.fullmatch(value):
            self.fail("invalid", format="HH:MM")
        try:
            return time.fromisoformat(value)
        except ValueError:
            self.fail("invalid", format="HH:MM")


class Instant(serializers.DateTimeField):
    """ISO 8601.  Out: with the offset of the active zone.  In: without an offset it is read in
    the active zone, in a repeated hour as the first pass."""

    default_error_messages = {
        "invalid": "Give an ISO 8601 date and time, such as 2030-01-31T14:30:00+01:00.",
        "nonexistent_time": "The clocks go forward at that time, so it does not exist.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        """Aware, in UTC."""
        if not isinstance(value, str) or not INSTANT.fullmatch(value):
            self.fail("invalid")
        try:
            given = datetime.fromisoformat(value)
            if given.tzinfo is not None:
                return given.astimezone(UTC)
            zone = timezone.get_current_timezone()
            instant = given.replace(tzinfo=zone).astimezone(UTC)
            shown = instant.astimezone(zone).replace(tzinfo=None)
        except (ValueError, OverflowError):
            self.fail("invalid")
        if shown != given:
            self.fail("nonexistent_time")
        return instant

    def to_representation(self, value: datetime | None) -> Any:
        return iso(value)


def iso(value: datetime | None) -> str | None:
    """As ``Instant`` writes it."""
    return None if value is None else timezone.localtime(value).isoformat()


class StrictSerializer(serializers.Serializer):
    """Names every key that is none of its fields."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        unknown = self._unknown(data) if isinstance(data, Mapping) else {}
        try:
            values = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError(dict(error.detail) | unknown) from error  # type: ignore[arg-type]
        if unknown:
            raise ValidationError(unknown)
        return values

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, list[ErrorDetail]]:
        unknown = [key for key in data if key not in self.fields][:MAX_UNKNOWN_NAMED]
        detail = ErrorDetail("There is no such field, or it cannot be written.", "unknown_field")
        return {key[:100]: [detail] for key in unknown}


class Nothing(StrictSerializer):
    """The body of a command that needs none: empty, or ``{}``."""
