"""Refusals of the domain: each carries a stable code and the HTTP status it maps to."""

from typing import Any


class DomainError(Exception):
    """A command was refused.

    Attributes:
        code: stable, documented, for machines.
        http_status: what an HTTP caller gets.
        attr: the input field at fault, or None.
        extra: further members of the error answer, JSON-ready.
    """

    code = "refused"
    http_status = 409
    message = "That is not possible."

    def __init__(self, message: str = "", *, attr: str | None = None, **extra: Any) -> None:
        super().__init__(message or self.message)
        self.attr = attr
        self.extra = extra


class InvalidInputError(DomainError):
    """Input that can never succeed; ``code`` may be narrowed per case."""

    code = "invalid"
    http_status = 400
    message = "That value is not valid."

    def __init__(
        self, message: str = "", *, attr: str | None = None, code: str = "", **extra: Any
    ) -> None:
        super().__init__(message, attr=attr, **extra)
        if code:
            self.code = code


class NotAllowedError(DomainError):
    code = "permission_denied"
    http_status = 403
    message = "Your role does not allow this."


class NotFoundError(DomainError):
    code = "not_found"
    http_status = 404
    message = "Not found."


class StaleVersionError(DomainError):
    """The caller's ``If-Match`` names an older version."""

    code = "stale_version"
    http_status = 412
    message = "Somebody changed this in the meantime. Reload and try again."
