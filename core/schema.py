"""How views describe themselves in OpenAPI: summaries, house headers and the error answers."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from core.api_views import ReadViewSet

SUMMARIES = {
    "list": "List {nouns}",
    "retrieve": "Get one {noun}",
    "create": "Add a {noun}",
    "partial_update": "Change a {noun}",
    "destroy": "Delete a {noun}",
}
ERRORS = {
    400: ("Bad input; names the field", "validation_error", "required", "This field is required."),
    401: ("No valid login", "client_error", "not_authenticated", "Log in first."),
    403: (
        "Not for this role",
        "client_error",
        "permission_denied",
        "Your role does not allow this.",
    ),
    404: ("No such record in this tenant", "client_error", "not_found", "Not found."),
    405: ("No such method here", "client_error", "method_not_allowed", "Method not allowed."),
    406: ("Only JSON is served", "client_error", "not_acceptable", "Not acceptable."),
    409: ("The present state does not allow it", "client_error", "already_exists", "Taken."),
    412: ("If-Match names an older version", "client_error", "stale_version", "Reload."),
    413: ("More than 2 MB", "client_error", "payload_too_large", "The body is too large."),
    415: ("The body is not JSON", "client_error", "unsupported_media_type", "Send JSON."),
    422: ("Key used before", "client_error", "idempotency_key_reused", "Key used before."),
    429: ("Too many requests; see Retry-After", "client_error", "throttled", "Slow down."),
}


class ErrorSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="Stable; see the list of codes in the documentation.")
    detail = serializers.CharField(help_text="For people.")
    attr = serializers.CharField(
        allow_null=True, help_text="The field, parameter or header at fault."
    )


class ErrorResponseSerializer(serializers.Serializer):
    """Some refusals carry further members, such as ``alternative_slots``."""

    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = ErrorSerializer(many=True)


class Schema(AutoSchema):
    def get_summary(self) -> str:
        view = self.view
        action = getattr(view, "action", None)
        if action in SUMMARIES and isinstance(view, ReadViewSet):
            text = SUMMARIES[action].format(noun=view.noun, nouns=view.nouns)
            return text.replace(" a a", " an a").replace(" a e", " an e")
        return super().get_summary()

    def get_request_serializer(self) -> Any:
        """That which reads the body; a view names it once."""
        readers = getattr(self.view, "body_serializers", {})
        return readers.get(getattr(self.view, "action", None)) or super().get_request_serializer()

    def get_override_parameters(self) -> list[OpenApiParameter]:
        """Headers; and the id's example, which makes requests without a body complete."""
        found = list(super().get_override_parameters())
        if self.method == "POST" and getattr(self.view, "repeatable", False):
            found.append(_header("Idempotency-Key", "Makes a repeat harmless.", "0b7c0c1e-5d1f"))
        if "{id}" in self.path:
            if self.method == "GET":
                found.append(_header("If-None-Match", "Answer 304 if unchanged.", '"3-5f1d"'))
            else:
                found.append(_header("If-Match", "Refuse (412) if changed since.", '"3"'))
        return found

    def _get_parameters(self) -> list[dict[str, Any]]:
        parameters = super()._get_parameters()
        for parameter in parameters:
            if parameter["in"] == "path":
                parameter["schema"] = {"type": "integer", "format": "int64", "minimum": 1}
                parameter["example"] = 1
            elif parameter["name"] == "page_size":
                parameter["schema"] |= {"minimum": 1, "maximum": 500}
        return parameters

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction=direction)
        for status in self._error_statuses():
            if str(status) not in bodies:
                bodies[str(status)] = self._get_response_for_code(_error(status), str(status))
        return dict(sorted(bodies.items()))

    def _error_statuses(self) -> list[int]:
        statuses = {400, 401, 405, 406, 429}
        is_record_view = isinstance(self.view, ReadViewSet)
        if getattr(self.view, "required_permissions", None):
            statuses.add(403)
        if "{id}" in self.path or self._is_list_view():
            statuses.add(404)
        statuses |= set(getattr(self.view, "further_statuses", ()))
        if self.method in ("POST", "PUT", "PATCH"):
            statuses |= {409, 413, 415} if is_record_view else {413, 415}
        if self.method == "POST" and getattr(self.view, "repeatable", False):
            statuses.add(422)
        if "{id}" in self.path and self.method != "GET":
            statuses |= {409, 412}
        return sorted(statuses)


def _header(name: str, description: str, example: str) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        str,
        OpenApiParameter.HEADER,
        description=description,
        examples=[OpenApiExample("An example", value=example)],
    )


def _error(status: int) -> OpenApiResponse:
    title, kind, code, detail = ERRORS[status]
    attr = "patient_id" if status == 400 else None
    problem = {"code": code, "detail": detail, "attr": attr}
    example = OpenApiExample(title, value={"type": kind, "errors": [problem]})
    return OpenApiResponse(ErrorResponseSerializer, title, [example])
