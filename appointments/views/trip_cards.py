"""What the page of trips draws: a card per trip, and what is in the way where there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from django.utils.http import urlencode

from appointments.booking.trip import FEWEST, MOST
from appointments.scheduling.nothing_free import why_nothing
from appointments.scheduling.priority import PriorityDemand
from appointments.scheduling.smart_scheduler import Slot, SmartScheduler, TripPlan
from appointments.scheduling.wishes import Wish
from appointments.views.scheduling_cards import SlotKey
from appointments.views.trip_form import TripForm
from core.errors import InvalidInputError

BETWEEN = ";"
WAYS = (
    ("who", "With anyone"),
    ("order", "In any order"),
    ("times", "At any time of day"),
    ("weekdays", "On any weekday"),
    ("site", "At any site"),
    ("later", "In the 4 weeks after"),
)


@dataclass(frozen=True, slots=True)
class Stop:
    """One visit of a trip.

    Attributes:
        wait_minutes: since the visit before; None for the first.
        is_elsewhere: at another site than the visit before.
    """

    slot: Slot
    type_name: str
    is_telehealth: bool
    wait_minutes: int | None
    is_elsewhere: bool


@dataclass(frozen=True, slots=True)
class TripCard:
    """``key`` is what its button carries."""

    key: str
    start: datetime
    end: datetime
    stops: list[Stop]
    idle_minutes: int
    score: float

    @property
    def is_late(self) -> bool:
        """Whether one of the visits comes later than a priority rule allows."""
        return any(stop.slot.is_late for stop in self.stops)


def demands_of(plans: Sequence[TripPlan]) -> list[PriorityDemand]:
    """What priority rules ask for, each once; all trips have the same."""
    demands = plans[0].demands if plans else []
    return [demand for demand in dict.fromkeys(demands) if demand.names]


def trip_cards(plans: Sequence[TripPlan], wishes: Sequence[Wish]) -> list[TripCard]:
    return [_card(plan, [wishes[number] for number in plan.visits]) for plan in plans]


def _card(plan: TripPlan, wishes: list[Wish]) -> TripCard:
    waits = [None, *(_minutes(a.end_datetime, b.datetime) for a, b in pairwise(plan.slots))]
    moves = [False, *(a.site_id != b.site_id for a, b in pairwise(plan.slots))]
    keys = [str(SlotKey.of(slot, wish)) for slot, wish in zip(plan.slots, wishes, strict=True)]
    return TripCard(
        key=BETWEEN.join(keys),
        start=plan.slots[0].datetime,
        end=plan.slots[-1].end_datetime,
        stops=[
            Stop(slot, wish.appointment_type.name, wish.telehealth, wait, is_elsewhere)
            for slot, wish, wait, is_elsewhere in zip(plan.slots, wishes, waits, moves, strict=True)
        ],
        idle_minutes=plan.idle_minutes,
        score=plan.score,
    )


def _minutes(end: datetime, start: datetime) -> int:
    return int((start - end).total_seconds() // 60)


def read_key(text: str) -> list[SlotKey]:
    """The slots that a button carries.

    Raises:
        InvalidInputError: no button of the page says this.
    """
    parts = text.split(BETWEEN)
    if not FEWEST <= len(parts) <= MOST:
        raise InvalidInputError("Choose one of the offered trips.", attr="trip")
    return [SlotKey.read(part) for part in parts]


@dataclass(frozen=True, slots=True)
class Asked:
    """A visit of a trip that was not found, and how many times are free for it alone.

    Attributes:
        why: the main reason where there is none.
    """

    wish: Wish
    free: int
    why: str

    @property
    def query(self) -> str:
        """What starts an entry of the waitlist for it."""
        known = {"patient": self.wish.patient_id, "type": self.wish.appointment_type.pk}
        if self.wish.provider_ids:
            known["provider"] = self.wish.provider_ids[0]
        return urlencode({name: key for name, key in known.items() if key is not None})


def what_is_free(scheduler: SmartScheduler, wishes: Sequence[Wish]) -> list[Asked]:
    now = scheduler.clock().astimezone(scheduler.tenant.zone_info)
    asked = []
    for wish in wishes:
        found = scheduler.search(replace(wish, max_results=1))
        why = "" if found.free else why_nothing(wish, found.demand, now=now)
        asked.append(Asked(wish, found.free, why))
    return asked


def ways_on(form: TripForm) -> list[tuple[str, str]]:
    """Ways to relax the wish."""
    return [(name, label) for name, label in WAYS if form.is_narrow(name)]
