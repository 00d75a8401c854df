"""Administration of appointment types, rooms and equipment."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from appointments.admin.common import PROVIDERS_ONLY
from appointments.models import AppointmentTemplate, Resource, TemplateProvider, TemplateSite
from core.admin_base import TenantInline, TenantModelAdmin


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
    list_filter = ("is_active", "is_bookable_online", "modality")
    search_fields = ("name", "specialty", "resource_kind")
    inlines = (TemplateProviders, TemplateSites)

    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "colour":
            kwargs["widget"] = forms.TextInput(attrs={"type": "color"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(Resource)
class ResourceAdmin(TenantModelAdmin):
    see_permission, edit_permission = "see_catalogue", "edit_catalogue"
    list_display = ("name", "kind", "site", "is_active")
    list_select_related = ("site",)
    list_filter = ("is_active", "kind", "site")
    search_fields = ("name", "kind")
