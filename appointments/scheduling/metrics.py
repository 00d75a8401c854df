"""Keeps ``SchedulingMetrics``: each provider's day in figures, always computed from the visits.

Nothing is counted up, so a day that is computed again has the same figures, and one whose visits
were corrected has the right ones.
"""

from datetime import date, timedelta

from django.db import connection
from django.db.backends.utils import CursorWrapper

from appointments.scheduling.facts import Scope, day_facts, parameters
from core.clock import Clock, system_clock
from core.models import Tenant
from core.tenancy import current_tenant_id

CHANGING_DAYS = 2  # today, and yesterday for visits closed after midnight
SETTLING_DAYS = 8  # each night, the week before once more
CHUNK_DAYS = 31

# A day that has neither hours nor visits any more has no row either.
STORE = """
WITH {facts}, gone AS (
    DELETE FROM appointments_schedulingmetrics m
    WHERE m.tenant_id = %(tenant)s AND m.date BETWEEN %(first)s AND %(last)s
      AND NOT EXISTS (
          SELECT FROM facts f WHERE f.provider_id = m.provider_id AND f.date = m.date
      )
)
INSERT INTO appointments_schedulingmetrics AS m (
    tenant_id, provider_id, date, total_slots, booked_slots, completed_appointments, no_shows,
    cancellations, available_minutes, booked_minutes, average_appointment_duration,
    average_wait_time, total_overtime_minutes, utilization_rate, no_show_rate, computed_at
)
SELECT %(tenant)s, provider_id, date, coalesce(floor(available / grid), 0),
       coalesce(least(floor(available / grid), ceil(booked / grid)), 0),
       completed, missed, cancelled, available, booked,
       round((length / nullif(lengths, 0))::numeric, 2),
       round((wait / nullif(waits, 0))::numeric, 2),
       overtime, booked / nullif(available, 0), missed / nullif(completed + missed, 0)::float8,
       %(now)s
FROM facts
ORDER BY provider_id, date  -- two runs at once must not deadlock
ON CONFLICT (tenant_id, provider_id, date) DO UPDATE SET
    total_slots = EXCLUDED.total_slots, booked_slots = EXCLUDED.booked_slots,
    completed_appointments = EXCLUDED.completed_appointments, no_shows = EXCLUDED.no_shows,
    cancellations = EXCLUDED.cancellations, available_minutes = EXCLUDED.available_minutes,
    booked_minutes = EXCLUDED.booked_minutes,
    average_appointment_duration = EXCLUDED.average_appointment_duration,
    average_wait_time = EXCLUDED.average_wait_time,
    total_overtime_minutes = EXCLUDED.total_overtime_minutes,
    utilization_rate = EXCLUDED.utilization_rate, no_show_rate = EXCLUDED.no_show_rate,
    computed_at = EXCLUDED.computed_at
"""


def recompute(first: date, last: date, *, clock: Clock = system_clock) -> int:
    """Bring the active tenant's rows of ``first`` to ``last`` (included) in line with its visits.

    One statement for each month, whatever the number of providers.

    Returns:
        How many provider's days there are.
    """
    own = Tenant.objects.get(pk=current_tenant_id())
    with connection.cursor() as cursor:
        return store(cursor, tenant=own, first=first, last=last, clock=clock)


def store(cursor: CursorWrapper, *, tenant: Tenant, first: date, last: date, clock: Clock) -> int:
    """As ``recompute``.

    Args:
        cursor: the application's inside the tenant, or the owner's.
    """
    sql, written = STORE.format(facts=day_facts()), 0
    while first <= last:
        until = min(last, first + timedelta(days=CHUNK_DAYS - 1))
        values = parameters(first, until, zone=tenant.zone_info, scope=Scope(), tenant_id=tenant.pk)
        cursor.execute(sql, values | {"now": clock()})
        written += cursor.rowcount
        first = until + timedelta(days=1)
    return written


def keep_current(own: Tenant, *, days: int = CHANGING_DAYS, clock: Clock = system_clock) -> int:
    """Recompute the last ``days`` days up to the tenant's today."""
    today = clock().astimezone(own.zone_info).date()
    return recompute(today - timedelta(days=days - 1), today, clock=clock)
