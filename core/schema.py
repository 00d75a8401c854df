"""How views describe themselves in OpenAPI."""

from drf_standardized_errors.openapi import AutoSchema


class Schema(AutoSchema):
    """House conventions on top of the standard error responses."""
