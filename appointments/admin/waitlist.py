"""Administration of the waitlist."""

from django.contrib import admin

from appointments.admin.common import PROVIDERS_ONLY, SearchByPatient
from appointments.models import WaitingList
from core.admin_base import TenantModelAdmin


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
