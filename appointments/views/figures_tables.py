"""The figures' tiles and tables, as the pages show them and the exports write them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.formats import number_format

from appointments.scheduling.analytics import Figures, Line, Report
from appointments.scheduling.facts import Facts
from appointments.views.figures_words import (
    NONE,
    Cell,
    Change,
    ShownRow,
    ShownTable,
    change,
    hours,
    lead,
    minutes,
    minutes_change,
    percent,
    rate_change,
)


@dataclass(frozen=True, slots=True)
class Tile:
    title: str
    value: str
    note: str
    change: Change | None = None


def tiles(report: Report) -> list[Tile]:
    now, before = report.total.now, report.total.before
    counts, earlier = now.facts, before.facts
    ended = counts.completed + counts.missed
    kind = report.lead_type
    return [
        Tile(
            "Utilisation",
            percent(now.utilization_rate),
            f"{hours(counts.booked)} booked of {hours(counts.available)} open",
            rate_change(now.utilization_rate, before.utilization_rate, more_is="better"),
        ),
        Tile(
            "No-shows",
            percent(now.no_show_rate),
            f"{counts.missed} of {ended} visits that ended",
            rate_change(now.no_show_rate, before.no_show_rate, more_is="worse"),
        ),
        Tile(
            "Cancellations",
            percent(now.cancellation_rate),
            f"{counts.cancelled} of {counts.visits} booked",
            rate_change(now.cancellation_rate, before.cancellation_rate, more_is="worse"),
        ),
        Tile(
            "Average wait",
            minutes(now.average_wait_minutes),
            "from check-in to the start of the visit",
            minutes_change(now.average_wait_minutes, before.average_wait_minutes, more_is="worse"),
        ),
        Tile(
            "Third next available",
            lead(report.total.lead_days) if kind else NONE,
            f"from today, {kind.name}" if kind else "no type can be booked",
        ),
        Tile(
            "Overtime",
            hours(counts.overtime),
            "worked after the end of working hours",
            _overtime_change(counts, earlier, before),
        ),
    ]


def _overtime_change(now: Facts, before: Facts, figures: Figures) -> Change | None:
    if figures.is_empty:
        return None
    difference = now.overtime - before.overtime
    return change(difference, 1, hours(abs(difference)), hours(before.overtime), "worse")


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of the tables."""

    head: str
    cell: Callable[[Line], Cell]
    value: Callable[[Line], Any]


def _rate(value: float | None) -> float | None:
    return None if value is None else round(value * 100, 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


UTILISATION = Measure(
    "Utilisation",
    lambda line: Cell(
        percent(line.now.utilization_rate),
        rate_change(line.now.utilization_rate, line.before.utilization_rate, more_is="better"),
        _rate(line.now.utilization_rate),
    ),
    lambda line: _rate(line.now.utilization_rate),
)
OF_OPEN_TIME = replace(UTILISATION, head="Share of open time")
VISITS = Measure(
    "Visits",
    lambda line: Cell(number_format(line.now.facts.visits, 0)),
    lambda line: line.now.facts.visits,
)
BOOKED = Measure(
    "Booked hours",
    lambda line: Cell(hours(line.now.facts.booked)),
    lambda line: _rounded(line.now.facts.booked / 60),
)
NO_SHOWS = Measure(
    "No-shows",
    lambda line: Cell(
        percent(line.now.no_show_rate),
        rate_change(line.now.no_show_rate, line.before.no_show_rate, more_is="worse"),
    ),
    lambda line: _rate(line.now.no_show_rate),
)
CANCELLED = Measure(
    "Cancelled",
    lambda line: Cell(
        percent(line.now.cancellation_rate),
        rate_change(line.now.cancellation_rate, line.before.cancellation_rate, more_is="worse"),
    ),
    lambda line: _rate(line.now.cancellation_rate),
)
WAIT = Measure(
    "Wait",
    lambda line: Cell(
        minutes(line.now.average_wait_minutes),
        minutes_change(
            line.now.average_wait_minutes, line.before.average_wait_minutes, more_is="worse"
        ),
    ),
    lambda line: _rounded(line.now.average_wait_minutes),
)
OVERTIME = Measure(
    "Overtime",
    lambda line: Cell(hours(line.now.facts.overtime)),
    lambda line: _rounded(line.now.facts.overtime / 60),
)
THIRD_NEXT = Measure(
    "Third next available",
    lambda line: Cell(lead(line.lead_days)),
    lambda line: line.lead_days,
)
OF_PROVIDERS = [UTILISATION, VISITS, NO_SHOWS, CANCELLED, WAIT, OVERTIME, THIRD_NEXT]
OF_TYPES = [OF_OPEN_TIME, VISITS, BOOKED, NO_SHOWS, CANCELLED, WAIT, OVERTIME, THIRD_NEXT]
OF_SITES = [UTILISATION, VISITS, NO_SHOWS, CANCELLED, WAIT, OVERTIME, THIRD_NEXT]
UNITS = {
    "Utilisation": "Utilisation %",
    "Share of open time": "Share of open time %",
    "No-shows": "No-shows %",
    "Cancelled": "Cancelled %",
    "Wait": "Wait minutes",
    "Overtime": "Overtime hours",
    "Third next available": "Third next available days",
}
"""What exports add to a head, where the number stands alone."""


def tables(report: Report) -> list[ShownTable]:
    kind = report.lead_type
    third = f" Third next available is of {kind.name}." if kind else ""
    return [
        _table("By provider", "Provider", report.providers, OF_PROVIDERS, third.strip()),
        _table("By appointment type", "Type", report.types, OF_TYPES, ""),
        _table("By site", "Site", report.sites, OF_SITES, third.strip()),
    ]


def _table(
    title: str, first: str, lines: Sequence[Line], measures: Sequence[Measure], note: str
) -> ShownTable:
    rows = [ShownRow(line.name, [measure.cell(line) for measure in measures]) for line in lines]
    return ShownTable(title, note, first, [measure.head for measure in measures], rows)
