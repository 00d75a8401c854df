"""Charts of a queue's figures, each with the same numbers as a table."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.formats import number_format

from appointments.queue.hourly import HourFigures
from appointments.queue.report import Group, Report
from appointments.views.charts import Bucket, buckets, columns, dots, nice
from appointments.views.figures_charts import ShownChart
from appointments.views.figures_days import LEVELS, HeatCell, HeatRow
from appointments.views.figures_words import NONE, Cell, ShownRow, ShownTable, minutes, percent

MOST_DOTS = 800
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Heat:
    heads: list[str]
    rows: list[HeatRow]
    busiest: str


@dataclass(frozen=True, slots=True)
class Scatter:
    """Estimates across, waits up; ``ticks`` from 0."""

    dots: list[tuple[float, float]]
    ticks: list[str]
    count: int
    is_cut_off: bool


def charts(report: Report) -> list[ShownChart]:
    spans = buckets(report.period.start, report.period.end)
    groups = in_buckets(report, spans)
    before = report.total.before
    return [
        _waits(spans, groups),
        _one(
            "on_time",
            "Seen in time",
            "Within 15 minutes if urgent, 30 if a priority, 60 otherwise",
            spans,
            groups,
            lambda group: group.on_time_rate,
            mark=before.on_time_rate,
        ),
        _endings(spans, groups),
        _one(
            "service",
            "Length of visits",
            "From start to completion, on average",
            spans,
            groups,
            lambda group: group.average_service,
            kind="booked",
            mark=before.average_service,
            in_minutes=True,
        ),
        _one(
            "error",
            "Error of the estimates",
            "How far the median told on joining was from the wait, on average",
            spans,
            groups,
            lambda group: group.estimates.mean_error,
            kind="wait",
            in_minutes=True,
        ),
        _one(
            "covered",
            "Waits inside the range told",
            "The aim is 80 %",
            spans,
            groups,
            lambda group: group.estimates.covered,
            mark=0.8,
            mark_name="Aim",
        ),
    ]


def in_buckets(report: Report, spans: Sequence[Bucket]) -> list[Group]:
    return [
        Group(
            [s for day, group in report.days if span.first <= day <= span.last for s in group.seen]
        )
        for span in spans
    ]


def day_charts(report: Report) -> list[ShownChart]:
    """Of one day, by the hour."""
    rows = report.hours
    first = min((each.hour for each in rows), default=0)
    last = max((each.hour for each in rows), default=0)
    by_hour = {each.hour: each for each in rows}
    names = [f"{hour:02d}:00" for hour in range(first, last + 1)]
    found = [by_hour.get(hour) for hour in range(first, last + 1)]
    return [_hours(names, found), _lengths(names, found)]


def _lengths(names: list[str], found: list[HourFigures | None]) -> ShownChart:
    lengths = [each.average_service_time_minutes if each else None for each in found]
    words = [minutes(each) for each in lengths]
    return ShownChart(
        "lengths",
        "Length of visits",
        "From start to completion, by the hour in which they ended",
        columns(
            [[("booked", each or 0)] for each in lengths],
            [f"{name}: {text}" for name, text in zip(names, words, strict=True)],
            names,
            unit=" min",
        ),
        [("booked", "On average")],
        ShownTable(
            "",
            "",
            "Hour",
            ["Length"],
            [ShownRow(name, [Cell(text)]) for name, text in zip(names, words, strict=True)],
        ),
    )


def _hours(names: list[str], found: list[HourFigures | None]) -> ShownChart:
    """How many waited on average, and the peak above it."""
    chart = columns(
        [
            [
                ("booked", each.average_queue_size),
                ("peak", each.peak_queue_size - each.average_queue_size),
            ]
            if each
            else []
            for each in found
        ],
        [
            f"{name}: {_size(each)} waiting, at most {each.peak_queue_size if each else 0}"
            for name, each in zip(names, found, strict=True)
        ],
        names,
    )
    heads = ["Waiting", "At most", "Joined", "Seen", "Average wait", "Length", "Missed", "Left"]
    table = ShownTable(
        "",
        "",
        "Hour",
        heads,
        [ShownRow(name, _hour_cells(each)) for name, each in zip(names, found, strict=True)],
    )
    return ShownChart(
        "hours",
        "Through the day",
        "How many waited, each size weighed by how long it lasted",
        chart,
        [("booked", "On average"), ("peak", "At most")],
        table,
    )


def _hour_cells(each: HourFigures | None) -> list[Cell]:
    if each is None:
        return [Cell(NONE)] * 8
    return [
        Cell(text)
        for text in (
            number_format(each.average_queue_size, 1),
            str(each.peak_queue_size),
            str(each.total_entries),
            str(each.served_entries),
            minutes(each.average_wait_time_minutes),
            minutes(each.average_service_time_minutes),
            str(each.no_shows),
            str(each.left_entries),
        )
    ]


def _size(each: HourFigures | None) -> str:
    return number_format(each.average_queue_size if each else 0, 1)


def heat(report: Report) -> Heat | None:
    """How many wait by weekday and hour, on average over the days of the period."""
    if not report.hours:
        return None
    sums: dict[tuple[int, int], float] = defaultdict(float)
    for each in report.hours:
        sums[each.date.weekday(), each.hour] += each.average_queue_size
    last = max(each.date for each in report.hours)
    days = [day for day, _ in report.days if day <= last]
    counts = [sum(day.weekday() == weekday for day in days) for weekday in range(7)]
    shown = range(min(hour for _, hour in sums), max(hour for _, hour in sums) + 1)
    means = {
        (weekday, hour): sums.get((weekday, hour), 0.0) / counts[weekday]
        for weekday in range(7)
        for hour in shown
        if counts[weekday]
    }
    top = max(means.values(), default=0.0)
    weekday, hour = max(means, key=lambda key: means[key])
    rows = [
        HeatRow(
            name, [_cell(means.get((number, hour)), top, f"{name} {hour:02d}:00") for hour in shown]
        )
        for number, name in enumerate(WEEKDAYS)
        if counts[number]
    ]
    busiest = f"{WEEKDAYS[weekday]} {hour:02d}:00, {number_format(top, 1)} waiting"
    return Heat([f"{hour:02d}" for hour in shown], rows, busiest)


def _cell(mean: float | None, top: float, title: str) -> HeatCell:
    if mean is None or not top:
        return HeatCell("", None, title)
    level = min(LEVELS, int(mean / top * LEVELS + 0.5))
    text = number_format(mean, 1)
    return HeatCell(text if mean >= 0.05 else "", level, f"{title}: {text} waiting on average")


def scatter(report: Report) -> Scatter | None:
    """What was told against what came; evenly chosen where there are too many."""
    pairs = [(middle, wait) for _, middle, _, wait in report.total.now.told_and_waited()]
    if not pairs:
        return None
    step = -(-len(pairs) // MOST_DOTS)
    top = nice(max(max(pair) for pair in pairs))
    ticks = [f"{top * n / 4:g} min" for n in range(5)]
    return Scatter(dots(pairs[::step], top=top), ticks, len(pairs), step > 1)


def _waits(spans: list[Bucket], groups: list[Group]) -> ShownChart:
    chart = columns(
        [_median_and_above(group) for group in groups],
        [
            f"{span.title}: median {minutes(g.median_wait)}, nine of ten in {minutes(g.p90_wait)}"
            for span, g in zip(spans, groups, strict=True)
        ],
        [span.label for span in spans],
        unit=" min",
    )
    table = _by_bucket(
        spans,
        [
            ("Median", [minutes(g.median_wait) for g in groups]),
            ("P90", [minutes(g.p90_wait) for g in groups]),
            ("Average", [minutes(g.average_wait) for g in groups]),
            ("Longest", [minutes(g.longest_wait) for g in groups]),
            ("Seen", [str(g.served) for g in groups]),
        ],
    )
    legend = [("wait", "Half wait less"), ("above", "Nine of ten wait less")]
    return ShownChart("waits", "Waits", "From joining to the call", chart, legend, table)


def _median_and_above(group: Group) -> list[tuple[str, float]]:
    median, high = group.median_wait or 0.0, group.p90_wait or 0.0
    return [("wait", median), ("above", high - median)]


def _endings(spans: list[Bucket], groups: list[Group]) -> ShownChart:
    kinds = [
        ("completed", "completed", "Completed"),
        ("missed", "no_show", "Did not come"),
        ("cancelled", "left", "Left"),
    ]
    chart = columns(
        [[(kind, group.ended(ending)) for kind, ending, _ in kinds] for group in groups],
        [
            f"{span.title}: {g.completed} completed, {g.ended('no_show')} did not come, "
            f"{g.ended('left')} left"
            for span, g in zip(spans, groups, strict=True)
        ],
        [span.label for span in spans],
    )
    table = _by_bucket(
        spans,
        [("Joined", [str(g.joined) for g in groups])]
        + [(name, [str(g.ended(ending)) for g in groups]) for _, ending, name in kinds]
        + [("Sent on", [str(g.ended("sent_on")) for g in groups])],
    )
    return ShownChart(
        "endings",
        "How stays ended",
        "By the day on which people joined",
        chart,
        [(kind, name) for kind, _, name in kinds],
        table,
    )


def _one(
    key: str,
    title: str,
    note: str,
    spans: list[Bucket],
    groups: list[Group],
    value: Callable[[Group], float | None],
    *,
    kind: str = "completed",
    mark: float | None = None,
    mark_name: str = "Before",
    in_minutes: bool = False,
) -> ShownChart:
    """One number per column: a share, or minutes."""
    words, scale = (minutes, 1) if in_minutes else (percent, 100)
    values = [value(group) for group in groups]
    chart = columns(
        [[(kind, (each or 0) * scale)] for each in values],
        [f"{span.title}: {words(each)}" for span, each in zip(spans, values, strict=True)],
        [span.label for span in spans],
        unit=" min" if in_minutes else " %",
        top=None if in_minutes else 100,
        mark=None if mark is None else mark * scale,
    )
    legend = [(kind, title)]
    if mark is not None:
        legend.append(("mark", f"{mark_name}: {words(mark)}"))
    return ShownChart(
        key, title, note, chart, legend, _by_bucket(spans, [(title, [words(v) for v in values])])
    )


def _by_bucket(spans: list[Bucket], values: list[tuple[str, list[str]]]) -> ShownTable:
    rows = [
        ShownRow(span.title, [Cell(column[number]) for _, column in values])
        for number, span in enumerate(spans)
    ]
    return ShownTable("", "", "Days", [head for head, _ in values], rows)
