"""What to offer when no time suits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from appointments.scheduling.smart_scheduler import SmartScheduler
from appointments.scheduling.wishes import Wish

MORE_DAYS = 28


@dataclass(frozen=True, slots=True)
class Wider:
    """A way to relax the wish, and how many times are free then."""

    name: str
    label: str
    free: int


def later_dates(wish: Wish) -> tuple[date, ...]:
    """The four weeks after the wished days."""
    return tuple(wish.dates[-1] + timedelta(days=n) for n in range(1, MORE_DAYS + 1))


def widened(scheduler: SmartScheduler, wish: Wish) -> list[Wider]:
    """Those ways of relaxing the wish that lead to free times."""
    found = [
        Wider(name, label, scheduler.search(replace(relaxed, max_results=1)).free)
        for name, label, relaxed in _relaxed(wish)
    ]
    return [each for each in found if each.free]


def _relaxed(wish: Wish) -> Iterator[tuple[str, str, Wish]]:
    if wish.provider_ids or wish.specialty:
        yield "who", "With anyone", replace(wish, provider_ids=None, specialty="")
    if wish.times:
        yield "times", "At any time of day", replace(wish, times=())
    if wish.weekdays:
        yield "weekdays", "On any weekday", replace(wish, weekdays=frozenset())
    if wish.site_id:
        yield "site", "At any site", replace(wish, site_id=None)
    yield "later", "In the 4 weeks after", replace(wish, dates=later_dates(wish))
