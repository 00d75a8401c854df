"""Administration of the catalogue, working hours, appointments, queues and waiting list.

Appointments and queue entries are shown only: what happens to them goes through the engines.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.models import (
    AppointmentEvent,
    AppointmentRequest,
    AppointmentTemplate,
    AvailabilityRule,
    QueueEntry,
    SlotAvailability,
    TemplateProvider,
    TemplateSite,
    WaitingList,
    WaitingQueue,
)
from appointments.scheduling.windows import extend_windows, withdraw_rule
from core.admin_base import ReadOnlyAdmin, TenantInline, TenantModelAdmin
from core.clock import system_clock
from core.errors import DomainError
from patients import search

PROVIDERS_ONLY = {"role": Role.PROVIDER}
WINDOW_TIMES = {"provider", "site", "date", "start_time", "end_time", "duration_minutes"}
MAX_KEY = 2**63 - 1


class ProviderFilter(admin.SimpleListFilter):
    """Providers, not every user of the tenant."""

    title, parameter_name = "provider", "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(user.pk), user.get_full_name()) for user in User.objects.providers()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value() or ""
        return queryset.filter(provider_id=int(value)) if value.isdecimal() else queryset


class SearchByPatient:
    """Search finds rows by their patient, as the patients' page does, or by a key."""

    search_fields = ("pk",)  # get_search_results decides
    search_help_text = "Patient's name, MRN, phone or birth date, or #key"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if term[0] == "#" and term[1:].isdecimal() and int(term[1:]) <= MAX_KEY:
            return queryset.filter(pk=int(term[1:])), False
        found = list(search.search(term).values_list("pk", flat=True))
        return queryset.filter(patient_id__in=found), False

    @admin.display(description="patient")
    def patient_name(self, row: Any) -> str:
        return f"{row.patient.get_full_name()} ({row.patient.mrn})" if row.patient else ""


class TemplateProviders(TenantInline):
    model = TemplateProvider
    choice_filters = {"provider": PROVIDERS_ONLY}
    verbose_name = "provider"
    verbose_name_plural = "offered by (nobody listed: by everyone)"


class TemplateSites(TenantInline):
    model = TemplateSite
    verbose_name = "site"
    verbose_name_plural = "offered at (none listed: everywhere)"


@admin.register(AppointmentTemplate)
class AppointmentTemplateAdmin(TenantModelAdmin):
    see_permission, edit_permission = "see_catalogue", "edit_catalogue"
    list_display = ("name", "duration_minutes", "specialty", "is_bookable_online", "is_active")
    list_filter = ("is_active", "is_bookable_online")
    search_fields = ("name", "specialty")
    inlines = (TemplateProviders, TemplateSites)

    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "colour":
            kwargs["widget"] = forms.TextInput(attrs={"type": "color"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(AvailabilityRule)
class AvailabilityRuleAdmin(TenantModelAdmin):
    """Saving or deleting a rule brings the coming windows in line with it at once."""

    see_permission, edit_permission = "see_catalogue", "edit_catalogue"
    choice_filters = {"provider": PROVIDERS_ONLY}
    list_display = ("provider_name", "weekday", "start_time", "end_time", "site", "valid_until")
    list_display_links = ("provider_name", "weekday")
    list_select_related = ("provider", "site")
    list_filter = (ProviderFilter, "weekday", "site")
    search_fields = ("provider__last_name", "provider__first_name")
    ordering = ("provider__last_name", "provider", "weekday", "start_time")

    @admin.display(description="provider", ordering="provider__last_name")
    def provider_name(self, rule: AvailabilityRule) -> str:
        return rule.provider.get_full_name()

    def save_model(
        self, request: HttpRequest, obj: AvailabilityRule, form: Any, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        extend_windows(today=_today(request), provider_id=obj.provider_id)

    def delete_model(self, request: HttpRequest, obj: AvailabilityRule) -> None:
        withdraw_rule(obj, today=_today(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        for rule in queryset:
            withdraw_rule(rule, today=_today(request))


@admin.register(SlotAvailability)
class SlotAvailabilityAdmin(TenantModelAdmin):
    """A window whose times are edited no longer follows its rule."""

    see_permission, edit_permission = "see_catalogue", "edit_catalogue"
    choice_filters = {"provider": PROVIDERS_ONLY}
    list_display = ("date", "start_time", "end_time", "provider_name", "site", "is_blocked")
    list_select_related = ("provider", "site")
    list_filter = ("date", ProviderFilter, "site", "is_blocked", "is_active")
    search_fields = ("provider__last_name", "provider__first_name")
    ordering = ("date", "start_time", "provider")
    exclude = ("rule",)
    list_per_page = 100

    @admin.display(description="provider", ordering="provider__last_name")
    def provider_name(self, window: SlotAvailability) -> str:
        return window.provider.get_full_name()

    def save_model(
        self, request: HttpRequest, obj: SlotAvailability, form: Any, change: bool
    ) -> None:
        if WINDOW_TIMES & set(form.changed_data):
            obj.rule = None
        super().save_model(request, obj, form, change)


class ReasonForm(ActionForm):
    reason = forms.CharField(
        required=False, max_length=500, label="Reason", help_text="Needed to cancel."
    )


@admin.register(AppointmentRequest)
class AppointmentRequestAdmin(SearchByPatient, ReadOnlyAdmin):
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
    list_select_related = ("patient", "provider", "appointment_type", "site")
    list_filter = ("scheduled_datetime", "status", ProviderFilter, "appointment_type", "site")
    ordering = ("-scheduled_datetime", "-pk")
    readonly_fields = ("patient_name", "provider_name")
    exclude = ("patient", "provider")

    @admin.display(description="provider", ordering="provider__last_name")
    def provider_name(self, appointment: AppointmentRequest) -> str:
        return appointment.provider.get_full_name()

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


@admin.register(WaitingQueue)
class WaitingQueueAdmin(TenantModelAdmin):
    see_permission, edit_permission = "see_queues", "configure_queues"
    list_display = ("name", "site", "prefix", "max_queue_size", "is_accepting_patients")
    list_select_related = ("site",)
    list_filter = ("is_active", "is_accepting_patients", "site")
    search_fields = ("name",)


@admin.register(QueueEntry)
class QueueEntryAdmin(SearchByPatient, ReadOnlyAdmin):
    see_permission = "see_queues"
    list_display = ("ticket", "queue", "patient_name", "status", "queue_position", "joined_at")
    list_select_related = ("queue", "patient")
    list_filter = ("status", "queue")
    ordering = ("-joined_at", "-pk")
    exclude = ("patient", "appointment")
    readonly_fields = ("patient_name", "appointment_id")


@admin.register(WaitingList)
class WaitingListAdmin(SearchByPatient, TenantModelAdmin):
    see_permission, edit_permission = "see_waitlist", "edit_waitlist"
    choice_filters = {"preferred_provider": PROVIDERS_ONLY}
    autocomplete_fields = ("patient",)
    list_display = ("patient_name", "appointment_type", "priority", "status", "created_at")
    list_select_related = ("patient", "appointment_type")
    list_filter = ("status", "priority", "appointment_type")
    ordering = ("-created_at", "-pk")
    exclude = ("scheduled_appointment",)


def _today(request: HttpRequest) -> Any:
    return system_clock().astimezone(request.tenant.zone_info).date()
