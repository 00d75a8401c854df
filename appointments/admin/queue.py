"""Administration of queues, their places and screens, and what they have recorded."""

import csv
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from appointments.admin.common import PROVIDERS_ONLY, NamesProvider, SearchByPatient
from appointments.enums import QUEUE_PRESENT
from appointments.models import (
    DisplayQueue,
    DisplayScreen,
    Kiosk,
    QueueAlert,
    QueueConfiguration,
    QueueEntry,
    QueueEvent,
    QueueMetrics,
    QueueProvider,
    ServicePoint,
    ServicePointQueue,
    ServicePointType,
    WaitingQueue,
)
from appointments.queue.metrics import FIELDS
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.setting_checks import check_together
from appointments.queue.settings import free_prefix, is_prefix_taken
from core.admin_base import (
    LabelledChoices,
    ReadOnlyAdmin,
    TenantInline,
    TenantModelAdmin,
    TenantModelForm,
    opening_days_field,
)
from core.errors import DomainError, InvalidInputError
from core.lookups import MAX_KEY
from core.spreadsheets import BYTE_ORDER_MARK, safe

CLEARED = "The queue was cleared"
METRICS = [name for name in FIELDS if name != "computed_at"]


def metrics_file(rows: QuerySet[QueueMetrics]) -> HttpResponse:
    """The stored hours as CSV."""
    response = HttpResponse(BYTE_ORDER_MARK, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="queue-metrics.csv"'
    writer = csv.writer(response)
    writer.writerow(["queue", "date", "hour", *METRICS])
    ordered = rows.order_by("queue__name", "queue", "date", "hour")
    for name, *values in ordered.values_list("queue__name", "date", "hour", *METRICS).iterator():
        writer.writerow([safe(name), *values])
    return response


class ConfigurationForm(TenantModelForm):
    """Refuses what the page of the queue's settings refuses."""

    opening_days = opening_days_field()

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.errors:
            return
        queue = self.instance.queue
        if queue.pk:  # in the order of docs/algorithms/locking.md
            WaitingQueue.objects.select_for_update(no_key=True).get(pk=queue.pk)
        try:
            check_together(queue, self.instance)
        except InvalidInputError as error:
            self.add_error(error.attr if error.attr in self.fields else None, str(error))


class WaitingQueueForm(TenantModelForm):
    """Refuses what the pages refuse."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        queue = WaitingQueue(pk=self.instance.pk, prefix=cleaned.get("prefix", ""))
        if cleaned.get("is_active") and is_prefix_taken(queue):
            self.add_error("prefix", "Another queue's tickets begin with this.")
        if not cleaned.get("is_active") and queue.pk:
            present = QueueEntry.objects.filter(queue=queue.pk, status__in=QUEUE_PRESENT)
            if present.exists():
                self.add_error("is_active", "Somebody is still in it.")
        return cleaned


class Configuration(LabelledChoices, admin.StackedInline):
    model = QueueConfiguration
    form = ConfigurationForm
    fk_name = "queue"
    extra = 0
    max_num = 1
    can_delete = False
    verbose_name_plural = "configuration"


class Providers(TenantInline):
    model = QueueProvider
    choice_filters = {"provider": PROVIDERS_ONLY}
    verbose_name = "provider whose visits wait here"
    verbose_name_plural = "providers whose visits wait here"


@admin.register(WaitingQueue)
class WaitingQueueAdmin(TenantModelAdmin):
    form = WaitingQueueForm
    see_permission, edit_permission = "see_queues", "configure_queues"
    actions = ("reposition_queue", "clear_queue", "export_metrics")
    inlines = (Configuration, Providers)
    list_display = ("name", "site", "prefix", "max_queue_size", "is_accepting_patients")
    list_select_related = ("site",)
    list_filter = ("is_active", "is_accepting_patients", "accepts_walk_ins", "site")
    search_fields = ("name", "specialty")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"prefix": free_prefix()} | super().get_changeform_initial_data(request)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Screens show at once what other settings make of the line."""
        super().save_related(request, form, formsets, change)
        AdvancedQueueEngine(form.instance).broadcast_queue_update()

    def has_run_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("run_queues")

    def has_figures_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("see_analytics")

    @admin.action(description="Reposition queue", permissions=["run"])
    def reposition_queue(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._each(
            request,
            queryset,
            lambda engine: engine.reposition_queue_entries(),
            "{name}: {count} waiting, in order.",
        )

    @admin.action(description="Clear queue", permissions=["run"])
    def clear_queue(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Asks first."""
        if request.POST.get("confirmed") == "yes":
            self._each(
                request,
                queryset,
                lambda engine: engine.clear_queue(reason=CLEARED),
                "{name}: {count} left.",
            )
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Clear queue",
            "opts": self.opts,
            "queues": queryset,
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/clear_queue.html", context)

    @admin.action(description="Export metrics", permissions=["figures"])
    def export_metrics(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return metrics_file(QueueMetrics.objects.filter(queue__in=queryset.order_by()))

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet,
        act: Callable[[AdvancedQueueEngine], int],
        words: str,
    ) -> None:
        for queue in queryset.order_by("pk"):
            try:
                count = act(AdvancedQueueEngine(queue, by=request.user))
            except DomainError as error:
                self.message_user(request, f"{queue.name}: {error}", messages.ERROR)
            else:
                text = words.format(name=queue.name, count=count)
                self.message_user(request, text, messages.SUCCESS)


@admin.register(QueueEntry)
class QueueEntryAdmin(SearchByPatient, ReadOnlyAdmin):
    see_permission = "see_queues"
    list_display = ("ticket", "queue", "patient_name", "status", "joined_at")
    list_select_related = ("queue", "patient")
    list_filter = ("status", "queue", "joined_at")
    ordering = ("-joined_at", "-pk")
    exclude = ("patient", "appointment")
    readonly_fields = ("patient_name", "appointment_id")


@admin.register(QueueMetrics)
class QueueMetricsAdmin(ReadOnlyAdmin):
    """Computed from the history; ``rebuild_queue_metrics`` does it anew."""

    see_permission = "see_analytics"
    actions = ("export_metrics",)
    list_display = (
        "date",
        "hour",
        "queue",
        "total_entries",
        "served_entries",
        "average_wait_time_minutes",
        "peak_queue_size",
        "average_queue_size",
    )
    list_select_related = ("queue",)
    list_filter = ("queue", "date", "hour")
    search_fields = ("queue__name",)
    ordering = ("-date", "-hour", "-pk")

    def has_figures_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.see_permission)

    @admin.action(description="Export metrics", permissions=["figures"])
    def export_metrics(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return metrics_file(queryset)


class PointQueues(TenantInline):
    model = ServicePointQueue
    verbose_name = "queue"


class PointTypes(TenantInline):
    model = ServicePointType
    verbose_name = "appointment type"
    verbose_name_plural = "only these appointment types (none listed: all)"


@admin.register(ServicePoint)
class ServicePointAdmin(NamesProvider, TenantModelAdmin):
    see_permission, edit_permission = "see_queues", "configure_queues"
    inlines = (PointQueues, PointTypes)
    choice_filters = {"provider": PROVIDERS_ONLY}
    exclude = ("attendant",)
    list_display = ("name", "site", "provider_name", "state", "is_active")
    list_select_related = ("site", "provider")
    list_filter = ("state", "is_active", "site")
    search_fields = ("name",)


class ScreenQueues(TenantInline):
    model = DisplayQueue
    verbose_name = "queue"


@admin.register(DisplayScreen)
class DisplayScreenAdmin(TenantModelAdmin):
    """Its link is made and revoked on the page of screens."""

    see_permission, edit_permission = "see_queues", "configure_queues"
    inlines = (ScreenQueues,)
    list_display = ("name", "site", "has_sound", "shows_initials", "is_active", "last_seen_at")
    list_select_related = ("site",)
    list_filter = ("is_active", "site")
    search_fields = ("name",)


@admin.register(Kiosk)
class KioskAdmin(TenantModelAdmin):
    see_permission, edit_permission = "see_queues", "configure_queues"
    list_display = ("name", "site", "walk_in_queue", "is_active", "last_seen_at")
    list_select_related = ("site", "walk_in_queue")
    list_filter = ("is_active", "site")
    search_fields = ("name",)


@admin.register(QueueAlert)
class QueueAlertAdmin(ReadOnlyAdmin):
    see_permission = "see_queues"
    list_display = ("opened_at", "kind", "queue", "detail", "closed_at", "seen_at")
    list_select_related = ("queue",)
    list_filter = ("kind", "queue", "opened_at", "closed_at")
    search_fields = ("detail", "queue__name")
    ordering = ("-opened_at", "-pk")


@admin.register(QueueEvent)
class QueueEventAdmin(ReadOnlyAdmin):
    """The steps of entries.  Search takes an entry's key."""

    see_permission = "see_all_providers"
    list_display = ("at", "queue", "entry_id", "step", "from_status", "to_status", "by_name")
    list_select_related = ("queue",)
    list_filter = ("step", "to_status", "queue", "at")
    search_fields = ("entry_id",)
    search_help_text = "An entry's key"
    fields = readonly_fields = (
        "at",
        "queue",
        "entry_id",
        "step",
        "from_status",
        "to_status",
        "reason",
        "by_name",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip().lstrip("#")
        if not term:
            return queryset, False
        if not (term.isdecimal() and len(term) < 20 and int(term) <= MAX_KEY):
            return queryset.none(), False
        return queryset.filter(entry_id=int(term)), False
