"""Generated tenants for measurements are what was asked for, and usable."""

from io import StringIO

from django.core.management import call_command

from appointments.enums import OCCUPYING
from appointments.models import AppointmentRequest
from appointments.scheduling.smart_scheduler import SmartScheduler
from core.clock import system_clock
from core.models import Tenant
from core.tenancy import tenant
from patients.models import PatientProfile


def test_a_small_load_has_the_asked_size_and_can_be_searched(committed_db):
    sizes = {"tenants": 2, "providers": 3, "days": 6, "patients": 40, "appointments": 120}
    call_command("load_demo", **sizes, stdout=StringIO(), stderr=StringIO())
    loaded = list(Tenant.objects.order_by("slug"))
    assert [each.slug for each in loaded] == ["load-01", "load-02"]
    for each in loaded:
        with tenant(each.pk):
            assert PatientProfile.objects.count() == 20
            assert AppointmentRequest.objects.count() == 60
            coming = AppointmentRequest.objects.filter(status__in=OCCUPYING).latest("blocked_from")
            today = system_clock().astimezone(each.zone_info).date()
            days = {today, coming.scheduled_datetime.astimezone(each.zone_info).date()}
            slots = SmartScheduler(each).find_optimal_slots(
                coming.patient, None, coming.appointment_type, days, max_results=500
            )
            assert slots
            assert coming.scheduled_datetime not in {
                slot.datetime for slot in slots if slot.provider_id == coming.provider_id
            }
