"""Diagnosis codes in a form: typed with commas, or chosen by a search where scripts run."""

import json
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from appointments.scheduling import icd10
from appointments.scheduling.diagnoses import MAX_CODES, checked_codes
from core.errors import InvalidInputError

BETWEEN = re.compile(r"[\s,;]+")
MAX_TYPED = MAX_CODES * 14


class CodesInput(forms.TextInput):
    """``static/js/codes.js`` makes chips and a search of it; it stays the form's value."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        known = {code: icd10.describe(code) for code in split(context["widget"]["value"] or "")}
        context["widget"]["attrs"] |= {"data-codes": json.dumps(known), "autocomplete": "off"}
        return context

    def format_value(self, value: Any) -> str:
        return ", ".join(value) if isinstance(value, list | tuple) else value or ""


class CodesField(forms.CharField):
    """Cleans to a list of ICD-10 codes, each once."""

    widget = CodesInput

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Diagnosis codes")
        kwargs.setdefault("help_text", "ICD-10, such as E11.9; several with commas.")
        super().__init__(max_length=MAX_TYPED, **kwargs)

    def clean(self, value: Any) -> list[str]:
        typed = super().clean(value)
        try:
            return checked_codes(split(typed))
        except InvalidInputError as error:
            raise ValidationError(str(error), code=error.code) from error


def split(text: str) -> list[str]:
    return [icd10.normalised(part) for part in BETWEEN.split(text) if part]
