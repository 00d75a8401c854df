"""Parsing of how a queue works: what stands in the form is whole numbers and words."""

from dataclasses import dataclass
from typing import Any

from django import forms

from accounts.models import User
from appointments.models import QueueConfiguration, WaitingQueue
from appointments.queue.setting_checks import WEIGHTS
from appointments.queue.settings import CONFIGURATION_FIELDS, QUEUE_FIELDS
from appointments.views.forms import weekdays_field

ALL = 100
SHARES = (*WEIGHTS, "load_yellow", "load_red")
"""Shown in percent."""

WORDS = {"use_dynamic_positioning": ("claims", "arrival"), "use_historical_data": ("past", "fixed")}
"""The word of a choice that stands for true, and that for false."""

Choices = list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Preset:
    key: str
    label: str
    values: dict[str, Any]


PRESETS = tuple(
    Preset(
        key,
        label,
        {"use_dynamic_positioning": order} | dict(zip(WEIGHTS, weights, strict=True)),
    )
    for key, label, order, weights in (
        ("balanced", "Balanced", "claims", (50, 30, 20)),
        ("urgent", "Urgent first", "claims", (80, 15, 5)),
        ("on_time", "Appointments on time", "claims", (20, 20, 60)),
        ("arrival", "Strictly by arrival", "arrival", (50, 30, 20)),
    )
)


def _slider(label: str, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=0,
        max_value=ALL,
        help_text=help_text,
        widget=forms.NumberInput({"type": "range", "step": 1, "data-weight": ""}),
    )


def _number(label: str, low: int, high: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=low,
        max_value=high,
        widget=forms.NumberInput({"inputmode": "numeric"}),
    )


def _time(label: str) -> forms.TimeField:
    widget = forms.TimeInput({"type": "time"}, format="%H:%M")
    return forms.TimeField(label=label, required=False, widget=widget)


class ConfigForm(forms.Form):
    """Named as ``QueueSettings.change`` takes them."""

    use_dynamic_positioning = forms.ChoiceField(
        label="Who is next",
        choices=[
            ("claims", "Weigh the three below"),
            ("arrival", "Strictly by arrival, the urgent first"),
        ],
        widget=forms.RadioSelect,
    )
    priority_weight = _slider("How urgent somebody is", "Urgent patients go first in any case.")
    wait_time_weight = _slider(
        "How long they have waited", "Measured against how soon people of their urgency are due."
    )
    appointment_time_weight = _slider(
        "Their appointment time", "More so the longer it has passed; less before it."
    )
    guard_minutes = _number("After this many minutes", 10, 600)
    skip_return_after = _number("Calls until the turn of somebody skipped comes again", 1, 50)
    max_queue_size = _number("Places", 1, 10_000)
    accepts_walk_ins = forms.BooleanField(
        label="People without an appointment may join", required=False
    )
    enable_overflow_queue = forms.BooleanField(
        label="Send newcomers on when many wait", required=False
    )
    overflow_threshold = _number("From this many waiting on", 1, 10_000)
    overflow_queue_id = forms.TypedChoiceField(
        label="Send them to", coerce=int, empty_value=None, required=False
    )
    opens_at = _time("Opens")
    closes_at = _time("Closes")
    opening_days = weekdays_field()
    last_ticket_minutes = _number("Minutes before closing", 0, 240)
    use_historical_data = forms.ChoiceField(
        label="How long a visit takes",
        choices=[
            ("past", "Learn it from the visits of the last 7 days"),
            ("fixed", "As the type of visit says"),
        ],
        widget=forms.RadioSelect,
    )
    default_service_time_minutes = _number("Minutes of a visit", 1, 480)
    load_yellow = _number("Busy from, percent", 0, ALL)
    load_red = _number("Nearly full from, percent", 0, ALL)
    alert_wait_minutes = _number("Too long, in minutes", 5, 600)
    enable_websocket_updates = forms.BooleanField(
        label="Refresh staff's pages by push", required=False
    )
    update_interval_seconds = _number("Seconds between questions", 2, 600)
    providers = forms.TypedMultipleChoiceField(
        label="Whose visits wait here",
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(
        self, data: Any = None, *, others: Choices, providers: list[User], **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.fields["overflow_queue_id"].choices = [
            ("", "the shortest queue of the same site and specialty"),
            *others,
        ]
        self.fields["providers"].choices = [(row.pk, row.get_full_name()) for row in providers]

    @property
    def sliders(self) -> list[tuple[forms.BoundField, int]]:
        """Each with its share of the sum, in percent."""
        values = [_whole(self[name].value()) for name in WEIGHTS]
        total = sum(values) or 1
        return [
            (self[name], round(ALL * value / total))
            for name, value in zip(WEIGHTS, values, strict=True)
        ]

    def changed(self) -> dict[str, Any]:
        """What differs from what is stored, as the engine takes it.  A weight that was stored
        with more digits than the slider has keeps them until the slider is moved."""
        names = {*CONFIGURATION_FIELDS, *QUEUE_FIELDS} & set(self.changed_data)
        return {name: _meant(name, self.cleaned_data[name]) for name in names}

    def refuse(self, attr: str | None, message: str) -> None:
        """Show a refusal beside the field it names."""
        self.add_error(attr if attr in self.fields else None, message)

    def typed(self) -> dict[str, Any]:
        """What stands in the form now, valid or not."""
        return {name: self[name].value() for name in self.fields}


def draft_of(form: ConfigForm, stored: QueueConfiguration) -> QueueConfiguration:
    """The stored settings with what is valid of the form's; not to be saved."""
    form.is_valid()
    values = {name: getattr(stored, name) for name in CONFIGURATION_FIELDS}
    for name in set(form.changed_data) & set(form.cleaned_data) & set(values):
        values[name] = _meant(name, form.cleaned_data[name])
    return QueueConfiguration(queue=stored.queue, **values)


def shown(values: dict[str, Any]) -> dict[str, Any]:
    """The engine's values as the form shows them."""
    return {name: _said(name, value) for name, value in values.items()}


def values_of(queue: WaitingQueue, configuration: QueueConfiguration) -> dict[str, Any]:
    """What the form starts from."""
    values = {name: getattr(configuration, name) for name in CONFIGURATION_FIELDS}
    values |= {name: getattr(queue, name) for name in QUEUE_FIELDS}
    keys = queue.queueprovider_set.values_list("provider_id", flat=True)
    return shown(values) | {"providers": [str(key) for key in keys]}


def _meant(name: str, value: Any) -> Any:
    if name in SHARES:
        return value / ALL
    return value == WORDS[name][0] if name in WORDS else value


def _said(name: str, value: Any) -> Any:
    if name in SHARES:
        return round(ALL * value)
    if name in WORDS:
        return WORDS[name][0 if value else 1]
    return str(value) if name == "overflow_queue_id" and value else value


def _whole(value: Any) -> int:
    text = str(value)
    return min(int(text), ALL) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
