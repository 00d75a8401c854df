"""Administration of what slot search knows: rules, weights, wishes, models and figures."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from appointments.admin.common import (
    PROVIDERS_ONLY,
    ArraysAsBoxes,
    CodesAreKnown,
    NamesProvider,
    ProviderFilter,
    SearchByPatient,
)
from appointments.models import (
    AppointmentPriorityRule,
    NoShowModel,
    PreferredProvider,
    ReminderCall,
    RuleType,
    SchedulingMetrics,
    SchedulingPreference,
    SchedulingWeights,
)
from appointments.scheduling.preferences import LEARNED, Preferences
from appointments.scheduling.weights import checked_weights
from core.admin_base import ReadOnlyAdmin, TenantInline, TenantModelAdmin, TenantModelForm
from core.errors import InvalidInputError

FACTORS = (
    "provider_availability",
    "patient_priority",
    "no_show_risk",
    "geographic_proximity",
    "patient_preference",
)


class PreferredProviders(TenantInline):
    model = PreferredProvider
    choice_filters = {"provider": PROVIDERS_ONLY}
    verbose_name = "preferred provider"


@admin.register(SchedulingPreference)
class SchedulingPreferenceAdmin(SearchByPatient, ArraysAsBoxes, TenantModelAdmin):
    """What is changed here counts as said by the patient: it is no longer learned."""

    see_permission, edit_permission = "see_patients", "edit_patients"
    autocomplete_fields = ("patient",)
    list_display = (
        "patient_name",
        "preferred_days",
        "preferred_times",
        "total_appointments",
        "completed_appointments",
        "updated_at",
    )
    list_select_related = ("patient",)
    list_filter = ("updated_at",)
    ordering = ("-updated_at", "-pk")
    inlines = (PreferredProviders,)
    fields = (
        "patient",
        "preferred_days",
        "preferred_times",
        "home_address",
        "travel_time_to_clinic",
        "manual_fields",
        "average_no_show_rate",
        "average_late_arrival_minutes",
        "total_appointments",
        "completed_appointments",
    )
    readonly_fields = (
        "manual_fields",
        "total_appointments",
        "completed_appointments",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "patient") if obj else self.readonly_fields

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        said = set(form.changed_data)
        if any(formset.has_changed() for formset in formsets):
            said.add("preferred_providers")
        row = form.instance
        emptied = {name for name in said if getattr(row, name, "") is None}
        row.manual_fields = sorted({*row.manual_fields, *said.intersection(LEARNED)} - emptied)
        row.version += change
        row.save(update_fields=["manual_fields", "version", "updated_at"])
        if emptied:
            Preferences(by=None).learn(row.patient_id)


class RuleTypes(TenantInline):
    model = RuleType
    verbose_name = "appointment type"
    verbose_name_plural = "for these appointment types (none listed: for all)"


@admin.register(AppointmentPriorityRule)
class AppointmentPriorityRuleAdmin(TenantModelAdmin):
    form = CodesAreKnown
    see_permission, edit_permission = "see_catalogue", "configure_scheduling"
    list_display = (
        "name",
        "base_priority_score",
        "urgency_multiplier",
        "max_wait_days",
        "requires_same_day",
        "is_active",
    )
    list_filter = ("is_active", "requires_same_day")
    search_fields = ("name", "description")
    inlines = (RuleTypes,)


class WeightsForm(TenantModelForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if all(name in cleaned for name in FACTORS):
            try:
                checked_weights(cleaned)
            except InvalidInputError as error:
                raise forms.ValidationError(str(error), code=error.code) from error
        return cleaned


@admin.register(SchedulingWeights)
class SchedulingWeightsAdmin(TenantModelAdmin):
    """One row at most; deleting it brings the defaults back."""

    form = WeightsForm
    see_permission, edit_permission = "see_catalogue", "configure_scheduling"
    list_display = ("__str__", *FACTORS)
    fields = FACTORS

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """There is one row: who would add a second changes the first."""
        row = SchedulingWeights.objects.first()
        if row is not None:
            return redirect("admin:appointments_schedulingweights_change", row.pk)
        return super().add_view(request, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.version += change
        super().save_model(request, obj, form, change)


@admin.register(NoShowModel)
class NoShowModelAdmin(ReadOnlyAdmin):
    see_permission = "see_analytics"
    list_display = (
        "version_number",
        "is_current",
        "visits",
        "trained_from",
        "trained_until",
        "fitted_at",
    )
    list_filter = ("is_current", "fitted_at")
    search_fields = ("=version_number",)
    search_help_text = "A version's number"
    ordering = ("-version_number",)
    readonly_fields = ("fitted_at",)


@admin.register(ReminderCall)
class ReminderCallAdmin(SearchByPatient, ReadOnlyAdmin):
    see_permission = "see_all_providers"
    list_display = ("at", "patient_name", "visits_until", "outcome", "by_name")
    list_select_related = ("patient",)
    list_filter = ("outcome", "at")
    ordering = ("-at", "-pk")
    fields = readonly_fields = ("at", "patient_name", "visits_until", "outcome", "by_name")


@admin.register(SchedulingMetrics)
class SchedulingMetricsAdmin(NamesProvider, ReadOnlyAdmin):
    see_permission = "see_analytics"
    list_display = (
        "date",
        "provider_name",
        "total_slots",
        "booked_slots",
        "completed_appointments",
        "no_shows",
        "cancellations",
        "utilization",
    )
    list_select_related = ("provider",)
    list_filter = ("date", ProviderFilter)
    search_fields = ("provider__last_name", "provider__first_name")
    ordering = ("-date", "provider__last_name", "provider")
    readonly_fields = ("provider_name",)
    exclude = ("provider",)

    @admin.display(description="utilisation", ordering="utilization_rate")
    def utilization(self, row: SchedulingMetrics) -> str:
        return "" if row.utilization_rate is None else f"{row.utilization_rate:.0%}"
