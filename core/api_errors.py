"""One error format for every REST refusal."""

from typing import Any

from drf_standardized_errors.handler import ExceptionHandler


def exception_handler(exc: Exception, context: dict[str, Any]) -> Any:
    return ExceptionHandler(exc, context).run()
