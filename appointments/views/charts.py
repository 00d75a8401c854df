"""Geometry of the charts: from numbers to rectangles in percent.  Pure: no request, no database.

The drawings are stretched to the room there is, so words stand beside them, not in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.formats import date_format, get_format

MOST_DAYS, MOST_WEEKS = 31, 27
MOST_LABELS = 5  # odd, so that a phone may leave out every other one
NICE = (1, 2, 2.5, 5, 10)
GAP = 0.25  # of a column


@dataclass(frozen=True, slots=True)
class Bucket:
    """Days that are drawn as one column; both ends included."""

    first: date
    last: date
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class Part:
    """One rectangle; percent of the drawing, y from the top."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Column:
    parts: list[Part]
    title: str
    hit: Part


@dataclass(frozen=True, slots=True)
class Chart:
    """``ticks`` are the axis' labels from the top, ``lines`` their heights."""

    columns: list[Column]
    labels: list[str]
    ticks: list[str]
    lines: list[float]
    mark: float | None = None
    is_empty: bool = False


def buckets(first: date, last: date) -> list[Bucket]:
    """Days, or weeks from Monday on, or months: as many columns as can be read."""
    days = (last - first).days + 1
    if days <= MOST_DAYS:
        return [
            Bucket(day, day, short_date(day), date_format(day, "D ") + date_format(day))
            for day in (first + timedelta(days=n) for n in range(days))
        ]
    by_week = days <= MOST_WEEKS * 7
    found, start = [], first
    while start <= last:
        end = min(last, _week_end(start) if by_week else _month_end(start))
        label = short_date(start) if by_week else date_format(start, "M Y")
        title = f"{date_format(start)} – {date_format(end)}"
        found.append(Bucket(start, end, label, title))
        start = end + timedelta(days=1)
    return found


def short_date(day: date) -> str:
    """Without the year, in the reader's order of day and month."""
    whole = get_format("DATE_FORMAT")
    return date_format(day, whole.replace(", Y", "").replace(" Y", ""))


def columns(
    values: Sequence[Sequence[tuple[str, float]]],
    titles: Sequence[str],
    labels: Sequence[str],
    *,
    unit: str = "",
    top: float | None = None,
    mark: float | None = None,
) -> Chart:
    """Stacked columns.

    Args:
        values: per column, (kind, value ≥ 0) from the bottom up.
        titles: what each column says when pointed at.
        labels: one per column; only some are kept.
        unit: written after the axis' numbers.
        top: the axis' end; a round number above the highest column where None.
        mark: height of a line across, in the values' unit.
    """
    highest = max((sum(value for _, value in parts) for parts in values), default=0.0)
    scale = nice(max(highest, mark or 0.0)) if top is None else top
    width = 100 / max(len(values), 1)
    drawn = []
    for number, (parts, title) in enumerate(zip(values, titles, strict=True)):
        x, height, rects = number * width, 0.0, []
        for kind, value in parts:
            share = 100 * min(value / scale, 1.0)
            if share:
                body = width * (1 - GAP)
                left = x + width * GAP / 2
                rects.append(_part(left, 100 - height - share, body, share, kind))
            height += share
        drawn.append(Column(rects, title, _part(x, 0, width, 100, "hit")))
    steps = [scale * n / 4 for n in (4, 3, 2, 1, 0)]
    return Chart(
        columns=drawn,
        labels=some(labels),
        ticks=[f"{step:g}{unit}" for step in steps],
        lines=[0, 25, 50, 75, 100],
        mark=None if mark is None else round(100 - 100 * min(mark / scale, 1.0), 2),
        is_empty=not highest,
    )


def spark(values: Sequence[float | None]) -> str:
    """The points of a small line without axes; None is left out, and one value is no line."""
    known = [(number, value) for number, value in enumerate(values) if value is not None]
    highest = max((value for _, value in known), default=0.0)
    if len(known) < 2 or not highest:
        return ""
    width = 100 / (len(values) - 1)
    return " ".join(f"{n * width:.2f},{100 - 100 * value / highest:.2f}" for n, value in known)


def dots(pairs: Sequence[tuple[float, float]], *, top: float) -> list[tuple[float, float]]:
    """Places of (across, up) in percent, y from the top; beyond ``top`` at the edge."""
    return [
        (round(100 * min(x / top, 1.0), 2), round(100 - 100 * min(y / top, 1.0), 2))
        for x, y in pairs
    ]


def nice(value: float) -> float:
    """The smallest of 4, 8, 10, 20, 40, 80 … that is at least ``value``: four round steps."""
    if value <= 0:
        return 4.0
    unit = 1.0
    while unit * NICE[-1] * 4 < value:
        unit *= 10
    return next(4 * unit * step for step in NICE if 4 * unit * step >= value)


def some(labels: Sequence[str]) -> list[str]:
    """At most ``MOST_LABELS`` of them, evenly spread, the first and the last among them."""
    if len(labels) <= MOST_LABELS:
        return list(labels)
    last = len(labels) - 1
    return [labels[round(last * n / (MOST_LABELS - 1))] for n in range(MOST_LABELS)]


def _part(x: float, y: float, width: float, height: float, kind: str) -> Part:
    return Part(*(round(value, 3) for value in (x, y, width, height)), kind)


def _week_end(day: date) -> date:
    return day + timedelta(days=6 - day.weekday())


def _month_end(day: date) -> date:
    after = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return after - timedelta(days=1)
