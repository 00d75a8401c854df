"""ConflictDetector: the one answer to whether a time can be had, and which others can."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts.models import User
from accounts.permissions import Permission, can
from appointments.models import AppointmentRequest, AppointmentTemplate, Resource
from appointments.scheduling.availability import Interval
from appointments.scheduling.conflicts import (
    Busy,
    Conflict,
    Scene,
    WantedTime,
    conflicts,
    free_intervals,
)
from appointments.scheduling.selectors import (
    resources_of,
    taking,
    time_off_between,
    windows_touching,
)
from core.clock import Clock, system_clock
from core.errors import InvalidInputError
from core.models import Site, Tenant
from patients.models import PatientProfile

ALTERNATIVE_DAYS = 7
ALTERNATIVE_COUNT = 5
WIDEST_BUFFERS = timedelta(hours=4)


class ConflictDetector:
    """Sees time as the booking engine does, in one tenant and at most 6 queries an answer.

    Args:
        by: who asks, and so sees whose visits are in the way; None for the system itself.
    """

    def __init__(
        self, tenant: Tenant, *, by: User | None = None, clock: Clock = system_clock
    ) -> None:
        self.zone = tenant.zone_info
        self.by = by
        self.clock = clock

    def check_conflicts(
        self,
        provider: User,
        start_time: datetime,
        end_time: datetime,
        exclude_appointment_id: int | None = None,
        *,
        patient: PatientProfile | None = None,
        appointment_type: AppointmentTemplate | None = None,
        resource: Resource | None = None,
        site: Site | None = None,
        modality: str | None = None,
    ) -> list[Conflict]:
        """Everything that stands against ``[start_time, end_time)``.

        The type's buffers belong to what the provider and the resource are taken for.  Where the
        type takes a resource and none is named, there is a conflict only if none is free.

        Args:
            start_time, end_time: aware.
            exclude_appointment_id: the visit that is to be moved, which is not in its own way.
            site: the one at which the provider works then where None.

        Returns:
            By kind, then by start.

        Raises:
            InvalidInputError: the end is not after the start.
        """
        if end_time <= start_time:
            raise InvalidInputError(
                "The end must be later than the start.", attr="end_time", code="end_before_start"
            )
        wanted = WantedTime(
            provider,
            start_time,
            end_time,
            kind=appointment_type,
            patient=patient,
            resource=resource,
            site=site,
            modality=modality,
            except_id=exclude_appointment_id,
        )
        return conflicts(self._scene(wanted, *wanted.blocked), wanted)

    def suggest_alternative_slots(
        self,
        provider: User,
        start_time: datetime,
        duration_minutes: int,
        *,
        count: int = ALTERNATIVE_COUNT,
        exclude_appointment_id: int | None = None,
        patient: PatientProfile | None = None,
        appointment_type: AppointmentTemplate | None = None,
        resource: Resource | None = None,
        site: Site | None = None,
        modality: str | None = None,
        taken: tuple[Interval, ...] = (),
    ) -> list[Interval]:
        """The free slots of the provider nearest to ``start_time``, within a week either way.

        Nothing stands against any of them, and the type's lead time allows them.

        Args:
            duration_minutes: of the visit, without buffers.
            taken: further time that counts as busy.

        Returns:
            At most ``count`` UTC intervals, ascending.
        """
        now, span = self.clock(), timedelta(days=ALTERNATIVE_DAYS)
        first, last = max(start_time - span, now), start_time + span
        if appointment_type is not None:
            last = min(last, now + timedelta(days=appointment_type.max_lead_days))
        if first >= last:
            return []
        wanted = WantedTime(
            provider,
            start_time,
            start_time + timedelta(minutes=duration_minutes),
            kind=appointment_type,
            patient=patient,
            resource=resource,
            site=site,
            modality=modality,
            except_id=exclude_appointment_id,
        )
        longest = wanted.end - wanted.start + WIDEST_BUFFERS
        scene = self._scene(wanted, first - longest, last + longest)
        free = free_intervals(scene, wanted, earliest=first, taken=taken)
        in_reach = [slot for slot in free if slot[0] <= last]
        nearest = sorted(in_reach, key=lambda slot: (abs(slot[0] - start_time), slot[0]))
        return sorted(nearest[:count])

    def _scene(self, wanted: WantedTime, first: datetime, last: datetime) -> Scene:
        taken = taking(first, last, now=self.clock()).exclude(pk=wanted.except_id)
        resources = self._resources(wanted)
        keys = [resource.pk for resource in resources]
        return Scene(
            zone=self.zone,
            windows=windows_touching(wanted.provider.pk, first, last, self.zone),
            off=list(time_off_between(first, last, provider_id=wanted.provider.pk)),
            of_provider=self._busy(taken.filter(provider_id=wanted.provider.pk)),
            of_patient=self._busy(taken.filter(patient=wanted.patient)) if wanted.patient else [],
            of_resources=self._busy(taken.filter(resource_id__in=keys)) if keys else [],
            resources=resources,
        )

    def _resources(self, wanted: WantedTime) -> list[Resource]:
        if wanted.resource is not None:
            return [wanted.resource]
        return list(resources_of(wanted.resource_kind, None)) if wanted.resource_kind else []

    def _busy(self, rows: QuerySet[AppointmentRequest]) -> list[Busy]:
        sees_all = self.by is None or can(self.by, Permission.SEE_ALL_PROVIDERS)
        sees_own = self.by is not None and can(self.by, Permission.SEE_TODAY)
        found = []
        shown = rows.values_list(
            "pk",
            "scheduled_datetime",
            "scheduled_end_datetime",
            "blocked_from",
            "blocked_until",
            "resource_id",
            "provider_id",
            "patient__first_name",
            "patient__last_name",
        )
        for key, start, end, blocked_from, blocked_until, resource_id, *who in shown:
            provider_id, first, last = who
            is_own = sees_own and self.by is not None and provider_id == self.by.pk
            name = f"{first or ''} {last or ''}".strip() if sees_all or is_own else ""
            found.append(Busy(key, start, end, (blocked_from, blocked_until), resource_id, name))
        return found
