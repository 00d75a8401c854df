"""``displays/``: screens in the waiting rooms, and the addresses that open them."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from appointments.api.filters import DisplayFilters
from appointments.api.serializers import displays as shapes
from appointments.models import DisplayScreen
from appointments.queue.displays import Displays, screens
from core.api_fields import Nothing
from core.api_views import RecordViewSet

WITH_TOKEN = shapes.DisplayWithTokenSerializer


@extend_schema_view(create=extend_schema(responses={201: WITH_TOKEN}))
class DisplayViewSet(RecordViewSet):
    """Screens in the waiting rooms."""

    noun, nouns = "screen", "screens"
    queryset = DisplayScreen.unscoped.none()
    serializer_class = shapes.DisplaySerializer
    filterset_class = DisplayFilters
    required_permissions = {"*": Permission.CONFIGURE_QUEUES}
    body_serializers = {
        "create": shapes.DisplayWriteSerializer,
        "partial_update": shapes.DisplayPatchSerializer,
        "pair": shapes.DisplayPairSerializer,
        "renew": Nothing,
        "revoke": Nothing,
    }

    def get_queryset(self) -> QuerySet[DisplayScreen]:
        return screens()

    @property
    def displays(self) -> Displays:
        return Displays(by=self.request.user)

    def create(self, request: Request) -> Response:
        """The answer alone has `token` and `url`, which open the screen without a login."""
        screen = self.create_record(self.body())
        token = self.displays.new_token(screen.pk)
        return self._with_token(screen.pk, token, status=201)

    def create_record(self, values: dict[str, Any]) -> DisplayScreen:
        queue_ids = values.pop("queue_ids")
        return self.displays.add(values, queue_ids=queue_ids)

    def change_record(self, record: DisplayScreen, values: dict[str, Any]) -> None:
        queue_ids = values.pop("queue_ids", None)
        self.displays.change(record.pk, values, queue_ids=queue_ids)

    def delete_record(self, record: DisplayScreen) -> None:
        self.displays.delete(record.pk)

    @extend_schema(summary="Make a new address", responses=WITH_TOKEN)
    @action(detail=True, methods=["post"])
    def renew(self, request: Request, pk: str) -> Response:
        """The former address is dead at once."""
        record = self._matched(request)
        self.body()
        return self._with_token(record.pk, self.displays.new_token(record.pk))

    @extend_schema(summary="Connect the screen that shows a code")
    @action(detail=True, methods=["post"])
    def pair(self, request: Request, pk: str) -> Response:
        """400 `pairing_code_unknown`: no screen shows it now; 429 after ten wrong ones."""
        record = self._matched(request)
        self.displays.pair(record.pk, self.body()["code"])
        return self.written(self._fresh(record.pk))

    @extend_schema(summary="Turn a screen dark")
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """No address opens it any more; `renew` or `pair` connects it again."""
        record = self._matched(request)
        self.body()
        self.displays.disconnect(record.pk)
        return self.written(self._fresh(record.pk))

    def _with_token(self, key: int, token: str, *, status: int = 200) -> Response:
        path = reverse("display:monitor", args=[token])
        url = self.request.build_absolute_uri(path)
        return self.written(self._fresh(key), status=status, token=token, url=url)
