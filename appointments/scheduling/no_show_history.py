"""What was known of each visit before it: columns of the past, and of the past alone.

Arithmetic on arrays.  Training, prediction and benchmark go through ``known_before``, so that the
model never learns from what it will not know.
"""

from dataclasses import dataclass

import numpy as np

from appointments.scheduling.no_show_features import Array, Visits

KEPT, MISSED, OPEN = 0, 1, -1
"""How a booking ended; OPEN: it is still to come, or was cancelled."""


@dataclass(frozen=True, slots=True)
class Bookings:
    """Bookings of any patients, in any order; equally long arrays.

    Attributes:
        patient: a number per patient.
        day: local date of the visit as a day number.
        hour: local hour of its start; NaN where unknown.
        weekday: of ``day``, Monday = 0.
        booked_day, booked_hour: local date and hour of the booking.
        age_years: on the day; NaN where unknown.
        outcome: KEPT, MISSED or OPEN.
        reminded: 1 where a reminder reached the patient before the day.
    """

    patient: Array
    day: Array
    hour: Array
    weekday: Array
    booked_day: Array
    booked_hour: Array
    age_years: Array
    outcome: Array
    reminded: Array

    def __len__(self) -> int:
        return len(self.patient)

    @property
    def lead_days(self) -> Array:
        return np.maximum(self.day - self.booked_day, 0)

    def where(self, chosen: Array) -> "Bookings":
        """Those that a mask or an index array picks."""
        return Bookings(*(getattr(self, name)[chosen] for name in self.__slots__))


def known_before(bookings: Bookings) -> Visits:
    """Each booking with what the evening before its day knew of the patient.

    A visit counts as past if its day lies before; how the patient's visits of the same day or of
    later days ended is never looked at.  For a booking of the same day this is what was known when
    it was made, other bookings that the patient had made until then included.
    """
    past = _Past(bookings)
    last, has_past = past.latest()
    return Visits(
        lead_days=bookings.lead_days.astype(float),
        hour=bookings.hour.astype(float),
        weekday=bookings.weekday.astype(float),
        booked_hour=bookings.booked_hour.astype(float),
        age_years=bookings.age_years.astype(float),
        kept=past.count(bookings.outcome == KEPT),
        missed=past.count(bookings.outcome == MISSED),
        kept_ahead=past.count((bookings.outcome == KEPT) & (bookings.lead_days > 0)),
        missed_ahead=past.count((bookings.outcome == MISSED) & (bookings.lead_days > 0)),
        last_missed=np.where(has_past, bookings.outcome[last] == MISSED, 0.0),
        days_since_last=np.where(has_past, bookings.day - bookings.day[last], np.nan),
        booked_together=_booked_together(bookings),
        reminded=bookings.reminded.astype(float),
    )


class _Past:
    """For each booking, the range of the patient's ended visits on earlier days, by day."""

    def __init__(self, bookings: Bookings) -> None:
        ended = np.flatnonzero(bookings.outcome != OPEN)
        by_day = np.lexsort(
            (bookings.booked_hour[ended], bookings.day[ended], bookings.patient[ended])
        )
        self.order = ended[by_day]
        days = bookings.day.max(initial=0) + 1
        place = bookings.patient.astype(np.int64) * days + bookings.day
        sorted_places = place[self.order]
        self.first = np.searchsorted(sorted_places, place - bookings.day, "left")
        self.end = np.searchsorted(sorted_places, place, "left")

    def count(self, chosen: Array) -> Array:
        """How many of each booking's past visits are among the chosen."""
        total = np.concatenate([[0], np.cumsum(chosen[self.order])])
        return (total[self.end] - total[self.first]).astype(float)

    def latest(self) -> tuple[Array, Array]:
        """The index of each booking's latest past visit, and where there is one at all."""
        has_past = self.end > self.first
        if not len(self.order):
            return np.zeros(len(has_past), np.intp), has_past
        return self.order[np.maximum(self.end - 1, 0)], has_past


def _booked_together(bookings: Bookings) -> Array:
    """1 where the patient made another booking on the same day; for a visit of that very day, one
    made before it."""
    _, group = np.unique(
        np.column_stack([bookings.patient, bookings.booked_day]), axis=0, return_inverse=True
    )
    group = group.ravel()
    others = np.bincount(group)[group] - 1
    order = np.lexsort((bookings.booked_hour, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
    return np.where(bookings.lead_days > 0, others > 0, rank > 0).astype(float)
