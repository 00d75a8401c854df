"""What a card of the flow board says, as text, before its template runs.

The board draws up to hundreds of cards again at every change of the day.  Formatting times and
reversing addresses inside the template would take most of that time, and most repeat.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.formats import time_format
from django.utils.timezone import localtime

from appointments.booking.board import Card, Column, Timer
from appointments.enums import EXPECTED, AppointmentStatus, Step

S = AppointmentStatus
ENDED_WITHOUT_VISIT = {S.NO_SHOW, S.CANCELLED}
PLAIN_STEPS = (Step.CHECK_IN, Step.CONFIRM, Step.NO_SHOW, Step.START, Step.COMPLETE)
PLACEHOLDER = "0"


@dataclass(frozen=True, slots=True)
class DrawnTimer:
    """Instants in seconds since 1970, for the browser's clock."""

    since: str
    amber_at: str
    red_at: str
    hue: str
    text: str


@dataclass(frozen=True, slots=True)
class DrawnCard:
    """``urls``: where each step is posted, and the pages, by name."""

    key: str
    version: str
    status: str
    status_label: str
    flags: str
    urls: dict[str, str]
    start: str
    start_iso: str
    until: str
    patient: str
    ticket: str
    priority: str
    needs: list[tuple[str, str]]
    type_key: str
    type_name: str
    provider: str
    provider_short: str
    timer: DrawnTimer | None
    is_hidden: bool
    is_double: bool
    is_expected: bool
    is_unconfirmed: bool
    is_ended: bool
    is_undoable: bool


@dataclass(frozen=True, slots=True)
class DrawnColumn:
    """``rest``, ``aside_rest``: whether there are more cards than those drawn."""

    column: Column
    cards: list[DrawnCard]
    aside: list[DrawnCard]

    @property
    def rest(self) -> bool:
        return len(self.column.cards) > len(self.cards)

    @property
    def aside_rest(self) -> bool:
        return len(self.column.aside) > len(self.aside)


class Drawing:
    """Draws cards for one request: its locale and zone, the flag it asks for alone, if any.

    ``tickets``: of the visits that wait in a queue, by the visit's key.
    """

    def __init__(self, *, only: str, undoable: set[int], tickets: dict[int, str]) -> None:
        self.only, self.undoable, self.tickets = only, undoable, tickets
        self._times: dict[tuple[int, int], str] = {}
        self._urls = list(_urls())

    def column(self, column: Column, cards: Iterable[Card], aside: Iterable[Card]) -> DrawnColumn:
        return DrawnColumn(column, [self.card(c) for c in cards], [self.card(c) for c in aside])

    def card(self, card: Card) -> DrawnCard:
        visit, key = card.visit, str(card.visit.id)
        start = localtime(visit.start)
        is_done = visit.status == S.COMPLETED and visit.completed_at
        return DrawnCard(
            key=key,
            version=str(visit.version),
            status=visit.status,
            status_label=visit.status_label,
            flags=" ".join(sorted(card.flags)),
            urls={name: address(key) for name, address in self._urls},
            start=self._time(start),
            start_iso=start.isoformat(),
            until=self._time(localtime(visit.completed_at)) if is_done else "",
            patient=visit.patient_name,
            ticket=self.tickets.get(visit.id, ""),
            priority=visit.priority,
            needs=visit.named_needs,
            type_key=str(visit.type_id),
            type_name=visit.type_name,
            provider=visit.provider_name,
            provider_short=visit.provider_short,
            timer=card.timer and drawn_timer(card.timer),
            is_hidden=bool(self.only) and self.only not in card.flags,
            is_double=card.is_double,
            is_expected=visit.status in EXPECTED,
            is_unconfirmed=visit.status == S.PENDING and not card.timer,
            is_ended=visit.status in ENDED_WITHOUT_VISIT,
            is_undoable=visit.id in self.undoable,
        )

    def _time(self, local: datetime) -> str:
        minute = local.hour, local.minute
        if minute not in self._times:
            self._times[minute] = time_format(local)
        return self._times[minute]


def drawn_timer(timer: Timer) -> DrawnTimer:
    marks = (timer.since, timer.amber_at, timer.red_at)
    return DrawnTimer(*(str(int(mark.timestamp())) for mark in marks), timer.hue, timer.text)


def _urls() -> Iterable[tuple[str, Callable[[str], str]]]:
    """Each address by name, as a function of the visit's key: reversed once, not per card."""
    for name in ("visit", "move", "cancel", "undo"):
        yield name, _address(reverse(f"visits:{name}", args=[PLACEHOLDER]))
    for step in PLAIN_STEPS:
        yield step.value, _address(reverse("visits:take_step", args=[PLACEHOLDER, step]))


def _address(example: str) -> Callable[[str], str]:
    before, after = example.rsplit(f"/{PLACEHOLDER}/", 1)
    return f"{before}/%s/{after}".__mod__
