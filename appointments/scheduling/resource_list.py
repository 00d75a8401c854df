"""Rooms and devices with what depends on them."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from appointments.enums import OCCUPYING, Modality
from appointments.models import AppointmentRequest, AppointmentTemplate, Resource
from core.errors import NotFoundError
from core.lookups import MAX_KEY


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """
    Attributes:
        type_names: of the active types of visit that take one of its kind.
        visits: how many to come have it.
    """

    resource: Resource
    type_names: list[str]
    visits: int


@dataclass(frozen=True, slots=True)
class ResourceList:
    """
    Attributes:
        missing: by kind that a type takes and of which none can be booked, the types' names.
    """

    rows: list[ResourceRow]
    missing: dict[str, list[str]]


def resource_list(*, now: datetime) -> ResourceList:
    """By kind, then by name; three queries."""
    visits, types = coming_visits(now), defaultdict(list)
    kinds = AppointmentTemplate.objects.filter(is_active=True).exclude(resource_kind="")
    for kind, name in kinds.exclude(modality=Modality.TELEHEALTH).values_list(
        "resource_kind", "name"
    ):
        types[kind].append(name)
    found = list(Resource.objects.select_related("site").order_by("kind", "name", "pk"))
    there = {resource.kind for resource in found if resource.is_active}
    return ResourceList(
        rows=[
            ResourceRow(each, types.get(each.kind, []), visits.get(each.pk, 0)) for each in found
        ],
        missing={kind: names for kind, names in sorted(types.items()) if kind not in there},
    )


def coming_visits(now: datetime) -> dict[int, int]:
    """By room or device, how many visits to come have it."""
    rows = AppointmentRequest.objects.filter(
        resource__isnull=False, status__in=OCCUPYING, scheduled_datetime__gte=now
    )
    counted = rows.values_list("resource_id").annotate(Count("pk"))
    return dict(counted.order_by())


def known_kinds() -> list[str]:
    """Of rooms and devices, and those that types of visit take."""
    taken = AppointmentTemplate.objects.exclude(resource_kind="").values_list("resource_kind")
    return sorted({kind for (kind,) in taken.union(Resource.objects.values_list("kind"))})


def resource_by_key(resource_id: int) -> Resource:
    """
    Raises:
        NotFoundError: the tenant has no such room or device.
    """
    found = Resource.objects.filter(pk=min(resource_id, MAX_KEY)).first()
    if found is None:
        raise NotFoundError("There is no such room or device.")
    return found
