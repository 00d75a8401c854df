"""Parsing of what people type about queues; whether it can be done, the engine says."""

from datetime import datetime, timedelta
from typing import Any

from django import forms

from accounts.models import User
from appointments.enums import Priority
from appointments.models import AppointmentTemplate, WaitingQueue
from core.lookups import MAX_KEY

HOLDS = [
    ("", "Until called back"),
    ("10", "10 min"),
    ("20", "20 min"),
    ("30", "30 min"),
    ("60", "1 h"),
]


class HoldForm(forms.Form):
    minutes = forms.TypedChoiceField(
        label="Hold", choices=HOLDS, coerce=int, empty_value=None, required=False
    )

    def until(self, now: datetime) -> datetime | None:
        """When the hold ends by itself; None for never."""
        minutes = self.cleaned_data["minutes"]
        return None if minutes is None else now + timedelta(minutes=minutes)


class MoveForm(forms.Form):
    position = forms.IntegerField(
        label="Place",
        min_value=1,
        max_value=100_000,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    reason = forms.CharField(
        max_length=500,
        help_text="Kept in the queue's history.",
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )


class TransferForm(forms.Form):
    to_queue_id = forms.TypedChoiceField(
        label="To",
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a queue."},
    )
    reason = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )

    def __init__(
        self, data: Any, *, queues: list[WaitingQueue], waiting: dict[int, int], **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.fields["to_queue_id"].choices = [
            (queue.pk, _with_size(queue, waiting.get(queue.pk, 0))) for queue in queues
        ]


def _with_size(queue: WaitingQueue, waiting: int) -> str:
    if not queue.is_accepting_patients:
        return f"{queue.name} · closed"
    return f"{queue.name} · {waiting} waiting"


class ChangeForm(forms.Form):
    """What may be changed of somebody who waits."""

    priority = forms.ChoiceField(choices=Priority, widget=forms.RadioSelect)
    notes = forms.CharField(
        required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"})
    )
    is_flexible = forms.BooleanField(label="Agrees to whoever is free first", required=False)


class AddForm(ChangeForm):
    """Who joins, for which visit or which wish."""

    patient_id = forms.IntegerField(
        min_value=1,
        max_value=MAX_KEY,
        widget=forms.HiddenInput,
        error_messages={"required": "Choose the patient first."},
    )
    appointment_id = forms.TypedChoiceField(
        label="Comes for",
        coerce=int,
        empty_value=None,
        required=False,
        widget=forms.RadioSelect,
    )
    appointment_type_id = forms.TypedChoiceField(
        label="Type of visit", coerce=int, empty_value=None, required=False
    )
    wanted = forms.CharField(label="Wants to see", required=False)
    is_remote = forms.BooleanField(label="Waits elsewhere, by phone or video", required=False)

    field_order = ["patient_id", "appointment_id", "appointment_type_id", "wanted"]

    def __init__(
        self,
        data: Any = None,
        *,
        visits: list[tuple[int, str]],
        types: list[AppointmentTemplate],
        providers: list[User],
        specialties: list[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(data, **kwargs)
        self.has_visits = bool(visits)
        self.fields["appointment_id"].choices = [*visits, ("", "Without an appointment")]
        self.fields["appointment_type_id"].choices = [
            ("", "Not known yet"),
            *((kind.pk, f"{kind.name} · {kind.duration_minutes} min") for kind in types),
        ]
        self.fields["wanted"] = forms.ChoiceField(
            label="Wants to see",
            required=False,
            choices=[
                ("", "Anyone"),
                *(
                    [("Specialty", [(f"specialty:{name}", name) for name in specialties])]
                    if specialties
                    else []
                ),
                *(
                    [
                        (
                            "Provider",
                            [(f"provider:{each.pk}", each.get_full_name()) for each in providers],
                        )
                    ]
                    if providers
                    else []
                ),
            ],
        )

    def wishes(self) -> dict[str, Any]:
        """As the engine takes them; a visit brings its own type and provider."""
        cleaned = self.cleaned_data
        kind, _, value = cleaned["wanted"].partition(":")
        wishes = {name: cleaned[name] for name in ("notes", "is_flexible", "is_remote")}
        if cleaned["appointment_id"] is not None:
            return wishes | {"appointment_id": cleaned["appointment_id"]}
        if kind == "provider":
            wishes["wanted_provider_id"] = int(value)
        if kind == "specialty":
            wishes["wanted_specialty"] = value
        return wishes | {"appointment_type_id": cleaned["appointment_type_id"]}
