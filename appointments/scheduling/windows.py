"""From weekly rules to dated windows: the one writer of windows that carry a rule."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from appointments.models import AvailabilityRule, SlotAvailability
from core.tenancy import TenantError, current_tenant_id

HORIZON_DAYS = 180

# A window is out of date when its rule would not make it today.  Beyond the horizon too, so a
# shorter horizon than last time takes nothing away.
REMOVE_OUTDATED = """
DELETE FROM appointments_slotavailability w
USING appointments_availabilityrule r
WHERE w.tenant_id = %(tenant)s AND r.tenant_id = w.tenant_id AND r.id = w.rule_id
  AND w.date >= %(first)s AND w.is_active AND NOT w.is_blocked
  AND (%(provider)s::bigint IS NULL OR %(provider)s IN (w.provider_id, r.provider_id))
  AND NOT (
      w.provider_id = r.provider_id AND w.site_id = r.site_id
      AND w.start_time = r.start_time AND w.end_time = r.end_time
      AND w.duration_minutes = r.slot_minutes
      AND extract(isodow FROM w.date) = r.weekday + 1
      AND w.date BETWEEN coalesce(r.valid_from, w.date) AND coalesce(r.valid_until, w.date)
  )
"""
# An open window without a rule was made or moved by hand and replaces what it overlaps.
ADD_MISSING = """
INSERT INTO appointments_slotavailability (
    tenant_id, provider_id, site_id, rule_id, date, start_time, end_time, duration_minutes,
    is_active, is_blocked
)
SELECT r.tenant_id, r.provider_id, r.site_id, r.id, day::date, r.start_time, r.end_time,
       r.slot_minutes, true, false
FROM appointments_availabilityrule r
JOIN accounts_user u ON u.tenant_id = r.tenant_id AND u.id = r.provider_id AND u.is_active
CROSS JOIN generate_series(%(first)s::timestamp, %(last)s::timestamp, '1 day') day
WHERE r.tenant_id = %(tenant)s
  AND (%(provider)s::bigint IS NULL OR r.provider_id = %(provider)s)
  AND extract(isodow FROM day) = r.weekday + 1
  AND day::date BETWEEN coalesce(r.valid_from, day::date) AND coalesce(r.valid_until, day::date)
  AND NOT EXISTS (
      SELECT FROM appointments_slotavailability h
      WHERE h.tenant_id = r.tenant_id AND h.provider_id = r.provider_id AND h.date = day::date
        AND h.rule_id IS NULL AND NOT h.is_blocked
        AND h.start_time < r.end_time AND h.end_time > r.start_time
  )
ORDER BY r.id, day
ON CONFLICT (tenant_id, provider_id, date, start_time) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class WindowChanges:
    added: int
    removed: int


@transaction.atomic
def extend_windows(
    *, today: date, days: int = HORIZON_DAYS, provider_id: int | None = None
) -> WindowChanges:
    """Bring the active tenant's windows from ``today`` on in line with its rules.

    Run again, it changes nothing.  Left alone are windows without a rule (made or edited by
    hand), blocked and inactive ones, and every window before ``today``.  Always two statements.

    Args:
        today: a date of the tenant's calendar.
        days: how many days get windows, ``today`` included; at least 1.
        provider_id: only this provider's; everyone's where None.
    """
    tenant_id = current_tenant_id()
    if tenant_id is None:
        raise TenantError("Windows were extended outside a tenant.")
    with connection.cursor() as cursor:
        cursor.execute(
            REMOVE_OUTDATED, {"tenant": tenant_id, "provider": provider_id, "first": today}
        )
        removed = cursor.rowcount
        last = today + timedelta(days=days - 1)
        added = add_missing(
            cursor, tenant_id=tenant_id, first=today, last=last, provider_id=provider_id
        )
        return WindowChanges(added, removed)


def add_missing(
    cursor: CursorWrapper,
    *,
    tenant_id: int,
    first: date,
    last: date,
    provider_id: int | None = None,
) -> int:
    """Make the windows that rules ask for, ``first`` to ``last`` included; returns how many.

    Args:
        cursor: the application's inside the tenant, or the owner's.
    """
    cursor.execute(
        ADD_MISSING,
        {"tenant": tenant_id, "provider": provider_id, "first": first, "last": last},
    )
    return cursor.rowcount


@transaction.atomic
def withdraw_rule(rule: AvailabilityRule, *, today: date) -> None:
    """Delete a rule and the open windows it made from ``today`` on; earlier ones stay as history.

    ``rule.delete()`` alone would turn them into windows made by hand.
    """
    SlotAvailability.objects.filter(
        rule=rule, date__gte=today, is_active=True, is_blocked=False
    ).delete()
    rule.delete()
