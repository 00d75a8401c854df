"""What past errors teach about the ranges of waits, and how good the ranges were.

Pure arithmetic on numpy columns; minutes throughout.  Split conformal prediction: the offsets are
quantiles of past errors among waits of a like size.

Source of the formulas: docs/algorithms/queue.md.
"""

import math
from dataclasses import dataclass

import numpy as np

from appointments.queue.wait_estimate import (
    BUCKET_CENTRES,
    BUCKET_EDGES,
    DEFAULT_OFFSETS,
    Floats,
    Offsets,
    ranges,
)

TRUSTED_COUNT = 30
"""Waits in a bucket from which on its own errors alone decide."""

PASSES = 3
"""Offsets run straight between the buckets' centres, so each bucket is corrected for the others."""

SHARES = (0.1, 0.5, 0.9)
NEAR_MINUTES = 10.0
BUCKET_NAMES = ("0–10", "10–20", "20–40", "40+")


@dataclass(frozen=True, slots=True)
class Quality:
    """How ranges met the waits that followed; None where there were none.

    Attributes:
        mean_error: mean absolute distance of the median from the wait, minutes.
        bias: mean of median − wait; positive where people were told too long a wait.
        near: share of waits within 10 minutes of the median.
        covered: share of waits from p10 to p90; 80 % is the aim.
        width: mean of p90 − p10.
    """

    count: int
    mean_error: float | None = None
    bias: float | None = None
    near: float | None = None
    covered: float | None = None
    width: float | None = None


def buckets(scheduled: Floats) -> np.ndarray:
    """Which bucket of size each wait falls in, 0–3; a wait at an edge in the upper one."""
    return np.searchsorted(BUCKET_EDGES, scheduled, side="right")


def calibrate(
    scheduled: Floats,
    actual: Floats,
    *,
    default: Offsets = DEFAULT_OFFSETS,
    trusted_count: int = TRUSTED_COUNT,
) -> Offsets:
    """The offsets that past waits teach.

    In a bucket with fewer than ``trusted_count`` waits, own and default offsets are mixed, each
    wait counting 1/``trusted_count``.

    Args:
        scheduled: waits as ``estimate`` scheduled them; NaN, where it could not, is left out.
        actual: the waits that followed.
    """
    known = np.isfinite(scheduled)
    scheduled, wait = scheduled[known], actual[known]
    bucket = buckets(scheduled)
    rows = [
        _row(scheduled, wait, bucket, np.array(fallback), share, trusted_count)
        for fallback, share in zip((default.p10, default.p50, default.p90), SHARES, strict=True)
    ]
    return Offsets(*[tuple(row.tolist()) for row in np.sort(rows, axis=0)])


def quality(scheduled: Floats, actual: Floats, offsets: Offsets) -> Quality:
    """How good the ranges by ``offsets`` were; scheduled NaN is left out."""
    known = np.isfinite(scheduled)
    return quality_of(*ranges(scheduled[known], offsets), actual[known])


def quality_of(low: Floats, middle: Floats, high: Floats, wait: Floats) -> Quality:
    """How good ranges were that were told; minutes, one row per wait."""
    if not len(wait):
        return Quality(0)
    error = middle - wait
    return Quality(
        count=len(wait),
        mean_error=float(np.abs(error).mean()),
        bias=float(error.mean()),
        near=float((np.abs(error) <= NEAR_MINUTES).mean()),
        covered=float(((low <= wait) & (wait <= high)).mean()),
        width=float((high - low).mean()),
    )


def quality_by_bucket(scheduled: Floats, actual: Floats, offsets: Offsets) -> dict[str, Quality]:
    """``quality`` by the size of the scheduled wait."""
    bucket = buckets(scheduled)
    return {
        name: quality(scheduled[bucket == number], actual[bucket == number], offsets)
        for number, name in enumerate(BUCKET_NAMES)
    }


def _row(
    scheduled: Floats,
    wait: Floats,
    bucket: np.ndarray,
    fallback: Floats,
    share: float,
    trusted_count: int,
) -> Floats:
    """The offsets that ``share`` of the waits stay below, by bucket."""
    row, centres = fallback, np.array(BUCKET_CENTRES)
    for _ in range(PASSES):
        errors = wait - scheduled - np.interp(scheduled, centres, row)
        learnt = row.copy()
        for number in np.unique(bucket):
            own = errors[bucket == number]
            trust = min(1.0, len(own) / trusted_count)
            step = row[number] + _quantile(own, share) - fallback[number]
            learnt[number] = fallback[number] + trust * step
        row = learnt
    return np.maximum.accumulate(row + centres) - centres


def _quantile(errors: Floats, share: float) -> float:
    """The quantile of which a further error is as likely below as promised, or safer."""
    ascending, rank = np.sort(errors), (len(errors) + 1) * share
    if share < 0.5:
        return float(ascending[max(1, math.floor(rank)) - 1])
    if share > 0.5:
        return float(ascending[min(len(ascending), math.ceil(rank)) - 1])
    return float(np.median(ascending))
