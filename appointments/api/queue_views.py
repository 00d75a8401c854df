"""``queues/`` and ``queue-entries/``, to read."""

from django.db.models import Count, Q, QuerySet

from accounts.permissions import Permission
from appointments.api.filters import QueueEntryFilters, QueueFilters
from appointments.api.serializers.queues import QueueEntrySerializer, QueueSerializer
from appointments.enums import QueueEntryStatus
from appointments.models import QueueEntry, WaitingQueue
from core.api_views import ReadViewSet


class QueueViewSet(ReadViewSet):
    noun, nouns = "queue", "queues"
    queryset = WaitingQueue.unscoped.none()
    serializer_class = QueueSerializer
    filterset_class = QueueFilters
    required_permissions = {"*": Permission.SEE_QUEUES}

    def get_queryset(self) -> QuerySet[WaitingQueue]:
        waiting = Count("entries", filter=Q(entries__status=QueueEntryStatus.WAITING))
        return WaitingQueue.objects.annotate(current_size=waiting).order_by("name", "pk")


class QueueEntryViewSet(ReadViewSet):
    """Stays in queues, in the order in which patients joined."""

    noun, nouns = "queue entry", "queue entries"
    queryset = QueueEntry.unscoped.none()
    serializer_class = QueueEntrySerializer
    filterset_class = QueueEntryFilters
    required_permissions = {"*": Permission.SEE_QUEUES}

    def get_queryset(self) -> QuerySet[QueueEntry]:
        return QueueEntry.objects.select_related("patient", "line").order_by("joined_at", "pk")
