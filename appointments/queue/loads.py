"""How busy queues are, and where somebody who just came waits least."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Sum, When

from appointments.enums import ServicePointState
from appointments.models import (
    QueueConfiguration,
    QueueEntry,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.queue.estimates import BEING_SERVED
from appointments.queue.opening import why_closed
from appointments.queue.routing_policy import QueueLoad, overflow_target
from appointments.queue.selectors import HERE_NOT_CALLED

IS_WAITING = Q(status__in=HERE_NOT_CALLED)


def open_queues(
    *, now: datetime, zone: ZoneInfo, site_id: int | None = None, specialty: str = ""
) -> list[WaitingQueue]:
    """Queues that take walk-ins now, full or not.

    Args:
        site_id: those of the site, or of none; None for all.
        specialty: those of it, and those in which somebody who has it serves; empty for all.
    """
    queues = WaitingQueue.objects.filter(
        is_active=True, is_accepting_patients=True, accepts_walk_ins=True
    ).select_related("configuration")
    if site_id is not None:
        queues = queues.filter(Q(site=site_id) | Q(site=None))
    if specialty:
        able = _staffed(queues).values_list(
            "queue_id", "point__provider__provider_profile__specialties"
        )
        keys = {key for key, known in able if _has(known, specialty)}
        queues = queues.filter(Q(specialty__iexact=specialty) | Q(pk__in=keys))
    return [
        queue for queue in queues if not why_closed(queue, _settings(queue), now=now, zone=zone)
    ]


def loads_of(queues: Iterable[WaitingQueue], *, specialty: str = "") -> list[QueueLoad]:
    """How busy each is, read in two statements.

    A queue without service points counts as one of which one is open; half of the expected length
    is left of a visit that goes on.

    Args:
        specialty: count only the points at which somebody has it, in queues that are not of it.
    """
    queues = list(queues)
    rows = QueueEntry.objects.filter(queue__in=queues, status__in=(*HERE_NOT_CALLED, *BEING_SERVED))
    work = Case(
        When(IS_WAITING, F("estimated_service_time") * 1.0),
        default=F("estimated_service_time") * 0.5,
    )
    present = {
        row["queue"]: row
        for row in rows.values("queue").annotate(
            count=Count("pk", filter=IS_WAITING), work=Sum(work)
        )
    }
    points = _points(queues, specialty)
    loads = []
    for queue in queues:
        seen = present.get(queue.pk, {"count": 0, "work": 0.0})
        loads.append(
            QueueLoad(
                queue_id=queue.pk,
                waiting=seen["count"],
                work_minutes=float(seen["work"]),
                open_points=points.get(queue.pk, 1.0),
                is_accepting=queue.is_accepting_patients and seen["count"] < queue.max_queue_size,
            )
        )
    return loads


def shortest_first(loads: Iterable[QueueLoad]) -> list[QueueLoad]:
    """Those that are not full; where nobody works at the moment come last."""
    taking = [load for load in loads if load.is_accepting]
    return sorted(taking, key=lambda load: (load.minutes_per_point(), load.waiting, load.queue_id))


def places_to_try(
    queue: WaitingQueue,
    configuration: QueueConfiguration,
    *,
    specialty: str,
    now: datetime,
    zone: ZoneInfo,
) -> list[WaitingQueue]:
    """Where a walk-in waits: in the queue itself or, beyond its threshold, in one to which it
    sends people on; the others follow, for when somebody else takes the last place.  Each queue
    is named once, and those to which the others send people on are not: nobody is sent in a
    circle.
    """
    if not configuration.enable_overflow_queue:
        return [queue]
    others = open_queues(now=now, zone=zone, specialty=specialty)
    if configuration.overflow_queue_id:
        able = {each.pk: each for each in others if each.pk == configuration.overflow_queue_id}
    else:
        able = {
            each.pk: each
            for each in others
            if each.site_id == queue.site_id and each.specialty == queue.specialty
        }
    able.pop(queue.pk, None)
    own, *loads = loads_of([queue, *able.values()])
    target = overflow_target(own, loads, threshold=configuration.overflow_threshold)
    rest = [able[load.queue_id] for load in shortest_first(loads) if load.queue_id != target]
    return [queue, *rest] if target is None else [able[target], queue, *rest]


def _points(queues: list[WaitingQueue], specialty: str) -> dict[int, float]:
    """How many service points are open, of the queues that have points; one that takes from
    other lines in turn is each line's in equal parts."""
    of_it = {queue.pk for queue in queues if queue.specialty.lower() == specialty.lower()}
    elsewhere = ServicePointQueue.objects.filter(
        Exists(QueueEntry.objects.filter(IS_WAITING, queue=OuterRef("queue"))),
        point=OuterRef("point"),
    ).exclude(queue=OuterRef("queue"))
    found: dict[int, float] = {}
    rows = (
        _staffed(queues)
        .annotate(others=ArraySubquery(elsewhere.values("queue_id")))
        .values_list(
            "queue_id", "others", "point__state", "point__provider__provider_profile__specialties"
        )
    )
    for key, others, state, known in rows:
        counts = not specialty or key in of_it or _has(known, specialty)
        is_open = state == ServicePointState.OPEN and counts
        found[key] = found.get(key, 0.0) + is_open / (1 + len(others))
    return found


def _staffed(
    queues: Iterable[WaitingQueue],
) -> QuerySet[ServicePointQueue]:
    return ServicePointQueue.objects.filter(queue__in=queues, point__is_active=True)


def _has(known: list[str] | None, specialty: str) -> bool:
    return specialty.lower() in (each.lower() for each in known or ())


def _settings(queue: WaitingQueue) -> QueueConfiguration:
    return getattr(queue, "configuration", None) or QueueConfiguration(queue=queue)
