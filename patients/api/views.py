"""``/api/patients/``: search, read, register and correct.  Patients are never deleted here."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from core.api_filters import DateFilter, FlagFilter, ListFilters, Ordering, SearchFilter
from core.api_views import ReadViewSet
from core.audit import record_read
from core.errors import NotFoundError
from core.etags import check_if_match, etag_of
from patients import registration, search
from patients.api.serializers import (
    PatientPatchSerializer,
    PatientSerializer,
    PatientWriteSerializer,
    RegisteredPatientSerializer,
)
from patients.models import PatientProfile


class PatientFilters(ListFilters):
    search = SearchFilter(
        method="by_text",
        help_text="Any part of name, MRN, phone or birth date; best first; forgives typing errors.",
    )
    mrn = django_filters.CharFilter(lookup_expr="iexact", max_length=32)
    birth_date = DateFilter()
    is_active = FlagFilter()
    ordering = Ordering(fields=["id", "last_name", "first_name", "birth_date", "created_at"])

    class Meta:
        model = PatientProfile
        fields: list[str] = []

    def by_text(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        found = search.search(value)
        return queryset.filter(pk__in=found.values("pk")).order_by(*found.query.order_by)


class PatientViewSet(ReadViewSet):
    """The tenant's patients, by last name."""

    noun, nouns = "patient", "patients"
    http_method_names = ["get", "head", "post", "patch"]
    queryset = PatientProfile.unscoped.none()
    serializer_class = PatientSerializer
    filterset_class = PatientFilters
    body_serializers = {
        "create": PatientWriteSerializer,
        "partial_update": PatientPatchSerializer,
    }
    required_permissions = {
        "create": Permission.EDIT_PATIENTS,
        "partial_update": Permission.EDIT_PATIENTS,
        "*": Permission.SEE_PATIENTS,
    }

    def get_queryset(self) -> QuerySet[PatientProfile]:
        return PatientProfile.objects.order_by("last_name", "first_name", "pk")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response = super().retrieve(request, *args, **kwargs)
        record_read(PatientProfile._meta.db_table, int(self.kwargs["pk"]))
        return response

    @extend_schema(request=PatientWriteSerializer, responses={201: RegisteredPatientSerializer})
    def create(self, request: Request) -> Response:
        patient = registration.register(by=request.user, **self.body())
        alike = registration.possible_duplicates(
            first_name=patient.first_name,
            last_name=patient.last_name,
            birth_date=patient.birth_date,
            phone=str(patient.phone),
            exclude_id=patient.pk,
        )
        duplicates = [other.pk for other in alike]
        return self.written(self._shown(patient.pk), status=201, possible_duplicates=duplicates)

    @extend_schema(request=PatientPatchSerializer, responses={200: PatientSerializer})
    def partial_update(self, request: Request, pk: str) -> Response:
        key, version = int(pk), None
        if (tags := request.headers.get("If-Match")) is not None:
            shown = self._shown(key)
            check_if_match(tags, etag_of(shown))
            version = shown["version"]
        registration.update(key, by=request.user, version=version, **self.body(partial=True))
        return self.written(self._shown(key))

    def _shown(self, key: int) -> dict[str, Any]:
        patient = PatientProfile.objects.filter(pk=key).first()
        if patient is None:
            raise NotFoundError
        return self.represent(patient)
