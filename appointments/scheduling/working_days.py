"""On which days the tenant works."""

from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from django.db.models import FilteredRelation, Q

from appointments.scheduling.availability import Interval, covers, to_utc
from core.models import Site

REACH_DAYS = 60
COLUMNS = ("pk", "opening_days", "opens_at", "closes_at", "near__starts_at", "near__ends_at")


@dataclass(frozen=True, slots=True)
class Opening:
    """When a site is open; weekdays with Monday = 0."""

    weekdays: tuple[int, ...]
    opens_at: time
    closes_at: time
    closures: list[Interval]

    def is_open(self, day: date, zone: ZoneInfo) -> bool:
        """Whether it opens on the day at all."""
        opens = to_utc(day, self.opens_at, zone)
        closes = to_utc(day, self.closes_at, zone, fold=1)
        return day.weekday() in self.weekdays and not covers(self.closures, opens, closes)


def next_working_days(today: date, count: int, *, zone: ZoneInfo) -> list[date]:
    """The first ``count`` days after today on which some site is open; one query.

    A site is open on its weekdays, unless it is closed from its first to its last hour; a tenant
    without a site works every day.  Fewer where the coming 60 days have not so many.
    """
    days = [today + timedelta(days=offset) for offset in range(1, REACH_DAYS + 1)]
    near = FilteredRelation(
        "time_off",
        condition=Q(
            time_off__starts_at__lt=to_utc(days[-1], time.max, zone),
            time_off__ends_at__gt=to_utc(days[0], time.min, zone),
        ),
    )
    rows = Site.objects.filter(is_active=True).annotate(near=near)
    sites: dict[int, Opening] = {}
    for key, weekdays, opens, closes, *closure in rows.values_list(*COLUMNS):
        site = sites.setdefault(key, Opening(tuple(weekdays or range(7)), opens, closes, []))
        if closure[0] is not None:
            site.closures.append((closure[0], closure[1]))
    found = (
        day for day in days if not sites or any(site.is_open(day, zone) for site in sites.values())
    )
    return list(islice(found, count))
