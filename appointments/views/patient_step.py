"""The patient chooser of a form: the button that was pressed says what is wanted of it."""

from dataclasses import dataclass, field
from typing import Any

from appointments.views.forms import NewPatientForm
from appointments.views.htmx import HtmxRequest, key_of
from appointments.views.patient_choice import found_patients
from core.errors import InvalidInputError
from patients.registration import possible_duplicates, register


@dataclass(frozen=True, slots=True)
class PatientStep:
    """What a step led to.

    Attributes:
        patient_id: the patient who is chosen now; None for nobody.
        context: what the chooser shows besides.
        status: of the answer.
    """

    patient_id: int | None
    context: dict[str, Any] = field(default_factory=dict)
    status: int = 200


def patient_step(request: HtmxRequest) -> PatientStep | None:
    """Take the step that was asked for; None if the pressed button was not the chooser's."""
    if "choose" in request.POST:
        return PatientStep(key_of(request.POST["choose"]))
    if "change" in request.POST:
        return PatientStep(None)
    if "find" in request.POST:
        query = request.POST.get("q", "")
        return PatientStep(None, {"options": found_patients(query), "query": query.strip()})
    return _register(request) if "register" in request.POST else None


def _register(request: HtmxRequest) -> PatientStep:
    new = NewPatientForm(request.POST)
    context = {"new": new, "is_registering": True}
    if not new.is_valid():
        return PatientStep(None, context, 400)
    if request.POST["register"] != "anyway":
        duplicates = possible_duplicates(**new.cleaned_data)
        if duplicates:
            return PatientStep(None, context | {"duplicates": duplicates})
    try:
        return PatientStep(register(by=request.user, **new.cleaned_data).pk)
    except InvalidInputError as error:
        new.add_error(error.attr if error.attr in new.fields else None, str(error))
        return PatientStep(None, context, 400)
