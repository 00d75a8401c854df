"""How often somebody may be wrong at a kiosk.

Wrong numbers are counted per kiosk and per patient number, whether or not a patient has it, so
that nothing is learned from being stopped.  Without the cache nobody is stopped: a kiosk stands
in a hall full of people, and arriving must not depend on a counter.
"""

import hashlib
import logging
from contextlib import suppress

from django.core.cache import cache
from redis.exceptions import RedisError

from core.tenancy import current_tenant_id

KIOSK_TRIES, KIOSK_SECONDS = 15, 600
NUMBER_TRIES, NUMBER_SECONDS = 5, 1800
DOWN = (RedisError, OSError)
logger = logging.getLogger("hospital.kiosk")


def is_kiosk_locked(kiosk_id: int) -> bool:
    return _used(_kiosk_key(kiosk_id)) >= KIOSK_TRIES


def is_number_locked(mrn: str) -> bool:
    return _used(_number_key(mrn)) >= NUMBER_TRIES


def note_wrong(kiosk_id: int, mrn: str = "") -> None:
    """Count a try that found nobody."""
    _count(_kiosk_key(kiosk_id), KIOSK_SECONDS)
    if mrn:
        _count(_number_key(mrn), NUMBER_SECONDS)
    if is_kiosk_locked(kiosk_id):
        logger.warning("kiosk %s is paused after too many wrong numbers", kiosk_id)


def _kiosk_key(kiosk_id: int) -> str:
    return f"kiosk:tries:{kiosk_id}"


def _number_key(mrn: str) -> str:
    digest = hashlib.sha256(mrn.upper().encode()).hexdigest()
    return f"kiosk:number:{current_tenant_id()}:{digest}"


def _used(key: str) -> int:
    with suppress(*DOWN):
        return cache.get(key) or 0
    return 0


def _count(key: str, seconds: int) -> None:
    with suppress(*DOWN, ValueError):  # it may expire between the two
        cache.add(key, 0, seconds)
        cache.incr(key)
