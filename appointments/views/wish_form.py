"""What the front desk wishes for a visit, as the scheduling page sends it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms
from django.db import models

from accounts.models import User
from appointments.booking.selectors import active_sites, shown_providers
from appointments.enums import Modality, Priority
from appointments.models import AppointmentTemplate
from appointments.scheduling.wishes import (
    DEFAULT_RESULTS,
    MAX_MINUTES,
    MAX_RESULTS,
    MIN_MINUTES,
    Wish,
    checked_wish,
    date_range,
)
from appointments.views.forms import RepeatForm
from appointments.views.wish_fields import MANY, ONE, When, WishFields, span_of
from core.errors import InvalidInputError
from core.lookups import MAX_KEY
from core.models import Tenant

GROUPS = {
    "patient": ("patient_id",),
    "type": ("appointment_type_id",),
    "who": ("specialty", "provider_ids"),
    "site": ("site_id",),
    "when": ("when", "date_from", "date_to"),
    "weekdays": ("weekdays",),
    "times": ("parts", "time_from", "time_to"),
    "how": ("modality",),
    "repeat": ("repeat", "repeat_count"),
    "urgency": ("priority",),
    "codes": ("diagnosis_codes",),
    "minutes": ("duration_minutes",),
    "reason": ("reason",),
}
"""Fields whose errors stand in one place."""

ATTRS = {"times": "time_from", "urgency": "priority", "rrule": "repeat"}
"""Fields of the form for attributes of a wish that are called otherwise."""


class Order(models.TextChoices):
    BEST = "best", "Best first"
    SOONEST = "soonest", "Soonest first"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is to choose from."""

    types: list[AppointmentTemplate]
    providers: list[User]
    specialties: list[str]
    sites: list[Any]

    @classmethod
    def of(cls, user: User) -> "Catalogue":
        """Read it: five statements."""
        types = AppointmentTemplate.objects.filter(is_active=True)
        providers = shown_providers(user, sees_all=True)
        models.prefetch_related_objects(providers, "provider_profile")
        profiles = [getattr(user, "provider_profile", None) for user in providers]
        return cls(
            types=list(types.prefetch_related("templateprovider_set", "templatesite_set")),
            providers=providers,
            specialties=sorted({name for each in profiles if each for name in each.specialties}),
            sites=active_sites(),
        )


class TypeSelect(forms.Select):
    """Each option says what its type leaves open, so that the page can offer only that."""

    facts: dict[int, dict[str, str]]

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        option["attrs"] |= self.facts.get(value, {})
        return option


