"""The figures' charts, each with the same numbers as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from appointments.scheduling.analytics import Figures, Report
from appointments.scheduling.facts import Facts
from appointments.views.charts import Bucket, Chart, buckets, columns
from appointments.views.figures_words import Cell, ShownRow, ShownTable, hours, minutes, percent


@dataclass(frozen=True, slots=True)
class ShownChart:
    """A drawing, what its colours mean, and the same numbers as a table."""

    key: str
    title: str
    note: str
    chart: Chart
    legend: list[tuple[str, str]]
    table: ShownTable


def charts(report: Report) -> list[ShownChart]:
    spans = buckets(report.period.start, report.period.end)
    sums = in_buckets(report, spans)
    return [_utilisation(spans, sums, report), _outcomes(spans, sums), _waits(spans, sums)]


def in_buckets(report: Report, spans: Sequence[Bucket]) -> list[Figures]:
    return [
        Figures(
            sum((day.facts for at, day in report.days if span.first <= at <= span.last), Facts())
        )
        for span in spans
    ]


def _utilisation(spans: list[Bucket], sums: list[Figures], report: Report) -> ShownChart:
    before = report.total.before.utilization_rate
    chart = columns(
        [[("booked", (figures.utilization_rate or 0) * 100)] for figures in sums],
        [f"{s.title}: {percent(f.utilization_rate)}" for s, f in zip(spans, sums, strict=True)],
        [span.label for span in spans],
        unit=" %",
        top=100,
        mark=None if before is None else before * 100,
    )
    legend = [("booked", "Booked share of open time")]
    if before is not None:
        legend.append(("mark", f"Before: {percent(before)}"))
    return ShownChart(
        "utilisation",
        "Utilisation",
        "Booked minutes by open minutes",
        chart,
        legend,
        _by_bucket(
            spans,
            [
                ("Utilisation", [percent(f.utilization_rate) for f in sums]),
                ("Booked", [hours(f.facts.booked) for f in sums]),
                ("Open", [hours(f.facts.available) for f in sums]),
            ],
        ),
    )


def _outcomes(spans: list[Bucket], sums: list[Figures]) -> ShownChart:
    kinds = [("completed", "Completed"), ("missed", "Missed"), ("cancelled", "Cancelled")]
    chart = columns(
        [[(kind, getattr(figures.facts, kind)) for kind, _ in kinds] for figures in sums],
        [
            f"{span.title}: {figures.facts.completed} completed, {figures.facts.missed} missed, "
            f"{figures.facts.cancelled} cancelled"
            for span, figures in zip(spans, sums, strict=True)
        ],
        [span.label for span in spans],
    )
    return ShownChart(
        "outcomes",
        "How visits ended",
        "Visits by the day they were booked for",
        chart,
        kinds,
        _by_bucket(
            spans,
            [(name, [str(getattr(f.facts, kind)) for f in sums]) for kind, name in kinds]
            + [("No-shows", [percent(f.no_show_rate) for f in sums])],
        ),
    )


def _waits(spans: list[Bucket], sums: list[Figures]) -> ShownChart:
    chart = columns(
        [[("wait", figures.average_wait_minutes or 0)] for figures in sums],
        [
            f"{span.title}: {minutes(figures.average_wait_minutes)}"
            for span, figures in zip(spans, sums, strict=True)
        ],
        [span.label for span in spans],
        unit=" min",
    )
    return ShownChart(
        "wait",
        "Average wait",
        "From check-in to the start of the visit",
        chart,
        [("wait", "Minutes waited")],
        _by_bucket(
            spans,
            [
                ("Average wait", [minutes(f.average_wait_minutes) for f in sums]),
                ("Visits started", [str(f.facts.waits) for f in sums]),
                ("Overtime", [hours(f.facts.overtime) for f in sums]),
            ],
        ),
    )


def _by_bucket(spans: list[Bucket], values: list[tuple[str, list[str]]]) -> ShownTable:
    rows = [
        ShownRow(span.title, [Cell(column[number]) for _, column in values])
        for number, span in enumerate(spans)
    ]
    return ShownTable("", "", "Days", [head for head, _ in values], rows)
