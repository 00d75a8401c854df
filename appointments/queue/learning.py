"""Each queue's own past corrects its estimates: fitted every night."""

from datetime import datetime, timedelta

import numpy as np

from appointments.models import QueueEntry, WaitCalibration, WaitingQueue
from appointments.queue.calibration import buckets, calibrate, quality_of
from appointments.queue.estimates import BUCKETS
from appointments.queue.report import calibration_rows
from appointments.queue.wait_estimate import Offsets

LEARNT_FROM = timedelta(days=60)
FITTED = ("offset_p10", "offset_p50", "offset_p90", "samples")
TOLD = ("mean_error_minutes", "within_10_minutes", "coverage")


def learn_waits(queue: WaitingQueue, *, now: datetime) -> int:
    """Fit the queue's offsets to the waits of the last 60 days; from how many.

    How good the ranges were is measured on those that were told, which had not seen the waits.
    A queue without any keeps what it has.
    """
    rows = calibration_rows(queue, since=now - LEARNT_FROM, now=now)
    if rows:
        scheduled = np.array([row.predicted_wait for row in rows])
        waited = np.array([row.waited for row in rows])
        offsets = calibrate(scheduled, waited)
        found = fitted_rows(queue, rows, offsets, now=now)
        WaitCalibration.objects.bulk_create(
            found,
            update_conflicts=True,
            unique_fields=["tenant", "queue", "bucket"],
            update_fields=[*FITTED, *TOLD, "fitted_at"],
        )
    return len(rows)


def fitted_rows(
    queue: WaitingQueue, rows: list[QueueEntry], offsets: Offsets, *, now: datetime
) -> list[WaitCalibration]:
    """One for each size of estimate, unsaved.

    Args:
        rows: entries with ``waited``, minutes.
    """
    bucket = buckets(np.array([row.predicted_wait for row in rows]))
    found = []
    for number, floor in enumerate(BUCKETS):
        own = [row for row, place in zip(rows, bucket, strict=True) if place == number]
        told = [
            (row.predicted_p10, row.predicted_p50, row.predicted_p90, row.waited)
            for row in own
            if row.predicted_p50 is not None
        ]
        quality = quality_of(*np.array(told, float).reshape(-1, 4).T)
        found.append(
            WaitCalibration(
                tenant_id=queue.tenant_id,
                queue=queue,
                bucket=floor,
                offset_p10=offsets.p10[number],
                offset_p50=offsets.p50[number],
                offset_p90=offsets.p90[number],
                samples=len(own),
                mean_error_minutes=quality.mean_error,
                within_10_minutes=quality.near,
                coverage=quality.covered,
                fitted_at=now,
            )
        )
    return found
