"""Administration of patients' records, written through the registration desk's own commands."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from core.admin_base import TenantModelAdmin, TenantModelForm
from core.audit import record_read
from core.clock import system_clock
from patients import registration, search, validation
from patients.models import WRITTEN, CommunicationNeed, PatientProfile


class PatientForm(TenantModelForm):
    mrn = forms.CharField(
        label="MRN", max_length=32, required=False, help_text="Empty: the next free number."
    )
    phone = forms.CharField(max_length=40, required=False)
    second_phone = forms.CharField(max_length=40, required=False)
    communication_needs = forms.MultipleChoiceField(
        choices=CommunicationNeed.choices, required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = PatientProfile
        fields = WRITTEN

    def clean(self) -> dict[str, Any]:
        """The rules of registration, whichever door a record comes through."""
        cleaned = super().clean()
        given = {name: cleaned[name] for name in WRITTEN if name in cleaned}
        try:
            return cleaned | validation.clean(given, partial=True, clock=system_clock)
        except ValidationError as error:
            self.add_error(None, error)
            return cleaned


@admin.register(PatientProfile)
class PatientProfileAdmin(TenantModelAdmin):
    """Records are deactivated, never deleted.  Opening one is noted in the audit trail."""

    form = PatientForm
    see_permission, edit_permission = "see_patients", "edit_patients"
    can_delete = False
    list_display = ("last_name", "first_name", "birth_date", "mrn", "phone", "is_active")
    list_filter = ("is_active", "sex", "language")
    search_fields = ("last_name",)  # get_search_results decides
    search_help_text = "Name, MRN, phone or birth date"
    ordering = ("last_name", "first_name", "pk")
    fieldsets = (
        (None, {"fields": ("mrn", ("first_name", "last_name"), ("birth_date", "sex"))}),
        ("Contact", {"fields": (("phone", "second_phone"), "email", "address", "language")}),
        ("Place on the map", {"fields": (("latitude", "longitude"),), "classes": ("collapse",)}),
        ("Care", {"fields": ("communication_needs", "notes")}),
        (
            "Consents",
            {"fields": ("consents_to_sms", "consents_to_email", "consents_to_data_sharing")},
        ),
        ("Record", {"fields": ("is_active",)}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """The product's own search: it bears typing errors and uses its index."""
        if not search_term.strip():
            return queryset, False
        found = search.search(search_term).values_list("pk", flat=True)
        return queryset.filter(pk__in=list(found)), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        if request.method == "GET" and response.status_code == 200:
            record_read(self.opts.db_table, int(object_id))
        return response

    def save_model(
        self, request: HttpRequest, obj: PatientProfile, form: PatientForm, change: bool
    ) -> None:
        fields = {name: form.cleaned_data[name] for name in WRITTEN}
        if change:
            registration.update(obj.pk, by=request.user, **fields)
        else:
            saved = registration.register(by=request.user, **fields)
            obj.pk, obj.mrn = saved.pk, saved.mrn
