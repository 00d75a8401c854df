"""Counts of what happens, by the minute and for a quarter of an hour, shared by all processes.

They are kept in the cache: where that is down nothing is counted, and nobody is held up.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.backends.signals import connection_created
from redis.exceptions import RedisError

from core.clock import system_clock

KEPT_SECONDS = 15 * 60
SLOW_SECONDS = 0.5
SLOW_STATEMENTS = "slow-statements"
TOLD_AFTER_SECONDS = 1.0
DOWN = (RedisError, OSError)
_untold: Counter[str] = Counter()
_lock, _telling = threading.Lock(), threading.Lock()


def count(what: str) -> None:
    """One more, now; told to the cache within a second, together with others."""
    with _lock:
        if not _untold:
            later = threading.Timer(TOLD_AFTER_SECONDS, flush)
            later.daemon = True
            later.start()
        _untold[_key(what, system_clock())] += 1


def flush() -> None:
    """Tell the cache what was counted; what another thread is telling has been told after it."""
    with _telling:
        with _lock:
            counts = dict(_untold)
            _untold.clear()
        with suppress(*DOWN):
            for key, number in counts.items():
                cache.add(key, 0, timeout=KEPT_SECONDS)
                cache.incr(key, number)


def by_minute(what: str, *, minutes: int, now: datetime) -> list[int] | None:
    """The counts of this minute and those before, oldest first; None while the cache is down."""
    flush()
    keys = [_key(what, now - timedelta(minutes=back)) for back in reversed(range(minutes))]
    try:
        found = cache.get_many(keys)
    except DOWN:
        return None
    return [found.get(key, 0) for key in keys]


def watch_statements() -> None:
    """Count the slow statements of every connection from now on; what they say is not kept."""
    connection_created.connect(_watch, dispatch_uid="core.pulse")


def _watch(connection: Any, **kwargs: Any) -> None:
    # The owner's migrate and load, and may take their time.
    if connection.alias == "default" and _timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(_timed)


def _timed(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    start = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        if time.perf_counter() - start > SLOW_SECONDS:
            count(SLOW_STATEMENTS)


def _key(what: str, at: datetime) -> str:
    return f"pulse:{what}:{int(at.timestamp()) // 60}"
