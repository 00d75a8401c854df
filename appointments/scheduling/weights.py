"""The one writer of a tenant's weights."""

from django.db import transaction

from accounts.models import User
from accounts.permissions import Permission, check
from appointments.models import SchedulingWeights
from appointments.scheduling.scoring import FACTORS, SUM_TOLERANCE, Weights
from core.errors import InvalidInputError, StaleVersionError


def checked_weights(values: dict[str, float]) -> Weights:
    """
    Args:
        values: one fraction per factor.

    Raises:
        InvalidInputError: one is outside 0 to 1, or they do not sum to 1.
    """
    for name in FACTORS:
        if not 0 <= values[name] <= 1:
            raise InvalidInputError(
                "Choose a share between 0 and 1.", attr=name, code="out_of_range"
            )
    found = sum(values[name] for name in FACTORS)
    if abs(found - 1) > SUM_TOLERANCE:
        raise InvalidInputError(
            f"The shares sum to {100 * found:g} %; they must sum to 100 %.",
            attr="weights",
            code="not_one",
        )
    return Weights(**{name: values[name] for name in FACTORS})


def stored_weights() -> SchedulingWeights:
    """The active tenant's; unsaved, with the defaults and version 0, where none are stored."""
    return SchedulingWeights.objects.first() or SchedulingWeights(version=0)


def current_weights() -> Weights:
    """What slots of the active tenant are ranked by."""
    row = stored_weights()
    return Weights(**{name: getattr(row, name) for name in FACTORS})


@transaction.atomic
def save_weights(
    values: dict[str, float], *, by: User | None, version: int | None = None
) -> SchedulingWeights:
    """
    Args:
        version: the one that may be replaced; None for any.

    Raises:
        InvalidInputError, NotAllowedError, StaleVersionError.
    """
    if by is not None:
        check(by, Permission.CONFIGURE_SCHEDULING)
    weights = checked_weights(values)
    row = SchedulingWeights.objects.select_for_update().first() or SchedulingWeights(version=0)
    if version is not None and version != row.version:
        raise StaleVersionError
    for name in FACTORS:
        setattr(row, name, getattr(weights, name))
    row.version += 1
    row.save()
    return row
