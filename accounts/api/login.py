"""Tokens, and who the caller is."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, Role, can
from accounts.tokens import LockedOutError, log_in, revoke
from core.api import TokenThrottle
from core.api_errors import domain_answer
from core.api_fields import StrictSerializer, Text
from core.api_views import ApiView
from core.errors import InvalidInputError


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Front desk",
            value={"username": "frontdesk@riverside.demo", "password": "demo-pass-2026"},
        )
    ]
)
class LoginSerializer(StrictSerializer):
    username = Text(max_length=254)
    password = Text(max_length=1024, trim_whitespace=False)


@extend_schema_serializer(examples=[OpenApiExample("A token", value={"token": "Zt0bq3v9-7Kc2W1x"})])
class TokenSerializer(serializers.Serializer):
    token = serializers.CharField(help_text="Shown once; store it like a password.")


class TenantSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    zone = serializers.CharField(help_text="IANA name.")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Nurse",
            value={
                "id": 4,
                "username": "nurse@riverside.demo",
                "full_name": "Nina Novak",
                "role": "nurse",
                "tenant": {
                    "slug": "riverside",
                    "name": "Riverside General Hospital",
                    "zone": "Europe/Berlin",
                },
                "permissions": ["run_flow", "see_patients", "see_today"],
            },
        )
    ]
)
class MeSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    full_name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices, allow_blank=True)
    tenant = TenantSerializer(allow_null=True, help_text="Null for a superuser without X-Tenant.")
    permissions = serializers.ListField(child=serializers.CharField())


class TokenView(ApiView):
    """``POST`` needs no login; ``DELETE`` ends the token it is sent with."""

    repeatable = False  # a stored answer would be a stored secret
    http_method_names = ["post", "delete"]

    def get_permissions(self) -> list[Any]:
        return [IsAuthenticated()] if self.request.method == "DELETE" else [AllowAny()]

    def get_authenticators(self) -> list[Any]:
        is_login = self.request is not None and self.request.method == "POST"
        return [] if is_login else super().get_authenticators()

    def get_throttles(self) -> list[Any]:
        is_login = self.request is not None and self.request.method == "POST"
        return [TokenThrottle()] if is_login else super().get_throttles()

    @extend_schema(
        summary="Log in", request=LoginSerializer, responses={200: TokenSerializer}, auth=[]
    )
    def post(self, request: Request) -> Response:
        serializer = LoginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            token = log_in(request._request, **serializer.validated_data)
        except LockedOutError as error:
            answer = domain_answer(error)
            answer["Retry-After"] = str(error.retry_after_seconds)
            return answer
        return Response({"token": token})

    @extend_schema(summary="Log out", request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        if request.auth != "token":
            raise InvalidInputError(
                "Send the token that is to end.", attr="Authorization", code="token_required"
            )
        if not revoke(request.headers["Authorization"].partition(" ")[2].strip()):
            raise InvalidInputError(
                "A superuser logs out without this header.", attr="X-Tenant", code="not_here"
            )
        return Response(status=204)


class MeView(ApiView):
    permission_classes = [IsAuthenticated]

    @extend_schema(summary="Who am I", responses={200: MeSerializer})
    def get(self, request: Request) -> Response:
        user, tenant = request.user, request._request.tenant
        return Response(
            {
                "id": user.pk,
                "username": user.username,
                "full_name": user.get_full_name(),
                "role": user.role,
                "tenant": tenant
                and {"slug": tenant.slug, "name": tenant.name, "zone": tenant.zone},
                "permissions": sorted(p.value for p in Permission if can(user, p)),
            }
        )
