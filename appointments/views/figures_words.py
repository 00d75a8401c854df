"""Figures in words: numbers as the reader writes them, and how they changed."""

from dataclasses import dataclass

from django.utils.formats import number_format

from appointments.scheduling.analytics import Period
from appointments.scheduling.lead_time import HORIZON_DAYS

NONE = "–"
SAME_POINTS, SAME_MINUTES = 0.5, 1.0  # less is noise


@dataclass(frozen=True, slots=True)
class Change:
    """Against the previous period; ``tone`` is better, worse or same."""

    text: str
    short: str
    tone: str
    icon: str

    @property
    def word(self) -> str:
        return {"better": "Better", "worse": "Worse"}.get(self.tone, "")


@dataclass(frozen=True, slots=True)
class Cell:
    """``share`` fills a bar, 0–100; None draws none."""

    text: str
    change: Change | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class ShownRow:
    name: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class ShownTable:
    """``heads`` are the columns after the name's."""

    title: str
    note: str
    first: str
    heads: list[str]
    rows: list[ShownRow]


def percent(rate: float | None) -> str:
    return NONE if rate is None else f"{number_format(rate * 100, 1)} %"


def minutes(value: float | None) -> str:
    return NONE if value is None else f"{number_format(value, 0)} min"


def hours(value: float) -> str:
    return f"{number_format(value / 60, 1)} h"


def lead(days: int | None) -> str:
    if days is None:
        return f"Over {HORIZON_DAYS} days"
    return "Today" if days == 0 else "1 day" if days == 1 else f"{days} days"


def rate_change(now: float | None, before: float | None, *, more_is: str) -> Change | None:
    """In percentage points.

    Args:
        more_is: "better" or "worse".
    """
    if now is None or before is None:
        return None
    points = (now - before) * 100
    size = f"{number_format(abs(points), 1)} points"
    return change(points, SAME_POINTS, size, percent(before), more_is)


def minutes_change(now: float | None, before: float | None, *, more_is: str) -> Change | None:
    if now is None or before is None:
        return None
    size = f"{number_format(abs(now - before), 0)} min"
    return change(now - before, SAME_MINUTES, size, minutes(before), more_is)


def change(difference: float, same: float, size: str, before: str, more_is: str) -> Change:
    """
    Args:
        same: a smaller difference is none.
        size, before: in words.
        more_is: "better" or "worse".
    """
    if abs(difference) < same:
        return Change(f"About the same as before ({before})", "same", "same", "arrow-right")
    other = {"better": "worse", "worse": "better"}
    is_more = difference > 0
    tone = more_is if is_more else other[more_is]
    return Change(
        f"{'Up' if is_more else 'Down'} {size} from {before}",
        f"{'+' if is_more else '−'}{size} {tone}",
        tone,
        "chevron-up" if is_more else "chevron-down",
    )


def compared_with(period: Period) -> str:
    days = period.days
    return "the day before" if days == 1 else f"the {days} days before"
