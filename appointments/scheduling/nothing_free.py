"""Why no time suits a wish, for people."""

from dataclasses import replace
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q

from appointments.models import SlotAvailability
from appointments.scheduling.priority import PriorityDemand
from appointments.scheduling.wishes import Wish, bounds


def why_nothing(wish: Wish, demand: PriorityDemand, *, now: datetime) -> str:
    """The one main reason, in words.

    Args:
        now: in the tenant's zone.
    """
    kind, today = wish.appointment_type, now.date()
    if demand.requires_same_day:
        rule = f"The rule “{', '.join(demand.names)}” asks for a visit today"
        if today in wish.dates:
            return f"{rule}, and nothing suitable is free any more today."
        return f"{rule}, and today is not among the wished days."
    if bounds(wish, now=now)[0].astimezone(now.tzinfo).date() > wish.dates[-1]:
        return f"{kind.name} must be booked at least {_lead(kind.min_lead_minutes)} ahead."
    if not _has_hours(replace(wish, times=())):
        return "Nobody who offers this visit works on these days."
    if not _has_hours(wish):
        return "Nobody who offers this visit works in the wished hours."
    if wish.times or wish.weekdays:
        return "On these days everything in the wished hours is taken."
    return "Everything on these days is taken."


def _lead(minutes: int) -> str:
    if minutes % 1440 == 0:
        days = minutes // 1440
        return f"{days} day{'s' if days > 1 else ''}"
    if minutes % 60 == 0:
        hours = minutes // 60
        return f"{hours} hour{'s' if hours > 1 else ''}"
    return f"{minutes} minutes"


def _has_hours(wish: Wish) -> bool:
    windows = SlotAvailability.objects.filter(
        date__in=wish.dates, is_active=True, is_blocked=False, provider__is_active=True
    )
    kind = wish.appointment_type
    offered_by = kind.templateprovider_set.values_list("provider_id", flat=True)
    offered_at = kind.templatesite_set.values_list("site_id", flat=True)
    if wish.provider_ids:
        windows = windows.filter(provider_id__in=wish.provider_ids)
    if offered_by:
        windows = windows.filter(provider_id__in=list(offered_by))
    if wish.specialty:
        windows = windows.filter(provider__provider_profile__specialties__contains=[wish.specialty])
    if offered_at and not wish.telehealth:
        windows = windows.filter(site_id__in=list(offered_at))
    if wish.site_id:
        windows = windows.filter(site_id=wish.site_id)
    if wish.times:
        ranges = (Q(start_time__lt=closes, end_time__gt=opens) for opens, closes in wish.times)
        windows = windows.filter(reduce(or_, ranges))
    if wish.weekdays:
        days = [day for day in wish.dates if day.weekday() in wish.weekdays]
        windows = windows.filter(date__in=days)
    return windows.exists()
