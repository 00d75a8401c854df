"""Patients' scheduling preferences: learned after each finished visit, or set by hand.

Nothing is counted up: each time the whole history is read, so that a step undone leaves no trace.
A field set by hand is in ``manual_fields`` and stays until somebody goes back to what is learned.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q, Sum

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.enums import FINAL, AppointmentStatus
from appointments.models import (
    AppointmentRequest,
    NoShowModel,
    PreferredProvider,
    SchedulingMetrics,
    SchedulingPreference,
)
from appointments.scheduling.habits import Habits, PastVisit, habits, prior_of
from core.clock import Clock, system_clock
from core.errors import InvalidInputError, NotFoundError, StaleVersionError
from core.models import Tenant
from core.tenancy import current_tenant_id
from patients.models import PatientProfile

LEARNED = (
    "preferred_days",
    "preferred_times",
    "preferred_providers",
    "average_late_arrival_minutes",
    "average_no_show_rate",
)
TYPED = ("home_address", "travel_time_to_clinic")
RATE_REACH_DAYS = 365
BATCH = 200
COLUMNS = tuple(name for name in LEARNED if name != "preferred_providers")
"""Of the row itself."""


@dataclass(frozen=True, slots=True)
class Known:
    """A patient's preference as it stands, and what is learned now.

    ``row`` is not stored yet where nothing has finished and nothing was set.
    """

    row: SchedulingPreference
    provider_ids: list[int]
    learned: Habits


class Preferences:
    """Every write to a preference but the admin's.

    Args:
        by: who asks; None for the system itself.
    """

    def __init__(self, *, by: User | None, clock: Clock = system_clock) -> None:
        self.by, self.clock = by, clock

    @transaction.atomic
    def learn(self, patient_id: int) -> SchedulingPreference:
        """Recompute what is learned; the version stays, so nobody's open form becomes stale.

        Raises:
            NotAllowedError, NotFoundError.
        """
        self._check()
        row = self._locked(patient_id)
        self._apply(row, learned(patient_id, clock=self.clock))
        return row

    @transaction.atomic
    def change(
        self, patient_id: int, *, version: int | None = None, **fields: Any
    ) -> SchedulingPreference:
        """Set fields by hand.

        Args:
            version: the one the caller has seen; None to overwrite whatever is there.
            fields: ``preferred_days``, ``preferred_times``, ``preferred_providers`` (keys),
                ``average_late_arrival_minutes``, ``average_no_show_rate`` (a fraction of 1): None
                goes back to what is learned.  ``home_address``, ``travel_time_to_clinic``.

        Raises:
            NotAllowedError, NotFoundError, StaleVersionError.
            InvalidInputError: a provider the tenant does not have.
        """
        self._check()
        row = self._locked(patient_id)
        if version is not None and version != row.version:
            raise StaleVersionError(attr="version")
        if fields.get("preferred_providers") is not None:
            _check_providers(fields["preferred_providers"])
        manual = [name for name in row.manual_fields if fields.get(name, ()) is not None]
        given = [name for name in LEARNED if fields.get(name) is not None]
        row.manual_fields = sorted({*manual, *given})
        for name in (*COLUMNS, *TYPED):
            if name in given or (name in TYPED and name in fields):
                setattr(row, name, fields[name])
        row.version += 1
        row.save(update_fields=[*COLUMNS, *TYPED, "manual_fields", "version", "updated_at"])
        if "preferred_providers" in given:
            _set_providers(row, fields["preferred_providers"])
        self._apply(row, learned(patient_id, clock=self.clock))
        return row

    def _check(self) -> None:
        if self.by is not None:
            check(self.by, Permission.EDIT_PATIENTS)

    def _locked(self, patient_id: int) -> SchedulingPreference:
        existing_patient(patient_id)
        row, _ = SchedulingPreference.objects.select_for_update().get_or_create(
            patient_id=patient_id, defaults={"created_at": self.clock()}
        )
        return row

    def _apply(self, row: SchedulingPreference, found: Habits) -> None:
        values = values_of(row, found)
        changed = [name for name, value in values.items() if getattr(row, name) != value]
        if changed:
            for name in changed:
                setattr(row, name, values[name])
            row.save(update_fields=[*changed, "updated_at"])
        if "preferred_providers" not in row.manual_fields:
            _set_providers(row, found.provider_ids)


def known(patient_id: int, *, clock: Clock = system_clock) -> Known:
    """Writes nothing.

    Raises:
        NotFoundError: the tenant has no such patient.
    """
    patient = existing_patient(patient_id)
    found = learned(patient_id, clock=clock)
    row = SchedulingPreference.objects.filter(patient_id=patient_id).first()
    if row is None:
        row = SchedulingPreference(patient=patient, created_at=clock(), updated_at=clock())
        for name, value in values_of(row, found).items():
            setattr(row, name, value)
        return Known(row, list(found.provider_ids), found)
    links = PreferredProvider.objects.filter(preference=row).order_by("provider_id")
    return Known(row, list(links.values_list("provider_id", flat=True)), found)


def learn_from_visit(appointment_id: int) -> None:
    """Learn the visit's patient anew; a visit that is gone teaches nothing."""
    patients = AppointmentRequest.objects.filter(pk=appointment_id).values_list("patient_id")
    for (patient_id,) in patients:
        if patient_id is not None:
            Preferences(by=None).learn(patient_id)


