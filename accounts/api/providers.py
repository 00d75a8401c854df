"""Providers: the users who see patients."""

from typing import Any

import django_filters
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, Q, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.models import User
from accounts.permissions import Permission
from core.api_filters import KeyFilter, ListFilters, Ordering, SearchFilter
from core.api_views import ReadViewSet


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A provider",
            value={
                "id": 7,
                "full_name": "Dr. Ada Adler",
                "title": "Dr.",
                "first_name": "Ada",
                "last_name": "Adler",
                "specialties": ["Cardiology"],
                "languages": ["de", "en"],
                "site_ids": [1, 2],
            },
        )
    ]
)
class ProviderSerializer(serializers.Serializer):
    id = serializers.IntegerField(help_text="The user's id; it is the provider_id everywhere.")
    full_name = serializers.CharField(source="get_full_name")
    title = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    specialties = serializers.ListField(child=serializers.CharField())
    languages = serializers.ListField(child=serializers.CharField())
    site_ids = serializers.ListField(child=serializers.IntegerField())

    def to_representation(self, user: User) -> dict[str, Any]:
        return {
            "id": user.pk,
            "full_name": user.get_full_name(),
            "title": user.title,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "specialties": user.specialties or [],
            "languages": user.languages or [],
            "site_ids": user.site_ids,
        }


class ProviderFilters(ListFilters):
    site_id = KeyFilter(field_name="provider_profile__sites")
    specialty = django_filters.CharFilter(
        field_name="provider_profile__specialties", method="of_specialty", max_length=60
    )
    search = SearchFilter(method="by_text", help_text="Part of the name.")
    ordering = Ordering(fields=["id", "last_name", "first_name"])

    class Meta:
        model = User
        fields: list[str] = []

    def of_specialty(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(**{f"{name}__contains": [value]})

    def by_text(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        for word in value.split():
            queryset = queryset.filter(Q(first_name__icontains=word) | Q(last_name__icontains=word))
        return queryset


class ProviderViewSet(ReadViewSet):
    """Active providers, by name."""

    noun, nouns = "provider", "providers"
    serializer_class = ProviderSerializer
    filterset_class = ProviderFilters
    queryset = User.unscoped.none()
    required_permissions = {"*": Permission.SEE_CATALOGUE}

    def get_queryset(self) -> QuerySet[User]:
        site = "provider_profile__providersite__site_id"
        return User.objects.providers().annotate(
            specialties=F("provider_profile__specialties"),
            languages=F("provider_profile__languages"),
            site_ids=ArrayAgg(
                site, distinct=True, default=[], filter=Q(**{f"{site}__isnull": False})
            ),
        )
