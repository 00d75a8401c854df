"""Parsing of what a waiting-room screen shows."""

from typing import Any

from django import forms

from appointments.models import DisplayScreen, WaitingQueue
from appointments.queue.spoken_calls import WORDS
from core.models import Site

LANGUAGES = [(code, words.name) for code, words in WORDS.items()]
VALUES = ("name", "site_id", "message", "has_sound", "shows_initials")


class ScreenForm(forms.Form):
    """``site`` empty: it hangs at no site in particular."""

    name = forms.CharField(max_length=60, help_text="Such as “Entrance hall, left”.")
    site_id = forms.TypedChoiceField(label="Site", coerce=int, empty_value=None, required=False)
    queue_ids = forms.TypedMultipleChoiceField(
        label="Queues", coerce=int, widget=forms.CheckboxSelectMultiple
    )
    language = forms.ChoiceField(
        label="Language", choices=LANGUAGES, help_text="It is written in this, and speaks it first."
    )
    more_languages = forms.MultipleChoiceField(
        label="Speaks after that",
        choices=LANGUAGES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    message = forms.CharField(
        max_length=200, required=False, help_text="One line at the bottom of the screen."
    )
    has_sound = forms.BooleanField(label="Chime and spoken calls", required=False)
    shows_initials = forms.BooleanField(label="Show initials beside the ticket", required=False)
    code = forms.CharField(
        label="Code on the screen",
        required=False,
        max_length=20,
        help_text="Open /display/ on the screen. It can be connected later, too.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )

    def __init__(self, data: Any = None, *, of: DisplayScreen | None = None) -> None:
        super().__init__(data, initial=values_of(of) if of else defaults())
        own = {each.pk for each in of.queues.all()} if of else set()
        queues = [each for each in WaitingQueue.objects.all() if each.is_active or each.pk in own]
        self.fields["queue_ids"].choices = [
            (each.pk, each.name if each.is_active else f"{each.name} (no longer in use)")
            for each in queues
        ]
        sites = Site.objects.filter(is_active=True)
        self.fields["site_id"].choices = [("", "—"), *((each.pk, each.name) for each in sites)]
        if of:
            del self.fields["code"]

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        languages = list(dict.fromkeys([given["language"], *given["more_languages"]]))
        return {name: given[name] for name in VALUES} | {"languages": languages}

    def refuse(self, attr: str | None, message: str) -> None:
        """Show a refusal beside the field it names."""
        self.add_error(attr if attr in self.fields else None, message)


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code on the screen",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )


def values_of(screen: DisplayScreen) -> dict[str, Any]:
    return {
        **{name: getattr(screen, name) for name in VALUES},
        "language": next(iter(screen.languages), "en"),
        "more_languages": screen.languages[1:],
        "queue_ids": [each.pk for each in screen.queues.all()],
    }


def defaults() -> dict[str, Any]:
    return {"language": "en", "has_sound": True}
