"""``waitlist/``, to read."""

from django.db.models import QuerySet

from accounts.permissions import Permission
from appointments.api.filters import WaitlistFilters
from appointments.api.serializers.queues import WaitlistSerializer
from appointments.models import WaitingList
from core.api_views import ReadViewSet


class WaitlistViewSet(ReadViewSet):
    """Patients who would come sooner, longest waiting first."""

    noun, nouns = "waitlist entry", "waitlist entries"
    queryset = WaitingList.unscoped.none()
    serializer_class = WaitlistSerializer
    filterset_class = WaitlistFilters
    required_permissions = {"*": Permission.SEE_WAITLIST}

    def get_queryset(self) -> QuerySet[WaitingList]:
        return WaitingList.objects.select_related("patient").order_by("created_at", "pk")
