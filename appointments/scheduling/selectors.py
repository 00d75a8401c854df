"""Reads of working time and busy time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from appointments.enums import OCCUPYING, AppointmentStatus
from appointments.models import (
    AppointmentRequest,
    AppointmentTemplate,
    SlotAvailability,
)
from appointments.scheduling.availability import (
    Interval,
    Window,
    covers,
    free_starts,
    interval_of,
)

ALTERNATIVE_DAYS = 7
ALTERNATIVE_COUNT = 5


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


def blocked_intervals(
    provider_id: int, start: datetime, end: datetime, zone: ZoneInfo
) -> list[Interval]:
    """Blocked windows of the provider that overlap ``[start, end)``, in UTC."""
    rows = SlotAvailability.objects.filter(
        provider_id=provider_id,
        date__range=(start.astimezone(zone).date(), end.astimezone(zone).date()),
        is_active=True,
        is_blocked=True,
    ).values_list("date", "start_time", "end_time", "duration_minutes")
    intervals = (interval_of(Window(*row), zone) for row in rows)
    return [(opens, closes) for opens, closes in intervals if opens < end and closes > start]


@dataclass(frozen=True, slots=True)
class Hours:
    """What a provider's windows say about a wanted time.

    ``site_id`` is the one site at which the provider works when it starts; None where there is
    none, or more than one.
    """

    is_blocked: bool
    is_outside: bool
    site_id: int | None


def hours_at(provider_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> Hours:
    """One query, for ``[start, end)``."""
    rows = SlotAvailability.objects.filter(
        provider_id=provider_id,
        date__range=(start.astimezone(zone).date(), end.astimezone(zone).date()),
        is_active=True,
    ).values_list("date", "start_time", "end_time", "duration_minutes", "is_blocked", "site_id")
    windows = [(*interval_of(Window(*row[:4]), zone), *row[4:]) for row in rows]
    opened = [window for window in windows if not window[2]]
    sites = {site for opens, closes, _, site in opened if opens <= start < closes}
    return Hours(
        is_blocked=any(
            blocked and opens < end and closes > start for opens, closes, blocked, _ in windows
        ),
        is_outside=not covers([(opens, closes) for opens, closes, _, _ in opened], start, end),
        site_id=sites.pop() if len(sites) == 1 else None,
    )


def overlapping(
    provider_id: int, start: datetime, end: datetime, *, now: datetime
) -> QuerySet[AppointmentRequest]:
    """Appointments and live holds that take the provider's time within ``[start, end)``."""
    return (
        AppointmentRequest.objects.filter(
            provider_id=provider_id,
            status__in=OCCUPYING,
            blocked_from__lt=end,
            blocked_until__gt=start,
        )
        .exclude(status=AppointmentStatus.HELD, hold_expires_at__lte=now)
        .order_by("blocked_from", "pk")
    )


def busy_intervals(
    provider_id: int, start: datetime, end: datetime, *, now: datetime
) -> list[Interval]:
    """Blocked time of the provider within ``[start, end)``, buffers included, by start."""
    rows = overlapping(provider_id, start, end, now=now)
    return list(rows.values_list("blocked_from", "blocked_until"))


def alternative_slots(
    provider_id: int,
    appointment_type: AppointmentTemplate,
    around: datetime,
    *,
    duration_minutes: int,
    zone: ZoneInfo,
    now: datetime,
    count: int = ALTERNATIVE_COUNT,
) -> list[datetime]:
    """Free starts of the provider nearest to ``around``, within a week either way.

    Returns:
        At most ``count`` aware UTC instants, ascending.
    """
    span = timedelta(days=ALTERNATIVE_DAYS)
    first, last = max(around - span, now), around + span
    windows = working_windows(
        [provider_id], first.astimezone(zone).date(), last.astimezone(zone).date()
    )[provider_id]
    day = timedelta(days=1)
    busy = busy_intervals(provider_id, first - day, last + day, now=now)
    blocked = blocked_intervals(provider_id, first, last, zone)
    starts = free_starts(
        windows,
        sorted([*busy, *blocked]),
        zone=zone,
        duration_minutes=duration_minutes,
        buffer_before_minutes=appointment_type.buffer_before_minutes,
        buffer_after_minutes=appointment_type.buffer_after_minutes,
        earliest=now,
    )
    nearest = sorted(starts, key=lambda start: (abs(start - around), start))[:count]
    return sorted(nearest)
