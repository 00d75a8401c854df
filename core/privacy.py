"""Which model fields are protected health information (PHI)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, init=False)
class FieldPrivacy:
    """Every concrete field appears in exactly one set; a test enforces it.

    ``phi`` fields never reach logs, socket frames, error messages or URLs.
    """

    phi: frozenset[str]
    public: frozenset[str]

    def __init__(self, *, phi: str = "", public: str = "") -> None:
        object.__setattr__(self, "phi", frozenset(phi.split()))
        object.__setattr__(self, "public", frozenset(public.split()))
