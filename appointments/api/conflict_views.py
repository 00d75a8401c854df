"""``scheduling/check-conflicts/``: whether a time can be had, and which others can."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.api.serializers import conflicts as shapes
from appointments.booking.checks import wanted_check
from core.clock import system_clock


class CheckConflictsMixin:
    """An action of SmartSchedulingViewSet."""

    @extend_schema(
        summary="Check a time for conflicts",
        description=(
            "Finds what a booking would meet, and other visits of the patient. What no booking "
            "could have, such as a day that has passed, is refused, naming the field."
        ),
        request=shapes.CheckConflictsSerializer,
        responses=shapes.FoundConflictsSerializer,
    )
    @action(detail=False, methods=["post"], url_path="check-conflicts")
    def check_conflicts(self, request: Request) -> Response:
        tenant = request._request.tenant
        body = shapes.CheckConflictsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = wanted_check(
            by=request.user, now=system_clock(), zone=tenant.zone_info, **body.validated_data
        )
        checked = asked.answer(tenant, by=request.user)
        return Response(shapes.found_conflicts(checked.conflicts, checked.alternatives))
