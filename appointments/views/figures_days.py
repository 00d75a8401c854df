"""The day-by-day page: the stored figures of each provider's day."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.formats import number_format

from accounts.models import User
from appointments.models import SchedulingMetrics
from appointments.scheduling.analytics import Period
from appointments.views.charts import Bucket, buckets
from appointments.views.figures_words import minutes, percent

LEVELS = 5
MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class HeatCell:
    """``level`` 0–5 shades it; ``title`` says it in words."""

    text: str
    level: int | None
    title: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    name: str
    cells: list[HeatCell]


@dataclass(frozen=True, slots=True)
class Days:
    """``rows`` are the newest provider's days, at most ``MOST_ROWS``."""

    heads: list[Bucket]
    heat: list[HeatRow]
    rows: list[SchedulingMetrics]
    total: int
    computed_at: datetime | None

    @property
    def is_cut_off(self) -> bool:
        return self.total > len(self.rows)


def stored(period: Period, provider_id: int | None) -> list[SchedulingMetrics]:
    """The stored rows, newest day first, then by provider's name; one query."""
    rows = SchedulingMetrics.objects.filter(date__range=(period.start, period.end))
    if provider_id is not None:
        rows = rows.filter(provider_id=provider_id)
    rows = rows.select_related("provider")
    return list(rows.order_by("-date", "provider__last_name", "provider__first_name", "pk"))


def days(period: Period, provider_id: int | None) -> Days:
    rows = stored(period, provider_id)
    spans = buckets(period.start, period.end)
    for row in rows:
        row.shown = _shown(row)
    return Days(
        heads=spans,
        heat=_heat(rows, spans),
        rows=rows[:MOST_ROWS],
        total=len(rows),
        computed_at=max((row.computed_at for row in rows), default=None),
    )


def _heat(rows: Iterable[SchedulingMetrics], spans: list[Bucket]) -> list[HeatRow]:
    column = {}
    for number, span in enumerate(spans):
        for ordinal in range(span.first.toordinal(), span.last.toordinal() + 1):
            column[date.fromordinal(ordinal)] = number
    people: dict[int, User] = {}
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        people[row.provider_id] = row.provider
        sums[row.provider_id, column[row.date]][0] += row.booked_minutes
        sums[row.provider_id, column[row.date]][1] += row.available_minutes
    ordered = sorted(people.values(), key=lambda user: (user.last_name, user.first_name, user.pk))
    return [
        HeatRow(
            user.get_full_name(),
            [_cell(sums.get((user.pk, number)), span) for number, span in enumerate(spans)],
        )
        for user in ordered
    ]


def _cell(sums: list[int] | None, span: Bucket) -> HeatCell:
    booked, available = sums or (0, 0)
    if not available:
        return HeatCell("", None, f"{span.title}: no working hours")
    rate = booked / available
    level = min(LEVELS, int(rate * LEVELS + 0.5))
    return HeatCell(number_format(rate * 100, 0), level, f"{span.title}: {percent(rate)} booked")


def _shown(row: SchedulingMetrics) -> list[str]:
    return [
        percent(row.utilization_rate),
        f"{row.booked_slots} of {row.total_slots}",
        str(row.completed_appointments),
        str(row.no_shows),
        str(row.cancellations),
        minutes(row.average_wait_time),
        minutes(row.average_appointment_duration),
        minutes(row.total_overtime_minutes),
    ]


HEADS = [
    "Utilisation",
    "Slots booked",
    "Completed",
    "Missed",
    "Cancelled",
    "Wait",
    "Visit length",
    "Overtime",
]
