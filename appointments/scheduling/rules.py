"""Priority rules: read as plain values, and every write to them."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import ProviderProfile, User
from accounts.permissions import Permission, check
from appointments.models import AppointmentPriorityRule, AppointmentTemplate
from appointments.scheduling.diagnoses import checked_codes
from appointments.scheduling.priority import Rule
from core.db import violated_constraint
from core.errors import DomainError, NotFoundError
from core.lookups import MAX_KEY, all_existing

NAME_UNIQUE = "appointmentpriorityrule_name_unique"
MAX_LISTED = 500


class RuleNameTakenError(DomainError):
    code = "name_taken"
    message = "Another rule has this name."


def rules_by_name() -> QuerySet[AppointmentPriorityRule]:
    """The tenant's rules with their types; two queries."""
    rules = AppointmentPriorityRule.objects.order_by("name", "pk")
    return rules.prefetch_related("ruletype_set__appointment_type")


def rule_by_key(rule_id: int) -> AppointmentPriorityRule:
    """
    Raises:
        NotFoundError: the tenant has no such rule.
    """
    found = rules_by_name().filter(pk=min(rule_id, MAX_KEY)).first()
    if found is None:
        raise NotFoundError("There is no such rule.")
    return found


def known_specialties() -> set[str]:
    """Those of the tenant's appointment types and providers."""
    of_types = AppointmentTemplate.objects.exclude(specialty="")
    of_providers = ProviderProfile.objects.values_list("specialties", flat=True)
    return {*of_types.values_list("specialty", flat=True), *chain.from_iterable(of_providers)}


def active_rules() -> list[Rule]:
    """What counts now, as the arithmetic takes it; two queries."""
    active = AppointmentPriorityRule.objects.filter(is_active=True).order_by("name", "pk")
    return [rule_of(row) for row in active.prefetch_related("ruletype_set")]


def rule_of(row: AppointmentPriorityRule) -> Rule:
    return Rule(
        name=row.name,
        type_ids=frozenset(link.appointment_type_id for link in row.ruletype_set.all()),
        specialties=frozenset(row.specialties),
        diagnosis_codes=tuple(row.diagnosis_codes),
        base_priority_score=row.base_priority_score,
        urgency_multiplier=row.urgency_multiplier,
        max_wait_days=row.max_wait_days,
        requires_same_day=row.requires_same_day,
    )


class PriorityRules:
    """Commands on priority rules, on behalf of one user (None: the system itself).

    All of them raise NotAllowedError where the role does not allow it and NotFoundError for a
    rule that the tenant has not.
    """

    def __init__(self, *, by: User | None) -> None:
        self.by = by

    @transaction.atomic
    def add(
        self, values: dict[str, Any], *, type_ids: Iterable[int] = ()
    ) -> AppointmentPriorityRule:
        """
        Args:
            values: fields of the model.
            type_ids: the appointment types it is for; empty for all.

        Raises:
            InvalidInputError: naming the field.
            RuleNameTakenError.
        """
        self._check()
        return self._save(AppointmentPriorityRule(), values, type_ids)

    @transaction.atomic
    def change(
        self, rule_id: int, values: dict[str, Any], *, type_ids: Iterable[int] | None = None
    ) -> AppointmentPriorityRule:
        """As ``add``; what is not given stays, the types too where None."""
        self._check()
        return self._save(self._locked(rule_id), values, type_ids)

    @transaction.atomic
    def delete(self, rule_id: int) -> None:
        self._check()
        self._locked(rule_id).delete()

    def _check(self) -> None:
        if self.by is not None:
            check(self.by, Permission.CONFIGURE_SCHEDULING)

    def _locked(self, rule_id: int) -> AppointmentPriorityRule:
        found = AppointmentPriorityRule.objects.select_for_update()
        row = found.filter(pk=rule_id).first() if rule_id <= MAX_KEY else None
        if row is None:
            raise NotFoundError("There is no such rule.")
        return row

    def _save(
        self,
        row: AppointmentPriorityRule,
        values: dict[str, Any],
        type_ids: Iterable[int] | None,
    ) -> AppointmentPriorityRule:
        for name, value in values.items():
            setattr(row, name, value)
        row.diagnosis_codes = checked_codes(row.diagnosis_codes)
        row.specialties = list(dict.fromkeys(row.specialties))
        types = (
            None
            if type_ids is None
            else all_existing(AppointmentTemplate.objects.all(), type_ids, "appointment_type_ids")
        )
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError as error:
            if violated_constraint(error) != NAME_UNIQUE:
                raise
            raise RuleNameTakenError(attr="name") from error
        if types is not None:
            row.appointment_types.set(types)
        return row
