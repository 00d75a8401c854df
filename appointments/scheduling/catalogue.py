"""Every write to what can be booked and when: types, resources, windows, rules and time off."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import IntegrityError, models, transaction

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.models import (
    AppointmentTemplate,
    AvailabilityRule,
    Resource,
    SlotAvailability,
    TimeOff,
)
from appointments.scheduling.windows import extend_windows, withdraw_rule
from core.clock import Clock, system_clock
from core.db import violated_constraint
from core.errors import DomainError, InvalidInputError
from core.lookups import all_existing
from core.models import Site, Tenant
from core.tenancy import current_tenant_id

NAME_UNIQUE = "appointmenttemplate_name_unique"
RESOURCE_NAME_UNIQUE = "resource_name_unique"
START_UNIQUE = "slotavailability_start_unique"
SWITCHES = {"is_active", "is_blocked"}
OWNERS = ("provider_id", "site_id", "resource_id")


class NameTakenError(DomainError):
    code = "name_taken"
    message = "Another one has this name."


class WindowTakenError(DomainError):
    code = "window_taken"
    message = "The provider has a window that starts at this time already."


class Catalogue:
    """Commands on the catalogue, on behalf of one user (None: the system itself).

    All of them raise NotAllowedError where the role does not allow it and InvalidInputError,
    naming the field, for records that do not exist.
    """

    def __init__(self, *, by: User | None, clock: Clock = system_clock) -> None:
        self.by = by
        self.clock = clock

    @transaction.atomic
    def save_type(
        self,
        kind: AppointmentTemplate,
        values: dict[str, Any],
        *,
        provider_ids: Iterable[int] | None = None,
        site_ids: Iterable[int] | None = None,
    ) -> AppointmentTemplate:
        """Create or change an appointment type.

        Args:
            provider_ids, site_ids: who offers it and where; empty for all, None to leave as is.

        Raises:
            NameTakenError.
        """
        self._check()
        _assign(kind, values)
        _save(kind, NAME_UNIQUE, NameTakenError(attr="name"))
        if provider_ids is not None:
            kind.providers.set(all_existing(User.objects.providers(), provider_ids, "provider_ids"))
        if site_ids is not None:
            kind.sites.set(all_existing(Site.objects.all(), site_ids, "site_ids"))
        return kind

    @transaction.atomic
    def delete_type(self, kind: AppointmentTemplate) -> None:
        """
        Raises:
            ProtectedError: it was booked before.
        """
        self._check()
        kind.delete()

    @transaction.atomic
    def save_window(self, window: SlotAvailability, values: dict[str, Any]) -> SlotAvailability:
        """Create or change a dated window.  One that is moved by hand leaves its weekly rule.

        Raises:
            WindowTakenError.
        """
        self._check()
        moved = set(values) - SWITCHES
        if any(getattr(window, name) != values[name] for name in moved):
            window.rule = None
        _assign(window, values)
        self._check_hours(window)
        _save(window, START_UNIQUE, WindowTakenError(attr="start_time"))
        return window

    @transaction.atomic
    def delete_window(self, window: SlotAvailability) -> None:
        self._check()
        window.delete()

    @transaction.atomic
    def save_rule(self, rule: AvailabilityRule, values: dict[str, Any]) -> AvailabilityRule:
        """Create or change a weekly rule and bring the coming windows in line with it."""
        self._check()
        _assign(rule, values)
        self._check_hours(rule)
        if rule.valid_from and rule.valid_until and rule.valid_until < rule.valid_from:
            raise InvalidInputError(
                "The last day must not be before the first.",
                attr="valid_until",
                code="end_before_start",
            )
        rule.save()
        extend_windows(today=self._today(), provider_id=rule.provider_id)
        return rule

    @transaction.atomic
    def delete_rule(self, rule: AvailabilityRule) -> None:
        """Delete the rule and the open windows it made from today on."""
        self._check()
        withdraw_rule(rule, today=self._today())

    @transaction.atomic
    def save_resource(self, resource: Resource, values: dict[str, Any]) -> Resource:
        """Create or change a room or a device.  Visits that have it keep it.

        Raises:
            NameTakenError.
        """
        self._check()
        _assign(resource, values)
        all_existing(Site.objects.all(), [resource.site_id], "site_id")
        _save(resource, RESOURCE_NAME_UNIQUE, NameTakenError(attr="name"))
        return resource

    @transaction.atomic
    def delete_resource(self, resource: Resource) -> None:
        """
        Raises:
            ProtectedError: a visit had it.
        """
        self._check()
        resource.delete()

    @transaction.atomic
    def save_time_off(self, off: TimeOff, values: dict[str, Any]) -> TimeOff:
        """Create or change an absence or a closure.  Visits booked before stay as they are."""
        self._check()
        _assign(off, values)
        owners = [name for name in OWNERS if getattr(off, name) is not None]
        if len(owners) != 1:
            raise InvalidInputError(
                "Choose one: a provider, a site or a resource.",
                attr=owners[-1] if owners else OWNERS[0],
                code="exactly_one",
            )
        known = {
            "provider_id": User.objects.providers(),
            "site_id": Site.objects.all(),
            "resource_id": Resource.objects.all(),
        }
        all_existing(known[owners[0]], [getattr(off, owners[0])], owners[0])
        if off.starts_at >= off.ends_at:
            raise InvalidInputError(
                "The end must be later than the start.", attr="ends_at", code="end_before_start"
            )
        off.save()
        return off

    @transaction.atomic
    def delete_time_off(self, off: TimeOff) -> None:
        self._check()
        off.delete()

    def _check(self) -> None:
        if self.by is not None:
            check(self.by, Permission.EDIT_CATALOGUE)

    def _check_hours(self, hours: AvailabilityRule | SlotAvailability) -> None:
        if hours.start_time >= hours.end_time:
            raise InvalidInputError(
                "The end must be later than the start.", attr="end_time", code="end_before_start"
            )
        all_existing(User.objects.providers(), [hours.provider_id], "provider_id")
        all_existing(Site.objects.all(), [hours.site_id], "site_id")

    def _today(self) -> date:
        zone = Tenant.objects.get(pk=current_tenant_id()).zone_info
        return self.clock().astimezone(zone).date()


def _assign(record: models.Model, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(record, name, value)


def _save(record: models.Model, constraint: str, refusal: DomainError) -> None:
    try:
        with transaction.atomic():
            record.save()
    except IntegrityError as error:
        if violated_constraint(error) != constraint:
            raise
        raise refusal from error
