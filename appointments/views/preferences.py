"""A patient's scheduling preferences: what was learned, and what somebody set by hand."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.enums import DayPart, Weekday
from appointments.scheduling.habits import MOST_LATE_MINUTES
from appointments.scheduling.preferences import LEARNED, Known, Preferences, known
from appointments.views.figures_words import percent
from appointments.views.htmx import HtmxRequest, staff_view, version_of
from core.audit import record_read
from core.errors import InvalidInputError, StaleVersionError
from core.lookups import MAX_KEY
from patients.models import PatientProfile

NOTHING = "No clear preference"
MEASURED = ("average_no_show_rate", "average_late_arrival_minutes")
"""What moves with every visit."""


class PreferencesForm(forms.Form):
    preferred_days = forms.MultipleChoiceField(
        label="Days", choices=Weekday, required=False, widget=forms.CheckboxSelectMultiple
    )
    preferred_times = forms.MultipleChoiceField(
        label="Times of day", choices=DayPart, required=False, widget=forms.CheckboxSelectMultiple
    )
    preferred_providers = forms.TypedMultipleChoiceField(
        label="Providers", coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    average_no_show_rate = forms.FloatField(
        label="Misses, percent of visits",
        show_hidden_initial=True,
        required=False,
        min_value=0,
        max_value=100,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
    )
    average_late_arrival_minutes = forms.FloatField(
        label="Arrives late, minutes",
        show_hidden_initial=True,
        required=False,
        min_value=0,
        max_value=MOST_LATE_MINUTES,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
    )
    travel_time_to_clinic = forms.IntegerField(
        label="Minutes to the clinic",
        required=False,
        min_value=0,
        max_value=24 * 60,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        help_text="One way. Replaces the estimate made from where the patient lives.",
    )
    home_address = forms.CharField(
        label="Sets out from",
        required=False,
        max_length=250,
        help_text="Where it is not the address of the record.",
    )

    def __init__(self, data: Any, *, providers: Iterable[User], present: Known) -> None:
        row = present.row
        self.present = {
            "preferred_days": list(row.preferred_days),
            "preferred_times": list(row.preferred_times),
            "preferred_providers": present.provider_ids,
            "average_no_show_rate": _rounded(row.average_no_show_rate, times=100),
            "average_late_arrival_minutes": _rounded(row.average_late_arrival_minutes),
            "travel_time_to_clinic": row.travel_time_to_clinic,
            "home_address": row.home_address,
        }
        super().__init__(data, initial=self.present)
        names = [(user.pk, user.get_full_name()) for user in providers]
        self.fields["preferred_providers"].choices = names

    @property
    def changed(self) -> dict[str, Any]:
        """What differs from what was shown; the rest stays as it came about, though a visit may
        have taught something else meanwhile."""
        found = {
            name: value
            for name, value in self.cleaned_data.items()
            if _same(value) != _same(self.present[name])
            and (name not in MEASURED or name in self.changed_data)
        }
        if found.get("average_no_show_rate") is not None:
            found["average_no_show_rate"] /= 100
        return found


@dataclass(frozen=True, slots=True)
class Learned:
    """One field of the form with where its value comes from."""

    field: forms.BoundField
    name: str
    is_by_hand: bool
    learned: str


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.SEE_PATIENTS)
def update_patient_preferences_view(request: HtmxRequest, patient_id: int) -> HttpResponse:
    present = known(min(patient_id, MAX_KEY))
    providers = list(User.objects.providers())
    data = request.POST if request.method == "POST" else None
    form = PreferencesForm(data, providers=providers, present=present)
    status = 200
    if request.method == "POST":
        try:
            if _saved(request, form, patient_id):
                return redirect("scheduling:update_preferences", patient_id)
            status = 400
        except (InvalidInputError, StaleVersionError) as error:
            form.add_error(error.attr if error.attr in form.fields else None, str(error))
            status = error.http_status
    else:
        record_read(PatientProfile._meta.db_table, present.row.patient_id)
    context = _context(request, present, providers) | {
        "form": form,
        "learned": _learned(form, present, providers),
        "measured": _measured(form, present),
    }
    template = "appointments/scheduling/update_preferences.html"
    return render(request, template, context, status=status)


@require_safe
@staff_view(Permission.SEE_PATIENTS)
def preferences(request: HtmxRequest, patient_id: int) -> HttpResponse:
    """The section on the patient's record."""
    present = known(min(patient_id, MAX_KEY))
    context = _context(request, present, list(User.objects.providers()))
    return render(request, "appointments/scheduling/partials/preferences.html", context)


def _saved(request: HtmxRequest, form: PreferencesForm, patient_id: int) -> bool:
    engine, version = Preferences(by=request.user), version_of(request)
    relearn = request.POST.get("learned", "")
    if relearn in LEARNED:
        engine.change(patient_id, version=version, **{relearn: None})
        messages.success(request, "What was learned is used again.")
        return True
    if not form.is_valid():
        return False
    engine.change(patient_id, version=version, **form.changed)
    messages.success(request, "The preferences are saved.")
    return True


def _context(request: HtmxRequest, present: Known, providers: list[User]) -> dict[str, Any]:
    row = present.row
    names = {user.pk: user.get_full_name() for user in providers}
    chosen = {
        "preferred_days": row.preferred_days,
        "preferred_times": row.preferred_times,
        "preferred_providers": present.provider_ids,
    }
    return {
        "patient": row.patient,
        "row": row,
        "facts": [
            (label, _said(name, chosen[name], names), name in row.manual_fields)
            for name, label in (
                ("preferred_days", "Days"),
                ("preferred_times", "Times"),
                ("preferred_providers", "Providers"),
            )
        ],
        "no_show_rate": percent(row.average_no_show_rate),
        "late": _punctuality(row.average_late_arrival_minutes),
        "by_hand": row.manual_fields,
        "visits": present.learned.learned_from,
        "can_edit": can(request.user, Permission.EDIT_PATIENTS),
    }


def _learned(form: PreferencesForm, present: Known, providers: list[User]) -> list[Learned]:
    names = {user.pk: user.get_full_name() for user in providers}
    found = {
        "preferred_days": present.learned.days,
        "preferred_times": present.learned.times,
        "preferred_providers": present.learned.provider_ids,
    }
    return [
        Learned(
            form[name],
            name,
            name in present.row.manual_fields,
            _said(name, values, names),
        )
        for name, values in found.items()
    ]


def _measured(form: PreferencesForm, present: Known) -> list[Learned]:
    found = {
        "average_no_show_rate": percent(present.learned.no_show_rate),
        "average_late_arrival_minutes": _punctuality(present.learned.late_minutes),
    }
    return [
        Learned(form[name], name, name in present.row.manual_fields, said)
        for name, said in found.items()
    ]


def _punctuality(late_minutes: float | None) -> str:
    if late_minutes is None:
        return "Not known yet"
    return f"{round(late_minutes)} min late on average" if round(late_minutes) else "On time"


def _rounded(value: float | None, *, times: int = 1) -> float | None:
    return None if value is None else round(value * times, 1)


def _said(name: str, values: Iterable[Any], providers: dict[int, str]) -> str:
    labels = {
        "preferred_days": dict(Weekday.choices),
        "preferred_times": dict(DayPart.choices),
        "preferred_providers": providers,
    }[name]
    return ", ".join(labels[value] for value in values if value in labels) or NOTHING


def _same(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value
