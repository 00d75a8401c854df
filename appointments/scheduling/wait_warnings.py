"""Patients who are about to wait longer than a priority rule allows, or do so already."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.enums import AppointmentStatus, WaitingListStatus
from core.tenancy import current_tenant_id

WARN_DAYS = 3
SHOWN = 50
NOT_COMING = (AppointmentStatus.HELD, AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW)

# One row per patient and type, the most pressing.  A day counts as on the tenant's calendar; a
# visit on the last day is in time.  Who was booked from the waitlist has asked since then.
# ``priority.matching`` is the definition of a match.
WARNINGS = """
WITH rules AS MATERIALIZED (
    SELECT r.name, CASE WHEN r.requires_same_day THEN 0 ELSE r.max_wait_days END AS days,
           r.diagnosis_codes AS codes,
           (SELECT array_agg(lower(s)) FROM unnest(r.specialties) s) AS specialties,
           (SELECT array_agg(l.appointment_type_id) FROM appointments_ruletype l
            WHERE l.tenant_id = r.tenant_id AND l.rule_id = r.id) AS types
    FROM appointments_appointmentpriorityrule r
    WHERE r.tenant_id = %(tenant)s AND r.is_active
      AND (r.requires_same_day OR r.max_wait_days IS NOT NULL)
), soonest AS (
    SELECT %(now)s - make_interval(days => min(days) - %(warn)s - 1) AS latest FROM rules
), asked AS (
    SELECT w.id AS entry_id, NULL::bigint AS visit_id, w.patient_id, w.appointment_type_id,
           w.preferred_provider_id AS provider_id, w.diagnosis_codes, w.created_at,
           NULL::timestamptz AS starts_at
    FROM appointments_waitinglist w
    WHERE w.tenant_id = %(tenant)s AND w.status = %(waiting)s
      AND w.created_at < (SELECT latest FROM soonest)
    UNION ALL
    SELECT NULL, a.id, a.patient_id, a.appointment_type_id, a.provider_id, a.diagnosis_codes,
           least(a.created_at, w.created_at), a.scheduled_datetime
    FROM appointments_appointmentrequest a
    LEFT JOIN appointments_waitinglist w
      ON w.tenant_id = %(tenant)s AND w.status = %(booked)s AND w.scheduled_appointment_id = a.id
    WHERE a.tenant_id = %(tenant)s AND a.status = ANY(%(expected)s)
      AND a.scheduled_datetime > %(now)s
      AND (%(only_provider)s::bigint IS NULL OR a.provider_id = %(only_provider)s)
      AND least(a.created_at, w.created_at) < (SELECT latest FROM soonest)
), due AS (
    SELECT a.*, t.name AS type_name, r.name AS rule_name,
           (a.created_at AT TIME ZONE %(zone)s)::date + r.days AS due_on
    FROM asked a
    JOIN appointments_appointmenttemplate t
      ON t.tenant_id = %(tenant)s AND t.id = a.appointment_type_id
    CROSS JOIN LATERAL (
        SELECT r.name, r.days FROM rules r
        WHERE (r.types IS NULL OR a.appointment_type_id = ANY(r.types))
          AND (r.specialties IS NULL OR lower(t.specialty) = ANY(r.specialties)
               OR EXISTS (SELECT FROM accounts_providerprofile p, unnest(p.specialties) own
                          WHERE p.tenant_id = %(tenant)s AND p.user_id = a.provider_id
                            AND lower(own) = ANY(r.specialties)))
          AND (cardinality(r.codes) = 0
               OR EXISTS (SELECT FROM unnest(r.codes) own, unnest(a.diagnosis_codes) code
                          WHERE starts_with(code, own)))
        ORDER BY r.days, r.name LIMIT 1
    ) r
), late AS (
    SELECT DISTINCT ON (d.patient_id, d.appointment_type_id) d.*
    FROM due d
    WHERE d.due_on <= %(today)s::date + %(warn)s
      AND NOT EXISTS (
          SELECT FROM appointments_appointmentrequest v
          WHERE v.tenant_id = %(tenant)s AND v.patient_id = d.patient_id
            AND v.appointment_type_id = d.appointment_type_id
            AND v.scheduled_datetime >= d.created_at
            AND v.scheduled_datetime < ((d.due_on + 1)::timestamp AT TIME ZONE %(zone)s)
            AND v.status <> ALL(%(not_coming)s))
    ORDER BY d.patient_id, d.appointment_type_id, d.due_on, d.starts_at NULLS FIRST
)
SELECT l.entry_id, l.visit_id, l.patient_id, concat_ws(' ', p.first_name, p.last_name),
       l.appointment_type_id, l.type_name, l.provider_id, l.created_at, l.starts_at, l.due_on,
       l.rule_name, count(*) OVER (), count(*) FILTER (WHERE l.due_on < %(today)s) OVER ()
