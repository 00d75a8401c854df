"""What the administration pages of several areas share."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from accounts.permissions import Role
from appointments.scheduling.diagnoses import checked_codes
from core.admin_base import TenantModelForm
from core.clock import system_clock
from core.errors import InvalidInputError
from core.lookups import MAX_KEY
from patients import search

PROVIDERS_ONLY = {"role": Role.PROVIDER}


class ProviderFilter(admin.SimpleListFilter):
    """Providers, not every user of the tenant."""

    title, parameter_name = "provider", "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(user.pk), user.get_full_name()) for user in User.objects.providers()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value() or ""
        return queryset.filter(provider_id=int(value)) if value.isdecimal() else queryset


class NamesProvider:
    """A column with the provider's name; the list must select the provider along."""

    @admin.display(description="provider", ordering="provider__last_name")
    def provider_name(self, row: Any) -> str:
        return row.provider.get_full_name() if row.provider else ""


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


class ArraysAsBoxes:
    """A list of choices is ticked, not typed."""

    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **kwargs: Any
    ) -> Any:
        choices = getattr(getattr(db_field, "base_field", None), "choices", None)
        if isinstance(db_field, ArrayField) and choices:
            return forms.MultipleChoiceField(
                choices=choices,
                required=not db_field.blank,
                label=db_field.verbose_name.capitalize(),
                help_text=db_field.help_text,
                widget=forms.CheckboxSelectMultiple,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class CodesAreKnown(TenantModelForm):
    """``diagnosis_codes`` are ICD-10 codes, written as they are stored."""

    def clean_diagnosis_codes(self) -> list[str]:
        try:
            return checked_codes(self.cleaned_data["diagnosis_codes"])
        except InvalidInputError as error:
            raise forms.ValidationError(str(error), code=error.code) from error


def today(request: HttpRequest) -> date:
    return system_clock().astimezone(request.tenant.zone_info).date()
