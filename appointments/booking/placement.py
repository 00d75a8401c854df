"""Taking a visit's time: the provider's and, where its type needs one, a room's or a device's.

The exclusion constraints settle every race.  New rows use ``ON CONFLICT DO NOTHING``, so
contenders neither wait for a lock nor deadlock; moves of existing rows, which cannot use it, come
one after another per provider and per kind of resource.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from zlib import crc32

from django.db import IntegrityError, transaction
from django.db.models import Q

from appointments.booking.errors import (
    ProviderUnavailableError,
    ResourceTakenError,
    SiteClosedError,
    SlotTakenError,
    TimeRefusedError,
)
from appointments.booking.requests import Visit
from appointments.enums import AppointmentStatus
from appointments.models import AppointmentRequest, Resource, TimeOff
from appointments.models.booking import NO_OVERLAP, RESOURCE_NO_OVERLAP
from appointments.scheduling.selectors import (
    free_resources,
    hours_at,
    overlapping,
    resources_of,
    taking,
    time_off_between,
)
from core.db import LockClass, insert_unless_conflict, lock_until_commit, violated_constraint
from core.models import Tenant
from core.tenancy import current_tenant_id


def stand(row: AppointmentRequest, visit: Visit) -> None:
    """Write the visit's time and provider on the row; not on the database."""
    row.provider = visit.provider
    row.scheduled_datetime, row.scheduled_end_datetime = visit.start, visit.end
    row.blocked_from, row.blocked_until = visit.blocked_from, visit.blocked_until


def meet_hours(row: AppointmentRequest, visit: Visit, override_reason: str) -> None:
    """Refuse time in which the provider or the site is away, unless it is deliberately taken; go
    to where the provider works.  A site that was asked for stays.

    Raises:
        ProviderUnavailableError, SiteClosedError.
    """
    zone = Tenant.objects.only("zone").get(pk=current_tenant_id()).zone_info
    taken = visit.blocked_from, visit.blocked_until
    hours = hours_at(visit.provider.pk, visit.start, visit.end, zone, blocked=taken)
    if visit.site is None:
        asked = visit.resource.site_id if visit.resource else hours.site_id
        row.site_id = asked or row.site_id
    off = list(time_off_between(*taken, provider_id=visit.provider.pk))
    refusal = _away(row, visit, off, is_blocked=hours.is_blocked)
    if refusal is None:
        return
    if not override_reason:
        raise refusal
    row.overbooked, row.override_reason = True, override_reason


def _away(
    row: AppointmentRequest, visit: Visit, off: list[TimeOff], *, is_blocked: bool
) -> ProviderUnavailableError | SiteClosedError | None:
    if is_blocked:
        return ProviderUnavailableError(visit)
    if any(each.provider_id == visit.provider.pk for each in off):
        return ProviderUnavailableError(
            visit, f"{visit.provider.get_full_name()} is away at this time."
        )
    closed = row.site_id is not None and any(each.site_id == row.site_id for each in off)
    return SiteClosedError(visit) if closed and visit.is_on_site else None


def mind_overbooked(
    row: AppointmentRequest, visit: Visit, *, now: datetime, override_reason: str
) -> None:
    """Refuse, or join, a visit that was deliberately put over another: it is outside the
    constraint, yet takes its provider's time.

    Raises:
        SlotTakenError.
    """
    others = overlapping(visit.provider.pk, visit.blocked_from, visit.blocked_until, now=now)
    others = others.exclude(pk=row.pk)
    if not row.overbooked and not others.filter(overbooked=True).exists():
        return
    row.conflicts = list(others.values_list("pk", flat=True))
    if not override_reason:
        raise SlotTakenError(visit, conflicts=row.conflicts)
    row.overbooked, row.override_reason = True, override_reason


def insert(
    row: AppointmentRequest, visit: Visit, *, now: datetime, override_reason: str = ""
) -> None:
    """INSERT the row, with the first free resource of the kind that it takes.

    The row's own ``resource_id`` is tried first.

    Raises:
        SlotTakenError, ResourceTakenError, ProviderUnavailableError, SiteClosedError.
    """
    with _refused_for(row):
        meet_hours(row, visit, override_reason)
        mind_overbooked(row, visit, now=now, override_reason=override_reason)
        for resource in _candidates(row, visit, now=now, override_reason=override_reason):
            _take(row, resource)
            if _inserted(row, visit, now=now, override_reason=override_reason):
                return
        raise _no_resource(row, visit, now=now, override_reason=override_reason)


@contextmanager
def _refused_for(row: AppointmentRequest) -> Iterator[None]:
    """A refusal says whose visit it was."""
    try:
        yield
    except TimeRefusedError as refusal:
        refusal.patient_id = row.patient_id
        raise


