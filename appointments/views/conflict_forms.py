"""Parsing of a time that is to be checked."""

from datetime import timedelta
from typing import Any

from django import forms

from appointments.models import AppointmentTemplate
from appointments.views.forms import MODALITIES, WhenForm
from core.lookups import MAX_KEY


class CheckForm(WhenForm):
    """A provider and a time; the rest makes the answer more exact.

    Inside a booking form it reads that form's fields, of which it knows the half.
    """

    appointment_type_id = forms.TypedChoiceField(
        label="Type", coerce=int, required=False, empty_value=None
    )
    patient_id = forms.IntegerField(
        min_value=1, max_value=MAX_KEY, required=False, widget=forms.HiddenInput
    )
    modality = forms.ChoiceField(choices=MODALITIES, required=False, widget=forms.HiddenInput)
    visit_id = forms.IntegerField(
        min_value=1, max_value=MAX_KEY, required=False, widget=forms.HiddenInput
    )

    def __init__(
        self, data: Any = None, *, types: list[AppointmentTemplate], **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.types = {kind.pk: kind for kind in types}
        self.fields["appointment_type_id"].choices = [
            ("", "Any"),
            *((kind.pk, f"{kind.name} · {kind.duration_minutes} min") for kind in types),
        ]

    @property
    def is_complete(self) -> bool:
        """Whether there is enough to ask, whatever else is wrong."""
        known = self.cleaned_data
        return bool(known.get("start") and known.get("provider_id") and self._minutes())

    def _minutes(self) -> int | None:
        kind = self.types.get(self.cleaned_data.get("appointment_type_id"))
        return self.cleaned_data.get("duration_minutes") or (kind and kind.duration_minutes)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self._minutes() and "duration_minutes" not in self._errors:
            self.add_error("duration_minutes", "Say how long it takes, or choose the type.")
        return cleaned

    def question(self) -> dict[str, Any]:
        """As ``wanted_check`` takes it; only of a complete form."""
        known = self.cleaned_data
        start, minutes = known["start"], self._minutes()
        return {
            "provider_id": known["provider_id"],
            "start_time": start,
            "end_time": start + timedelta(minutes=minutes),
            "exclude_appointment_id": known.get("visit_id"),
            "patient_id": known.get("patient_id"),
            "appointment_type_id": known.get("appointment_type_id"),
            "modality": known.get("modality") or None,
        }
