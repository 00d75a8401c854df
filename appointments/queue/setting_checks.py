"""Which settings of a queue go together."""

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from appointments.enums import Weekday
from appointments.models import QueueConfiguration, WaitingQueue
from core.db import LockClass, lock_until_commit
from core.errors import InvalidInputError
from core.lookups import existing
from core.tenancy import current_tenant_id

WEIGHTS = ("priority_weight", "wait_time_weight", "appointment_time_weight")
A_DAY = date(2000, 1, 1)


def check_fields(row: models.Model, names: Iterable[str]) -> None:
    """
    Raises:
        InvalidInputError: naming the first field that is out of its range.
    """
    for name in names:
        field: Any = row._meta.get_field(name.removesuffix("_id"))
        value = getattr(row, field.attname)
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidInputError("Give a number.", attr=name)
        if field.is_relation:
            continue
        try:
            setattr(row, field.attname, field.clean(value, row))
        except ValidationError as error:
            raise InvalidInputError(
                " ".join(error.messages), attr=name, code=error.error_list[0].code or ""
            ) from error


def check_together(queue: WaitingQueue, configuration: QueueConfiguration) -> None:
    """
    Raises:
        InvalidInputError: naming a field at fault.
    """
    if not any(getattr(configuration, name) for name in WEIGHTS):
        raise InvalidInputError(
            "Let at least one of the three count.", attr=WEIGHTS[0], code="all_zero"
        )
    if configuration.load_yellow > configuration.load_red:
        raise InvalidInputError(
            "Yellow begins before red, or with it.", attr="load_yellow", code="out_of_range"
        )
    _check_hours(configuration)
    if configuration.enable_overflow_queue and (
        configuration.overflow_threshold > queue.max_queue_size
    ):
        raise InvalidInputError(
            f"There are only {queue.max_queue_size} places.",
            attr="overflow_threshold",
            code="out_of_range",
        )
    if configuration.overflow_queue_id is not None:
        _check_overflow(queue, configuration)


def _check_hours(configuration: QueueConfiguration) -> None:
    days = configuration.opening_days
    if not isinstance(days, list) or any(day not in range(len(Weekday)) for day in days):
        raise InvalidInputError(
            "Name weekdays from 0, Monday, to 6.", attr="opening_days", code="out_of_range"
        )
    configuration.opening_days = sorted(set(days))
    opens, closes = configuration.opens_at, configuration.closes_at
    if (opens is None) != (closes is None):
        attr = "opens_at" if opens is None else "closes_at"
        raise InvalidInputError("Give both times, or none.", attr=attr, code="required")
    if opens is None or closes is None:
        return
    if opens >= closes:
        raise InvalidInputError(
            "The queue opens before it closes.", attr="closes_at", code="out_of_range"
        )
    open_for = datetime.combine(A_DAY, closes) - datetime.combine(A_DAY, opens)
    if timedelta(minutes=configuration.last_ticket_minutes) >= open_for:
        raise InvalidInputError(
            "The last ticket is given out while the queue is open.",
            attr="last_ticket_minutes",
            code="out_of_range",
        )


def _check_overflow(queue: WaitingQueue, configuration: QueueConfiguration) -> None:
    """Sending on must end somewhere, so queues cannot send to each other in a circle."""
    target = existing(
        WaitingQueue.objects.filter(is_active=True),
        configuration.overflow_queue_id or 0,
        "overflow_queue_id",
    )
    if not configuration.enable_overflow_queue:
        return
    # Two halves of a circle, saved at the same moment, would not see each other.
    lock_until_commit((LockClass.OVERFLOW_OF_TENANT, current_tenant_id() or 0))
    ways = dict(
        QueueConfiguration.objects.filter(
            enable_overflow_queue=True, overflow_queue__isnull=False
        ).values_list("queue_id", "overflow_queue_id")
    )
    at: int | None = target.pk
    seen: set[int] = set()
    while at is not None and at not in seen:
        if at == queue.pk:
            raise InvalidInputError(
                f"{target.name} sends people on to here."
                if target != queue
                else "A queue cannot send people on to itself.",
                attr="overflow_queue_id",
                code="overflow_circle",
            )
        seen.add(at)
        at = ways.get(at)
