"""Where an entry stands in the line, and how long it waits there."""

from datetime import datetime, timedelta

import numpy as np

from appointments.models import LineRank, QueueConfiguration, QueueEntry, WaitingQueue
from appointments.queue import estimates, line
from appointments.queue.discipline import serving_order

PREDICTED = ("predicted_wait", "predicted_p10", "predicted_p50", "predicted_p90")


def order_of(
    present: line.QueueLine, configuration: QueueConfiguration, *, now: datetime
) -> np.ndarray:
    """Rows of the line in the order in which they are served."""
    rules = line.rules_of(configuration)
    return serving_order(present.columns, now=line.minutes(now), **rules)


def enter_line(entry: QueueEntry, configuration: QueueConfiguration, *, now: datetime) -> float:
    """Give a waiting entry its rank among the others."""
    LineRank.objects.filter(entry=entry).delete()
    present = line.read_line(entry.queue_id)
    order = order_of(present, configuration, now=now)
    rank = line.rank_between(present, order, entry.pk)
    LineRank.objects.create(entry=entry, queue_id=entry.queue_id, rank=rank)
    return rank


def predict(entry: QueueEntry, configuration: QueueConfiguration, *, now: datetime) -> float:
    """The rank of an entry that is not stored yet; what the patient is told on joining is put on
    it, to be compared with what came."""
    present = line.with_newcomer(line.read_line(entry.queue_id), entry)
    order = order_of(present, configuration, now=now)
    ahead = line.reordered(present, order[: _place_in(present, order, entry)])
    waits = estimates.waits(ahead, estimates.read_capacity(entry.queue, configuration, now=now))
    if not np.isnan(waits.p50[-1]):
        told = (waits.scheduled, waits.p10, waits.p50, waits.p90)
        for name, minutes in zip(PREDICTED, told, strict=True):
            setattr(entry, name, float(minutes[-1]))
    return line.rank_between(present, order, line.NEWCOMER)


def place_of(entry: QueueEntry, configuration: QueueConfiguration, *, now: datetime) -> int:
    """The place in the line, from 1, that is due to the entry now, stored or not."""
    return len(_line_to(entry, configuration, now=now))


def wait_of(
    entry: QueueEntry, queue: WaitingQueue, configuration: QueueConfiguration, *, now: datetime
) -> timedelta | None:
    """The entry's median wait, stored or not; None while no open service point may take it."""
    ahead = _line_to(entry, configuration, now=now)
    capacity = estimates.read_capacity(queue, configuration, now=now)
    median = estimates.waits(ahead, capacity).p50[-1]
    return None if np.isnan(median) else timedelta(minutes=float(median))


def _line_to(
    entry: QueueEntry, configuration: QueueConfiguration, *, now: datetime
) -> line.QueueLine:
    """The line as far as the entry, its last row: whoever comes after changes nothing for it."""
    present = line.read_line(entry.queue_id)
    if entry.pk is None or entry.pk not in present.columns.entry_id:
        present = line.with_newcomer(present, entry)
    order = order_of(present, configuration, now=now)
    return line.reordered(present, order[: _place_in(present, order, entry)])


def _place_in(present: line.QueueLine, order: np.ndarray, entry: QueueEntry) -> int:
    """From 1."""
    is_own = present.columns.entry_id[order] == (entry.pk or line.NEWCOMER)
    return int(np.flatnonzero(is_own)[0]) + 1
