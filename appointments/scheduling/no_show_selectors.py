"""How likely booked visits are to be missed: three queries for any number of them."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import TruncDate

from appointments.enums import AppointmentStatus, ReminderOutcome
from appointments.models import AppointmentRequest, NoShowModel, ReminderCall
from appointments.scheduling.no_show import DEFAULT, Model, Reason, explain, probabilities
from appointments.scheduling.no_show_history import KEPT, MISSED, OPEN, Bookings, known_before

OUTCOMES = {AppointmentStatus.COMPLETED.value: KEPT, AppointmentStatus.NO_SHOW.value: MISSED}
YEAR_DAYS = 365.2425
COLUMNS = (
    "patient_id",
    "scheduled_datetime",
    "created_at",
    "status",
    "patient__birth_date",
)


@dataclass(frozen=True, slots=True)
class Risk:
    """The probability that a patient misses a visit, a fraction of 1, and what mainly moves it."""

    patient_id: int
    probability: float
    reasons: list[Reason]

    @property
    def percent(self) -> int:
        return round(100 * self.probability)


def current_model() -> Model:
    """The one that the tenant's visits taught, or the default."""
    row = NoShowModel.objects.filter(is_current=True).first()
    if row is None:
        return DEFAULT
    return Model(row.prior_missed, row.prior_kept, row.coefficients, row.version_number)


def visit_risks(
    visits: QuerySet[AppointmentRequest], *, zone: ZoneInfo, now: datetime
) -> dict[int, Risk]:
    """By visit: how likely it is to be missed, from what is known now; holds are left out."""
    wanted = dict(visits.values_list("pk", "patient_id"))
    if not wanted:
        return {}
    rows = AppointmentRequest.objects.filter(patient_id__in=set(wanted.values()))
    keys, bookings = read_bookings(rows, zone=zone, now=now)
    chosen = np.flatnonzero(np.isin(keys, list(wanted)))
    model, known = current_model(), known_before(bookings).where(chosen)
    found = zip(
        keys[chosen].tolist(),
        bookings.patient[chosen].tolist(),
        probabilities(model, known).tolist(),
        explain(model, known),
        strict=True,
    )
    return {key: Risk(*risk) for key, *risk in found}


def read_bookings(
    rows: QuerySet[AppointmentRequest], *, zone: ZoneInfo, now: datetime
) -> tuple[np.ndarray, Bookings]:
    """The keys of the rows but holds, and the rows as columns on the tenant's wall clock.

    One query.  What lies after ``now`` counts as open, whatever its status.
    """
    day = _day_of("scheduled_datetime", zone)
    kept = rows.exclude(status=AppointmentStatus.HELD).alias(day=day).order_by("pk")
    found = list(kept.values_list("pk", *COLUMNS, _reminded(zone)))
    keys, patients, starts, made, statuses, births, reminded = (
        zip(*found, strict=True) if found else [()] * 7
    )
    local = [start.astimezone(zone) for start in starts]
    booked = [at.astimezone(zone) for at in made]
    days = np.array([start.toordinal() for start in local], np.int64)
    ended = np.array([start <= now for start in starts], bool)
    outcomes = np.array([OUTCOMES.get(status, OPEN) for status in statuses], np.int64)
    bookings = Bookings(
        patient=np.array(patients, np.int64),
        day=days,
        hour=np.array([start.hour + start.minute / 60 for start in local], float),
        weekday=(days - 1) % 7,
        booked_day=np.array([at.toordinal() for at in booked], np.int64),
        booked_hour=np.array([at.hour + at.minute / 60 + at.second / 3600 for at in booked], float),
        age_years=(days - np.array([born.toordinal() for born in births], np.int64)) / YEAR_DAYS,
        outcome=np.where(ended, outcomes, OPEN),
        reminded=np.array(reminded, float),
    )
    return np.array(keys, np.int64), bookings


def _reminded(zone: ZoneInfo) -> Exists:
    """Whether a call reached the patient after the booking and before the day of the visit."""
    calls = ReminderCall.objects.alias(called_on=_day_of("at", zone)).filter(
        patient_id=OuterRef("patient_id"),
        outcome=ReminderOutcome.CONFIRMED,
        at__gte=OuterRef("created_at"),
        called_on__lt=OuterRef("day"),
        visits_until__gte=OuterRef("day"),
    )
    return Exists(calls)


def _day_of(field: str, zone: ZoneInfo) -> TruncDate:
    return TruncDate(field, tzinfo=zone)
