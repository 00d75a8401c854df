"""``priority-rules/``: which visits must come soon."""

from typing import Any

from django.db.models import QuerySet

from accounts.permissions import Permission
from appointments.api.filters import PriorityRuleFilters
from appointments.api.serializers import rules as shapes
from appointments.models import AppointmentPriorityRule
from appointments.scheduling.rules import PriorityRules, rules_by_name
from core.api_views import RecordViewSet

EDIT = dict.fromkeys(["create", "partial_update", "destroy"], Permission.CONFIGURE_SCHEDULING)


class PriorityRuleViewSet(RecordViewSet):
    """A rule matches when each of its criteria that is not empty does.  Every rule that matches
    counts; the strictest wins."""

    noun, nouns = "priority rule", "priority rules"
    queryset = AppointmentPriorityRule.unscoped.none()
    serializer_class = shapes.PriorityRuleSerializer
    filterset_class = PriorityRuleFilters
    required_permissions = {**EDIT, "*": Permission.SEE_CATALOGUE}
    body_serializers = {
        "create": shapes.PriorityRuleWriteSerializer,
        "partial_update": shapes.PriorityRulePatchSerializer,
    }

    def get_queryset(self) -> QuerySet[AppointmentPriorityRule]:
        return rules_by_name()

    def create_record(self, values: dict[str, Any]) -> AppointmentPriorityRule:
        type_ids = values.pop("appointment_type_ids", ())
        return self._rules.add(values, type_ids=type_ids)

    def change_record(self, record: AppointmentPriorityRule, values: dict[str, Any]) -> None:
        type_ids = values.pop("appointment_type_ids", None)
        self._rules.change(record.pk, values, type_ids=type_ids)

    def delete_record(self, record: AppointmentPriorityRule) -> None:
        self._rules.delete(record.pk)

    @property
    def _rules(self) -> PriorityRules:
        return PriorityRules(by=self.request.user)
