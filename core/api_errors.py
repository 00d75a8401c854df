"""One error format for every REST refusal: ``{type, errors: [{code, detail, attr}]}``."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, IntegrityError
from django.db.models.deletion import ProtectedError, RestrictedError
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error

from core.errors import DomainError, InvalidInputError

UNIQUE_VIOLATION = "23505"


class AlreadyExistsError(DomainError):
    code = "already_exists"
    message = "There is such a record already."


class InUseError(DomainError):
    """Other records refer to the one that was to go."""

    code = "in_use"
    message = "Other records refer to this one. Make it inactive instead."


def exception_handler(exc: Exception, context: Any) -> Response | None:
    """DRF's hook.  What nobody foresaw becomes a logged 500 that tells nothing of the inside."""
    refusal = exc if isinstance(exc, DomainError) else _refusal_of_database(exc)
    if refusal is not None:
        return domain_answer(refusal)
    if isinstance(exc, DjangoValidationError):
        details = as_serializer_error(exc)
        return ExceptionHandler(ValidationError(details), context).run()
    return ExceptionHandler(exc, context).run()


def domain_answer(error: DomainError) -> Response:
    """The error format with ``error.extra`` as further members."""
    kind = "validation_error" if error.http_status == 400 else "client_error"
    problem = {"code": error.code, "detail": str(error), "attr": error.attr}
    body = {**error.extra, "type": kind, "errors": [problem]}
    headers = {"WWW-Authenticate": "Token"} if error.http_status == 401 else {}
    return Response(body, status=error.http_status, headers=headers)


def _refusal_of_database(exc: Exception) -> DomainError | None:
    """The last net under the serializers: races for a unique name, rows still referred to."""
    if isinstance(exc, (ProtectedError, RestrictedError)):
        return InUseError()
    if isinstance(exc, IntegrityError) and _sqlstate(exc) == UNIQUE_VIOLATION:
        return AlreadyExistsError()
    if isinstance(exc, DataError):
        return InvalidInputError("A value is outside what can be stored.")
    return None


def _sqlstate(exc: Exception) -> str | None:
    return getattr(exc.__cause__, "sqlstate", None)
