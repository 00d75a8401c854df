"""What other weights would do to a ranking, before they are saved."""

from dataclasses import dataclass, replace

from appointments.scheduling.ranking import rank
from appointments.scheduling.scoring import Weights
from appointments.scheduling.smart_scheduler import Slot, SmartScheduler, describe
from appointments.scheduling.wishes import MAX_RESULTS, Wish

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Moved:
    """A slot with its place under the other weights; ``None`` beyond the first 500."""

    slot: Slot
    place: int
    before: int | None

    @property
    def rises(self) -> bool:
        return self.before is None or self.before > self.place

    @property
    def falls(self) -> bool:
        return self.before is not None and self.before < self.place


@dataclass(frozen=True, slots=True)
class Comparison:
    """The best slots by the stored weights, and by others."""

    now: list[Slot]
    then: list[Moved]


def compare(scheduler: SmartScheduler, wish: Wish, weights: Weights) -> Comparison:
    """The free slots are read once and ranked twice."""
    found = scheduler.find(replace(wish, max_results=MAX_RESULTS))
    zone, clock = scheduler.tenant.zone_info, scheduler.clock()
    other = rank(found.free, zone=zone, now=clock, weights=weights)
    best = other.order[:SHOWN]
    places = {int(row): place for place, row in enumerate(found.order, start=1)}
    return Comparison(
        now=describe(found, found.order[:SHOWN]),
        then=[
            Moved(slot, place, places.get(int(row)))
            for place, (row, slot) in enumerate(
                zip(best, describe(other, best), strict=True), start=1
            )
        ],
    )
