"""What became of one stay in a queue, read from its steps: the one definition behind all figures.

Pure arithmetic; instants are whole microseconds since 1970 in UTC, so sums are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE = 60_000_000
LONGEST = 12 * 60 * MINUTE
"""Microseconds.  A wait or a visit beyond it is a forgotten click, and in no average."""

WAITING = "WAITING"
NOT_CALLED = ("WAITING", "SKIPPED", "ON_HOLD")
TAKEN_BACK = "taken_back"
"""The step by which a patient who was sent on is fetched back: as if they had not been sent."""

STAMPS = {"join": "joined_at", "start": "began_at"}
ENDINGS = {"complete": "completed", "no_show": "no_show", "leave": "left", "transfer": "sent_on"}
AWAY = ("skip", "hold")


def instant(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def at_instant(microseconds: int) -> datetime:
    """The reverse, in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


@dataclass(frozen=True, slots=True)
class Step:
    """One event of an entry; ``step`` and ``to_status`` as they are stored."""

    step: str
    to_status: str
    at: int


@dataclass(frozen=True, slots=True)
class Stay:
    """A step that was undone has not happened, except that ``waits`` is what the screens showed.

    Attributes:
        waits: from when until when it stood in the line; None: still.
        joined_at: None where joining was undone, or the patient was taken back.
        called_at: the first call after which the patient did not go back into the line.
        began_at: when the visit began.
        ended_at, ending: completed, no_show, left or sent_on; None and empty while present.
        was_away: skipped or on hold for a time, so that the wait says nothing about estimates.
    """

    waits: tuple[tuple[int, int | None], ...]
    joined_at: int | None = None
    called_at: int | None = None
    began_at: int | None = None
    ended_at: int | None = None
    ending: str = ""
    was_away: bool = False

    @property
    def wait(self) -> int | None:
        """Of a visit that has begun: from joining to the call that led to it."""
        if self.began_at is None or self.joined_at is None:
            return None
        until = self.began_at if self.called_at is None else self.called_at
        return _kept(until - self.joined_at)

    @property
    def service(self) -> int | None:
        """Of a completed visit: how long it took."""
        if self.ending != "completed" or self.began_at is None or self.ended_at is None:
            return None
        return _kept(self.ended_at - self.began_at)


def stay_of(steps: Sequence[Step]) -> Stay:
    """The stay that all steps of one entry make, in the order in which they were written.

    A step that claims to be older than the one before happened together with it.
    """
    steps = _in_time(steps)
    found: dict[str, Any] = {"waits": _waits(steps)}
    happened = _not_undone(steps)
    if any(each.step == TAKEN_BACK for each in happened):
        return Stay(**found)
    for each in happened:
        _take(found, each)
    return Stay(**found)


def _take(found: dict[str, Any], each: Step) -> None:
    if each.step == "call":
        found.setdefault("called_at", each.at)
    elif each.step in STAMPS:
        found[STAMPS[each.step]] = each.at
    elif each.step in ENDINGS:
        found |= {"ended_at": each.at, "ending": ENDINGS[each.step]}
    elif each.step in AWAY:
        found["was_away"] = True
    if each.to_status in NOT_CALLED:
        found.pop("called_at", None)


def _kept(length: int) -> int | None:
    return length if 0 <= length <= LONGEST else None


def _in_time(steps: Sequence[Step]) -> list[Step]:
    found: list[Step] = []
    for each in steps:
        at = max(each.at, found[-1].at) if found else each.at
        found.append(Step(each.step, each.to_status, at))
    return found


def _waits(steps: Sequence[Step]) -> tuple[tuple[int, int | None], ...]:
    found: list[tuple[int, int | None]] = []
    since: int | None = None
    for each in steps:
        if each.to_status == WAITING:
            since = each.at if since is None else since
        elif since is not None:
            found.append((since, each.at))
            since = None
    if since is not None:
        found.append((since, None))
    return tuple(found)


def _not_undone(steps: Sequence[Step]) -> list[Step]:
    """An undo takes back the step right before it, and is never itself undone."""
    found: list[Step] = []
    for each in steps:
        if each.step != "undo":
            found.append(each)
        elif found:
            found.pop()
    return found
