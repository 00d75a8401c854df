"""How a screen without a keyboard learns its address: it shows a code, and staff type it in.

The cache holds what is under way.  A screen keeps a secret; only whoever has it is handed what its
code was claimed for, and only once.
"""

import hashlib
import secrets
import time
from dataclasses import dataclass

from django.core.cache import cache

from appointments.queue.links import Located
from core.errors import DomainError, InvalidInputError

ALPHABET = "ACDEFGHJKMNPQRTUVWXY34679"
"""Without what looks or sounds alike: 0 O, 1 I L, 2 Z, 5 S, 8 B."""

CODE_LENGTH = 6
CODE_SECONDS = 600
HAND_OVER_SECONDS = 600
CODE_TRIES = 8
TRIES = 10
TRIES_SECONDS = 600


class PairingCodeError(InvalidInputError):
    """Whether a code was never shown, was used or has expired is not told."""

    code = "pairing_code_unknown"
    message = "No screen shows this code. Look again: a new one appears every ten minutes."


class TooManyCodesError(DomainError):
    code = "throttled"
    http_status = 429
    message = "Too many wrong codes. Try again in ten minutes."


@dataclass(frozen=True, slots=True)
class Asking:
    """A screen that waits for staff."""

    code: str
    seconds_left: int


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def ask(secret: str) -> Asking | Located:
    """What the screen should show: its present code, or a new one; or whose screen it has become.

    ``target_id`` of what is located is that of a display's link, given out once.
    """
    screen = _digest(secret)
    claimed = cache.get(f"pairing:claimed:{screen}")
    if claimed is not None and cache.delete(f"pairing:claimed:{screen}"):
        return Located(*claimed)
    return _present(screen) or _new(screen)


def is_claimed(secret: str) -> bool:
    return cache.get(f"pairing:claimed:{_digest(secret)}") is not None


def claim(code: str, *, by_id: int | None) -> str:
    """The screen that shows the code, which nobody else can claim from now on.

    Raises:
        PairingCodeError: none does.
        TooManyCodesError: the user typed too many wrong ones.
    """
    tries = f"pairing:tries:{by_id}"
    if (cache.get(tries) or 0) >= TRIES:
        raise TooManyCodesError
    code = normalised(code)
    screen = cache.get(f"pairing:code:{code}")
    if screen is None or not cache.delete(f"pairing:code:{code}"):
        cache.add(tries, 0, TRIES_SECONDS)
        cache.incr(tries)
        raise PairingCodeError(attr="code")
    cache.delete(f"pairing:screen:{screen}")
    return screen


def hand_over(screen: str, link: Located) -> None:
    """Let the screen that was claimed open the link."""
    cache.set(
        f"pairing:claimed:{screen}", (link.tenant_id, link.target_id), timeout=HAND_OVER_SECONDS
    )


def normalised(code: str) -> str:
    """As people type it: in any case, with spaces and hyphens."""
    return "".join(each for each in code.upper() if each in ALPHABET)[: CODE_LENGTH + 1]


def _present(screen: str) -> Asking | None:
    code, until = cache.get(f"pairing:screen:{screen}") or (None, 0)
    left = int(until - time.time())
    return Asking(code, left) if code and left > 0 else None


def _new(screen: str) -> Asking:
    for _ in range(CODE_TRIES):
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        if cache.add(f"pairing:code:{code}", screen, timeout=CODE_SECONDS):
            cache.set(
                f"pairing:screen:{screen}",
                (code, time.time() + CODE_SECONDS),
                timeout=CODE_SECONDS,
            )
            return Asking(code, CODE_SECONDS)
    raise DomainError("No code is free now. Try again in a moment.")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
