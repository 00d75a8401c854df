"""Parsing of what people type about the waitlist; whether it can be done, the engine says."""

from typing import Any

from django import forms

from accounts.models import User
from appointments.enums import Priority
from appointments.models import AppointmentTemplate, WaitingList
from appointments.views.codes_field import CodesField
from core.lookups import MAX_KEY

WISHES = (
    "appointment_type_id",
    "preferred_provider_id",
    "desired_date_range_start",
    "desired_date_range_end",
    "preferred_date",
    "preferred_time",
    "priority",
    "diagnosis_codes",
    "notes",
)


def _day(label: str, **kwargs: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget, **kwargs)


class WaitForm(forms.Form):
    """Who waits for what; everything left empty means "any"."""

    patient_id = forms.IntegerField(
        min_value=1,
        max_value=MAX_KEY,
        widget=forms.HiddenInput,
        error_messages={"required": "Choose the patient first."},
    )
    appointment_type_id = forms.TypedChoiceField(label="Type", coerce=int)
    preferred_provider_id = forms.TypedChoiceField(
        label="Provider", coerce=int, empty_value=None, required=False
    )
    desired_date_range_start = _day("From")
    desired_date_range_end = _day("Until")
    preferred_date = _day("Best day")
    preferred_time = forms.TimeField(
        label="Best time",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    priority = forms.ChoiceField(choices=Priority)
    diagnosis_codes = CodesField(required=False)
    notes = forms.CharField(
        required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"})
    )

    def __init__(
        self,
        data: Any = None,
        *,
        types: list[AppointmentTemplate],
        providers: list[User],
        **kwargs: Any,
    ) -> None:
        super().__init__(data, **kwargs)
        self.fields["appointment_type_id"].choices = [
            ("", "Choose a type"),
            *((kind.pk, f"{kind.name} · {kind.duration_minutes} min") for kind in types),
        ]
        self.fields["preferred_provider_id"].choices = [
            ("", "Anyone"),
            *((provider.pk, provider.get_full_name()) for provider in providers),
        ]

    def wishes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in WISHES}

    def refuse(self, attr: str | None, message: str) -> None:
        """Show an engine's refusal beside the field it names."""
        self.add_error(attr if attr in self.fields else None, message)


def wishes_of(entry: WaitingList) -> dict[str, Any]:
    """What the form starts from when an entry is changed."""
    return {"patient_id": entry.patient_id, **{name: getattr(entry, name) for name in WISHES}}