def _inserted(
    row: AppointmentRequest, visit: Visit, *, now: datetime, override_reason: str
) -> bool:
    """False where only its resource was in the way."""
    if insert_unless_conflict(row):
        return True
    if _drop_expired_holds(row, now=now) and insert_unless_conflict(row):
        return True
    in_the_way = _in_the_way(row, now=now)
    if row.overbooked or (row.resource_id and not in_the_way):
        return False
    if not override_reason:
        raise SlotTakenError(visit, conflicts=in_the_way)
    row.overbooked, row.override_reason, row.conflicts = True, override_reason, in_the_way
    return insert_unless_conflict(row)


def move(
    row: AppointmentRequest,
    visit: Visit,
    *,
    changed: list[str],
    now: datetime,
    override_reason: str,
) -> None:
    """UPDATE the row to where it stands now, with a resource that is free there, or refuse.

    Args:
        changed: the fields to write.

    Raises:
        SlotTakenError, ResourceTakenError.
    """
    lock_moves(visit)
    _drop_expired_holds(row, now=now)
    with _refused_for(row):
        for resource in _candidates(row, visit, now=now, override_reason=override_reason):
            _take(row, resource)
            if _moved(row, visit, changed=changed, now=now, override_reason=override_reason):
                return
        raise _no_resource(row, visit, now=now, override_reason=override_reason)


def _moved(
    row: AppointmentRequest,
    visit: Visit,
    *,
    changed: list[str],
    now: datetime,
    override_reason: str,
) -> bool:
    """False where only its resource was in the way."""
    while True:
        try:
            with transaction.atomic():
                row.save(update_fields=changed)
        except IntegrityError as error:
            violated = violated_constraint(error)
            if violated == RESOURCE_NO_OVERLAP:
                return False
            if violated != NO_OVERLAP:
                raise
            in_the_way = _in_the_way(row, now=now)
            if not override_reason:
                raise SlotTakenError(visit, conflicts=in_the_way) from error
            row.overbooked, row.override_reason, row.conflicts = True, override_reason, in_the_way
        else:
            return True


def _candidates(
    row: AppointmentRequest, visit: Visit, *, now: datetime, override_reason: str
) -> list[Resource | None]:
    """What to try, the row's present one first; ``[None]`` where nothing is needed."""
    if not visit.resource_kind:
        return [None]
    free = list(
        free_resources(
            visit.resource_kind,
            row.site_id,
            visit.blocked_from,
            visit.blocked_until,
            now=now,
            except_id=row.pk,
        )
    )
    if visit.resource is None:
        free.sort(key=lambda resource: resource.pk != row.resource_id)
        return [*free]
    # Out of service, it can be had on purpose; taken, it cannot.
    return [each for each in free if each == visit.resource] or (
        [visit.resource] if override_reason else []
    )


def _take(row: AppointmentRequest, resource: Resource | None) -> None:
    row.resource = resource
    if resource is not None:
        row.site_id = resource.site_id


def _no_resource(
    row: AppointmentRequest, visit: Visit, *, now: datetime, override_reason: str
) -> SlotTakenError:
    """Why there is none; where the provider's time is taken against the will, too, that."""
    in_the_way = [] if override_reason else _in_the_way(row, now=now)
    if in_the_way:
        return SlotTakenError(visit, conflicts=in_the_way)
    there = [visit.resource] if visit.resource else resources_of(visit.resource_kind, row.site_id)
    keys = [resource.pk for resource in there]
    taken = taking(visit.blocked_from, visit.blocked_until, now=now)
    taken = taken.filter(resource_id__in=keys).exclude(pk=row.pk)
    name = visit.resource.name if visit.resource else visit.resource_kind
    message = f"{name} is not free at this time." if keys else f"There is no {name} here."
    return ResourceTakenError(visit, message, conflicts=list(taken.values_list("pk", flat=True)))


def _in_the_way(row: AppointmentRequest, *, now: datetime) -> list[int]:
    others = overlapping(row.provider_id, row.blocked_from, row.blocked_until, now=now)
    return list(others.exclude(pk=row.pk).values_list("pk", flat=True))


def _drop_expired_holds(row: AppointmentRequest, *, now: datetime) -> int:
    of_same = Q(provider_id=row.provider_id)
    if row.resource_id is not None:
        of_same |= Q(resource_id=row.resource_id)
    return AppointmentRequest.objects.filter(
        of_same,
        status=AppointmentStatus.HELD,
        hold_expires_at__lte=now,
        blocked_from__lt=row.blocked_until,
        blocked_until__gt=row.blocked_from,
    ).delete()[0]


def lock_moves(*visits: Visit) -> None:
    """Be the only one that moves visits into these providers' time and these kinds of resource.

    Two moves into each other's time would wait for each other until the deadlock timer.
    """
    kinds = {visit.resource_kind for visit in visits} - {""}
    lock_until_commit(
        *((LockClass.MOVES_OF_PROVIDER, visit.provider.pk) for visit in visits),
        *((LockClass.MOVES_INTO_KIND, crc32(kind.encode())) for kind in kinds),
    )
