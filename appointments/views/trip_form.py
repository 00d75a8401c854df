"""What the front desk wishes for a trip: two or three visits, and on which days."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from appointments.booking.trip import FEWEST, MOST
from appointments.enums import Modality
from appointments.scheduling.smart_scheduler import TRANSFER_MINUTES
from appointments.scheduling.wishes import DEFAULT_RESULTS, Wish, trip_wishes
from appointments.views.wish_fields import When, WishFields
from appointments.views.wish_form import ATTRS, Catalogue, TypeSelect, facts_of, type_label
from core.errors import InvalidInputError
from core.models import Tenant

MOST_RESULTS = 50
PLACES = {"patient_id": "patient", "site_id": "site"}
PLACES |= dict.fromkeys(("when", "date_from", "date_to"), "when")
PLACES |= {f"{name}_{n}": f"visit-{n}" for n in range(MOST) for name in ("type", "provider", "how")}
PLACES |= dict.fromkeys(("parts", "time_from", "time_to"), "times")
PLACES |= {"weekdays": "weekdays", "priority": "urgency"}
PLACES |= {"diagnosis_codes": "codes", "reason": "reason"}
"""Where the errors of a field stand."""

OF_VISIT = {"appointment_type_id": "type", "provider_id": "provider", "duration_minutes": "type"}
OF_VISIT |= {"modality": "how"}


@dataclass(frozen=True, slots=True)
class VisitFields:
    """The fields of one wanted visit."""

    place: str
    type: BoundField
    provider: BoundField
    how: BoundField
    errors: list[str]


class TripForm(WishFields):
    """``most`` is not a wish but how many trips are shown."""

    keep_order = forms.BooleanField(label="In this order", required=False)
    most = forms.IntegerField(required=False, min_value=1, max_value=MOST_RESULTS)

    def __init__(self, data: Any = None, *, catalogue: Catalogue, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.catalogue = catalogue
        types = [("", "Choose …"), *((each.pk, type_label(each)) for each in catalogue.types)]
        anyone = [
            ("", "Anyone"),
            *((each.pk, each.get_full_name()) for each in catalogue.providers),
        ]
        facts = {each.pk: facts_of(each) for each in catalogue.types}
        for n in range(MOST):
            kind = forms.TypedChoiceField(
                label=f"Visit {n + 1}",
                choices=types,
                coerce=int,
                empty_value=None,
                required=n < FEWEST,
                widget=TypeSelect({"aria-label": f"Type of visit {n + 1}"}),
                error_messages={"required": "Choose the type of visit."},
            )
            kind.widget.facts = facts
            self.fields[f"type_{n}"] = kind
            self.fields[f"provider_{n}"] = forms.TypedChoiceField(
                label="With",
                choices=anyone,
                coerce=int,
                empty_value=None,
                required=False,
                widget=forms.Select({"aria-label": f"Provider of visit {n + 1}"}),
            )
            self.fields[f"how_{n}"] = forms.ChoiceField(
                label="How",
                choices=[("", "As usual for its type"), *Modality.choices[:2]],
                required=False,
                widget=forms.Select({"aria-label": f"How visit {n + 1} takes place"}),
            )
        sites = [("", "Any site"), *((each.pk, each.name) for each in catalogue.sites)]
        self.fields["site_id"].choices = sites

    @property
    def rows(self) -> list[VisitFields]:
        errors = self.errors_at
        return [
            VisitFields(
                place := f"visit-{n}",
                self[f"type_{n}"],
                self[f"provider_{n}"],
                self[f"how_{n}"],
                errors[place],
            )
            for n in range(MOST)
        ]

    @property
    def errors_at(self) -> dict[str, list[str]]:
        """What is wrong, by place; every place, so that a mended one is cleared."""
        found: dict[str, list[str]] = {place: [] for place in PLACES.values()}
        for name, errors in (self.errors if self.is_bound else {}).items():
            if name in PLACES:
                found[PLACES[name]] += map(str, errors)
        return {place: list(dict.fromkeys(said)) for place, said in found.items()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        last = MOST - 1
        if cleaned.get(f"provider_{last}") and not cleaned.get(f"type_{last}"):
            self.add_error(f"type_{last}", "Choose the type of visit.")
        return cleaned

    def wishes(self, tenant: Tenant, now: datetime) -> list[Wish] | None:
        """One per visit, or None with the reason on the form."""
        if not self.is_valid():
            return None
        first, last = self.span(now.astimezone(tenant.zone_info).date())
        cleaned, day = self.cleaned_data, self.cleaned_data["day"]
        is_wished = not cleaned["weekdays"] or (day and day.weekday() in cleaned["weekdays"])
        if day is not None and first <= day <= last and is_wished:
            first = last = day
        else:
            cleaned["day"] = None
        try:
            return trip_wishes(
                tenant,
                now=now,
                patient_id=cleaned["patient_id"],
                visits=[
                    {
                        "appointment_type_id": cleaned[f"type_{n}"],
                        "provider_id": cleaned[f"provider_{n}"],
                        "modality": cleaned[f"how_{n}"] or None,
                    }
                    for n in range(MOST)
                    if cleaned[f"type_{n}"] is not None
                ],
                date_from=first,
                date_to=last,
                site_id=cleaned["site_id"],
                urgency=cleaned["priority"],
                diagnosis_codes=tuple(cleaned["diagnosis_codes"]),
                **self.hours,
            )
        except InvalidInputError as error:
            name = self._field_of(ATTRS.get(error.attr or "", error.attr or ""))
            self.add_error(name if name in self.fields else None, str(error))
            return None

    def _field_of(self, attr: str) -> str:
        if attr.startswith("visits."):
            _, number, name = attr.split(".")
            return f"{OF_VISIT[name]}_{number}"
        if attr in ("date_from", "date_to") and self.cleaned_data["when"] != When.DATES:
            return "when"
        return attr

    @property
    def options(self) -> dict[str, Any]:
        """How the trips are put together; one more than shown tells whether there are more.

        Each day is shown once, the best of it, until one is chosen.
        """
        return {
            "per_day": None if self.cleaned_data["day"] else 1,
            "keep_order": self.cleaned_data["keep_order"],
            "transfer_minutes": TRANSFER_MINUTES,
            "max_results": self.shown + 1,
        }

    @property
    def shown(self) -> int:
        return self.cleaned_data["most"] or DEFAULT_RESULTS

    def is_narrow(self, way: str) -> bool:
        """Whether this part of the wish narrows it."""
        cleaned = self.cleaned_data
        return {
            "who": any(cleaned[f"provider_{n}"] for n in range(MOST)),
            "order": cleaned["keep_order"],
            "times": bool(self.hours["times"]),
            "weekdays": bool(self.hours["weekdays"]),
            "site": cleaned["site_id"] is not None,
            "later": True,
        }[way]


def later_span(last: date) -> tuple[date, date]:
    """The four weeks after."""
    return last + timedelta(days=1), last + timedelta(weeks=4)