def catch_up(*, limit: int = BATCH) -> int:
    """Learn patients whose finished visits are not all counted in their preference.

    Returns:
        How many were learned; ``limit`` means that there may be more.
    """
    finished = Q(appointments__status__in=FINAL)
    completed = Q(appointments__status=AppointmentStatus.COMPLETED)
    counted = PatientProfile.objects.annotate(
        finished=Count("appointments", filter=finished),
        done=Count("appointments", filter=completed),
    ).filter(finished__gt=0)
    known = Q(
        scheduling_preference__total_appointments=F("finished"),
        scheduling_preference__completed_appointments=F("done"),
    )
    behind = counted.filter(Q(scheduling_preference=None) | ~known).order_by("pk")
    keys = list(behind.values_list("pk", flat=True)[:limit])
    for key in keys:
        Preferences(by=None).learn(key)
    return len(keys)


def existing_patient(patient_id: int) -> PatientProfile:
    """
    Raises:
        NotFoundError: the tenant has no such patient.
    """
    patient = PatientProfile.objects.filter(pk=patient_id).first()
    if patient is None:
        raise NotFoundError("There is no such patient.", attr="patient_id")
    return patient


def learned(patient_id: int, *, clock: Clock = system_clock) -> Habits:
    """What the patient's finished visits teach now; writes nothing.  At most five queries."""
    rows = AppointmentRequest.objects.filter(patient_id=patient_id, status__in=FINAL)
    visits = [
        PastVisit(*row)
        for row in rows.values_list("scheduled_datetime", "status", "provider_id", "checked_in_at")
    ]
    own, now = Tenant.objects.get(pk=current_tenant_id()), clock()
    missed, kept = prior(clock=clock)
    found = habits(visits, zone=own.zone_info, now=now, prior_missed=missed, prior_kept=kept)
    active = set(
        User.objects.providers().filter(pk__in=found.provider_ids).values_list("pk", flat=True)
    )
    found.provider_ids[:] = [key for key in found.provider_ids if key in active]
    return found


def prior(*, clock: Clock = system_clock) -> tuple[float, float]:
    """The beta prior (a, b) of a patient's no-show rate.

    That of the tenant's fitted model; else one made from the tenant's figures of the last year.
    """
    model = NoShowModel.objects.filter(is_current=True).only("prior_missed", "prior_kept").first()
    if model is not None:
        return model.prior_missed, model.prior_kept
    since = clock().date() - timedelta(days=RATE_REACH_DAYS)
    rows = SchedulingMetrics.objects.filter(date__gte=since)
    sums = rows.aggregate(missed=Sum("no_shows"), kept=Sum("completed_appointments"))
    missed, kept = sums["missed"] or 0, sums["kept"] or 0
    return prior_of(missed, kept)


def values_of(row: SchedulingPreference, found: Habits) -> dict[str, Any]:
    """The row's columns as they should be: learned, except where set by hand."""
    values = {
        "preferred_days": found.days,
        "preferred_times": found.times,
        "average_no_show_rate": found.no_show_rate,
        "average_late_arrival_minutes": found.late_minutes,
        "total_appointments": found.finished,
        "completed_appointments": found.completed,
    }
    return {name: value for name, value in values.items() if name not in row.manual_fields}


def _check_providers(keys: Iterable[int]) -> None:
    wanted = set(keys)
    known = User.objects.providers().filter(pk__in=wanted).values_list("pk", flat=True)
    if missing := wanted - set(known):
        raise InvalidInputError(
            f"There is no provider {min(missing)}.",
            attr="preferred_providers",
            code="does_not_exist",
        )


def _set_providers(row: SchedulingPreference, keys: Iterable[int]) -> None:
    wanted = set(keys)
    links = PreferredProvider.objects.filter(preference=row)
    present = set(links.values_list("provider_id", flat=True))
    if present - wanted:
        links.filter(provider_id__in=present - wanted).delete()
    PreferredProvider.objects.bulk_create(
        [PreferredProvider(preference=row, provider_id=key) for key in sorted(wanted - present)],
        ignore_conflicts=True,
    )
