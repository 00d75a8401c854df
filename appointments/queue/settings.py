"""How a queue works: its settings, its name, whose visits wait in it, and that it is retired."""

from collections.abc import Iterable
from datetime import time
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.enums import QUEUE_PRESENT
from appointments.models import (
    QueueConfiguration,
    QueueEntry,
    QueueProvider,
    WaitingQueue,
)
from appointments.queue.errors import NameTakenError, QueueNotEmptyError
from appointments.queue.events import QueueChanged
from appointments.queue.selectors import configuration_of, queue_of, size_of
from appointments.queue.setting_checks import WEIGHTS, check_fields, check_together
from core.db import violated_constraint
from core.errors import InvalidInputError, StaleVersionError
from core.events import publish_on_commit
from core.lookups import all_existing, existing
from core.models import Site

CONFIGURATION_FIELDS = (
    "use_dynamic_positioning",
    *WEIGHTS,
    "guard_minutes",
    "skip_return_after",
    "enable_overflow_queue",
    "overflow_threshold",
    "overflow_queue_id",
    "opens_at",
    "closes_at",
    "opening_days",
    "last_ticket_minutes",
    "use_historical_data",
    "default_service_time_minutes",
    "enable_websocket_updates",
    "update_interval_seconds",
    "load_yellow",
    "load_red",
    "alert_wait_minutes",
)
QUEUE_FIELDS = ("max_queue_size", "is_accepting_patients", "accepts_walk_ins")
IDENTITY_FIELDS = ("name", "prefix", "site_id", "specialty")
NAME_UNIQUE = "waitingqueue_name_unique"
KEPT_ON_RESET = ("is_accepting_patients",)


def configuration_values(queue: WaitingQueue) -> dict[str, Any]:
    """All that ``QueueSettings.change`` takes, as it is now, and its ``version``; JSON-ready."""
    configuration = configuration_of(queue)
    values = {name: getattr(configuration, name) for name in CONFIGURATION_FIELDS}
    values |= {name: getattr(queue, name) for name in QUEUE_FIELDS}
    hours = {
        name: value.isoformat("minutes")
        for name, value in values.items()
        if isinstance(value, time)
    }
    return values | hours | {"version": configuration.version}


def warnings_about(queue: WaitingQueue, configuration: QueueConfiguration) -> list[str]:
    """What is allowed but probably not meant, as sentences."""
    found = []
    waiting = size_of(queue)
    if waiting > queue.max_queue_size:
        found.append(
            f"{waiting} people wait already, more than the {queue.max_queue_size} places. "
            "They stay; newcomers are turned away until it is less."
        )
    target = configuration.overflow_queue
    if configuration.enable_overflow_queue and target and not target.is_active:
        found.append(f"{target.name} is no longer in use, so nobody is sent on to it.")
    return found


class QueueSettings:
    """Commands on how one queue works, on behalf of one user (None: the system itself).

    All of them raise NotAllowedError where the role does not allow it, NotFoundError for a queue
    that the user may not see, and StaleVersionError where ``version`` is given and is not the
    present one.
    """

    def __init__(self, queue: WaitingQueue, *, by: User | None = None) -> None:
        self.queue, self.by = queue, by

    @transaction.atomic
    def change(self, *, version: int | None = None, **values: Any) -> QueueConfiguration:
        """Change what is given of ``CONFIGURATION_FIELDS`` and ``QUEUE_FIELDS``.

        Args:
            version: of the configuration.

        Raises:
            InvalidInputError: naming the field.
        """
        unknown = set(values) - {*CONFIGURATION_FIELDS, *QUEUE_FIELDS}
        if unknown:
            raise TypeError(f"no such settings: {sorted(unknown)}")
        queue = self._lock_queue()
        configuration = self._lock_configuration(version)
        for name, value in values.items():
            setattr(queue if name in QUEUE_FIELDS else configuration, name, value)
        check_fields(queue, QUEUE_FIELDS)
        check_fields(configuration, CONFIGURATION_FIELDS)
        check_together(queue, configuration)
        configuration.version += 1
        configuration.save()
        self._save(queue, *QUEUE_FIELDS)
        return configuration

    def reset(self, *, version: int | None = None) -> QueueConfiguration:
        """Put every setting back to what a new queue has; whether it is open stays."""
        return self.change(version=version, **default_values())

    def copy_from(self, other_id: int, *, version: int | None = None) -> QueueConfiguration:
        """Take over another queue's settings; whether it is open stays.

        Raises:
            InvalidInputError: there is no such queue, or it is this one.
        """
        others = WaitingQueue.objects.exclude(pk=self.queue.pk)
        other = existing(others, other_id, "copy_from")
        return self.change(version=version, **settings_of(other, for_queue=self.queue))

    @transaction.atomic
    def set_providers(self, provider_ids: Iterable[int]) -> None:
        """Let these providers' visits, and no others', wait here; they leave other queues.

        Raises:
            InvalidInputError: one of them is no provider.
        """
        self._lock_queue()
        wanted = all_existing(User.objects.providers(), provider_ids, "providers")
        present = QueueProvider.objects.filter(queue=self.queue)
        present.exclude(provider__in=wanted).delete()
        kept = set(present.values_list("provider_id", flat=True))
        for provider in wanted:
            if provider.pk not in kept:
                QueueProvider.objects.update_or_create(
                    provider=provider, defaults={"queue": self.queue}
                )
        self._publish()

    @transaction.atomic
    def rename(self, *, version: int | None = None, **values: Any) -> WaitingQueue:
        """Change ``name``, ``prefix``, ``site_id`` or ``specialty``.

        Args:
            version: of the queue itself.

        Raises:
            InvalidInputError: naming the field.
            NameTakenError: another queue has this name.
        """
        queue = self._lock_queue(version)
        _identify(queue, values)
        return self._save(queue, *IDENTITY_FIELDS)

    @transaction.atomic
    def retire(self, *, version: int | None = None) -> WaitingQueue:
        """Take the queue out of use; what happened in it stays, and ``restore`` takes it back.

        Raises:
            QueueNotEmptyError: somebody is still in it.
        """
        queue = self._lock_queue(version, no_key=False)  # against joining: Admission.lock_room
        present = QueueEntry.objects.filter(queue=queue, status__in=QUEUE_PRESENT).count()
        if present:
            raise QueueNotEmptyError(present)
        queue.is_active = False
        return self._save(queue, "is_active")

    @transaction.atomic
    def restore(self) -> WaitingQueue:
        """Use a retired queue again, with other letters on its tickets where they are taken."""
        queue = self._lock_queue()
        if is_prefix_taken(queue):
            queue.prefix = free_prefix()
        queue.is_active = True
        return self._save(queue, "is_active", "prefix")

    def _lock_queue(self, version: int | None = None, *, no_key: bool = True) -> WaitingQueue:
        _check_allowed(self.by)
        queue_of(self.by, self.queue.pk)
        queue = WaitingQueue.objects.select_for_update(no_key=no_key).get(pk=self.queue.pk)
        if version is not None and version != queue.version:
            raise StaleVersionError
        return queue

    def _lock_configuration(self, version: int | None) -> QueueConfiguration:
        """The configuration, locked; made where there was none."""
        QueueConfiguration.objects.get_or_create(queue=self.queue)
        configuration = QueueConfiguration.objects.select_for_update().get(queue=self.queue)
        if version is not None and version != configuration.version:
            raise StaleVersionError
        return configuration

    def _save(self, queue: WaitingQueue, *changed: str) -> WaitingQueue:
        queue.version += 1
        names = [name.removesuffix("_id") for name in changed]
        _save_named(queue, update_fields=[*names, "version"])
        self.queue.refresh_from_db()
        self._publish()
        return queue

    def _publish(self) -> None:
        tenant_id: int = self.queue.tenant_id  # type: ignore[assignment]
        publish_on_commit(QueueChanged(tenant_id=tenant_id, queue_id=self.queue.pk))


