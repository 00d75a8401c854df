"""Parsing of rooms and devices."""

from typing import Any

from django import forms

from appointments.models import Resource
from core.models import Site

VALUES = ("name", "kind", "site_id", "is_active")


class ResourceForm(forms.Form):
    name = forms.CharField(
        max_length=100, help_text="As it stands on the door, such as Ultrasound 1."
    )
    kind = forms.CharField(
        max_length=60,
        widget=forms.TextInput({"list": "resource-kinds", "autocomplete": "off"}),
        help_text="A type of visit takes any free one of a kind at its site.",
    )
    site_id = forms.TypedChoiceField(label="Site", coerce=int)
    is_active = forms.BooleanField(label="Can be booked", required=False)

    def __init__(self, data: Any = None, *, sites: list[Site], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["site_id"].choices = [(site.pk, site.name) for site in sites]

    def refuse(self, attr: str | None, message: str) -> None:
        """Show a refusal beside the field it names."""
        self.add_error(attr if attr in self.fields else None, message)


def values_of(resource: Resource) -> dict[str, Any]:
    """What the form starts from when one is changed."""
    return {name: getattr(resource, name) for name in VALUES}
