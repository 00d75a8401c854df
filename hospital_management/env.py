"""Typed reading of environment variables: a wrong value stops the start with its name."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def read_file(path: Path) -> None:
    """Set what ``NAME=value`` lines name and the caller's environment does not.

    Values are taken as they stand, without the quotes around them; ``#`` starts a comment line.

    Raises:
        ImproperlyConfigured: a line is neither; the message carries its number.
    """
    if not path.exists():
        return
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ImproperlyConfigured(f"{path.name}, line {number}: expected NAME=value.")
        os.environ.setdefault(name.strip(), unquoted(value.strip()))


def unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def required(name: str, hint: str) -> str:
    """The variable's value.

    Raises:
        ImproperlyConfigured: it is missing or empty; the message carries ``hint``.
    """
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {hint}")
    return value


def flag(name: str, *, default: bool) -> bool:
    raw = os.environ.get(name)
    if raw is None:
        return default
    value = raw.strip().lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {raw!r}.")


def integer(name: str, default: int) -> int:
    raw = os.environ.get(name)
    if raw is None or raw == "":
        return default
    try:
        return int(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {raw!r}.") from error


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list, without the empty items."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]