@transaction.atomic
def create_queue(*, by: User | None = None, **values: Any) -> WaitingQueue:
    """A new queue with the default settings.

    Args:
        values: ``name`` and, where wanted, ``prefix``, ``site_id`` and ``specialty``.

    Raises:
        InvalidInputError: naming the field.
        NameTakenError: another queue has this name.
        NotAllowedError: the role does not allow it.
    """
    _check_allowed(by)
    queue = WaitingQueue()
    _identify(queue, {"prefix": free_prefix()} | values)
    _save_named(queue)
    QueueConfiguration.objects.create(queue=queue)
    return queue


def is_prefix_taken(queue: WaitingQueue) -> bool:
    """Whether the tickets of another queue in use begin with the same letters."""
    others = WaitingQueue.objects.filter(is_active=True, prefix=queue.prefix)
    return others.exclude(pk=queue.pk).exists()


def free_prefix() -> str:
    """The first capital letter with which no queue's tickets begin; two when all are taken."""
    taken = set(WaitingQueue.objects.filter(is_active=True).values_list("prefix", flat=True))
    letters = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    pairs = (first + second for first in letters for second in letters)
    return next(each for each in (*letters, *pairs) if each not in taken)


def default_values() -> dict[str, Any]:
    """What a new queue has of ``CONFIGURATION_FIELDS`` and ``QUEUE_FIELDS``."""
    return _values_of(WaitingQueue(), QueueConfiguration())


def settings_of(other: WaitingQueue, *, for_queue: WaitingQueue) -> dict[str, Any]:
    """Another queue's settings, as this one could have them: it does not overflow into itself."""
    values = _values_of(other, configuration_of(other))
    if values["overflow_queue_id"] == for_queue.pk:
        values |= {"overflow_queue_id": None, "enable_overflow_queue": False}
    return values


def _values_of(queue: WaitingQueue, configuration: QueueConfiguration) -> dict[str, Any]:
    values = {name: getattr(configuration, name) for name in CONFIGURATION_FIELDS}
    values |= {name: getattr(queue, name) for name in QUEUE_FIELDS}
    return {name: value for name, value in values.items() if name not in KEPT_ON_RESET}


def _check_allowed(by: User | None) -> None:
    if by is not None:
        check(by, Permission.CONFIGURE_QUEUES)


def _identify(queue: WaitingQueue, values: dict[str, Any]) -> None:
    """Set a queue's name and what goes with it."""
    unknown = set(values) - set(IDENTITY_FIELDS)
    if unknown:
        raise TypeError(f"no such values: {sorted(unknown)}")
    for name, value in values.items():
        setattr(queue, name, value.strip() if isinstance(value, str) else value)
    if queue.site_id is not None:
        existing(Site.objects.all(), queue.site_id, "site_id")
    check_fields(queue, IDENTITY_FIELDS)
    if "prefix" in values and is_prefix_taken(queue):
        raise InvalidInputError(
            "Another queue's tickets begin with this.", attr="prefix", code="taken"
        )


def _save_named(queue: WaitingQueue, **kwargs: Any) -> None:
    try:
        with transaction.atomic():
            queue.save(**kwargs)
    except IntegrityError as error:
        if violated_constraint(error) != NAME_UNIQUE:
            raise
        raise NameTakenError("Another queue has this name.", attr="name") from error
