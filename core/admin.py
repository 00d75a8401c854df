"""Administration of the tenant itself, its sites and its audit trail."""

import json
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html, format_html_join

from core.admin_base import ReadOnlyAdmin, TenantModelAdmin, TenantModelForm, opening_days_field
from core.constraints import Audited
from core.models import AuditEvent, Site, Tenant

ACTIONS = (("INSERT", "Created"), ("UPDATE", "Changed"), ("DELETE", "Deleted"), ("READ", "Read"))
MAX_RECORD_ID = 2**63 - 1


class TenantForm(forms.ModelForm):
    zone = forms.ChoiceField(
        label="Time zone", choices=lambda: [(name, name) for name in sorted(available_timezones())]
    )


@admin.register(Tenant)
class TenantAdmin(TenantModelAdmin):
    """The tenant's own settings.  Tenants are made and closed by the platform, not here."""

    form = TenantForm
    can_add = can_delete = False
    list_display = ("name", "slug", "zone", "locale", "email", "phone")
    fields = ("name", "slug", "zone", "locale", "email", "phone", "no_show_grace_minutes")
    readonly_fields = ("slug",)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:core_tenant_change", request.tenant.pk)


class SiteForm(TenantModelForm):
    opening_days = opening_days_field()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        opens, closes = cleaned.get("opens_at"), cleaned.get("closes_at")
        if opens and closes and opens >= closes:
            self.add_error("closes_at", "The site must close later than it opens.")
        for name, other in (("latitude", "longitude"), ("longitude", "latitude")):
            if cleaned.get(name) is None and cleaned.get(other) is not None:
                self.add_error(name, f"Give it with the {other}, or neither.")
        return cleaned


@admin.register(Site)
class SiteAdmin(TenantModelAdmin):
    form = SiteForm
    see_permission, edit_permission = "see_catalogue", "edit_catalogue"
    list_display = ("name", "address", "phone", "opens_at", "closes_at", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name", "address")


class TableFilter(admin.SimpleListFilter):
    """The audited tables; offering only those that occur would read the whole trail."""

    title, parameter_name = "record", "table"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        audited = [
            (model._meta.db_table, str(model._meta.verbose_name))
            for model in apps.get_models()
            if any(isinstance(rule, Audited) for rule in model._meta.constraints)
        ]
        return sorted(audited, key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(table=self.value()) if self.value() else queryset


class ActionFilter(admin.SimpleListFilter):
    title, parameter_name = "action", "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        return ACTIONS

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(action=self.value()) if self.value() else queryset


class ActorFilter(admin.SimpleListFilter):
    """Staff, and "the system" for what jobs did."""

    title, parameter_name = "who", "actor"
    SYSTEM = "system"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        staff = get_user_model().objects.exclude(role="patient").order_by("username")
        names = staff.values_list("pk", "username")
        return [(self.SYSTEM, "The system"), *((str(key), name) for key, name in names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value() or ""
        if value == self.SYSTEM:
            return queryset.filter(actor_id__isnull=True)
        return queryset.filter(actor_id=int(value)) if value.isdecimal() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, when, to which record.  Search takes a record's key."""

    see_permission = "see_audit"
    list_display = ("at", "who", "what", "table", "record_id", "changed_fields")
    list_display_links = ("at",)
    list_filter = (ActionFilter, TableFilter, ActorFilter, "at")
    search_fields = ("record_id",)
    search_help_text = "A record's key, such as 1204"
    fields = ("at", "who", "what", "table", "record_id", "changes")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        users = get_user_model().objects.filter(pk=OuterRef("actor_id"))
        return (
            super()
            .get_queryset(request)
            .annotate(actor_name=Subquery(users.values("username")[:1]))
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if not (term.isdecimal() and int(term) <= MAX_RECORD_ID):
            self.message_user(request, "Search for a record by its key.", messages.WARNING)
            return queryset.none(), False
        return queryset.filter(record_id=int(term)), False

    @admin.display(description="who")
    def who(self, event: AuditEvent) -> str:
        if event.actor_id is None:
            return "The system"
        return event.actor_name or f"Platform user {event.actor_id}"

    @admin.display(description="what")
    def what(self, event: AuditEvent) -> str:
        return dict(ACTIONS).get(event.action, event.action)

    @admin.display(description="fields")
    def changed_fields(self, event: AuditEvent) -> str:
        return ", ".join(sorted(event.after or {})) if event.action == "UPDATE" else ""

    @admin.display(description="changes")
    def changes(self, event: AuditEvent) -> str:
        before, after = event.before or {}, event.after or {}
        rows = format_html_join(
            "",
            "<tr><th scope='row'>{}</th><td>{}</td><td>{}</td></tr>",
            (
                (name, _shown(before, name), _shown(after, name))
                for name in sorted(before.keys() | after.keys())
            ),
        )
        return format_html(
            "<table><thead><tr><th scope='col'>Field</th><th scope='col'>Before</th>"
            "<th scope='col'>After</th></tr></thead><tbody>{}</tbody></table>",
            rows,
        )


def _shown(values: dict[str, Any], name: str) -> str:
    if name not in values:
        return ""
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
