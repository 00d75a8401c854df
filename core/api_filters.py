"""Query parameters of lists: each is checked, and what cannot be read is refused by its name."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from core.api_fields import DAY
from core.lookups import MAX_KEY

WHOLE = re.compile(r"[0-9]{1,19}")
MAX_SEARCH = 100


class KeyField(forms.Field):
    def to_python(self, value: Any) -> int | None:
        if value in self.empty_values:
            return None
        if not WHOLE.fullmatch(value) or not 0 < int(value) <= MAX_KEY:
            raise ValidationError("Give the id of a record.", code="invalid")
        return int(value)


class DayField(forms.Field):
    def to_python(self, value: Any) -> date | None:
        if value in self.empty_values:
            return None
        try:
            if DAY.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        raise ValidationError("Give a date as YYYY-MM-DD.", code="invalid")


class FlagField(forms.Field):
    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        if value not in ("true", "false"):
            raise ValidationError("Give true or false.", code="invalid")
        return value == "true"


class ChoicesField(forms.Field):
    """Several choices, with commas between them."""

    def __init__(self, *, choices: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices = [key for key, _ in choices]

    def to_python(self, value: Any) -> list[str]:
        wanted = [part.strip() for part in value.split(",") if part.strip()] if value else []
        wrong = [part for part in wanted if part not in self.choices]
        if wrong:
            options = ", ".join(self.choices)
            raise ValidationError(
                f"“{wrong[0][:50]}” is not one of {options}.", code="invalid_choice"
            )
        return wanted


@extend_schema_field(OpenApiTypes.INT64)
class ListFilters(django_filters.FilterSet):
    """Refuses a range of days that ends before it begins, where the filters have one."""

    def is_valid(self) -> bool:
        if super().is_valid():
            first, last = (self.form.cleaned_data.get(name) for name in ("date_from", "date_to"))
            if first and last and last < first:
                error = ValidationError("Give a day from date_from on.", code="end_before_start")
                self.form.add_error("date_to", error)
        return not self.errors


class KeyFilter(django_filters.Filter):
    field_class = KeyField


@extend_schema_field(OpenApiTypes.BOOL)
class FlagFilter(django_filters.Filter):
    field_class = FlagField


@extend_schema_field(OpenApiTypes.DATE)
class DateFilter(django_filters.Filter):
    """A bound on a date column, inclusive; ``lookup_expr`` is gte or lte."""

    field_class = DayField


@extend_schema_field(OpenApiTypes.DATE)
class DayFilter(DateFilter):
    """A bound on a column of instants by the active zone's calendar day, inclusive."""

    def filter(self, qs: QuerySet, value: date | None) -> QuerySet:
        if value is None:
            return qs
        if self.lookup_expr == "gte":
            return qs.filter(**{f"{self.field_name}__gte": start_of_day(value)})
        if value == date.max:
            return qs
        return qs.filter(**{f"{self.field_name}__lt": start_of_day(value + timedelta(days=1))})


def start_of_day(day: date) -> datetime:
    """The day's first instant in the active zone, in UTC; clamped to what can be stored."""
    first = datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())
    try:
        return first.astimezone(UTC)
    except OverflowError:
        return first.replace(tzinfo=UTC)


class ChoicesFilter(django_filters.Filter):
    """One value or several with commas between them."""

    field_class = ChoicesField

    def filter(self, qs: QuerySet, value: list[str]) -> QuerySet:
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


class SearchFilter(django_filters.CharFilter):
    """Free text; ``method`` says what it searches."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_SEARCH, **kwargs)


class Ordering(django_filters.OrderingFilter):
    """As asked, then by id, so that pages never overlap."""

    def filter(self, qs: QuerySet, value: list[str] | None) -> QuerySet:
        if not value:
            return qs
        return qs.order_by(*[self.get_ordering_value(param) for param in value], "pk")
