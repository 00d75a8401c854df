"""What the figures are asked for: a range of days, and whose."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.formats import date_format

from accounts.models import User
from accounts.permissions import Role
from appointments.models import AppointmentTemplate
from appointments.scheduling.analytics import Period
from appointments.scheduling.facts import Scope
from core.errors import InvalidInputError
from core.models import Site

MONTH, DEFAULT = "month", "30"
PRESETS = {
    "7": "7 days",
    "30": "30 days",
    "90": "90 days",
    MONTH: "This month",
}
FILTERS = ("provider", "site", "type")
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 12, 31)


@dataclass(frozen=True, slots=True)
class Preset:
    label: str
    query: str
    is_current: bool


class FiguresForm(forms.Form):
    """``range`` names a preset; ``start`` and ``end`` overrule it."""

    range = forms.ChoiceField(
        choices=list(PRESETS.items()), required=False, widget=forms.HiddenInput
    )
    start = forms.DateField(
        label="From",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    end = forms.DateField(
        label="To",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    provider = forms.TypedChoiceField(coerce=int, empty_value=None, required=False)
    site = forms.TypedChoiceField(coerce=int, empty_value=None, required=False)
    type = forms.TypedChoiceField(coerce=int, empty_value=None, required=False)

    use_required_attribute = False

    def __init__(self, query: QueryDict, *, today: date, only: tuple[str, ...] = FILTERS) -> None:
        """
        Args:
            only: the filters that are offered.
        """
        super().__init__(_filled(query, today))
        self.today = today
        self.filters = only
        for name in FILTERS:
            if name not in self.filters:
                del self.fields[name]
        people = User.objects.filter(role=Role.PROVIDER).order_by("last_name", "first_name", "pk")
        options = {
            "provider": ("All providers", lambda: [(p.pk, p.get_full_name()) for p in people]),
            "site": ("All sites", lambda: Site.objects.values_list("pk", "name")),
            "type": ("All types", lambda: AppointmentTemplate.objects.values_list("pk", "name")),
        }
        for name in self.filters:
            blank, rows = options[name]
            self.fields[name].choices = [("", blank), *rows()]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        start, end = cleaned.get("start"), cleaned.get("end")
        for name, day in (("start", start), ("end", end)):
            if day is not None and not FIRST_DAY <= day <= LAST_DAY:
                self.add_error(name, "Choose a date of this century.")
                return cleaned
        try:
            self.period = self._period(start, end, cleaned.get("range"))
        except InvalidInputError as error:
            self.add_error(error.attr, str(error))
        return cleaned

    def _period(self, start: date | None, end: date | None, preset: str | None) -> Period:
        if start is None and end is None:
            return preset_period(preset or DEFAULT, today=self.today)
        last = end or max(self.today, start)
        return Period(start or last - timedelta(days=int(DEFAULT) - 1), last)

    @property
    def scope(self) -> Scope:
        chosen = {f"{name}_id": self.cleaned_data.get(name) for name in self.filters}
        return Scope(**chosen)

    @property
    def chosen(self) -> list[str]:
        """The names of what was chosen, or that everything is shown."""
        names = [
            dict(self.fields[name].choices).get(self.cleaned_data[name])
            for name in self.filters
            if self.cleaned_data.get(name)
        ]
        return names or ["Everyone"]

    @property
    def query(self) -> str:
        """The same figures again, for exports and links."""
        return self._query({"start": self.period.start, "end": self.period.end})

    @property
    def presets(self) -> list[Preset]:
        shown = getattr(self, "period", None)
        periods = {key: preset_period(key, today=self.today) for key in PRESETS}
        current = next((key for key, period in periods.items() if period == shown), None)
        return [
            Preset(label, self._query({"range": key}), key == current)
            for key, label in PRESETS.items()
        ]

    @property
    def has_filters(self) -> bool:
        return any(self.cleaned_data.get(name) for name in self.filters)

    def _query(self, more: dict[str, Any]) -> str:
        query = QueryDict(mutable=True)
        query.update({name: str(value) for name, value in more.items()})
        for name in self.filters:
            if self.cleaned_data.get(name):
                query[name] = str(self.cleaned_data[name])
        return query.urlencode()


def preset_period(preset: str, *, today: date) -> Period:
    if preset == MONTH:
        return Period(today.replace(day=1), today)
    return Period.last(int(preset), today=today)


def _filled(query: QueryDict, today: date) -> QueryDict:
    """With the dates of the preset, so that the form shows what the page does."""
    preset = query.get("range") or DEFAULT
    if query.get("start") or query.get("end") or preset not in PRESETS:
        return query
    period, filled = preset_period(preset, today=today), query.copy()
    filled["start"], filled["end"] = period.start.isoformat(), period.end.isoformat()
    return filled


def said(period: Period) -> str:
    """The first and the last day, as the reader writes dates."""
    days = dict.fromkeys((period.start, period.end))
    return " – ".join(date_format(day, "DATE_FORMAT") for day in days)
