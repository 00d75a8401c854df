"""The registration form; what values are right is decided in ``patients.validation``."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from core.errors import DomainError
from patients import validation
from patients.models import CommunicationNeed, PatientProfile, Sex

LANGUAGES = (
    ("ar", "Arabic"),
    ("de", "German"),
    ("en", "English"),
    ("es", "Spanish"),
    ("fa", "Persian"),
    ("fr", "French"),
    ("it", "Italian"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ru", "Russian"),
    ("tr", "Turkish"),
    ("uk", "Ukrainian"),
    ("vi", "Vietnamese"),
    ("zh", "Chinese"),
)


class TypedDate(forms.DateInput):
    """A date the browser's own picker understands, which types fast: three numbers."""

    input_type = "date"

    def __init__(self, **attrs: str) -> None:
        super().__init__(format="%Y-%m-%d", attrs=attrs)


class PlaceField(forms.CharField):
    """A place as maps write it, latitude and longitude in degrees; None where empty."""

    parts = ("latitude", "longitude")

    def to_python(self, value: Any) -> tuple[float, float] | None:
        typed = super().to_python(value)
        if not typed:
            return None
        found = [part.strip() for part in typed.split(",")]
        if len(found) != len(self.parts) or not all(found):
            raise ValidationError("Enter two numbers, such as 52.5200, 13.4050.", code="invalid")
        latitude, longitude = (
            validation.CLEANERS[name](part) for name, part in zip(self.parts, found, strict=True)
        )
        return latitude, longitude

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _text(label: str, *, required: bool = False, hint: str = "", **attrs: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        help_text=hint,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"} | attrs),
    )


class PatientForm(forms.Form):
    """Reads what was typed and has ``validation.clean`` judge it, field by field."""

    first_name = _text("First name", required=True, autofocus=True, maxlength=100, dir="auto")
    last_name = _text("Last name", required=True, maxlength=100, dir="auto")
    birth_date = forms.CharField(
        label="Birth date", widget=TypedDate(autocomplete="off", min="1900-01-01")
    )
    sex = forms.ChoiceField(label="Sex", choices=Sex, initial=Sex.UNKNOWN, required=False)
    phone = _text("Phone", inputmode="tel")
    second_phone = _text("Second phone", inputmode="tel")
    email = _text("E-mail", inputmode="email", spellcheck="false")
    mrn = _text("MRN", hint="Left empty, the next free number is given.", spellcheck="false")
    address = _text("Address", dir="auto")
    place = PlaceField(
        label="Place on the map",
        required=False,
        help_text="Latitude, longitude: the journey to each site is estimated from it.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "52.5200, 13.4050"}),
    )
    language = forms.ChoiceField(label="Language", choices=LANGUAGES, initial="en", required=False)
    communication_needs = forms.MultipleChoiceField(
        label="Needs",
        choices=CommunicationNeed,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    consents_to_sms = forms.BooleanField(label="Messages by SMS", required=False)
    consents_to_email = forms.BooleanField(label="Messages by e-mail", required=False)
    consents_to_data_sharing = forms.BooleanField(
        label="Sharing data with other care givers", required=False
    )
    notes = forms.CharField(
        label="Notes",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    refused: DomainError | None = None
    MORE = (
        "second_phone",
        "email",
        "mrn",
        "address",
        "place",
        "language",
        "communication_needs",
        "notes",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = self.initial.get("language")
        if known and known not in dict(LANGUAGES):
            self.fields["language"].choices = (*LANGUAGES, (known, known))

    @classmethod
    def of(cls, patient: PatientProfile, data: Any = None) -> "PatientForm":
        """The form filled with a stored record."""
        initial = {name: getattr(patient, name) for name in cls.base_fields if name != "place"}
        if patient.latitude is not None and patient.longitude is not None:
            initial["place"] = patient.latitude, patient.longitude
        for name in ("phone", "second_phone"):
            initial[name] = str(initial[name] or "")
        form = cls(data, initial=initial)
        form.fields["mrn"].help_text = ""
        form.fields["mrn"].required = True
        form.fields["first_name"].widget.attrs.pop("autofocus")
        return form

    def clean(self) -> dict[str, Any]:
        typed = {
            name: value
            for name, value in self.cleaned_data.items()
            if name in validation.FIELDS and name not in self.errors
        }
        if "place" in self.cleaned_data:
            place = self.cleaned_data["place"] or (None, None)
            typed |= zip(PlaceField.parts, place, strict=True)
        try:
            return self.cleaned_data | validation.clean(typed, partial=True)
        except ValidationError as error:
            raise ValidationError(error.error_dict) from error

    def values(self) -> dict[str, Any]:
        """What registration takes."""
        return {k: v for k, v in self.cleaned_data.items() if k in validation.FIELDS}

    def refuse(self, error: DomainError) -> None:
        """Show what a command refused, with its own status."""
        self.refused = error
        known = error.attr in self.fields and not self.fields[error.attr].widget.is_hidden
        self.add_error(error.attr if known else None, str(error))

    def focus_first_error(self) -> None:
        """Let the browser put the cursor where something is to be mended."""
        faulty = [field for field in self.visible_fields() if field.errors]
        if faulty:
            self.fields["first_name"].widget.attrs.pop("autofocus", None)
            faulty[0].field.widget.attrs["autofocus"] = True

    @property
    def status(self) -> int:
        """HTTP status of the page that shows this form."""
        if self.refused:
            return self.refused.http_status
        return 400 if self.errors else 200

    @property
    def more_is_open(self) -> bool:
        """Whether something in the folded part wants to be seen."""
        return any(name in self.errors for name in self.MORE)
