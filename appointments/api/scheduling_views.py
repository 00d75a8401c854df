"""``scheduling/``: the best times for a visit, and what it takes to choose them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSetMixin

from accounts.permissions import Permission
from appointments.api.call_list_views import CallListMixin
from appointments.api.conflict_views import CheckConflictsMixin
from appointments.api.figures_views import (
    FIGURES_PERMISSIONS,
    PreferencesMixin,
    ProviderAnalyticsMixin,
)
from appointments.api.serializers import scheduling as shapes
from appointments.api.warning_views import WaitWarningsMixin
from appointments.enums import Priority
from appointments.scheduling.nothing_free import why_nothing
from appointments.scheduling.scoring import FACTORS
from appointments.scheduling.smart_scheduler import SmartScheduler
from appointments.scheduling.weights import save_weights, stored_weights
from appointments.scheduling.wishes import Wish, check_soonest, checked_wish, trip_wishes
from core.api_views import ApiView
from core.clock import system_clock
from core.etags import check_if_match, etag_of


class SmartSchedulingViewSet(
    CallListMixin,
    CheckConflictsMixin,
    WaitWarningsMixin,
    ProviderAnalyticsMixin,
    PreferencesMixin,
    ViewSetMixin,
    ApiView,
):
    """Slot search and its weights."""

    required_permissions = {
        **FIGURES_PERMISSIONS,
        "weights": Permission.SEE_CATALOGUE,
        "save_weights": Permission.CONFIGURE_SCHEDULING,
        "wait_warnings": Permission.SEE_WAITLIST,
        "*": Permission.BOOK,
    }

    @extend_schema(
        summary="Find the best times",
        description=(
            "Every time that can be booked as wished, scored by five factors; the best of them "
            "with reasons. A wish that no time could meet is refused, naming the field."
        ),
        request=shapes.FindSlotsSerializer,
        responses={200: shapes.FoundSlotsSerializer},
    )
    @action(detail=False, methods=["post"], url_path="find-optimal-slots")
    def find_optimal_slots(self, request: Request) -> Response:
        wish, tenant = self._wish(self._body(shapes.FindSlotsSerializer)), request._request.tenant
        found = SmartScheduler(tenant).search(wish)
        now = system_clock().astimezone(tenant.zone_info)
        why = "" if found.free else why_nothing(wish, found.demand, now=now)
        return Response(shapes.shown_result(found, why_nothing=why))

    @extend_schema(
        summary="Find days for several visits in one trip",
        description="Two or three visits on one day, the least idle time between them first.",
        request=shapes.FindTripsSerializer,
        responses={200: shapes.FoundTripsSerializer},
    )
    @action(detail=False, methods=["post"], url_path="find-trips")
    def find_trips(self, request: Request) -> Response:
        body, tenant = self._body(shapes.FindTripsSerializer), request._request.tenant
        options = {
            name: body.pop(name)
            for name in ("keep_order", "transfer_minutes", "max_results")
            if name in body
        }
        trips = SmartScheduler(tenant).find_trips(self._trip(body), **options)
        shown = [shapes.shown_trip(trip) for trip in trips]
        return Response({"trips": shown, "count": len(shown)})

    @extend_schema(
        summary="Find times for a series",
        description=(
            "First times whose repetitions are free at the same time of day. Complete series come "
            "first, then those that lack the fewest visits."
        ),
        request=shapes.FindSeriesSerializer,
        responses={200: shapes.FoundSeriesSerializer},
    )
    @action(detail=False, methods=["post"], url_path="find-series")
    def find_series(self, request: Request) -> Response:
        body = self._body(shapes.FindSeriesSerializer)
        rrule, scheduler = body.pop("rrule"), SmartScheduler(request._request.tenant)
        shown = [
            shapes.shown_series(series) for series in scheduler.find_series(self._wish(body), rrule)
        ]
        return Response({"series": shown, "count": len(shown)})

    @extend_schema(
        summary="Get the weights of the five factors",
        responses={200: shapes.StoredWeightsSerializer},
    )
    @action(detail=False, methods=["get"])
    def weights(self, request: Request) -> Response:
        shown = self._shown_weights()
        return Response(shown, headers={"ETag": etag_of(shown)})

    @extend_schema(
        summary="Set the weights of the five factors",
        request=shapes.WeightsSerializer,
        responses={200: shapes.StoredWeightsSerializer},
    )
    @weights.mapping.put
    def save_weights(self, request: Request) -> Response:
        shown = self._shown_weights()
        tags = request.headers.get("If-Match")
        if tags is not None:
            check_if_match(tags, etag_of(shown))
        save_weights(
            self._body(shapes.WeightsSerializer),
            by=request.user,
            version=None if tags is None else shown["version"],
        )
        shown = self._shown_weights()
        return Response(shown, headers={"ETag": etag_of(shown)})

    def _wish(self, body: dict[str, Any]) -> Wish:
        tenant, now = self.request._request.tenant, system_clock()
        wish = checked_wish(tenant, now=now, **body)
        check_soonest(wish, tenant.zone_info, now=now, attr=body["dates_attr"])
        return wish

    def _trip(self, body: dict[str, Any]) -> list[Wish]:
        shared = {
            "urgency": body.pop("priority", Priority.ROUTINE),
            "diagnosis_codes": tuple(body.pop("diagnosis_codes", ())),
            "weekdays": frozenset(body.pop("weekdays", ())),
            "times": tuple((each["from"], each["to"]) for each in body.pop("times", ())),
        }
        tenant, now = self.request._request.tenant, system_clock()
        wishes = trip_wishes(tenant, now=now, **shared, **body)
        for wish in wishes:
            check_soonest(wish, tenant.zone_info, now=now, attr="date_to")
        return wishes

    def _shown_weights(self) -> dict[str, Any]:
        row = stored_weights()
        return {name: getattr(row, name) for name in FACTORS} | {"version": row.version}

    def _body(self, serializer_class: type) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data
