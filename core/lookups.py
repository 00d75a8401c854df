"""Records named by a caller: found in the active tenant, or refused with the field's name."""

from collections.abc import Iterable
from typing import Any

from django.db import models

from core.errors import InvalidInputError

MAX_KEY = 2**63 - 1
"""The largest key a table can hold; a larger number is nobody's."""


def existing(queryset: models.QuerySet, key: int, attr: str) -> Any:
    """The row with this key.

    Raises:
        InvalidInputError: there is none.
    """
    found = queryset.filter(pk=key).first() if 0 < key <= MAX_KEY else None
    if found is None:
        raise unknown(attr)
    return found


def all_existing(queryset: models.QuerySet, keys: Iterable[int], attr: str) -> list[Any]:
    """The rows with these keys, in the queryset's order.

    Raises:
        InvalidInputError: one of them is nobody's.
    """
    wanted = set(keys)
    found = list(queryset.filter(pk__in={key for key in wanted if 0 < key <= MAX_KEY}))
    if len(found) != len(wanted):
        raise unknown(attr)
    return found


def unknown(attr: str) -> InvalidInputError:
    return InvalidInputError("There is no such record.", attr=attr, code="does_not_exist")
