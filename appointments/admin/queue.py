"""Administration of queues."""

from django.contrib import admin

from appointments.admin.common import SearchByPatient
from appointments.models import QueueEntry, WaitingQueue
from core.admin_base import ReadOnlyAdmin, TenantModelAdmin


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
    list_display = ("ticket", "queue", "patient_name", "status", "joined_at")
    list_select_related = ("queue", "patient")
    list_filter = ("status", "queue")
    ordering = ("-joined_at", "-pk")
    exclude = ("patient", "appointment")
    readonly_fields = ("patient_name", "appointment_id")
