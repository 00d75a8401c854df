"""What priority rules ask of a visit: every rule that matches counts, the strictest wins."""

from collections.abc import Iterable
from dataclasses import dataclass

from appointments.scheduling.icd10 import covers

TARGET_DAYS = {"urgent": 2.0, "priority": 7.0, "routine": 21.0}
SHORTEST_TARGET_DAYS = 0.25
"""Below this the score of any other day than today is 0 anyway, and 0 itself cannot divide."""

EARLIEST_FIRST_SCORE = 80.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A priority rule; empty criteria let everything through.

    Attributes:
        urgency_multiplier: divides the wait that counts as short.
        max_wait_days: calendar days from the request; None for no limit.
    """

    name: str
    type_ids: frozenset[int] = frozenset()
    specialties: frozenset[str] = frozenset()
    diagnosis_codes: tuple[str, ...] = ()
    base_priority_score: float = 50.0
    urgency_multiplier: float = 1.0
    max_wait_days: int | None = None
    requires_same_day: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityDemand:
    """What the matching rules and the urgency ask for together.

    Attributes:
        target_days: wait after which a slot's priority score has fallen to 37.
        max_wait_days: calendar days from now on after which the wait is too long; None for no
            limit.
        names: of the rules that matched, by name.
    """

    target_days: float
    max_wait_days: int | None
    requires_same_day: bool
    urgency_multiplier: float
    base_priority_score: float
    names: tuple[str, ...]

    @property
    def earliest_first(self) -> bool:
        """Whether the earliest slots are offered before better ones."""
        return self.base_priority_score >= EARLIEST_FIRST_SCORE


def matching(
    rules: Iterable[Rule],
    *,
    type_id: int,
    specialties: Iterable[str],
    diagnosis_codes: Iterable[str],
) -> list[Rule]:
    """The rules each of whose criteria fits, in their order.

    Args:
        specialties: of the appointment type and of the wished providers; capitals do not matter.
        diagnosis_codes: the patient's; a rule's code fits its subdivisions too.
    """
    codes = tuple(diagnosis_codes)
    wanted = {name.casefold() for name in specialties}
    return [
        rule
        for rule in rules
        if (not rule.type_ids or type_id in rule.type_ids)
        and (not rule.specialties or wanted & {name.casefold() for name in rule.specialties})
        and (not rule.diagnosis_codes or _any_covered(rule.diagnosis_codes, codes))
    ]


def _any_covered(rule_codes: tuple[str, ...], codes: tuple[str, ...]) -> bool:
    return any(covers(rule_code, code) for rule_code in rule_codes for code in codes)


def strictest(rules: Iterable[Rule], urgency: str, *, waited_days: int = 0) -> PriorityDemand:
    """The demand of rules that all match; without any, that of the urgency alone.

    A rule can only tighten: a multiplier below 1 does not stretch the urgency's own target.

    Args:
        urgency: urgent, priority or routine.
        waited_days: calendar days since the visit was asked for.
    """
    matched = list(rules)
    allowed = [rule.max_wait_days for rule in matched if rule.max_wait_days is not None]
    limits = [max(0, days - waited_days) for days in allowed]
    multiplier = max([1.0, *(rule.urgency_multiplier for rule in matched)])
    target = min([TARGET_DAYS[urgency] / multiplier, *limits])
    return PriorityDemand(
        target_days=max(SHORTEST_TARGET_DAYS, target),
        max_wait_days=min(limits, default=None),
        requires_same_day=any(rule.requires_same_day for rule in matched),
        urgency_multiplier=multiplier,
        base_priority_score=max((rule.base_priority_score for rule in matched), default=0.0),
        names=tuple(sorted(rule.name for rule in matched)),
    )
