"""Sites: the places where patients are seen."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.permissions import Permission
from core.api_filters import FlagFilter, ListFilters, Ordering, SearchFilter
from core.api_views import ReadViewSet
from core.models import Site


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A site",
            value={
                "id": 1,
                "name": "Main building",
                "address": "Hill Road 1",
                "latitude": 52.52,
                "longitude": 13.4,
                "phone": "+49 30 1234567",
                "opens_at": "08:00:00",
                "closes_at": "18:00:00",
                "opening_days": [0, 1, 2, 3, 4],
                "is_active": True,
            },
        )
    ]
)
class SiteSerializer(serializers.ModelSerializer):
    opening_days = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        help_text="Monday is 0; empty means every day.",
    )

    class Meta:
        model = Site
        fields = [
            "id",
            "name",
            "address",
            "latitude",
            "longitude",
            "phone",
            "opens_at",
            "closes_at",
            "opening_days",
            "is_active",
        ]


class SiteFilters(ListFilters):
    is_active = FlagFilter()
    search = SearchFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")
    ordering = Ordering(fields=["id", "name"])

    class Meta:
        model = Site
        fields: list[str] = []


class SiteViewSet(ReadViewSet):
    noun, nouns = "site", "sites"
    serializer_class = SiteSerializer
    filterset_class = SiteFilters
    queryset = Site.unscoped.none()
    required_permissions = {"*": Permission.SEE_CATALOGUE}

    def get_queryset(self) -> QuerySet[Site]:
        return Site.objects.order_by("name", "pk")
