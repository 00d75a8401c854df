"""Administration of appointments: to read, and two actions that the engine carries out."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest

from appointments.admin.common import NamesProvider, ProviderFilter, SearchByPatient
from appointments.booking.engine import BookingEngine
from appointments.models import AppointmentEvent, AppointmentRequest, AppointmentSeries
from core.admin_base import ReadOnlyAdmin
from core.errors import DomainError
from core.lookups import MAX_KEY


class ReasonForm(ActionForm):
    reason = forms.CharField(
        required=False, max_length=500, label="Reason", help_text="Needed to cancel."
    )


@admin.register(AppointmentRequest)
class AppointmentRequestAdmin(SearchByPatient, NamesProvider, ReadOnlyAdmin):
    see_permission = "see_all_providers"
    action_form = ReasonForm
    actions = ("confirm", "cancel")
    list_display = (
        "scheduled_datetime",
        "patient_name",
        "provider_name",
        "appointment_type",
        "site",
        "status",
        "overbooked",
    )
    list_select_related = ("patient", "provider", "appointment_type", "site", "resource")
    list_filter = (
        "scheduled_datetime",
        "status",
        ProviderFilter,
        "appointment_type",
        "site",
        "modality",
        "is_waitlist_conversion",
    )
    ordering = ("-scheduled_datetime", "-pk")
    readonly_fields = ("patient_name", "provider_name")
    exclude = ("patient", "provider")

    def has_book_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("book")

    @admin.action(description="Confirm the selected appointments", permissions=["book"])
    def confirm(self, request: HttpRequest, queryset: QuerySet) -> None:
        engine = BookingEngine(by=request.user)
        self._take(request, queryset, lambda key: engine.confirm(key), "confirmed")

    @admin.action(
        description="Cancel the selected appointments, with a reason", permissions=["book"]
    )
    def cancel(self, request: HttpRequest, queryset: QuerySet) -> None:
        engine = BookingEngine(by=request.user)
        reason = request.POST.get("reason", "")[:500]
        self._take(request, queryset, lambda key: engine.cancel(key, reason=reason), "cancelled")

    def _take(
        self, request: HttpRequest, queryset: QuerySet, step: Callable[[int], Any], done: str
    ) -> None:
        """Take the step on each; refusals are told one by one and stop nothing else."""
        taken = 0
        for key in queryset.order_by("pk").values_list("pk", flat=True):
            try:
                step(key)
            except DomainError as error:
                self.message_user(request, f"Appointment {key}: {error}", messages.ERROR)
            else:
                taken += 1
        if taken:
            self.message_user(request, f"{taken} {done}.", messages.SUCCESS)


@admin.register(AppointmentEvent)
class AppointmentEventAdmin(ReadOnlyAdmin):
    """The steps of appointments.  Search takes an appointment's key."""

    see_permission = "see_all_providers"
    list_display = ("at", "appointment_id", "step", "from_status", "to_status", "by_name")
    list_filter = ("step", "to_status", "at")
    search_fields = ("appointment_id",)
    search_help_text = "An appointment's key"
    fields = readonly_fields = (
        "at",
        "appointment_id",
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
        if not (term.isdecimal() and int(term) <= MAX_KEY):
            return queryset.none(), False
        return queryset.filter(appointment_id=int(term)), False


@admin.register(AppointmentSeries)
class AppointmentSeriesAdmin(ReadOnlyAdmin):
    """Visits that were booked together."""

    see_permission = "see_all_providers"
    list_display = ("pk", "rule", "created_at")
    list_filter = ("created_at",)
    search_fields = ("rule",)
    search_help_text = "A part of the rule, such as WEEKLY"
    ordering = ("-pk",)
    readonly_fields = ("created_at",)
