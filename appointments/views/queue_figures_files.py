"""A queue's figures as files."""

from collections.abc import Sequence
from typing import Any

import tablib

from appointments.queue.figures import estimate_figures, group_figures, hour_figures
from appointments.queue.hourly import HourFigures
from appointments.queue.report import Group, Line, Report
from appointments.views.figures_export import sheet

GROUP_HEADS = (
    *group_figures(Group()),
    *(f"estimates_{n}" for n in estimate_figures(Group().estimates)),
)

HOUR_HEADS = tuple(HourFigures.__dataclass_fields__)


def sheets(report: Report) -> list[tablib.Dataset]:
    """Without small groups: languages stay on the page."""
    return [
        sheet(
            "Days", ["date", *GROUP_HEADS], ([d.isoformat(), *_group(g)] for d, g in report.days)
        ),
        hours_sheet(report.hours),
        _lines("Providers", report.providers),
        _lines("Places", report.points),
        _lines("Types", report.types),
        _lines("Urgency", report.urgencies),
        _lines("Came", report.ways),
    ]


def hours_sheet(rows: Sequence[HourFigures]) -> tablib.Dataset:
    return sheet("Hours", HOUR_HEADS, ([_short(v) for v in hour_figures(r).values()] for r in rows))


def _lines(title: str, lines: Sequence[Line]) -> tablib.Dataset:
    return sheet(title, ["name", *GROUP_HEADS], ([each.name, *_group(each.now)] for each in lines))


def _group(group: Group) -> list[Any]:
    values = (*group_figures(group).values(), *estimate_figures(group.estimates).values())
    return [_short(value) for value in values]


def _short(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
