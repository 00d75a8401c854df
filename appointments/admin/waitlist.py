"""Administration of the waitlist.  The engine writes, so its rules hold here too."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from appointments.admin.common import PROVIDERS_ONLY, CodesAreKnown, SearchByPatient
from appointments.models import WaitingList
from appointments.waitlist.waitlist_engine import WISHES, WaitlistEngine
from core.admin_base import TenantModelAdmin
from core.errors import DomainError


@admin.register(WaitingList)
class WaitingListAdmin(SearchByPatient, TenantModelAdmin):
    """Entries are withdrawn, never deleted; booking from them is done on the waitlist's page."""

    form = CodesAreKnown
    see_permission, edit_permission = "see_waitlist", "edit_waitlist"
    can_delete = False
    actions = ("withdraw",)
    choice_filters = {"preferred_provider": PROVIDERS_ONLY}
    autocomplete_fields = ("patient",)
    list_display = ("patient_name", "appointment_type", "priority", "status", "created_at")
    list_select_related = ("patient", "appointment_type")
    list_filter = ("status", "priority", "appointment_type")
    ordering = ("-created_at", "-pk")
    exclude = ("status", "scheduled_appointment")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("patient", "status") if obj else ()

    def save_model(self, request: HttpRequest, obj: WaitingList, form: Any, change: bool) -> None:
        engine = WaitlistEngine(request.tenant, by=request.user)
        wishes = {name: getattr(obj, name) for name in WISHES}
        if change:
            engine.change(obj.pk, **wishes)
        else:
            obj.pk = engine.add(patient_id=obj.patient_id, **wishes).pk

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.edit_permission)

    @admin.action(description="Withdraw the selected entries", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet) -> None:
        engine, done = WaitlistEngine(request.tenant, by=request.user), 0
        for key in queryset.order_by("pk").values_list("pk", flat=True):
            try:
                engine.withdraw(key)
            except DomainError as error:
                self.message_user(request, f"Entry {key}: {error}", messages.ERROR)
            else:
                done += 1
        if done:
            self.message_user(request, f"{done} withdrawn.", messages.SUCCESS)
