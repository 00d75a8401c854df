"""What the scheduling page draws: a card per slot, and the month at a glance."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import sqrt
from typing import Any

from django.utils.dateparse import parse_datetime

from appointments.enums import Modality
from appointments.scheduling.ranking import DaySummary
from appointments.scheduling.scoring import FACTORS, Weights
from appointments.scheduling.smart_scheduler import Slot
from appointments.scheduling.wishes import Wish
from appointments.views.htmx import key_of
from core.errors import InvalidInputError

FACTOR_NAMES = dict(
    zip(
        FACTORS,
        (
            "Fits without gaps and soon",
            "Urgency",
            "Likely to come",
            "Short journey",
            "Patient’s wishes",
        ),
        strict=True,
    )
)
BETWEEN = "~"
WEEK, WEEKS_SHOWN = 7, 5
LEVELS = 4


@dataclass(frozen=True, slots=True)
class SlotKey:
    """A slot as a button carries it: all that books it, but for whom."""

    start: datetime
    provider_id: int
    site_id: int
    type_id: int
    minutes: int
    modality: str

    @classmethod
    def of(cls, slot: Slot, wish: Wish) -> "SlotKey":
        return cls(
            start=slot.datetime,
            provider_id=slot.provider_id,
            site_id=slot.site_id,
            type_id=wish.appointment_type.pk,
            minutes=wish.duration_minutes,
            modality=wish.modality or "",
        )

    @classmethod
    def read(cls, text: str) -> "SlotKey":
        """
        Raises:
            InvalidInputError: no button of the page says this.
        """
        wrong = InvalidInputError("Choose one of the offered times.", attr="slot")
        parts = text.split(BETWEEN)
        if len(parts) != 6:
            raise wrong
        try:
            start = parse_datetime(parts[0])
        except ValueError as error:
            raise wrong from error
        keys = [key_of(part) for part in parts[1:5]]
        is_known = parts[5] in ("", Modality.ON_SITE, Modality.TELEHEALTH)
        if start is None or start.tzinfo is None or None in keys or not is_known:
            raise wrong
        if not 1900 < start.year < 2200 or keys[3] > 10_000:
            raise wrong
        return cls(start, *keys, parts[5])  # type: ignore[arg-type]

    def __str__(self) -> str:
        parts = (self.provider_id, self.site_id, self.type_id, self.minutes, self.modality)
        return BETWEEN.join([self.start.astimezone(UTC).isoformat(), *map(str, parts)])

    @property
    def booking(self) -> dict[str, Any]:
        """As the booking engine takes it."""
        return {
            "provider_id": self.provider_id,
            "appointment_type_id": self.type_id,
            "start": self.start,
            "duration_minutes": self.minutes,
            "site_id": self.site_id,
            "modality": self.modality or None,
        }

    @property
    def dom_id(self) -> str:
        return f"slot-{self.start.astimezone(UTC):%Y%m%dT%H%M}-{self.provider_id}"


@dataclass(frozen=True, slots=True)
class Bar:
    """One factor: 0–100, its weight in percent, and why."""

    label: str
    value: float
    weight: float
    reason: str


@dataclass(frozen=True, slots=True)
class Card:
    slot: Slot
    key: SlotKey
    bars: list[Bar]
    is_telehealth: bool

    @property
    def missed_percent(self) -> float:
        return 100 * self.slot.missed_probability


def cards_of(slots: Iterable[Slot], wish: Wish, weights: Weights) -> list[Card]:
    return [
        Card(
            slot=slot,
            key=SlotKey.of(slot, wish),
            bars=[
                Bar(
                    FACTOR_NAMES[name],
                    slot.score.breakdown[name],
                    100 * getattr(weights, name),
                    slot.score.reasons[name],
                )
                for name in FACTORS
            ],
            is_telehealth=wish.telehealth,
        )
        for slot in slots
    ]


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the map.

    Attributes:
        free: None where the day cannot be booked at all.
        level: how much is free and how good, 0–4.
    """

    day: date
    free: int | None
    best: float | None
    level: int
    is_wished: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class DayMap:
    """Weeks from Monday.  ``earlier`` and ``later`` are where turning the page leads."""

    weeks: list[list[Cell]]
    earlier: date | None
    later: date | None

    @property
    def first(self) -> date:
        return self.weeks[0][0].day

    @property
    def last(self) -> date:
        return self.weeks[-1][-1].day


def map_days(first: date, *, today: date, last: date) -> list[date]:
    """The days of the page of the map that shows ``first``, past ones and those after ``last``
    left out."""
    monday = first - timedelta(days=first.weekday())
    days = (monday + timedelta(days=n) for n in range(WEEK * WEEKS_SHOWN))
    return [day for day in days if today <= day <= last]


def day_map(
    found: Iterable[DaySummary],
    *,
    first: date,
    today: date,
    last: date,
    wished: Iterable[date],
    chosen: date | None,
) -> DayMap:
    """
    Args:
        found: of ``map_days``.
        first: any day of the first week.
        last: on which the type can be booked.
    """
    by_day = {each.date: each for each in found}
    most = max((each.free for each in by_day.values()), default=0)
    top = max((each.best_score or 0 for each in by_day.values()), default=0)
    wished = set(wished)
    monday = first - timedelta(days=first.weekday())
    page = timedelta(weeks=WEEKS_SHOWN)

    def cell(day: date) -> Cell:
        each = by_day.get(day)
        return Cell(
            day=day,
            free=each.free if each else None,
            best=each.best_score if each else None,
            level=_level(each, most, top) if each else 0,
            is_wished=day in wished,
            is_chosen=day == chosen,
        )

    weeks = [
        [cell(monday + timedelta(days=WEEK * week + n)) for n in range(WEEK)]
        for week in range(WEEKS_SHOWN)
    ]
    return DayMap(
        weeks,
        earlier=max(monday - page, today) if monday > today else None,
        later=monday + page if monday + page <= last else None,
    )


def _level(day: DaySummary, most: int, top: float) -> int:
    """Much free time of poor quality and little of good quality look alike: second best."""
    if not day.free:
        return 0
    intensity = sqrt(day.free / most) * ((day.best_score or 0) / top if top else 1)
    return 1 + min(LEVELS - 1, int(LEVELS * intensity))
