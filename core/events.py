"""Domain events: frozen facts, delivered only after the transaction commits."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any

from django.db import transaction


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
        # Django logs a failure by the function's name, which a bare partial lacks.
        transaction.on_commit(update_wrapper(partial(handler, event), handler), robust=True)
