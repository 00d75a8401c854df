"""Figures and preferences: ``scheduling/provider-analytics/``, ``scheduling/preferences/``,
``scheduling/update-patient-preferences/`` and ``scheduling-metrics/``."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.models import User
from accounts.permissions import Permission, Role
from appointments.api.serializers import figures as shapes
from appointments.api.serializers import preferences as wishes
from appointments.models import SchedulingMetrics
from appointments.scheduling.analytics import Period, SchedulingAnalytics
from appointments.scheduling.preferences import Preferences, known
from core.api_filters import DateFilter, KeyFilter, ListFilters, Ordering
from core.api_views import ReadViewSet
from core.audit import record_read
from core.errors import NotFoundError
from core.etags import check_if_match, etag_of, is_unchanged
from patients.models import PatientProfile

FIRST_DAY = "First day, on the tenant's calendar."
LAST_DAY = "Last day, included."


class ProviderAnalyticsMixin:
    """An action of SmartSchedulingViewSet."""

    @extend_schema(
        summary="Get a provider's figures",
        description="With those of the equally long period right before.",
        parameters=[shapes.AskedSerializer],
        responses={200: shapes.ProviderAnalyticsSerializer},
    )
    @action(
        detail=False,
        url_path="provider-analytics",
        query_parameters=("provider_id", "days"),
        further_statuses=(404,),
    )
    def provider_analytics(self, request: Request) -> Response:
        asked = _query(shapes.AskedSerializer, request)
        providers = User.objects.filter(role=Role.PROVIDER)
        provider = providers.filter(pk=asked["provider_id"]).first()
        if provider is None:
            raise NotFoundError("There is no such provider.", attr="provider_id")
        analytics = SchedulingAnalytics(request._request.tenant)
        period = Period.last(asked["days"], today=analytics.today)
        line = analytics.provider_line(provider, period)
        return Response(shapes.shown_analytics(line, period))


class PreferencesMixin:
    """Actions of SmartSchedulingViewSet."""

    @extend_schema(
        summary="Get a patient's scheduling preferences",
        parameters=[wishes.WhoseSerializer],
        responses={200: wishes.PreferencesSerializer},
    )
    @action(
        detail=False,
        query_parameters=("patient_id",),
        further_statuses=(404,),
    )
    def preferences(self, request: Request) -> Response:
        found = known(_patient_id(request))
        record_read(PatientProfile._meta.db_table, found.row.patient_id)
        shown = wishes.shown_preferences(found)
        etag = etag_of(shown)
        if is_unchanged(request.headers.get("If-None-Match"), etag):
            return Response(status=304, headers={"ETag": etag})
        return Response(shown, headers={"ETag": etag})

    @extend_schema(
        summary="Set a patient's scheduling preferences",
        parameters=[wishes.WhoseSerializer],
        request=wishes.PreferencesWriteSerializer,
        responses={200: wishes.PreferencesSerializer},
    )
    @preferences.mapping.put
    def replace_preferences(self, request: Request) -> Response:
        return self._change(request, partial=False)

    @extend_schema(
        summary="Change some of a patient's scheduling preferences",
        parameters=[wishes.WhoseSerializer],
        request=wishes.PreferencesWriteSerializer,
        responses={200: wishes.PreferencesSerializer},
    )
    @preferences.mapping.patch
    def change_preferences(self, request: Request) -> Response:
        return self._change(request, partial=True)

    @extend_schema(
        summary="Learn a patient's scheduling preferences anew, or set some",
        request=wishes.UpdatePreferencesSerializer,
        responses={200: wishes.PreferencesSerializer},
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="update-patient-preferences",
        further_statuses=(404,),
    )
    def update_patient_preferences(self, request: Request) -> Response:
        body = wishes.UpdatePreferencesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = dict(body.validated_data)
        patient_id = fields.pop("patient_id")
        engine = Preferences(by=request.user)
        if fields:
            engine.change(patient_id, **fields)
        else:
            engine.learn(patient_id)
        return _written(patient_id)

    def _change(self, request: Request, *, partial: bool) -> Response:
        patient_id, version = _patient_id(request), None
        tags = request.headers.get("If-Match")
        if tags is not None:
            shown = wishes.shown_preferences(known(patient_id))
            check_if_match(tags, etag_of(shown))
            version = shown["version"]
        body = wishes.PreferencesWriteSerializer(data=request.data, partial=partial)
        body.is_valid(raise_exception=True)
        Preferences(by=request.user).change(patient_id, version=version, **body.validated_data)
        return _written(patient_id)


FIGURES_PERMISSIONS = {
    "provider_analytics": Permission.SEE_ANALYTICS,
    "preferences": Permission.SEE_PATIENTS,
    "replace_preferences": Permission.EDIT_PATIENTS,
    "change_preferences": Permission.EDIT_PATIENTS,
    "update_patient_preferences": Permission.EDIT_PATIENTS,
}
"""What SmartSchedulingViewSet asks for, by action."""


class SchedulingMetricsFilters(ListFilters):
    provider_id = KeyFilter()
    date_from = DateFilter(field_name="date", lookup_expr="gte", help_text=FIRST_DAY)
    date_to = DateFilter(field_name="date", lookup_expr="lte", help_text=LAST_DAY)
    ordering = Ordering(fields=["date", "provider_id", "utilization_rate", "no_show_rate"])

    class Meta:
        model = SchedulingMetrics
        fields: list[str] = []


class SchedulingMetricsViewSet(ReadViewSet):
    """Each provider's day in figures, the newest first.  Today's are at most five minutes old."""

    noun, nouns = "provider's day", "providers' days in figures"
    http_method_names = ["get", "head"]
    queryset = SchedulingMetrics.unscoped.none()
    serializer_class = shapes.SchedulingMetricsSerializer
    filterset_class = SchedulingMetricsFilters
    required_permissions = {"*": Permission.SEE_ANALYTICS}

    def get_queryset(self) -> QuerySet[SchedulingMetrics]:
        return SchedulingMetrics.objects.select_related("provider").order_by("-date", "provider_id")


def _query(serializer_class: type[Serializer], request: Request) -> dict[str, Any]:
    query = serializer_class(data=request.query_params.dict())
    query.is_valid(raise_exception=True)
    return query.validated_data


def _patient_id(request: Request) -> int:
    return _query(wishes.WhoseSerializer, request)["patient_id"]


def _written(patient_id: int) -> Response:
    shown = wishes.shown_preferences(known(patient_id))
    return Response(shown, headers={"ETag": etag_of(shown)})