FROM late l
JOIN patients_patientprofile p ON p.tenant_id = %(tenant)s AND p.id = l.patient_id
ORDER BY l.due_on, l.created_at, l.patient_id, l.appointment_type_id
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitWarning:
    """A wait that a rule calls too long on ``due_on``, with no visit by then.

    Attributes:
        entry_id: of the waitlist, or None; then ``visit_id`` is of the visit that comes too late.
        asked_at: when the wait began.
        starts_at: the late visit's start.
        days_left: until ``due_on``; negative once it has passed.
        rule_name: the strictest rule that matches.
    """

    entry_id: int | None
    visit_id: int | None
    patient_id: int
    patient_name: str
    type_id: int
    type_name: str
    provider_id: int | None
    asked_at: datetime
    starts_at: datetime | None
    due_on: date
    days_left: int
    rule_name: str

    @property
    def days_over(self) -> int:
        return -self.days_left


@dataclass(frozen=True, slots=True)
class WaitWarnings:
    """The most pressing of ``total``, of which ``overdue`` are too late already."""

    rows: list[WaitWarning]
    total: int
    overdue: int


def wait_warnings(user: User, *, now: datetime, zone: ZoneInfo, limit: int = SHOWN) -> WaitWarnings:
    """Active waits and coming visits whose limit is reached within 3 days; one statement.

    The strictest active rule that matches sets the limit; ``requires_same_day`` is one of 0 days.
    A provider without the wider right is warned of the own visits only.
    """
    today = now.astimezone(zone).date()
    sees_all = can(user, Permission.SEE_ALL_PROVIDERS)
    values = {
        "tenant": current_tenant_id(),
        "now": now,
        "today": today,
        "zone": zone.key,
        "warn": WARN_DAYS,
        "waiting": WaitingListStatus.ACTIVE.value,
        "booked": WaitingListStatus.SCHEDULED.value,
        "expected": [AppointmentStatus.PENDING.value, AppointmentStatus.CONFIRMED.value],
        "not_coming": [status.value for status in NOT_COMING],
        "only_provider": None if sees_all else user.pk,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(WARNINGS, values)
        found = cursor.fetchall()
    rows = [_warning(row, today) for row in found]
    total, overdue = found[0][-2:] if found else (0, 0)
    return WaitWarnings(rows=rows, total=total, overdue=overdue)


def _warning(row: tuple, today: date) -> WaitWarning:
    entry_id, visit_id, patient_id, patient, type_id, type_name, provider_id, *rest = row
    asked_at, starts_at, due_on, rule_name, _, _ = rest
    return WaitWarning(
        entry_id=entry_id,
        visit_id=visit_id,
        patient_id=patient_id,
        patient_name=patient,
        type_id=type_id,
        type_name=type_name,
        provider_id=provider_id,
        asked_at=asked_at,
        starts_at=starts_at,
        due_on=due_on,
        days_left=(due_on - today).days,
        rule_name=rule_name,
    )
