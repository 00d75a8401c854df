"""``icd10/``: diagnosis codes to choose from."""

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from appointments.scheduling import icd10
from core.api_fields import StrictSerializer, Text
from core.api_filters import MAX_SEARCH
from core.api_views import ApiView

FOUND = 20
FOUND_EXAMPLE = {
    "results": [
        {"code": "E11", "title": "Type 2 diabetes mellitus"},
        {"code": "E11.9", "title": "Type 2 diabetes mellitus without complications"},
    ]
}


class Icd10QuerySerializer(StrictSerializer):
    search = Text(max_length=MAX_SEARCH)


class Icd10CodeSerializer(serializers.Serializer):
    code = serializers.CharField()
    title = serializers.CharField()


@extend_schema_serializer(examples=[OpenApiExample("Codes", value=FOUND_EXAMPLE)])
class Icd10ResultsSerializer(serializers.Serializer):
    results = Icd10CodeSerializer(many=True)


class Icd10View(ApiView):
    """ICD-10, the WHO's edition of 2019."""

    required_permissions = {"*": Permission.SEE_CATALOGUE}
    http_method_names = ["get", "head"]
    query_parameters = ("search",)

    @extend_schema(
        summary="Search ICD-10 codes",
        description="At most 20, best first: by the beginning of the code, or by words of the "
        "title in any order, the last of which may be unfinished.",
        parameters=[
            OpenApiParameter(
                "search", str, required=True, description="A code's beginning, or words."
            )
        ],
        responses=Icd10ResultsSerializer,
    )
    def get(self, request: Request) -> Response:
        asked = Icd10QuerySerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        found = icd10.search(asked.validated_data["search"], FOUND)
        return Response({"results": [{"code": c.code, "title": c.title} for c in found]})
