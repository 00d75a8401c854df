"""The figures as files: CSV and Excel, both harmless to open in a spreadsheet."""

from collections.abc import Iterable, Sequence
from typing import Any

import tablib
from django.http import HttpResponse, QueryDict

from appointments.models import SchedulingMetrics
from appointments.scheduling.analytics import Line, Period, Report
from appointments.views.figures_tables import OF_PROVIDERS, OF_SITES, OF_TYPES, UNITS, Measure
from core.errors import InvalidInputError
from core.spreadsheets import BYTE_ORDER_MARK, safe

CSV, XLSX = "csv", "xlsx"
TYPES = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
DAY_COLUMNS = (
    "date",
    "provider",
    "total_slots",
    "booked_slots",
    "available_minutes",
    "booked_minutes",
    "utilization_rate",
    "completed_appointments",
    "no_shows",
    "no_show_rate",
    "cancellations",
    "average_wait_time",
    "average_appointment_duration",
    "total_overtime_minutes",
)


def wanted(query: QueryDict) -> str:
    """``?export=csv`` or ``xlsx``; empty for the page.

    Raises:
        InvalidInputError: something else.
    """
    kind = query.get("export", "")
    if kind and kind not in TYPES:
        raise InvalidInputError("Choose csv or xlsx.", attr="export", code="invalid_choice")
    return kind


def sheet(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> tablib.Dataset:
    dataset = tablib.Dataset(headers=list(heads), title=title)
    for row in rows:
        dataset.append([safe(value) for value in row])
    return dataset


def report_sheets(report: Report) -> list[tablib.Dataset]:
    return [
        _lines("Providers", "Provider", report.providers, OF_PROVIDERS),
        _lines("Types", "Type", report.types, OF_TYPES),
        _lines("Sites", "Site", report.sites, OF_SITES),
        sheet(
            "Days",
            ["Date", *(_head(measure) for measure in OF_SITES)],
            (
                [day.isoformat(), *(m.value(Line(None, "", now, now)) for m in OF_SITES)]
                for day, now in report.days
            ),
        ),
    ]


def day_sheets(rows: Iterable[SchedulingMetrics]) -> list[tablib.Dataset]:
    return [sheet("Days", DAY_COLUMNS, (_day(row) for row in rows))]


def download(sheets: list[tablib.Dataset], *, kind: str, name: str, period: Period) -> HttpResponse:
    """
    Args:
        kind: ``CSV``: the sheets below each other, each under its title; or ``XLSX``.
    """
    body = _csv(sheets) if kind == CSV else tablib.Databook(sheets).export(XLSX)
    response = HttpResponse(body, content_type=TYPES[kind])
    file = f"{name}_{period.start}_{period.end}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{file}"'
    return response


def _csv(sheets: list[tablib.Dataset]) -> str:
    if len(sheets) == 1:
        return BYTE_ORDER_MARK + sheets[0].export(CSV)
    parts = [f"{each.title}\r\n{each.export(CSV)}" for each in sheets]
    return BYTE_ORDER_MARK + "\r\n".join(parts)


def _lines(
    title: str, first: str, lines: Sequence[Line], measures: Sequence[Measure]
) -> tablib.Dataset:
    heads = [first, *(_head(measure) for measure in measures)]
    rows = ([line.name, *(measure.value(line) for measure in measures)] for line in lines)
    return sheet(title, heads, rows)


def _head(measure: Measure) -> str:
    return UNITS.get(measure.head, measure.head)


def _day(row: SchedulingMetrics) -> list[Any]:
    values = {name: getattr(row, name) for name in DAY_COLUMNS if name != "provider"}
    values |= {"date": row.date.isoformat(), "provider": row.provider.get_full_name()}
    return [values[name] for name in DAY_COLUMNS]
