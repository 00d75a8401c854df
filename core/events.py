"""Domain events: frozen facts, delivered only after the transaction commits."""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction

from core.failures import kind_and_place

logger = logging.getLogger("hospital.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEvent:
    tenant_id: int


_handlers: dict[type[DomainEvent], list[Callable[[Any], None]]] = defaultdict(list)


def subscribe(event_type: type[DomainEvent], handler: Callable[[Any], None]) -> None:
    """Call ``handler`` with each event of exactly this type, once the facts are committed."""
    if handler not in _handlers[event_type]:
        _handlers[event_type].append(handler)


def publish_on_commit(event: DomainEvent) -> None:
    """Deliver after COMMIT; a handler that fails is logged and does not stop the others."""
    for handler in _handlers[type(event)]:
        call_on_commit(handler, event)


def call_on_commit(act: Callable[..., None], *args: Any) -> None:
    """Call after COMMIT; a failure is logged, for what was committed cannot be taken back."""
    transaction.on_commit(partial(_try, act, *args))


def _try(act: Callable[..., None], *args: Any) -> None:
    try:
        act(*args)
    except Exception as error:  # noqa: BLE001 - the others' turn must come
        logger.error("%s failed after the commit: %s", act.__qualname__, kind_and_place(error))
