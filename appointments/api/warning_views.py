"""``scheduling/wait-warnings/``: who is about to wait too long."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.api.serializers.waitlist import WaitWarningsSerializer
from appointments.scheduling.wait_warnings import wait_warnings
from core.clock import system_clock


class WaitWarningsMixin:
    """An action of SmartSchedulingViewSet."""

    @extend_schema(
        summary="List waits that break a priority rule within 3 days",
        description="Waitlist entries and coming visits, the most pressing first, at most 50; "
        "`count` is of all. A provider sees the own visits only.",
        responses=WaitWarningsSerializer,
    )
    @action(detail=False, methods=["get"], url_path="wait-warnings")
    def wait_warnings(self, request: Request) -> Response:
        zone = request._request.tenant.zone_info
        found = wait_warnings(request.user, now=system_clock(), zone=zone)
        return Response(WaitWarningsSerializer(found).data)
