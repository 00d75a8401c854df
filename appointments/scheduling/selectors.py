"""Reads of working time and busy time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet

from appointments.enums import EXPECTED, OCCUPYING, AppointmentStatus, Modality
from appointments.models import (
    AppointmentRequest,
    Resource,
    SlotAvailability,
    TimeOff,
)
from appointments.scheduling.availability import (
    Interval,
    Window,
    covers,
    interval_of,
)


def working_windows(
    provider_ids: Iterable[int], first: date, last: date
) -> dict[int, list[Window]]:
    """Open windows by provider, ``first`` to ``last`` included; blocked and inactive left out."""
    found: dict[int, list[Window]] = {key: [] for key in provider_ids}
    rows = SlotAvailability.objects.filter(
        provider_id__in=list(found), date__range=(first, last), is_active=True, is_blocked=False
    ).values_list("provider_id", "date", "start_time", "end_time", "duration_minutes")
    for provider_id, day, start, end, grid in rows.order_by("date", "start_time"):
        found[provider_id].append(Window(day, start, end, grid))
    return found


@dataclass(frozen=True, slots=True)
class Hours:
    """What a provider's windows say about a wanted time.

    ``site_id`` is the one site at which the provider works when it starts; None where there is
    none, or more than one.
    """

    is_blocked: bool
    is_outside: bool
    site_id: int | None


@dataclass(frozen=True, slots=True)
class DatedWindow:
    """A provider's window in UTC; ``grid_minutes`` spaces the slots in it."""

    id: int
    opens: datetime
    closes: datetime
    is_blocked: bool
    site_id: int
    grid: Window


def windows_touching(
    provider_id: int, start: datetime, end: datetime, zone: ZoneInfo
) -> list[DatedWindow]:
    """Open and blocked windows on the local days of ``[start, end)``, by start."""
    rows = SlotAvailability.objects.filter(
        provider_id=provider_id,
        date__range=(start.astimezone(zone).date(), end.astimezone(zone).date()),
        is_active=True,
    ).values_list(
        "pk", "is_blocked", "site_id", "date", "start_time", "end_time", "duration_minutes"
    )
    found = []
    in_order = rows.order_by("date", "start_time", "pk")
    for key, is_blocked, site_id, day, begins, ends, grid_minutes in in_order:
        window = Window(day, begins, ends, grid_minutes)
        opens, closes = interval_of(window, zone)
        if opens < closes:  # in an hour that the clocks skip, nothing is left of it
            found.append(DatedWindow(key, opens, closes, is_blocked, site_id, window))
    return found


def hours_of(windows: Sequence[DatedWindow], visit: Interval, blocked: Interval) -> Hours:
    """
    Args:
        visit: should lie inside working hours.
        blocked: the visit with its buffers, which must meet no blocked window.
    """
    opened = [window for window in windows if not window.is_blocked]
    sites = {window.site_id for window in opened if window.opens <= visit[0] < window.closes}
    return Hours(
        is_blocked=any(
            window.is_blocked and window.opens < blocked[1] and window.closes > blocked[0]
            for window in windows
        ),
        is_outside=not covers([(window.opens, window.closes) for window in opened], *visit),
        site_id=sites.pop() if len(sites) == 1 else None,
    )


def hours_at(
    provider_id: int,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    *,
    blocked: Interval | None = None,
) -> Hours:
    """``hours_of`` a visit of ``[start, end)``, in one query; without buffers where None."""
    taken = blocked or (start, end)
    return hours_of(windows_touching(provider_id, *taken, zone), (start, end), taken)


def taking(start: datetime, end: datetime, *, now: datetime) -> QuerySet[AppointmentRequest]:
    """Appointments and live holds that take time within ``[start, end)``, by start."""
    return (
        AppointmentRequest.objects.filter(
            status__in=OCCUPYING, blocked_from__lt=end, blocked_until__gt=start
        )
        .exclude(status=AppointmentStatus.HELD, hold_expires_at__lte=now)
        .order_by("blocked_from", "pk")
    )


def overlapping(
    provider_id: int, start: datetime, end: datetime, *, now: datetime
) -> QuerySet[AppointmentRequest]:
    """Those of ``taking`` that take the provider's time."""
    return taking(start, end, now=now).filter(provider_id=provider_id)


def time_off_between(
    start: datetime, end: datetime, *, provider_id: int | None = None
) -> QuerySet[TimeOff]:
    """Absences and closures within ``[start, end)``, by start.

    Args:
        provider_id: leave out other providers' absences; sites and resources stay.
    """
    rows = TimeOff.objects.filter(starts_at__lt=end, ends_at__gt=start)
    if provider_id is not None:
        rows = rows.filter(Q(provider_id=provider_id) | Q(provider_id=None))
    return rows.order_by("starts_at", "pk")


def coming_time_off(*, now: datetime) -> QuerySet[TimeOff]:
    """Absences and closures that have not ended, by start, with whose they are."""
    rows = TimeOff.objects.filter(ends_at__gt=now).order_by("starts_at", "pk")
    return rows.select_related("provider", "site", "resource")


def visits_during(off: TimeOff, *, now: datetime) -> QuerySet[AppointmentRequest]:
    """Visits still to come that the absence or closure meets, buffers included; by start."""
    rows = taking(max(off.starts_at, now), off.ends_at, now=now).filter(
        status__in=EXPECTED, scheduled_datetime__gte=now
    )
    if off.provider_id is not None:
        return rows.filter(provider_id=off.provider_id)
    if off.resource_id is not None:
        return rows.filter(resource_id=off.resource_id)
    return rows.filter(site_id=off.site_id).exclude(modality=Modality.TELEHEALTH)


def resources_of(kind: str, site_id: int | None) -> QuerySet[Resource]:
    """What a visit that needs ``kind`` may take, in the order in which it is given out.

    Args:
        site_id: where the visit takes place; anywhere where None.
    """
    rows = Resource.objects.filter(kind=kind, is_active=True)
    if site_id is not None:
        rows = rows.filter(site_id=site_id)
    return rows.order_by("name", "pk")


def free_resources(
    kind: str,
    site_id: int | None,
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    except_id: int | None = None,
) -> QuerySet[Resource]:
    """Those of ``resources_of`` that nothing takes within ``[start, end)``; in one query.

    Args:
        except_id: the appointment that is being moved, which is not in its own way.
    """
    visits = taking(start, end, now=now).filter(resource=OuterRef("pk")).exclude(pk=except_id)
    off = TimeOff.objects.filter(starts_at__lt=end, ends_at__gt=start)
    if site_id is None:
        off = off.filter(Q(resource=OuterRef("pk")) | Q(site=OuterRef("site")))
    else:  # whoever books knows whether the site is closed
        off = off.filter(resource=OuterRef("pk"))
    return resources_of(kind, site_id).filter(~Exists(visits), ~Exists(off))


def busy_intervals(
    provider_id: int, start: datetime, end: datetime, *, now: datetime
) -> list[Interval]:
    """Blocked time of the provider within ``[start, end)``, buffers included, by start."""
    rows = overlapping(provider_id, start, end, now=now)
    return list(rows.values_list("blocked_from", "blocked_until"))
