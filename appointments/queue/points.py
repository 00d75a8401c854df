"""ServicePointEngine: rooms and counters, who serves there, and whether they take anybody."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.enums import ServicePointState
from appointments.models import (
    AppointmentTemplate,
    QueueEntry,
    ServicePoint,
    ServicePointQueue,
    ServicePointType,
    WaitingQueue,
)
from appointments.permissions import visible_queues
from appointments.queue.errors import ServicePointBusyError
from appointments.queue.estimates import BEING_SERVED
from appointments.queue.events import QueueChanged
from core.clock import Clock, system_clock
from core.db import violated_constraint
from core.errors import InvalidInputError, NotAllowedError, NotFoundError, StaleVersionError
from core.events import publish_on_commit
from core.lookups import MAX_KEY, all_existing, existing
from core.models import Site

MAX_NAME = 60
NAME_UNIQUE = "servicepoint_name_unique"


class ServicePointEngine:
    """Commands on service points, on behalf of one user (None: the system itself).

    All of them raise NotAllowedError where the role does not allow it, NotFoundError for a point
    that serves no queue which the user may see, and StaleVersionError where ``version`` is given
    and is not the point's present one.
    """

    def __init__(self, *, by: User | None = None, clock: Clock = system_clock) -> None:
        self.by, self.clock = by, clock

    @transaction.atomic
    def set_state(
        self, point_id: int, state: ServicePointState, *, version: int | None = None
    ) -> ServicePoint:
        """Open, pause or close it; whoever is being served there stays.  Nobody attends to a
        closed one."""
        point = self._locked(point_id, version, Permission.RUN_QUEUES)
        if point.state == state:
            return point
        point.state, point.state_at = state, self.clock()
        if state == ServicePointState.CLOSED:
            point.attendant = None
        return self._save(point, "state", "state_at", "attendant")

    @transaction.atomic
    def serve_at(self, point_id: int, *, version: int | None = None) -> ServicePoint:
        """The user works there from now on, and nowhere else.  Those who asked for a provider are
        called to this point; of other staff colleagues see the name.

        Raises:
            NotAllowedError: the system serves nobody.
        """
        self._check(Permission.RUN_QUEUES)
        if self.by is None:
            raise NotAllowedError("Somebody must serve there.")
        is_provider = User.objects.providers().filter(pk=self.by.pk).exists()
        role = "provider" if is_provider else "attendant"
        wanted = Q(pk=min(point_id, MAX_KEY)) | Q(**{role: self.by.pk})
        # All at once and by key, so that two who change places do not wait for each other.
        list(ServicePoint.objects.select_for_update(no_key=True).filter(wanted).order_by("pk"))
        point = self._locked(point_id, version, Permission.RUN_QUEUES)
        if getattr(point, f"{role}_id") == self.by.pk:
            return point
        self._leave(role)
        setattr(point, role, self.by)
        return self._save(point, role)

    @transaction.atomic
    def attend_nowhere(self) -> None:
        """The user serves nowhere any more.  A provider's name stays at the room, to which those
        who asked for them are called."""
        self._check(Permission.RUN_QUEUES)
        self._leave("attendant")

    def _leave(self, role: str) -> None:
        mine = ServicePoint.objects.select_for_update(no_key=True).filter(**{role: self.by})
        for left in mine.order_by("pk"):
            setattr(left, role, None)
            self._save(left, role)

    @transaction.atomic
    def create(self, *, name: str, queue_ids: Iterable[int], **values: Any) -> ServicePoint:
        """Set up a service point for these queues.

        Args:
            values: as ``change`` takes them.

        Raises:
            InvalidInputError: naming the field.
        """
        self._check(Permission.CONFIGURE_QUEUES)
        point = ServicePoint(state_at=self.clock())
        self._set(point, name=name, **values)
        self._write(point, force_insert=True)
        self._link(point, queue_ids=queue_ids, **values)
        return point

    @transaction.atomic
    def change(self, point_id: int, *, version: int | None = None, **values: Any) -> ServicePoint:
        """Change it; what is not given stays.

        Args:
            values: ``name``; ``queue_ids``, from which it takes people; ``type_ids``, what may be
                done there, everything where empty; ``provider_id`` and ``site_id``, keys or None;
                ``is_active``.

        Raises:
            InvalidInputError: naming the field.
            ServicePointBusyError: it is to go out of use, and somebody is served there.
        """
        point = self._locked(point_id, version, Permission.CONFIGURE_QUEUES)
        if values.get("is_active") is False:
            self._check_idle(point)
        self._tell(point)  # the queues that it may leave
        self._set(point, **values)
        self._save(point, "name", "provider", "site", "is_active")
        self._link(point, **values)
        return point

    def _set(self, point: ServicePoint, **values: Any) -> None:
        if "name" in values:
            point.name = self._name(values["name"])
        if "provider_id" in values:
            key = values["provider_id"]
            providers = User.objects.providers()
            point.provider = existing(providers, key, "provider_id") if key is not None else None
        if "site_id" in values:
            key = values["site_id"]
            sites = Site.objects.filter(is_active=True)
            point.site = existing(sites, key, "site_id") if key is not None else None
        if "is_active" in values:
            point.is_active = bool(values["is_active"])

    def _link(self, point: ServicePoint, **values: Any) -> None:
        if "queue_ids" in values:
            queues = all_existing(WaitingQueue.objects.all(), values["queue_ids"], "queue_ids")
            if not queues:
                raise InvalidInputError(
                    "Choose a queue at least.", attr="queue_ids", code="required"
                )
            links = ServicePointQueue.objects.filter(point=point)
            links.exclude(queue__in=queues).delete()
            known = set(links.values_list("queue_id", flat=True))
            ServicePointQueue.objects.bulk_create(
                ServicePointQueue(point=point, queue=queue)
                for queue in queues
                if queue.pk not in known
            )
        if "type_ids" in values:
            types = all_existing(AppointmentTemplate.objects.all(), values["type_ids"], "type_ids")
            ServicePointType.objects.filter(point=point).delete()
            ServicePointType.objects.bulk_create(
                ServicePointType(point=point, appointment_type=kind) for kind in types
            )
        self._tell(point)

    @staticmethod
    def _check_idle(point: ServicePoint) -> None:
        if QueueEntry.objects.filter(service_point=point, status__in=BEING_SERVED).exists():
            raise ServicePointBusyError

    @staticmethod
    def _name(text: str) -> str:
        name = " ".join(text.split())
        if not name:
            raise InvalidInputError("Give it a name.", attr="name", code="required")
        if len(name) > MAX_NAME:
            raise InvalidInputError(
                f"Use at most {MAX_NAME} characters.", attr="name", code="max_length"
            )
        return name

    def _locked(self, point_id: int, version: int | None, permission: Permission) -> ServicePoint:
        self._check(permission)
        points = ServicePoint.objects.filter(pk=min(point_id, MAX_KEY))
        if self.by is not None and not points.filter(queues__in=visible_queues(self.by)).exists():
            raise NotFoundError("There is no such service point.")
        point = points.select_for_update(no_key=True).first()
        if point is None:
            raise NotFoundError("There is no such service point.")
        if version is not None and version != point.version:
            raise StaleVersionError
        return point

    def _save(self, point: ServicePoint, *changed: str) -> ServicePoint:
        point.version += 1
        self._write(point, update_fields=[*changed, "version"])
        self._tell(point)
        return point

    @staticmethod
    def _write(point: ServicePoint, **how: Any) -> None:
        """The constraint alone sees a name that somebody else is giving right now."""
        try:
            with transaction.atomic():
                point.save(**how)
        except IntegrityError as error:
            if violated_constraint(error) != NAME_UNIQUE:
                raise
            raise InvalidInputError(
                "Another one has this name.", attr="name", code="unique"
            ) from error

    @staticmethod
    def _tell(point: ServicePoint) -> None:
        """Each of its queues looks different now."""
        tenant_id: int = point.tenant_id  # type: ignore[assignment]
        links = ServicePointQueue.objects.filter(point=point).values_list("queue_id", flat=True)
        for queue_id in links:
            publish_on_commit(QueueChanged(tenant_id=tenant_id, queue_id=queue_id))

    def _check(self, permission: Permission) -> None:
        if self.by is not None:
            check(self.by, permission)
