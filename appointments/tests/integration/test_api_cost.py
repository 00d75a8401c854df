"""Lists cost the same number of queries at any length."""

from datetime import date, time

import pytest
from django.test.utils import CaptureQueriesContext

from accounts.models import ProviderProfile, User
from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.models import (
    AppointmentTemplate,
    AvailabilityRule,
    QueueEntry,
    Resource,
    SchedulingMetrics,
    ServicePoint,
    ServicePointQueue,
    SlotAvailability,
    TimeOff,
    WaitingList,
    WaitingQueue,
)
from appointments.tests.api import api_of
from core.models import Site
from patients.models import PatientProfile

MOST = 12
LISTS = [
    "patients/",
    "patients/?search=Cost",
    "accounts/providers/",
    "sites/",
    "appointments/appointment-types/",
    "appointments/availability/",
    "appointments/availability-rules/",
    "appointments/resources/",
    "appointments/time-off/",
    "appointments/appointments/",
    "appointments/appointments/?search=Cost&status=PENDING&date_from=2020-01-01",
    "appointments/queues/",
    "appointments/queue-entries/",
    "appointments/service-points/",
    "appointments/waitlist/",
    "appointments/scheduling-metrics/",
]


def add_one_of_each(clinic, number):
    site = Site.objects.create(name=f"Site {number}")
    patient = PatientProfile.objects.create(
        mrn=f"Q{number}", first_name="Cost", last_name=f"Ly{number}", birth_date=date(1980, 1, 1)
    )
    provider = User.objects.create(
        username=f"p{number}@cost.test", role=Role.PROVIDER, last_name=f"P{number}"
    )
    ProviderProfile.objects.create(user=provider, specialties=["X"]).sites.add(site)
    kind = AppointmentTemplate.objects.create(name=f"Type {number}")
    kind.providers.add(provider)
    kind.sites.add(site)
    hours = {"provider": provider, "site": site, "start_time": time(8), "end_time": time(18)}
    rule = AvailabilityRule.objects.create(weekday=1, **hours)
    SlotAvailability.objects.create(date=date(2035, 1, 1), rule=rule, **hours)
    room = Resource.objects.create(name=f"Room {number}", kind="Room", site=site)
    span = {"starts_at": clinic.at(40, time(8)), "ends_at": clinic.at(40, time(9))}
    TimeOff.objects.create(resource=room, **span)
    BookingEngine(by=None).book(
        patient_id=patient.pk,
        provider_id=provider.pk,
        appointment_type_id=kind.pk,
        start=clinic.at(1, time(10)),
    )
    queue = WaitingQueue.objects.create(name=f"Queue {number}", site=site)
    QueueEntry.objects.create(queue=queue, patient=patient, ticket=f"A{number}")
    point = ServicePoint.objects.create(name=f"Point {number}")
    ServicePointQueue.objects.create(point=point, queue=queue)
    WaitingList.objects.create(patient=patient, appointment_type=kind)
    SchedulingMetrics.objects.create(provider=provider, date=date(2035, 1, 1))


def cost(api, path):
    from django.db import connection

    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = api.get(path + ("&" if "?" in path else "?") + "page_size=500")
    assert answer.status_code == 200, answer.content
    return answer.json()["count"], len(queries)


def test_lists_cost_the_same_at_any_length(riverside):
    api = api_of(riverside, Role.MANAGER)
    with riverside.active():
        add_one_of_each(riverside, 0)
    short = {path: cost(api, path) for path in LISTS}
    with riverside.active():
        for number in range(1, 30):
            add_one_of_each(riverside, number)
    for path, (few, queries) in short.items():
        many, now = cost(api, path)
        assert many == few + 29, path
        assert (path, now) == (path, queries)
        assert now <= MOST, path


@pytest.mark.parametrize("role", [Role.FRONT_DESK, Role.PROVIDER])
def test_one_record_costs_little(riverside, role):
    from django.db import connection

    with riverside.active():
        row = BookingEngine(by=None).book(
            patient_id=riverside.patients[0].pk,
            provider_id=riverside.providers[0].pk,
            appointment_type_id=riverside.types[0].pk,
            start=riverside.at(1, time(10)),
        )
    api = api_of(riverside, role)
    with CaptureQueriesContext(connection) as queries:
        assert api.get(f"appointments/appointments/{row.pk}/").status_code == 200
    assert len(queries) <= MOST
