"""``scheduling/call-list/``: whom to call before their visit, and what they said."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.api.serializers import call_list as shapes
from appointments.booking.reminder_calls import ReminderCalls
from appointments.scheduling.call_list import MOST, call_list
from core.clock import system_clock


class CallListMixin:
    """An action of SmartSchedulingViewSet."""

    @extend_schema(
        summary="List the patients to call",
        description=(
            "The patients most likely to miss a visit in the coming three working days, each once "
            "with all of their visits in these days. The probability serves to remind people; it "
            "must not decide who gets a visit, or when."
        ),
        parameters=[shapes.CallListQuerySerializer],
        responses=shapes.CallListSerializer,
    )
    @action(detail=False, methods=["get"], url_path="call-list", query_parameters=("most",))
    def call_list(self, request: Request) -> Response:
        asked = shapes.CallListQuerySerializer(data=_given(request))
        asked.is_valid(raise_exception=True)
        found = call_list(
            request.user,
            zone=request._request.tenant.zone_info,
            now=system_clock(),
            most=asked.validated_data.get("most", MOST),
        )
        return Response(shapes.shown_list(found))

    @extend_schema(
        summary="Note a call",
        description=(
            "What one patient said on the phone. The visits that were spoken about become "
            "confirmed or cancelled, or stay as they are where nobody answered."
        ),
        request=shapes.NoteCallSerializer,
        responses={201: shapes.ReminderCallSerializer},
    )
    @call_list.mapping.post
    def note_call(self, request: Request) -> Response:
        asked = shapes.NoteCallSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        call = ReminderCalls(by=request.user).record(**asked.validated_data)
        return Response(shapes.shown_call(call), status=201)


def _given(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.query_params.items() if name == "most"}
