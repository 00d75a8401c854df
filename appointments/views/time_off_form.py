"""Parsing of time off, on the tenant's wall clock."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from accounts.models import User
from appointments.booking.day_grid import local_instant
from appointments.enums import TimeOffKind
from appointments.models import Resource
from appointments.scheduling.availability import to_utc
from appointments.views.forms import FIRST_DAY, LAST_DAY
from core.models import Site

ATTRS = {
    "provider_id": "owner",
    "site_id": "owner",
    "resource_id": "owner",
    "starts_at": "first_day",
    "ends_at": "last_day",
}


def owner_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Whom time off can be of, in groups; three queries."""
    groups = (
        ("Providers", "provider_id", User.objects.providers(), User.get_full_name),
        ("Sites", "site_id", Site.objects.filter(is_active=True).order_by("name"), str),
        (
            "Rooms and devices",
            "resource_id",
            Resource.objects.filter(is_active=True).order_by("name"),
            str,
        ),
    )
    return [
        (label, [(f"{name}:{row.pk}", words(row)) for row in rows])
        for label, name, rows, words in groups
    ]


class TimeOffForm(forms.Form):
    """Whole days unless times are given; the last day is included."""

    owner = forms.ChoiceField(label="Of")
    kind = forms.ChoiceField(label="Why", choices=TimeOffKind)
    first_day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last_day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    is_all_day = forms.BooleanField(label="All day", required=False)
    start_time = forms.TimeField(
        label="From", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    end_time = forms.TimeField(
        label="Until",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    note = forms.CharField(required=False, max_length=200)

    def __init__(
        self, data: Any = None, *, zone: ZoneInfo, owners: list[Any], **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.zone = zone
        self.fields["owner"].choices = [("", "Choose"), *owners]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name in ("first_day", "last_day"):
            day = cleaned.get(name)
            if day is not None and not FIRST_DAY <= day < LAST_DAY:
                self.add_error(name, "Choose a date of this century.")
        if not cleaned.get("is_all_day"):
            for name in ("start_time", "end_time"):
                if cleaned.get(name) is None and name not in self._errors:
                    self.add_error(name, "Say when, or choose all day.")
        if not self.errors:
            cleaned["starts_at"] = self._instant("first_day", "start_time")
            cleaned["ends_at"] = self._instant("last_day", "end_time", is_end=True)
        return cleaned

    def _instant(self, day_name: str, time_name: str, *, is_end: bool = False) -> datetime | None:
        day: date = self.cleaned_data[day_name]
        if self.cleaned_data["is_all_day"]:
            return to_utc(day + timedelta(days=1) if is_end else day, time.min, self.zone)
        found = local_instant(day, self.cleaned_data[time_name], self.zone, fold=int(is_end))
        if found is None:
            self.add_error(time_name, "The clock is put forward that night: no such time.")
        return found

    def values(self) -> dict[str, Any]:
        """As ``Catalogue.save_time_off`` takes them."""
        cleaned = self.cleaned_data
        name, _, key = cleaned["owner"].partition(":")
        return {
            name: int(key),
            "kind": cleaned["kind"],
            "starts_at": cleaned["starts_at"],
            "ends_at": cleaned["ends_at"],
            "note": cleaned["note"],
        }

    def refuse(self, attr: str | None, message: str) -> None:
        """Show a refusal beside the field it names."""
        self.add_error(ATTRS.get(attr or ""), message)
