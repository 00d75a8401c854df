"""What a slot is searched for, checked before anything is read."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from appointments.enums import Modality, Priority
from appointments.models import AppointmentTemplate
from core.errors import InvalidInputError

MAX_DATES = 366
MAX_RESULTS = 500
DEFAULT_RESULTS = 10
MIN_MINUTES, MAX_MINUTES = 5, 12 * 60

TimeRange = tuple[time, time]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One visit to find a time for.

    Attributes:
        patient_id: None for nobody in particular: every slot suits alike.
        dates: days of the tenant's calendar, ascending, each once.
        provider_ids: who may do it; None for anyone who offers the type.
        specialty: only providers of it; empty for all.
        weekdays: Monday = 0; empty for all.
        times: the visit starts within one of these ranges of the wall clock; empty for any time.
        modality: None for the type's own.
        soonest_first: ranked by time instead of by score.
    """

    appointment_type: AppointmentTemplate
    dates: tuple[date, ...]
    duration_minutes: int
    patient_id: int | None = None
    provider_ids: tuple[int, ...] | None = None
    specialty: str = ""
    site_id: int | None = None
    weekdays: frozenset[int] = frozenset()
    times: tuple[TimeRange, ...] = ()
    urgency: Priority = Priority.ROUTINE
    diagnosis_codes: tuple[str, ...] = ()
    modality: Modality | None = None
    soonest_first: bool = False
    max_results: int = DEFAULT_RESULTS
    except_appointment_id: int | None = field(default=None)

    def __post_init__(self) -> None:
        """
        Raises:
            InvalidInputError: naming the field.
        """
        if not MIN_MINUTES <= self.duration_minutes <= MAX_MINUTES:
            raise InvalidInputError(
                f"Choose between {MIN_MINUTES} and {MAX_MINUTES} minutes.",
                attr="duration_minutes",
                code="out_of_range",
            )
        if not 1 <= self.max_results <= MAX_RESULTS:
            raise InvalidInputError(
                f"Choose between 1 and {MAX_RESULTS}.", attr="max_results", code="out_of_range"
            )
        for opens, closes in self.times:
            if opens >= closes:
                raise InvalidInputError(
                    "The end must be later than the start.", attr="times", code="end_before_start"
                )

    @property
    def telehealth(self) -> bool:
        return (self.modality or self.appointment_type.modality) == Modality.TELEHEALTH


def wanted_dates(days: Iterable[date], *, today: date, attr: str) -> tuple[date, ...]:
    """The days, ascending and each once.

    Raises:
        InvalidInputError: there is none, there are too many, or one has passed.
    """
    wanted = tuple(sorted(set(days)))
    if not wanted:
        raise InvalidInputError("Give at least one date.", attr=attr, code="required")
    if len(wanted) > MAX_DATES:
        raise InvalidInputError(
            f"Give at most {MAX_DATES} dates.", attr=attr, code="too_many_dates"
        )
    if wanted[0] < today:
        raise InvalidInputError(
            f"{wanted[0]} has passed. Choose dates from {today} on.",
            attr=attr,
            code="in_the_past",
        )
    return wanted


def date_range(first: date, last: date) -> tuple[date, ...]:
    """Both included.

    Raises:
        InvalidInputError: the last is before the first, or they are too far apart.
    """
    if last < first:
        raise InvalidInputError(
            "The last day must not be before the first.", attr="date_to", code="end_before_start"
        )
    if (last - first).days >= MAX_DATES:
        raise InvalidInputError(
            f"Ask for at most {MAX_DATES} days at once.", attr="date_to", code="too_many_dates"
        )
    return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))


def bounds(wish: Wish, *, now: datetime) -> tuple[datetime, datetime]:
    """First and last instant at which the type's lead-time limits let the visit start."""
    kind = wish.appointment_type
    return (
        now + timedelta(minutes=kind.min_lead_minutes),
        now + timedelta(days=kind.max_lead_days),
    )
