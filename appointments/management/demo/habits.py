"""What the demo's patients have taught by their visits."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from appointments.enums import FINAL, AppointmentStatus
from appointments.models import AppointmentRequest, SchedulingPreference
from appointments.scheduling.habits import PastVisit, habits, prior_of
from core.models import Tenant
from patients.models import PatientProfile


def preferences(
    patients: Sequence[PatientProfile],
    visits: Sequence[AppointmentRequest],
    *,
    tenant: Tenant,
    now: datetime,
) -> Iterator[tuple[SchedulingPreference, list[int]]]:
    """A preference for each patient with a finished visit, and its providers' keys."""
    ended = [row for row in visits if row.status in FINAL]
    missed = sum(row.status == AppointmentStatus.NO_SHOW for row in ended)
    kept = sum(row.status == AppointmentStatus.COMPLETED for row in ended)
    prior_missed, prior_kept = prior_of(missed, kept)
    past: dict[int, list[PastVisit]] = defaultdict(list)
    for row in ended:
        past[row.patient.pk].append(
            PastVisit(row.scheduled_datetime, row.status, row.provider.pk, row.checked_in_at)
        )
    for patient in patients:
        if patient.pk not in past:
            continue
        found = habits(
            past[patient.pk],
            zone=tenant.zone_info,
            now=now,
            prior_missed=prior_missed,
            prior_kept=prior_kept,
        )
        row = SchedulingPreference(
            tenant=tenant,
            patient=patient,
            preferred_days=found.days,
            preferred_times=found.times,
            average_no_show_rate=found.no_show_rate,
            average_late_arrival_minutes=found.late_minutes,
            total_appointments=found.finished,
            completed_appointments=found.completed,
            created_at=now,
            updated_at=now,
        )
        yield row, found.provider_ids
