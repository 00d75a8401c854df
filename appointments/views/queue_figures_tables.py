"""Tiles and tables of a queue's figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format

from appointments.queue.discipline import BAND_TARGETS
from appointments.queue.report import BAND_NAMES, OTHER_LANGUAGES, Group, Line, Report, Seen
from appointments.queue.stays import at_instant
from appointments.views.calls import LANGUAGE_NAMES
from appointments.views.charts import Bucket, buckets, spark
from appointments.views.figures_tables import Tile
from appointments.views.figures_words import (
    Cell,
    ShownRow,
    minutes,
    minutes_change,
    percent,
    rate_change,
)


@dataclass(frozen=True, slots=True)
class TrendRow(ShownRow):
    """``trend`` is a small line of the length of visits, as SVG points."""

    trend: str = ""


@dataclass(frozen=True, slots=True)
class TrendTable:
    title: str
    note: str
    first: str
    heads: list[str]
    rows: list[TrendRow]


@dataclass(frozen=True, slots=True)
class LongWait:
    ticket: str
    joined: str
    wait: str
    urgency: str
    came: str


def tiles(report: Report) -> list[Tile]:
    now, before = report.total.now, report.total.before
    found = now.estimates
    near = percent(found.near)
    return [
        Tile(
            "Median wait",
            minutes(now.median_wait),
            f"nine of ten within {minutes(now.p90_wait)}",
            minutes_change(now.median_wait, before.median_wait, more_is="worse"),
        ),
        Tile(
            "Seen in time",
            percent(now.on_time_rate),
            f"{_targets()} minutes by urgency",
            rate_change(now.on_time_rate, before.on_time_rate, more_is="better"),
        ),
        Tile(
            "Did not come",
            percent(now.no_show_rate),
            f"{now.ended('no_show')} of {now.over} stays that ended",
            rate_change(now.no_show_rate, before.no_show_rate, more_is="worse"),
        ),
        Tile(
            "Left",
            percent(now.left_rate),
            f"{now.ended('left')} of {now.over} stays that ended",
            rate_change(now.left_rate, before.left_rate, more_is="worse"),
        ),
        Tile(
            "Length of visits",
            minutes(now.average_service),
            f"{number_format(now.completed, 0)} completed of {number_format(now.joined, 0)} joined",
            minutes_change(now.average_service, before.average_service, more_is="worse"),
        ),
        Tile(
            "Estimates within 10 min",
            near,
            f"{percent(found.covered)} inside the range told; aim 80 %",
            rate_change(found.near, before.estimates.near, more_is="better"),
        ),
    ]


def today_tiles(report: Report, status: dict[str, Any]) -> list[Tile]:
    """Of today up to now."""
    now = report.total.now
    peak = max(report.hours, key=lambda each: each.peak_queue_size, default=None)
    return [
        Tile("Waiting now", str(status["current_size"]), f"of {status['max_size']} places"),
        Tile("Median wait", minutes(now.median_wait), f"longest {minutes(now.longest_wait)}"),
        Tile("Seen", str(now.served), f"of {now.joined} who joined"),
        Tile("Length of visits", minutes(now.average_service), f"{now.completed} completed"),
        Tile(
            "Peak",
            str(peak.peak_queue_size if peak else 0),
            f"between {peak.hour:02d}:00 and {peak.hour + 1:02d}:00" if peak else "nobody yet",
        ),
        Tile(
            "Did not come",
            percent(now.no_show_rate),
            f"{now.ended('no_show')} did not come, {now.ended('left')} left",
        ),
    ]


def tables(report: Report) -> list[TrendTable]:
    spans = buckets(report.period.start, report.period.end)
    named = [Line(LANGUAGE_NAMES.get(each.name, each.name), each.now) for each in report.languages]
    found = [
        (
            "By provider",
            "Who served, else whose visit it was",
            "Provider",
            report.providers,
        ),
        ("By service point", "", "Place", report.points),
        ("By type", "", "Type", report.types),
        ("By urgency", f"Targets are {_targets()} minutes", "Urgency", report.urgencies),
        ("With and without appointment", "", "Came", report.ways),
        (
            "By language",
            f"Small groups are shown together as “{OTHER_LANGUAGES}”",
            "Language",
            named,
        ),
    ]
    return [
        TrendTable(title, note, first, [*HEADS, "Trend of length"], _rows(lines, spans))
        for title, note, first, lines in found
        if lines
    ]


def longest(report: Report, zone: ZoneInfo) -> list[LongWait]:
    return [_long_wait(each, zone) for each in report.longest]


def _long_wait(each: Seen, zone: ZoneInfo) -> LongWait:
    joined = at_instant(each.stay.joined_at or 0).astimezone(zone)
    return LongWait(
        each.ticket,
        f"{date_format(joined, 'D')} {date_format(joined, 'DATETIME_FORMAT')}",
        minutes(each.wait),
        BAND_NAMES[each.band],
        each.came,
    )


def _targets() -> str:
    return "/".join(f"{BAND_TARGETS[band]:g}" for band in BAND_NAMES)


MEASURES: tuple[tuple[str, Callable[[Line], Cell]], ...] = (
    ("Joined", lambda line: Cell(number_format(line.now.joined, 0))),
    (
        "Median wait",
        lambda line: Cell(
            minutes(line.now.median_wait),
            minutes_change(line.now.median_wait, line.before.median_wait, more_is="worse"),
        ),
    ),
    ("P90", lambda line: Cell(minutes(line.now.p90_wait))),
    (
        "Seen in time",
        lambda line: Cell(
            percent(line.now.on_time_rate),
            rate_change(line.now.on_time_rate, line.before.on_time_rate, more_is="better"),
            None if line.now.on_time_rate is None else line.now.on_time_rate * 100,
        ),
    ),
    ("Did not come", lambda line: Cell(percent(line.now.no_show_rate))),
    ("Left", lambda line: Cell(percent(line.now.left_rate))),
    (
        "Length of visits",
        lambda line: Cell(
            minutes(line.now.average_service),
            minutes_change(line.now.average_service, line.before.average_service, more_is="worse"),
        ),
    ),
)
HEADS = [head for head, _ in MEASURES]


def _rows(lines: Sequence[Line], spans: list[Bucket]) -> list[TrendRow]:
    return [
        TrendRow(line.name, [cell(line) for _, cell in MEASURES], _trend(line.now, spans))
        for line in lines
        if line.now.joined
    ]


def _trend(group: Group, spans: list[Bucket]) -> str:
    return spark(
        [
            Group([s for s in group.seen if span.first <= s.day <= span.last]).average_service
            for span in spans
        ]
    )
