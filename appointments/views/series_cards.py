"""What the scheduling page draws of series: a card per first time, with all of its visits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from appointments.scheduling.priority import PriorityDemand
from appointments.scheduling.smart_scheduler import SeriesPlan, Slot
from appointments.scheduling.wishes import Wish
from appointments.views.scheduling_cards import SlotKey
from core.errors import InvalidInputError

BETWEEN = "|"


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """A series as a button carries it: its first visit, its rule, and the days left out."""

    first: SlotKey
    rrule: str
    missing: tuple[date, ...]

    @classmethod
    def read(cls, text: str) -> "SeriesKey":
        """
        Raises:
            InvalidInputError: no button of the page says this.
        """
        try:
            first, rrule, missing = text.split(BETWEEN)
            days = tuple(date.fromisoformat(day) for day in missing.split(",") if day)
        except ValueError as error:
            raise InvalidInputError("Choose one of the offered series.", attr="series") from error
        return cls(SlotKey.read(first), rrule, days)

    def __str__(self) -> str:
        days = ",".join(day.isoformat() for day in self.missing)
        return BETWEEN.join((str(self.first), self.rrule, days))


@dataclass(frozen=True, slots=True)
class SeriesVisit:
    """One day of a series; ``slot`` is None where its time is not free."""

    day: date
    slot: Slot | None


@dataclass(frozen=True, slots=True)
class SeriesCard:
    key: SeriesKey
    first: Slot
    visits: list[SeriesVisit]
    free: int
    score: float
    is_telehealth: bool
    demand: PriorityDemand

    @property
    def is_late(self) -> bool:
        """Whether the first visit comes later than a priority rule allows."""
        return self.first.is_late


def series_cards(plans: Sequence[SeriesPlan], wish: Wish, rrule: str) -> list[SeriesCard]:
    """Those of which at least two visits can be booked."""
    return [_card(plan, wish, rrule) for plan in plans if len(plan.slots) > 1]


def _card(plan: SeriesPlan, wish: Wish, rrule: str) -> SeriesCard:
    visits = [SeriesVisit(day, None) for day in plan.missing]
    visits += [SeriesVisit(day, slot) for day, slot in zip(plan.days, plan.slots, strict=True)]
    first = plan.slots[0]
    return SeriesCard(
        key=SeriesKey(SlotKey.of(first, wish), rrule, tuple(plan.missing)),
        first=first,
        visits=sorted(visits, key=lambda visit: visit.day),
        free=len(plan.slots),
        score=plan.score,
        is_telehealth=wish.telehealth,
        demand=plan.demand,
    )
