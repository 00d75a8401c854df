"""Parsing of priority rules."""

from typing import Any

from django import forms

from appointments.models import AppointmentPriorityRule, AppointmentTemplate
from appointments.views.codes_field import CodesField

VALUES = (
    "name",
    "description",
    "specialties",
    "diagnosis_codes",
    "base_priority_score",
    "urgency_multiplier",
    "max_wait_days",
    "requires_same_day",
    "is_active",
)


class RuleForm(forms.Form):
    """Criteria left empty let every visit through."""

    name = forms.CharField(max_length=100)
    description = forms.CharField(label="What it is for", required=False, max_length=300)
    appointment_type_ids = forms.TypedMultipleChoiceField(
        label="Types", coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    specialties = forms.MultipleChoiceField(
        label="Specialties", required=False, widget=forms.CheckboxSelectMultiple
    )
    diagnosis_codes = CodesField(
        required=False, label="Diagnoses", help_text="ICD-10; E11 covers E11.9 too."
    )
    max_wait_days = forms.IntegerField(
        label="Longest wait in days",
        required=False,
        min_value=0,
        max_value=365,
        help_text="From the request to the visit. Empty for no limit.",
    )
    urgency_multiplier = forms.FloatField(
        label="Urgency",
        min_value=0.1,
        max_value=10,
        widget=forms.NumberInput(attrs={"step": 0.1}),
        help_text="2 halves the wait that counts as short; 1 changes nothing.",
    )
    base_priority_score = forms.FloatField(
        label="Score",
        min_value=0,
        max_value=100,
        widget=forms.NumberInput(attrs={"step": 1}),
        help_text="0 to 100. From 80 on, the earliest times are offered first.",
    )
    requires_same_day = forms.BooleanField(label="Must be seen the same day", required=False)
    is_active = forms.BooleanField(label="Counts now", required=False)

    def __init__(
        self,
        data: Any = None,
        *,
        types: list[AppointmentTemplate],
        specialties: list[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(data, **kwargs)
        self.fields["appointment_type_ids"].choices = [(kind.pk, kind.name) for kind in types]
        self.fields["specialties"].choices = [(name, name) for name in specialties]

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in VALUES}

    def refuse(self, attr: str | None, message: str) -> None:
        """Show a refusal beside the field it names."""
        self.add_error(attr if attr in self.fields else None, message)


def values_of(rule: AppointmentPriorityRule) -> dict[str, Any]:
    """What the form starts from when a rule is changed."""
    links = rule.ruletype_set.all()
    return {
        **_written(rule),
        "appointment_type_ids": [link.appointment_type_id for link in links],
    }


def defaults() -> dict[str, Any]:
    """What it starts from when one is added: the model's own defaults."""
    return _written(AppointmentPriorityRule())


def _written(rule: AppointmentPriorityRule) -> dict[str, Any]:
    values = {name: getattr(rule, name) for name in VALUES}
    whole = {k: int(v) for k, v in values.items() if isinstance(v, float) and v.is_integer()}
    return values | whole
