"""Who may take whom, and in which queue a newcomer waits least.

Pure arithmetic; entries are numpy columns, service points and queues are few.

Source of the rules: docs/algorithms/queue.md.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NONE = 0
"""Stands for "no provider asked for" and "no appointment type" in columns of ids."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What waiting entries ask for; one row per entry.

    Attributes:
        queue_id: in which they wait.
        provider_id: whom they want to see; 0 where nobody in particular.
        specialty: what they want where no provider is named; "" for anyone.  Capitals do not
            matter.
        type_id: of the appointment; 0 where there is none, which every point takes.
        is_flexible: consents to whoever is free first.

    Raises:
        ValueError: the columns differ in length.
    """

    queue_id: Ints
    provider_id: Ints
    specialty: NDArray[np.str_]
    type_id: Ints
    is_flexible: Flags

    def __post_init__(self) -> None:
        if len({len(getattr(self, field.name)) for field in fields(self)}) > 1:
            raise ValueError("the columns must have one length")

    def __len__(self) -> int:
        return len(self.queue_id)


@dataclass(frozen=True, slots=True)
class Point:
    """A service point.

    Attributes:
        queue_ids: which it serves.
        provider_id: who works there; None for nobody in particular.
        specialties: of that provider.
        type_ids: appointment types that it may take; None for all.
    """

    point_id: int
    queue_ids: frozenset[int]
    provider_id: int | None = None
    specialties: frozenset[str] = frozenset()
    type_ids: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """How busy a queue is.

    Attributes:
        waiting: entries.
        work_minutes: expected, of those waiting and of what is left of those in service.
        open_points: service points that take from it; one that others share counts in part.
        is_accepting: it is open, before its last ticket, and not full.
    """

    queue_id: int
    waiting: int
    work_minutes: float
    open_points: float
    is_accepting: bool = True

    def minutes_per_point(self) -> float:
        """What a newcomer has before them; infinite where nobody works or it takes no more."""
        if not self.is_accepting or self.open_points <= 0:
            return math.inf
        return self.work_minutes / self.open_points


def may_serve(wishes: Wishes, point: Point) -> Flags:
    """Which entries the point may take, whether it is open or not.

    It serves their queue and takes their type; and they are flexible, or ask for its provider,
    or for one of its specialties, or for nobody in particular.
    """
    asked = wishes.provider_id != NONE
    of_specialty = np.strings.lower(wishes.specialty)
    specialties = [each.lower() for each in point.specialties]
    wanted = np.where(
        asked,
        wishes.provider_id == (point.provider_id or NONE),
        (of_specialty == "") | np.isin(of_specialty, specialties),
    )
    served = np.isin(wishes.queue_id, list(point.queue_ids))
    if point.type_ids is not None:
        served &= (wishes.type_id == NONE) | np.isin(wishes.type_id, list(point.type_ids))
    return served & (wanted | wishes.is_flexible)


def eligibility(wishes: Wishes, points: Sequence[Point]) -> Flags:
    """``may_serve`` of every entry (rows) and point (columns)."""
    if not points:
        return np.zeros((len(wishes), 0), dtype=bool)
    return np.column_stack([may_serve(wishes, point) for point in points])


def shortest_queue(candidates: Iterable[QueueLoad]) -> int | None:
    """The queue with the least expected work per open point; None where none takes anyone.

    Equals by fewer waiting, then by id.
    """
    able = [each for each in candidates if math.isfinite(each.minutes_per_point())]
    best = min(able, key=_rank, default=None)
    return None if best is None else best.queue_id


def overflow_target(own: QueueLoad, others: Iterable[QueueLoad], *, threshold: int) -> int | None:
    """Where a newcomer to ``own`` waits instead; None to stay.

    From ``threshold`` waiting on, or where ``own`` takes no more, the shortest of ``others``,
    provided that it is shorter than ``own``.
    """
    if own.is_accepting and own.waiting < threshold:
        return None
    shorter = [each for each in others if each.minutes_per_point() < own.minutes_per_point()]
    return shortest_queue(shorter)


def _rank(load: QueueLoad) -> tuple[float, int, int]:
    return load.minutes_per_point(), load.waiting, load.queue_id
