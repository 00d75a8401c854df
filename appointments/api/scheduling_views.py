"""``scheduling/``: the best times for a visit, and what it takes to choose them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSetMixin

from accounts.permissions import Permission
from appointments.api.conflict_views import CheckConflictsMixin
from appointments.api.serializers import scheduling as shapes
from appointments.api.warning_views import WaitWarningsMixin
from appointments.scheduling.scoring import FACTORS
from appointments.scheduling.smart_scheduler import SmartScheduler
from appointments.scheduling.weights import save_weights, stored_weights
from appointments.scheduling.wishes import checked_wish
from core.api_views import ApiView
from core.clock import system_clock
from core.etags import check_if_match, etag_of


class SmartSchedulingViewSet(CheckConflictsMixin, WaitWarningsMixin, ViewSetMixin, ApiView):
    """Slot search and its weights."""

    required_permissions = {
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
        tenant = request._request.tenant
        wish = checked_wish(tenant, now=system_clock(), **self._body(shapes.FindSlotsSerializer))
        return Response(shapes.shown_result(SmartScheduler(tenant).search(wish)))

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

    def _shown_weights(self) -> dict[str, Any]:
        row = stored_weights()
        return {name: getattr(row, name) for name in FACTORS} | {"version": row.version}

    def _body(self, serializer_class: type) -> dict[str, Any]:
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data
