"""Administration of working hours: weekly rules, dated windows, time off."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from appointments.admin.common import PROVIDERS_ONLY, NamesProvider, ProviderFilter, today
from appointments.models import AvailabilityRule, SlotAvailability, TimeOff
from appointments.scheduling.windows import extend_windows, withdraw_rule
from core.admin_base import TenantModelAdmin

WINDOW_TIMES = {"provider", "site", "date", "start_time", "end_time", "duration_minutes"}


@admin.register(AvailabilityRule)
class AvailabilityRuleAdmin(NamesProvider, TenantModelAdmin):
    """Saving or deleting a rule brings the coming windows in line with it at once."""

    see_permission, edit_permission = "see_catalogue", "edit_catalogue"
    choice_filters = {"provider": PROVIDERS_ONLY}
    list_display = ("provider_name", "weekday", "start_time", "end_time", "site", "valid_until")
    list_display_links = ("provider_name", "weekday")
    list_select_related = ("provider", "site")
    list_filter = (ProviderFilter, "weekday", "site")
    search_fields = ("provider__last_name", "provider__first_name")
    ordering = ("provider__last_name", "provider", "weekday", "start_time")

    def save_model(
        self, request: HttpRequest, obj: AvailabilityRule, form: Any, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        extend_windows(today=today(request), provider_id=obj.provider_id)

    def delete_model(self, request: HttpRequest, obj: AvailabilityRule) -> None:
        withdraw_rule(obj, today=today(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        for rule in queryset:
            withdraw_rule(rule, today=today(request))


@admin.register(SlotAvailability)
class SlotAvailabilityAdmin(NamesProvider, TenantModelAdmin):
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

    def save_model(
        self, request: HttpRequest, obj: SlotAvailability, form: Any, change: bool
    ) -> None:
        if WINDOW_TIMES & set(form.changed_data):
            obj.rule = None
        super().save_model(request, obj, form, change)


@admin.register(TimeOff)
class TimeOffAdmin(TenantModelAdmin):
    """Of a provider, a site or a resource.  Booked visits stay; the conflict check shows them."""

    see_permission, edit_permission = "see_catalogue", "edit_catalogue"
    choice_filters = {"provider": PROVIDERS_ONLY}
    list_display = ("starts_at", "ends_at", "kind", "of_what", "note")
    list_select_related = ("provider", "site", "resource")
    list_filter = ("kind", "starts_at", ProviderFilter, "site")
    search_fields = ("provider__last_name", "site__name", "resource__name", "note")
    ordering = ("-starts_at", "-pk")

    @admin.display(description="who or what")
    def of_what(self, row: TimeOff) -> str:
        return row.provider.get_full_name() if row.provider else str(row.site or row.resource)
