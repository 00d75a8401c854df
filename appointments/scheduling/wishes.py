"""What a slot is searched for, checked before anything is read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import User
from appointments.enums import Modality, Priority
from appointments.models import AppointmentTemplate, Resource
from appointments.scheduling import recurrence
from appointments.scheduling.availability import to_utc
from appointments.scheduling.recurrence import RecurrenceError
from core.errors import InvalidInputError
from core.lookups import all_existing, existing
from core.models import Site, Tenant
from patients.models import PatientProfile

MAX_DATES = 366
FARTHEST = timedelta(days=731)
"""Nothing is booked later than that, whatever the type: see ``max_lead_days``."""

MAX_RESULTS = 500
DEFAULT_RESULTS = 10
MIN_MINUTES, MAX_MINUTES = 5, 12 * 60
OF_ONE_VISIT = {"appointment_type_id", "provider_id", "duration_minutes", "modality"}

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
        except_appointment_id: a visit that is to be moved; its own time counts as free.
        waited_days: calendar days since it was asked for.
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
    except_appointment_id: int | None = None
    waited_days: int = 0

    def __post_init__(self) -> None:
        """
        Raises:
            InvalidInputError: naming the field.
        """
        _check_modality(self.appointment_type, self.modality)
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


def wanted_dates(
    days: Iterable[date], *, today: date, attr: str, most: int = MAX_DATES
) -> tuple[date, ...]:
    """The days, ascending and each once.

    Raises:
        InvalidInputError: there is none, there are too many, or one has passed or is too far ahead.
    """
    wanted = tuple(sorted(set(days)))
    if not wanted:
        raise InvalidInputError("Give at least one date.", attr=attr, code="required")
    if len(wanted) > most:
        raise InvalidInputError(f"Give at most {most} dates.", attr=attr, code="too_many_dates")
    if wanted[0] < today:
        raise InvalidInputError(
            f"{wanted[0]} has passed. Choose dates from {today} on.",
            attr=attr,
            code="in_the_past",
        )
    if wanted[-1] > today + FARTHEST:
        raise InvalidInputError(
            f"{wanted[-1]} is too far ahead. Choose dates until {today + FARTHEST}.",
            attr=attr,
            code="too_far_ahead",
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


def checked_wish(
    tenant: Tenant,
    *,
    now: datetime,
    patient_id: int | None,
    appointment_type_id: int,
    dates: Iterable[date],
    dates_attr: str,
    provider_ids: Iterable[int] | None = None,
    provider_attr: str = "provider_ids",
    duration_minutes: int | None = None,
    **rest: Any,
) -> Wish:
    """A wish whose parts exist in the active tenant and can meet.

    A search that could find nothing because of a mistake is refused, not answered with nothing.

    Args:
        dates_attr, provider_attr: what the caller calls them, for refusals.
        duration_minutes: the type's where None.
        rest: further attributes of ``Wish``.

    Raises:
        InvalidInputError: naming the field.
    """
    types = AppointmentTemplate.objects.filter(is_active=True)
    kind = existing(types, appointment_type_id, "appointment_type_id")
    if patient_id is not None:
        patients = PatientProfile.objects.filter(is_active=True).only("pk")
        existing(patients, patient_id, "patient_id")
    today = now.astimezone(tenant.zone_info).date()
    wish = Wish(
        patient_id=patient_id,
        appointment_type=kind,
        dates=wanted_dates(dates, today=today, attr=dates_attr),
        provider_ids=None if provider_ids is None else tuple(sorted(set(provider_ids))),
        duration_minutes=kind.duration_minutes if duration_minutes is None else duration_minutes,
        **rest,
    )
    _check_dates(wish, today=today, attr=dates_attr)
    _check_times(wish, tenant.zone_info)
    _check_providers(wish, provider_attr)
    _check_site(wish)
    _check_resources(wish)
    return wish


def trip_wishes(
    tenant: Tenant,
    *,
    now: datetime,
    patient_id: int | None,
    visits: Sequence[Mapping[str, Any]],
    date_from: date,
    date_to: date,
    **rest: Any,
) -> list[Wish]:
    """The wishes of a trip, one per visit.

    Args:
        visits: appointment_type_id, and perhaps provider_id, duration_minutes and modality of each.
        rest: what they share, as ``checked_wish`` takes it.

    Raises:
        InvalidInputError: naming the field, as ``visits.1.provider_id``.
    """
    dates, wishes = date_range(date_from, date_to), []
    for number, visit in enumerate(visits):
        provider_id = visit.get("provider_id")
        try:
            wish = checked_wish(
                tenant,
                now=now,
                patient_id=patient_id,
                appointment_type_id=visit["appointment_type_id"],
                dates=dates,
                dates_attr="date_from",
                provider_ids=None if provider_id is None else [provider_id],
                provider_attr="provider_id",
                duration_minutes=visit.get("duration_minutes"),
                modality=visit.get("modality"),
                **rest,
            )
        except InvalidInputError as error:
            if error.attr in OF_ONE_VISIT:
                error.attr = f"visits.{number}.{error.attr}"
            raise
        wishes.append(wish)
    return wishes


def _check_modality(kind: AppointmentTemplate, modality: Modality | None) -> None:
    if modality in (None, kind.modality) or kind.modality == Modality.EITHER:
        return
    raise InvalidInputError(
        f"{kind.name} takes place {kind.get_modality_display().lower()} only.",
        attr="modality",
        code="not_offered",
    )


def check_soonest(wish: Wish, zone: ZoneInfo, *, now: datetime, attr: str) -> None:
    """For who is shown no reason why nothing is found.

    Raises:
        InvalidInputError: the type cannot be booked as soon as any of the dates.
    """
    kind = wish.appointment_type
    soonest = (now + timedelta(minutes=kind.min_lead_minutes)).astimezone(zone)
    if wish.dates[-1] < soonest.date():
        raise InvalidInputError(
            f"{kind.name} can be booked from {soonest:%d %B %Y, %H:%M} on.",
            attr=attr,
            code="too_soon",
        )


def _check_dates(wish: Wish, *, today: date, attr: str) -> None:
    kind = wish.appointment_type
    if wish.dates[0] > today + timedelta(days=kind.max_lead_days):
        raise InvalidInputError(
            f"{kind.name} can be booked at most {kind.max_lead_days} days ahead.",
            attr=attr,
            code="too_far_ahead",
        )
    if wish.weekdays and not any(day.weekday() in wish.weekdays for day in wish.dates):
        raise InvalidInputError(
            "None of the dates falls on these weekdays.", attr="weekdays", code="no_such_day"
        )


def _check_times(wish: Wish, zone: ZoneInfo) -> None:
    """Some part of some range exists on one of the days.

    Where the clocks go forward an hour is skipped; a range inside it never comes that day.
    """
    days = [day for day in wish.dates if not wish.weekdays or day.weekday() in wish.weekdays]
    if wish.times and not any(
        to_utc(day, opens, zone) < to_utc(day, closes, zone, fold=1)
        for day in days
        for opens, closes in wish.times
    ):
        raise InvalidInputError(
            f"The clocks go forward on {days[0]:%-d %B %Y}: these times do not exist on that day.",
            attr="times",
            code="nonexistent_time",
        )


def _check_providers(wish: Wish, attr: str) -> None:
    """Each is a provider, and one of them at least offers the type and the specialty."""
    providers = User.objects.providers().select_related("provider_profile")
    if wish.provider_ids is None:
        if not wish.specialty:
            return
        found, attr = list(providers), "specialty"
    else:
        found = all_existing(providers, wish.provider_ids, attr)
        if not found:
            raise InvalidInputError("Name at least one provider.", attr=attr, code="required")
    if wish.specialty:
        found = [user for user in found if wish.specialty in _specialties(user)]
        if not found:
            raise InvalidInputError(
                f"None of them works in {wish.specialty}.", attr="specialty", code="not_offered"
            )
    kind = wish.appointment_type
    offered_by = set(kind.templateprovider_set.values_list("provider_id", flat=True))
    if offered_by and not offered_by & {user.pk for user in found}:
        names = ", ".join(user.get_full_name() for user in found[:3])
        raise InvalidInputError(
            f"{kind.name} is not offered by {names}.", attr=attr, code="not_offered"
        )


def _specialties(user: User) -> list[str]:
    profile = getattr(user, "provider_profile", None)
    return profile.specialties if profile else []


def _check_site(wish: Wish) -> None:
    if wish.site_id is None:
        return
    site = existing(Site.objects.filter(is_active=True), wish.site_id, "site_id")
    kind = wish.appointment_type
    offered_at = set(kind.templatesite_set.values_list("site_id", flat=True))
    if offered_at and site.pk not in offered_at:
        raise InvalidInputError(
            f"{kind.name} is not offered at {site.name}.", attr="site_id", code="not_offered"
        )


def _check_resources(wish: Wish) -> None:
    """Somewhere where the type is offered there is such a room or device."""
    kind = wish.appointment_type
    if wish.telehealth or not kind.resource_kind:
        return
    able = Resource.objects.filter(kind=kind.resource_kind, is_active=True)
    if wish.site_id is not None:
        able = able.filter(site=wish.site_id)
    if not able.exists():
        raise InvalidInputError(
            f"{kind.name} needs a resource of the kind “{kind.resource_kind}”, and there is none "
            + ("at this site." if wish.site_id is not None else "in use."),
            attr="appointment_type_id" if wish.site_id is None else "site_id",
            code="no_resource",
        )


def series_days(rrule: str, dates: Iterable[date], *, zone: ZoneInfo) -> dict[date, list[date]]:
    """By first day, the days of a series; days with which the rule cannot begin are left out.

    Raises:
        InvalidInputError: the rule is not understood, or fits none of the dates.
    """
    try:
        rule = recurrence.parse(rrule, zone)
        found = {}
        for first in dates:
            noon = datetime.combine(first, time(12))
            days = [wall.date() for wall in recurrence.expand(rule, noon)]
            if len(days) > 1 and days[0] == first:
                found[first] = days
    except RecurrenceError as error:
        raise InvalidInputError(str(error), attr="rrule", code=error.code) from error
    if not found:
        raise InvalidInputError(
            "The series cannot begin on any of the dates.", attr="rrule", code="not_first"
        )
    return found


def bounds(wish: Wish, *, now: datetime) -> tuple[datetime, datetime]:
    """First and last instant at which the type's lead-time limits let the visit start."""
    kind = wish.appointment_type
    return (
        now + timedelta(minutes=kind.min_lead_minutes),
        now + timedelta(days=kind.max_lead_days),
    )
