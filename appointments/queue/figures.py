"""A queue's figures as other systems read them: JSON-ready, without names of patients."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from appointments.models import WaitingQueue
from appointments.queue.calibration import Quality
from appointments.queue.history import replay
from appointments.queue.hourly import HourFigures
from appointments.queue.report import Group, Line, report_of
from appointments.queue.selectors import queue_status
from appointments.queue.stays import EPOCH
from appointments.scheduling.analytics import Period
from core.errors import InvalidInputError

OF_STATUS = ("current_size", "max_size", "average_wait_minutes", "load_factor", "load_level")


def analytics_of(
    queue: WaitingQueue, *, days: int, now: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """The last ``days`` days up to today.

    Raises:
        InvalidInputError: more than a year.
    """
    period = Period.last(days, today=now.astimezone(zone).date())
    report = report_of(queue, period, zone=zone, now=now)
    return {
        "queue_id": queue.pk,
        "queue_name": queue.name,
        "period": {
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "days": period.days,
        },
        "metrics": group_figures(report.total.now),
        "previous_metrics": group_figures(report.total.before),
        "estimates": estimate_figures(report.total.now.estimates),
        "days": [{"date": day.isoformat(), **group_figures(group)} for day, group in report.days],
        "hours": [hour_figures(each) for each in report.hours],
        "providers": [{"provider_id": each.key, **_named(each)} for each in report.providers],
        "appointment_types": [_named(each) for each in report.types],
        "priorities": [_named(each) for each in report.urgencies],
    }


def metrics_of(queue: WaitingQueue, *, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Today up to now, hour by hour."""
    today = now.astimezone(zone).date()
    report = report_of(queue, Period(today, today), zone=zone, now=now)
    status = queue_status(queue, now=now)
    return {
        "queue_id": queue.pk,
        "queue_name": queue.name,
        "date": today.isoformat(),
        "now": {name: status[name] for name in OF_STATUS},
        "metrics": group_figures(report.total.now),
        "estimates": estimate_figures(report.total.now.estimates),
        "hours": [hour_figures(each) for each in report.hours],
    }


def moment_of(queue: WaitingQueue, at: datetime, *, now: datetime) -> dict[str, Any]:
    """Who was present at a past instant, the line first, in serving order.

    Raises:
        InvalidInputError: it has not come yet, or lies before all computers.
    """
    if at < EPOCH:
        raise InvalidInputError("Choose a time from 1970 on.", attr="at", code="out_of_range")
    if at > now:
        raise InvalidInputError("This time has not come yet.", attr="at", code="in_the_future")
    was = replay(queue.pk, at)
    place = {key: number for number, key in enumerate(was.waiting, start=1)}
    others = sorted(key for key in was.states if key not in place)
    return {
        "queue_id": queue.pk,
        "queue_name": queue.name,
        "at": at,
        "current_size": len(place),
        "entries": [
            {
                "entry_id": key,
                "ticket": was.tickets[key],
                "position": place.get(key, 0),
                "status": was.states[key],
            }
            for key in (*place, *others)
        ],
    }


def group_figures(group: Group) -> dict[str, Any]:
    return {
        "total_entries": group.joined,
        "served_entries": group.served,
        "completed_entries": group.completed,
        "no_shows": group.ended("no_show"),
        "left_entries": group.ended("left"),
        "no_show_rate": group.no_show_rate,
        "left_rate": group.left_rate,
        "average_wait_time_minutes": group.average_wait,
        "median_wait_time_minutes": group.median_wait,
        "p90_wait_time_minutes": group.p90_wait,
        "max_wait_time_minutes": group.longest_wait,
        "average_service_time_minutes": group.average_service,
        "on_time_rate": group.on_time_rate,
    }


def estimate_figures(found: Quality) -> dict[str, Any]:
    return {
        "count": found.count,
        "mean_error_minutes": found.mean_error,
        "within_10_minutes": found.near,
        "coverage": found.covered,
    }


def hour_figures(each: HourFigures) -> dict[str, Any]:
    return asdict(each) | {"date": each.date.isoformat()}


def _named(line: Line) -> dict[str, Any]:
    return {"name": line.name, **group_figures(line.now)}
