"""How much each factor counts: five sliders, and what they would do to a ranking."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Permission
from appointments.models import AppointmentTemplate
from appointments.scheduling.preview import Comparison, compare
from appointments.scheduling.scoring import FACTORS, Weights
from appointments.scheduling.smart_scheduler import SmartScheduler
from appointments.scheduling.weights import save_weights, stored_weights
from appointments.scheduling.wishes import checked_wish, date_range
from appointments.views.htmx import HtmxRequest, staff_view, version_of
from appointments.views.patient_choice import chosen_patient
from appointments.views.patient_step import patient_step
from appointments.views.scheduling_cards import FACTOR_NAMES
from core.clock import system_clock
from core.errors import InvalidInputError, StaleVersionError
from core.lookups import MAX_KEY

PREVIEW_DAYS = 28
ALL = 100
EXPLAINED = dict(
    zip(
        FACTORS,
        (
            "Beside other visits rather than in the middle of free time; today before next month.",
            "How soon the visit should take place, by urgency and priority rules.",
            "Times at which this patient is least likely to miss the visit.",
            "Sites and hours with the shortest way.",
            "Days, hours and providers the patient likes.",
        ),
        strict=True,
    )
)


class WeightsForm(forms.Form):
    """Percents, one per factor; and for whom the preview is drawn."""

    patient_id = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_KEY, widget=forms.HiddenInput
    )
    appointment_type_id = forms.TypedChoiceField(
        label="Type of visit", coerce=int, empty_value=None, required=False
    )

    def __init__(self, *args: Any, types: list[AppointmentTemplate], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["appointment_type_id"].choices = [(each.pk, each.name) for each in types]
        for name, label in FACTOR_NAMES.items():
            self.fields[name] = forms.IntegerField(
                label=label,
                min_value=0,
                max_value=ALL,
                help_text=EXPLAINED[name],
                widget=forms.NumberInput({"type": "range", "step": 1, "data-weight": ""}),
            )

    @property
    def sliders(self) -> list[forms.BoundField]:
        return [self[name] for name in FACTORS]

    @property
    def total(self) -> int:
        """Of what stands in the form now; what is no number counts as nothing."""
        return sum(percents(self).values())

    @property
    def is_scaled(self) -> bool:
        """Whether the preview has to scale them."""
        return self.total != ALL


def percents(form: WeightsForm) -> dict[str, int]:
    texts = {name: str(form[name].value()) for name in FACTORS}
    return {
        name: min(int(text), ALL) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
        for name, text in texts.items()
    }


@dataclass(frozen=True, slots=True)
class _Page:
    form: WeightsForm
    version: int
    status: int = 200
    context: Mapping[str, Any] | None = None


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view(Permission.CONFIGURE_SCHEDULING)
def weights(request: HtmxRequest) -> HttpResponse:
    """The pressed button saves, proposes other values, or chooses the preview's patient."""
    types, stored = _types(), stored_weights()
    if request.method != "POST":
        start = _percents_of(stored) | {"appointment_type_id": types[0].pk if types else None}
        return _page(request, _Page(WeightsForm(initial=start, types=types), stored.version))
    version = version_of(request) or 0
    form = WeightsForm(request.POST, types=types)
    step = patient_step(request)
    if step is not None:
        typed = _typed(form) | {"patient_id": step.patient_id}
        shown = WeightsForm(initial=typed, types=types)
        return _page(request, _Page(shown, version, step.status, step.context))
    if "defaults" in request.POST or "normalise" in request.POST:
        proposed = _percents_of(Weights()) if "defaults" in request.POST else scaled(percents(form))
        return _page(
            request, _Page(WeightsForm(initial=_typed(form) | proposed, types=types), version)
        )
    return _save(request, form, version)


@require_POST
@staff_view(Permission.CONFIGURE_SCHEDULING)
def weights_preview(request: HtmxRequest) -> HttpResponse:
    form = WeightsForm(request.POST, types=_types())
    template = "appointments/scheduling/partials/weights_preview.html"
    return render(request, template, {"comparison": _comparison(request, form), "form": form})


def scaled(values: Mapping[str, int]) -> dict[str, int]:
    """The same proportions in whole percents that sum to 100; the defaults for all zeros."""
    total = sum(values.values())
    if not total:
        return _percents_of(Weights())
    exact = {name: value * ALL / total for name, value in values.items()}
    whole = {name: int(value) for name, value in exact.items()}
    by_rest = sorted(exact, key=lambda name: whole[name] - exact[name])
    for name in by_rest[: ALL - sum(whole.values())]:
        whole[name] += 1
    return whole


def _save(request: HtmxRequest, form: WeightsForm, version: int) -> HttpResponse:
    if not form.is_valid():
        return _page(request, _Page(form, version, 400))
    fractions = {name: form.cleaned_data[name] / ALL for name in FACTORS}
    try:
        save_weights(fractions, by=request.user, version=version)
    except InvalidInputError as error:
        form.add_error(error.attr if error.attr in form.fields else None, str(error))
        return _page(request, _Page(form, version, error.http_status))
    except StaleVersionError as error:
        form.add_error(None, "Somebody changed the weights meanwhile. Save again to replace them.")
        return _page(request, _Page(form, stored_weights().version, error.http_status))
    messages.success(request, "The weights are saved.")
    return redirect("scheduling:weights")


def _page(request: HtmxRequest, page: _Page) -> HttpResponse:
    form = page.form
    context = {
        "form": form,
        "version": page.version,
        "patient": chosen_patient(form["patient_id"].value()),
        "comparison": _comparison(request, form),
        **(page.context or {}),
        "can_register": False,
    }
    template = "appointments/scheduling/weights.html"
    return render(request, template, context, status=page.status)


def _comparison(request: HtmxRequest, form: WeightsForm) -> Comparison | None:
    """As if the sliders were scaled to 100 %; None while there is nothing to rank, as where the
    type's only room is out of use."""
    types = {str(each.pk): each for each in _types()}
    kind = types.get(str(form["appointment_type_id"].value()))
    if kind is None:
        return None
    now = system_clock()
    today = now.astimezone(request.tenant.zone_info).date()
    patient = chosen_patient(form["patient_id"].value())
    try:
        wish = checked_wish(
            request.tenant,
            now=now,
            patient_id=patient.pk if patient else None,
            appointment_type_id=kind.pk,
            dates=date_range(today, today + timedelta(days=PREVIEW_DAYS - 1)),
            dates_attr="appointment_type_id",
        )
    except InvalidInputError:
        return None
    draft = {name: value / ALL for name, value in scaled(percents(form)).items()}
    return compare(SmartScheduler(request.tenant), wish, Weights(**draft))


def _types() -> list[AppointmentTemplate]:
    return list(AppointmentTemplate.objects.filter(is_active=True))


def _percents_of(weights: Any) -> dict[str, int]:
    return scaled({name: round(ALL * ALL * getattr(weights, name)) for name in FACTORS})


def _typed(form: WeightsForm) -> dict[str, Any]:
    return {name: form[name].value() for name in form.fields}