class WishForm(RepeatForm, WishFields):
    """``order`` to ``shown_for`` are not wishes but where the person stands in the results."""

    waiting_id = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_KEY, widget=forms.HiddenInput
    )
    appointment_type_id = forms.TypedChoiceField(
        label="Type of visit",
        coerce=int,
        widget=TypeSelect,
        error_messages={"required": "Choose the type of visit."},
    )
    specialty = forms.ChoiceField(label="Specialty", required=False)
    provider_ids = forms.TypedMultipleChoiceField(
        label="Providers", coerce=int, required=False, widget=MANY
    )
    modality = forms.ChoiceField(
        label="How",
        choices=[("", "As usual"), *Modality.choices[:2]],
        required=False,
        widget=ONE,
    )
    duration_minutes = forms.IntegerField(
        label="Minutes",
        required=False,
        min_value=MIN_MINUTES,
        max_value=MAX_MINUTES,
        widget=forms.NumberInput({"step": 5, "inputmode": "numeric"}),
        help_text="The type’s own where empty.",
    )
    order = forms.ChoiceField(choices=Order, required=False)
    most = forms.IntegerField(required=False, min_value=1, max_value=MAX_RESULTS)
    map_from = forms.DateField(required=False)
    shown_for = forms.CharField(required=False, max_length=40)

    def __init__(self, data: Any = None, *, catalogue: Catalogue, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.catalogue = catalogue
        choices = {
            "appointment_type_id": [
                ("", "Choose …"),
                *((each.pk, type_label(each)) for each in catalogue.types),
            ],
            "provider_ids": [(each.pk, each.get_full_name()) for each in catalogue.providers],
            "specialty": [("", "Any specialty"), *((name, name) for name in catalogue.specialties)],
            "site_id": [("", "Any site"), *((each.pk, each.name) for each in catalogue.sites)],
        }
        for name, offered in choices.items():
            self.fields[name].choices = offered
        self.fields["appointment_type_id"].widget.facts = {
            each.pk: facts_of(each) for each in catalogue.types
        }

    @property
    def kind(self) -> AppointmentTemplate | None:
        """The chosen type, whatever else may be wrong."""
        value = str(self["appointment_type_id"].value() or "")
        return next((each for each in self.catalogue.types if str(each.pk) == value), None)

    @property
    def errors_at(self) -> dict[str, list[str]]:
        """What is wrong, by place; every place, so that a mended one is cleared."""
        errors = self.errors if self.is_bound else {}
        return {
            place: [str(error) for name in names for error in errors.get(name, ())]
            for place, names in GROUPS.items()
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["order"] = cleaned.get("order") or Order.BEST
        return cleaned

    def wish(self, tenant: Tenant, now: datetime) -> Wish | None:
        """The wish, or None with the reason on the form."""
        if not self.is_valid():
            return None
        cleaned = self.cleaned_data
        when = cleaned["when"]
        try:
            dates = date_range(*self.span(now.astimezone(tenant.zone_info).date()))
            return checked_wish(
                tenant,
                now=now,
                patient_id=cleaned["patient_id"],
                appointment_type_id=cleaned["appointment_type_id"],
                dates=dates,
                dates_attr="date_from" if when == When.DATES else "when",
                provider_ids=cleaned["provider_ids"] or None,
                specialty=cleaned["specialty"],
                site_id=cleaned["site_id"],
                **self.hours,
                modality=cleaned["modality"] or None,
                urgency=cleaned["priority"],
                diagnosis_codes=tuple(cleaned["diagnosis_codes"]),
                duration_minutes=cleaned["duration_minutes"],
                soonest_first=cleaned["order"] == Order.SOONEST,
                max_results=cleaned["most"] or DEFAULT_RESULTS,
            )
        except InvalidInputError as error:
            self.refuse(error)
            return None

    def refuse(self, error: InvalidInputError) -> None:
        """Show what cannot be wished beside its field."""
        name = ATTRS.get(error.attr or "", error.attr)
        self.add_error(name if name in self.fields else None, str(error))

    def waiting(self, today: date) -> dict[str, Any]:
        """The wish as the waitlist's form starts from it; what it has no field for is a note."""
        self.is_valid()
        cleaned = self.cleaned_data
        providers = cleaned.get("provider_ids") or []
        when, first, last = cleaned.get("when", When.WEEKS), None, None
        picked = cleaned.get("date_from"), cleaned.get("date_to")
        if when != When.WEEKS and (when != When.DATES or None not in picked):
            first, last = span_of(when, picked, today=today)
        labels = dict(self.fields["parts"].choices) | dict(self.fields["weekdays"].choices)
        said = [*cleaned.get("parts", ()), *cleaned.get("weekdays", ())]
        notes = [cleaned.get("reason", ""), ", ".join(str(labels[each]) for each in said)]
        return {
            "patient_id": cleaned.get("patient_id"),
            "appointment_type_id": cleaned.get("appointment_type_id"),
            "preferred_provider_id": providers[0] if len(providers) == 1 else None,
            "priority": cleaned.get("priority") or Priority.ROUTINE,
            "diagnosis_codes": cleaned.get("diagnosis_codes", []),
            "preferred_time": cleaned.get("time_from"),
            "desired_date_range_start": first,
            "desired_date_range_end": last,
            "notes": "; ".join(filter(None, notes)),
        }

    @property
    def signature(self) -> str:
        """What days are wished; a narrowed day and a turned page of the map last as long."""
        cleaned = self.cleaned_data
        if cleaned["when"] != When.DATES:
            return str(cleaned["when"])
        return f"{cleaned['date_from']}–{cleaned['date_to']}"

    @property
    def place(self) -> dict[str, date | None]:
        """The narrowed day and the first day of the map, as far as they belong to these dates."""
        names = ("day", "map_from")
        if self.cleaned_data["shown_for"] != self.signature:
            return dict.fromkeys(names)
        return {name: self.cleaned_data[name] for name in names}


def type_label(kind: AppointmentTemplate) -> str:
    return f"{kind.name} · {kind.duration_minutes} min"


def facts_of(kind: AppointmentTemplate) -> dict[str, str]:
    return {
        "data-modality": kind.modality,
        "data-minutes": str(kind.duration_minutes),
        "data-providers": " ".join(str(row.provider_id) for row in kind.templateprovider_set.all()),
        "data-sites": " ".join(str(row.site_id) for row in kind.templatesite_set.all()),
    }
