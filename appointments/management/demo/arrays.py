"""Where many visits lie in the working time of many providers.  Pure numpy."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

CELL_MINUTES = 15
MORNING = range(0, 4 * 60, CELL_MINUTES)  # from 08:00, in minutes
AFTERNOON = range(5 * 60, 10 * 60, CELL_MINUTES)
CELLS = np.array([*MORNING, *AFTERNOON])
ENDS_HALF = np.array([cell + CELL_MINUTES not in CELLS for cell in CELLS])
LONG_SHARE = 0.6  # of the visits after which a cell is free: they take that one too
LATE_STATES = np.array(["COMPLETED", "NO_SHOW", "CANCELLED"])
COMING_STATES = np.array(["CONFIRMED", "PENDING", "CANCELLED"])
NULL = r"\N"
# Status, version, confirmed, checked in, started, completed, cancelled at, cancellation reason.
STATES = {
    "PENDING": ("PENDING", "1", NULL, NULL, NULL, NULL, NULL, ""),
    "CONFIRMED": ("CONFIRMED", "2", "{made}", NULL, NULL, NULL, NULL, ""),
    "CHECKED_IN": ("CHECKED_IN", "3", "{made}", "{now}", NULL, NULL, NULL, ""),
    "IN_PROGRESS": ("IN_PROGRESS", "4", "{made}", "{start}", "{start}", NULL, NULL, ""),
    "COMPLETED": ("COMPLETED", "5", "{made}", "{start}", "{start}", "{end}", NULL, ""),
    "NO_SHOW": ("NO_SHOW", "3", "{made}", NULL, NULL, NULL, NULL, ""),
    "CANCELLED": ("CANCELLED", "2", NULL, NULL, NULL, NULL, "{made}", "No longer needed"),
}
STATE_COLUMNS = (
    "status version confirmed_at checked_in_at started_at completed_at cancelled_at "
    "cancellation_reason"
)


@dataclass(frozen=True, slots=True)
class Visits:
    """One entry per visit in each array; times are UTC minutes (datetime64)."""

    provider: NDArray[np.int64]  # counted from 0
    start: NDArray[np.datetime64]
    end: NDArray[np.datetime64]
    made: NDArray[np.datetime64]
    status: NDArray[np.str_]

    @property
    def is_long(self) -> NDArray[np.bool_]:
        return (self.end - self.start) > np.timedelta64(CELL_MINUTES, "m")


def place_visits(
    count: int, *, providers: int, opens: list[datetime], now: datetime, rng: Generator
) -> Visits:
    """Spread ``count`` visits evenly over all providers' days; none overlaps another.

    Args:
        count: at most ``providers * len(opens) * len(CELLS)``.
        opens: start of work of each day, UTC.
    """
    rows, cells = _taken_cells(count, providers * len(opens), rng)
    provider, day = np.divmod(rows, len(opens))
    days = np.array([_minute(each) for each in opens])
    start = days[day] + CELLS[cells].astype("timedelta64[m]")
    goes_on = (np.append(rows[1:], -1) == rows) & (np.append(cells[1:], -1) == cells + 1)
    is_long = ~goes_on & ~ENDS_HALF[cells] & (rng.random(count) < LONG_SHARE)
    end = start + np.where(is_long, 2, 1) * np.timedelta64(CELL_MINUTES, "m")
    lead = rng.integers(60, 30 * 24 * 60, count).astype("timedelta64[m]")
    made = np.minimum(start, _minute(now)) - lead
    return Visits(provider, start, end, made, _states(start, end, _minute(now), rng))


def _taken_cells(
    count: int, provider_days: int, rng: Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row (provider and day) and cell of each visit, in this order."""
    each, more = divmod(count, provider_days)
    wanted = np.full(provider_days, each)
    wanted[rng.permutation(provider_days)[:more]] += 1
    ranks = rng.random((provider_days, len(CELLS))).argsort(axis=1)
    return np.nonzero(ranks < wanted[:, None])


def _states(
    start: NDArray[np.datetime64],
    end: NDArray[np.datetime64],
    now: np.datetime64,
    rng: Generator,
) -> NDArray[np.str_]:
    """Over, in the room, about to be or expected: as the clock says."""
    late = rng.choice(LATE_STATES, len(start), p=(0.85, 0.07, 0.08))
    coming = rng.choice(COMING_STATES, len(start), p=(0.6, 0.35, 0.05))
    here = (start <= now + np.timedelta64(20, "m")) & (rng.random(len(start)) < 0.5)
    return np.select([end <= now, start <= now, here], [late, "IN_PROGRESS", "CHECKED_IN"], coming)


def _minute(instant: datetime) -> np.datetime64:
    return np.datetime64(instant.replace(tzinfo=None) - timedelta(seconds=instant.second), "m")
