"""How a server begins and ends."""

import threading
from contextlib import suppress

from django.core.cache import cache

from core import pulse

CRASHES = "crashes"
draining = threading.Event()
"""Set when the process stops taking work; readiness then answers 503."""


def begun(server: str) -> None:
    """Remember that the server runs, and count a crash if the one before it never said goodbye.

    Args:
        server: its host and port.
    """
    with suppress(*pulse.DOWN):
        if not cache.add(_key(server), True, timeout=None):
            pulse.count(CRASHES)


def ended(server: str) -> None:
    """Say goodbye."""
    with suppress(*pulse.DOWN):
        cache.delete(_key(server))


def _key(server: str) -> str:
    return f"running:{server}"
