"""How a server begins and ends."""

import threading
from contextlib import suppress
from uuid import uuid4

from django.core.cache import cache

from core import pulse

CRASHES = "crashes"
_process = uuid4().hex
draining = threading.Event()
"""Set when the process stops taking work; readiness then answers 503."""


def begun(server: str) -> None:
    """Remember that this process serves there, and count a crash if the one before it never said
    goodbye.

    Args:
        server: host and port on which it listens already.
    """
    with suppress(*pulse.DOWN):
        if cache.get(_key(server)) is not None:
            pulse.count(CRASHES)
        cache.set(_key(server), _process, timeout=None)


def ended(server: str) -> None:
    """Say goodbye, unless another process serves there by now."""
    with suppress(*pulse.DOWN):
        if cache.get(_key(server)) == _process:
            cache.delete(_key(server))


def _key(server: str) -> str:
    return f"running:{server}"
