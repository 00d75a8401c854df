"""Free slots near a time that somebody else was quicker to take."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from appointments.scheduling.slots import micros
from appointments.scheduling.smart_scheduler import Slot, SmartScheduler, describe
from appointments.scheduling.wishes import Wish

DAYS_BEFORE, DAYS_AFTER = 3, 7
ALTERNATIVES = 5


def nearest(
    scheduler: SmartScheduler, wish: Wish, to: datetime, *, count: int = ALTERNATIVES
) -> list[Slot]:
    """The free slots for the same visit whose starts lie nearest to ``to``, by start.

    Of slots that start at once, the best scored is offered alone.  The days are those around
    ``to``, whatever days the wish names; its weekdays, times and providers hold.
    """
    zone = scheduler.tenant.zone_info
    today = scheduler.clock().astimezone(zone).date()
    day = to.astimezone(zone).date()
    around = (day + timedelta(days=n) for n in range(-DAYS_BEFORE, DAYS_AFTER + 1))
    dates = tuple(each for each in around if each >= today)
    if not dates:
        return []
    found = scheduler.find(replace(wish, dates=dates))
    start = found.free.slots.start
    by_score = np.lexsort((-found.total, start))
    best = by_score[np.unique(start[by_score], return_index=True)[1]]
    distance = np.abs(start[best] - micros(to))
    chosen = best[np.lexsort((start[best], distance))[:count]]
    return describe(found, chosen[np.argsort(start[chosen])])
