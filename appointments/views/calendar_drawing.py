"""What the calendar's grid says, as text, before its template runs.

A day of many providers has thousands of cells and visits; formatting numbers and times for each
of them inside the template would take most of the answer's time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.formats import time_format
from django.utils.timezone import localtime

from appointments.booking.day_grid import Cell, Place
from appointments.enums import AppointmentStatus
from appointments.views.calendar_columns import Block, Column

SHORT_ROWS = 5  # below them a visit has no room for a second line


@dataclass(frozen=True, slots=True)
class DrawnCell:
    number: str
    classes: str
    is_free: bool
    start: str
    label: str


@dataclass(frozen=True, slots=True)
class DrawnBlock:
    """``before`` and ``after``: classes of the buffers, empty where there is none."""

    key: str
    url: str
    classes: str
    before: str
    after: str
    title: str
    start: str
    status: str
    status_label: str
    patient: str
    type_name: str
    is_overbooked: bool


@dataclass(frozen=True, slots=True)
class DrawnColumn:
    column: Column
    number: str
    provider_key: str
    cells: list[DrawnCell]
    blocks: list[DrawnBlock]
    opened: list[str]
    blocked: list[tuple[str, str]]
    """Classes, and why nobody can be booked."""


class Drawing:
    """Draws columns for one request: its locale and zone.

    Args:
        bookable_from: cells from here on can be clicked; none where None.
    """

    def __init__(self, *, bookable_from: datetime | None) -> None:
        self.bookable_from = bookable_from
        self._times: dict[datetime, str] = {}
        self._cells: dict[int, list[DrawnCell]] = {}
        self._before_key, self._after_key = reverse("visits:visit", args=[0]).rsplit("0", 1)

    def columns(self, columns: Iterable[Column]) -> list[DrawnColumn]:
        return [self._column(number, each) for number, each in enumerate(columns, 1)]

    def _column(self, number: int, column: Column) -> DrawnColumn:
        return DrawnColumn(
            column=column,
            number=str(number),
            provider_key=str(column.provider.pk),
            cells=self._cells_of(column),
            blocks=[self._block(block) for block in column.blocks],
            opened=[_rows(place) for place in column.open_places],
            blocked=[(_rows(place), word) for place, word in column.blocked_places],
        )

    def _cells_of(self, column: Column) -> list[DrawnCell]:
        """The columns of a day share their cells, and so their drawing."""
        known = self._cells.get(id(column.cells))
        if known is None:
            known = self._cells[id(column.cells)] = [
                self._cell(number, cell) for number, cell in enumerate(column.cells, 1)
            ]
        return known

    def _cell(self, number: int, cell: Cell) -> DrawnCell:
        return DrawnCell(
            number=str(number),
            classes=f"cal-cell{' is-hour' if cell.is_hour else ''} {_rows(cell.place)}",
            is_free=self.bookable_from is not None and cell.start >= self.bookable_from,
            start=cell.utc,
            label=time_format(cell.local),
        )

    def _block(self, block: Block) -> DrawnBlock:
        visit, place = block.visit, block.place
        lane = f"lane-{place.lane}-{place.lanes}"
        kind = "" if visit.status == AppointmentStatus.HELD else f"type-{visit.type_id} "
        short = " is-short" if place.span < SHORT_ROWS else ""
        start, key = self._time(visit.start), str(visit.id)
        who = f"{visit.patient_name} · {visit.type_name} · {visit.status_label}"
        return DrawnBlock(
            key=key,
            url=f"{self._before_key}{key}{self._after_key}",
            classes=f"{kind}is-{visit.status}{short} {_rows(place)} {lane}",
            before=f"{_rows(block.before)} {lane}" if block.before else "",
            after=f"{_rows(block.after)} {lane}" if block.after else "",
            title=f"{start}–{self._time(visit.end)} {who}",
            start=start,
            status=visit.status,
            status_label=visit.status_label,
            patient=visit.patient_name,
            type_name=visit.type_name,
            is_overbooked=visit.overbooked,
        )

    def _time(self, instant: datetime) -> str:
        if instant not in self._times:
            self._times[instant] = time_format(localtime(instant))
        return self._times[instant]


def _rows(place: Place) -> str:
    return f"r{place.row} s{place.span}"
