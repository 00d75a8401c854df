"""Parsing of what people type about visits.  Whether it can be done is the engine's to say."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.dateparse import parse_datetime

from accounts.models import User
from appointments.booking.day_grid import local_instant
from appointments.booking.requests import MAX_MINUTES, MIN_MINUTES
from appointments.enums import Modality, Priority, Weekday
from appointments.models import AppointmentTemplate
from appointments.scheduling.recurrence import MAX_VISITS
from core.lookups import MAX_KEY

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 12, 31)
MODALITIES = [
    ("", "As usual for its type"),
    *(choice for choice in Modality.choices if choice[0] != Modality.EITHER),
]
REPEATS = [
    ("", "Once"),
    ("FREQ=DAILY", "Every day"),
    ("FREQ=WEEKLY", "Every week"),
    ("FREQ=WEEKLY;INTERVAL=2", "Every 2 weeks"),
    ("FREQ=WEEKLY;INTERVAL=4", "Every 4 weeks"),
    ("FREQ=MONTHLY", "Every month"),
]
Choices = list[tuple[int | str, str]]


def weekdays_field() -> forms.TypedMultipleChoiceField:
    """Chips of weekdays; cleans to numbers, Monday = 0."""
    return forms.TypedMultipleChoiceField(
        label="Weekdays",
        choices=[(number, name[:2]) for number, name in enumerate(Weekday.values)],
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class WhenForm(forms.Form):
    """A provider, and a time on the tenant's wall clock.

    ``fold`` tells the two passes of a repeated hour apart; ``pick``, one of the offered
    alternatives, is an instant that overrules date and time.
    """

    provider_id = forms.TypedChoiceField(label="Provider", coerce=int)
    date = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    time = forms.TimeField(widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    fold = forms.TypedChoiceField(
        choices=[("0", "first"), ("1", "second")],
        coerce=int,
        empty_value=0,
        required=False,
        widget=forms.HiddenInput,
    )
    duration_minutes = forms.IntegerField(
        label="Minutes",
        required=False,
        min_value=MIN_MINUTES,
        max_value=MAX_MINUTES,
        widget=forms.NumberInput(attrs={"step": 5, "inputmode": "numeric"}),
    )
    override_reason = forms.CharField(
        label="Reason for overbooking",
        required=False,
        max_length=500,
        help_text="Kept in the visit's history and in the audit trail.",
    )
    pick = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, *, zone: ZoneInfo, providers: list[User], **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.zone = zone
        self.fields["provider_id"].choices = [(p.pk, p.get_full_name()) for p in providers]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["start"] = self._picked() or self._typed(cleaned)
        return cleaned

    def _picked(self) -> datetime | None:
        text = self.cleaned_data.get("pick")
        if not text:
            return None
        try:
            start = parse_datetime(text)
        except ValueError:
            start = None
        if start is None or start.tzinfo is None or not _in_range(start.date()):
            raise forms.ValidationError("Choose one of the offered times.")
        for name in ("date", "time"):
            self._errors.pop(name, None)
        return start

    def _typed(self, cleaned: dict[str, Any]) -> datetime | None:
        day, at = cleaned.get("date"), cleaned.get("time")
        if day is None or at is None:
            return None
        if not _in_range(day):
            self.add_error("date", "Choose a date of this century.")
            return None
        start = local_instant(day, at, self.zone, fold=cleaned.get("fold") or 0)
        if start is None:
            self.add_error("time", "The clock is put forward that night: this time does not exist.")
        return start

    def refuse(self, attr: str | None, message: str) -> None:
        """Show an engine's refusal beside the field it names."""
        name = {"scheduled_datetime": "time", "rrule": "repeat"}.get(attr or "", attr)
        self.add_error(name if name in self.fields else None, message)


class RepeatForm(forms.Form):
    """Whether the visit comes again, and how many there are then."""

    repeat = forms.ChoiceField(label="Repeat", choices=REPEATS, required=False)
    repeat_count = forms.IntegerField(
        label="Visits in all",
        required=False,
        min_value=2,
        max_value=MAX_VISITS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not cleaned.get("repeat"):
            self._errors.pop("repeat_count", None)  # it does not matter for one visit
        elif not cleaned.get("repeat_count") and "repeat_count" not in self._errors:
            self.add_error("repeat_count", "Say how many visits there are in all.")
        return cleaned

    @property
    def rrule(self) -> str:
        """The rule of a series; empty for one visit."""
        repeat = self.cleaned_data["repeat"]
        return f"{repeat};COUNT={self.cleaned_data['repeat_count']}" if repeat else ""


class BookForm(RepeatForm, WhenForm):
    """A new visit.  The patient is chosen first, by search or by registration."""

    patient_id = forms.IntegerField(
        min_value=1,
        max_value=MAX_KEY,
        widget=forms.HiddenInput,
        error_messages={"required": "Choose the patient first."},
    )
    appointment_type_id = forms.TypedChoiceField(label="Type", coerce=int)
    priority = forms.ChoiceField(choices=Priority, required=False)
    reason = forms.CharField(label="Reason", required=False, max_length=500, widget=forms.TextInput)
    modality = forms.ChoiceField(label="How", choices=MODALITIES, required=False)

    field_order = ["patient_id", "appointment_type_id", "provider_id", "date", "time"]

    def __init__(
        self, data: Any = None, *, types: list[AppointmentTemplate], **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.fields["appointment_type_id"].choices = [
            (kind.pk, f"{kind.name} · {kind.duration_minutes} min") for kind in types
        ]


class CancelForm(forms.Form):
    reason = forms.CharField(
        label="Why",
        max_length=500,
        widget=forms.TextInput(attrs={"autofocus": True}),
        error_messages={"required": "Say why it is cancelled."},
    )
    and_following = forms.BooleanField(required=False)


def _in_range(day: date) -> bool:
    return FIRST_DAY <= day <= LAST_DAY


class NewPatientForm(forms.Form):
    """The four answers that a booking by phone needs; the rest of the record can wait."""

    first_name = forms.CharField(max_length=100)
    last_name = forms.CharField(max_length=100)
    birth_date = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    phone = forms.CharField(required=False, max_length=40, widget=forms.TextInput({"type": "tel"}))

    prefix = "new"
    use_required_attribute = False  # it stands inside the booking form, mostly unused
