"""What wishes for one visit and for a trip have in common: days, hours, urgency and why."""

from datetime import date, time, timedelta
from typing import Any

from django import forms
from django.db import models

from appointments.enums import DayPart, Priority
from appointments.scheduling.wishes import TimeRange
from appointments.views.codes_field import CodesField
from appointments.views.forms import weekdays_field
from core.lookups import MAX_KEY

WEEKS = timedelta(weeks=4)
NOON, EVENING = time(12), time(17)
PARTS = {
    DayPart.MORNING: (time.min, NOON),
    DayPart.AFTERNOON: (NOON, EVENING),
    DayPart.EVENING: (EVENING, time.max),
}
MANY = forms.CheckboxSelectMultiple
ONE = forms.RadioSelect
DATE = {"type": "date"}


class When(models.TextChoices):
    WEEKS = "weeks", "Next 4 weeks"
    THIS_WEEK = "this_week", "This week"
    NEXT_WEEK = "next_week", "Next week"
    LATER = "later", "In 2–4 weeks"
    DATES = "dates", "Pick dates"


class WishFields(forms.Form):
    """``day`` is not a wish: it narrows what is shown to one day."""

    patient_id = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_KEY, widget=forms.HiddenInput
    )
    site_id = forms.TypedChoiceField(label="Site", coerce=int, empty_value=None, required=False)
    when = forms.ChoiceField(label="When", choices=When, required=False, widget=ONE)
    date_from = forms.DateField(
        label="From", required=False, widget=forms.DateInput(DATE, format="%Y-%m-%d")
    )
    date_to = forms.DateField(
        label="To", required=False, widget=forms.DateInput(DATE, format="%Y-%m-%d")
    )
    weekdays = weekdays_field()
    parts = forms.MultipleChoiceField(
        label="Time of day", choices=DayPart, required=False, widget=MANY
    )
    time_from = forms.TimeField(
        label="Starts from", required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M")
    )
    time_to = forms.TimeField(
        label="Starts before", required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M")
    )
    priority = forms.ChoiceField(label="Urgency", choices=Priority, required=False, widget=ONE)
    diagnosis_codes = CodesField(required=False)
    reason = forms.CharField(label="Reason", required=False, max_length=500)
    day = forms.DateField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["when"] = cleaned.get("when") or When.WEEKS
        cleaned["priority"] = Priority(cleaned.get("priority") or Priority.ROUTINE)
        if cleaned["when"] == When.DATES:
            for name in ("date_from", "date_to"):
                if not cleaned.get(name):
                    self._missing(name, "Give both days.")
        if (cleaned.get("time_from") is None) != (cleaned.get("time_to") is None):
            missing = "time_to" if cleaned.get("time_from") else "time_from"
            self._missing(missing, "Give both times.")
        return cleaned

    def _missing(self, name: str, message: str) -> None:
        if name not in self.errors:
            self.add_error(name, message)

    def span(self, today: date) -> tuple[date, date]:
        """First and last wished day."""
        picked = self.cleaned_data["date_from"], self.cleaned_data["date_to"]
        return span_of(self.cleaned_data["when"], picked, today=today)

    @property
    def hours(self) -> dict[str, Any]:
        """Weekdays and times of day, as ``Wish`` takes them."""
        cleaned = self.cleaned_data
        times: tuple[TimeRange, ...] = tuple(PARTS[DayPart(name)] for name in cleaned["parts"])
        if cleaned["time_from"] is not None:
            times = ((cleaned["time_from"], cleaned["time_to"]),)
        return {"weekdays": frozenset(cleaned["weekdays"]), "times": times}


def span_of(when: str, picked: tuple[date, date], *, today: date) -> tuple[date, date]:
    """First and last day."""
    monday = today - timedelta(days=today.weekday())
    week, one = timedelta(weeks=1), timedelta(days=1)
    return {
        When.WEEKS: (today, today + WEEKS - one),
        When.THIS_WEEK: (today, monday + week - one),
        When.NEXT_WEEK: (monday + week, monday + 2 * week - one),
        When.LATER: (today + 2 * week, today + WEEKS),
        When.DATES: picked,
    }[When(when)]
