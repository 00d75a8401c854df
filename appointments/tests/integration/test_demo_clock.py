"""The demo fits the clock at whatever hour it is loaded, and is the same for the same seed."""

from datetime import datetime

import pytest

from appointments.enums import EXPECTED
from appointments.management.demo import load
from appointments.management.demo.hospitals import RIVERSIDE
from appointments.models import AppointmentRequest, WaitingQueue
from conftest import empty_every_table
from core.models import Tenant
from core.tenancy import tenant

pytestmark = pytest.mark.usefixtures("committed_db")

BEGUN = {"COMPLETED", "IN_PROGRESS", "CHECKED_IN"}
ZONE = Tenant(zone=RIVERSIDE.zone).zone_info


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One hospital and few days: these tests are about today."""
    monkeypatch.setattr(load, "HOSPITALS", (RIVERSIDE,))
    monkeypatch.setattr(load, "DAYS_BACK", 1)
    monkeypatch.setattr(load, "DAYS_AHEAD", 10)


def visits_after_a_load(now, *, seed):
    """Everything about the visits but their keys, by start."""
    load.load_demo(now=now, seed=seed)
    with tenant(Tenant.objects.get().pk):
        rows = AppointmentRequest.objects.order_by("scheduled_datetime", "provider__username")
        return list(
            rows.values(
                "patient__mrn",
                "provider__username",
                "scheduled_datetime",
                "status",
                "created_at",
                "checked_in_at",
            )
        )


def at(hour, day=22):
    """A quarter to the next hour on the hospital's clock; the 22nd is a Sunday."""
    return datetime(2026, 11, day, hour, 45, tzinfo=ZONE)


def test_the_same_seed_and_instant_give_the_same_hospital():
    first = visits_after_a_load(at(10), seed=1)
    empty_every_table()
    assert visits_after_a_load(at(10), seed=1) == first


def test_another_seed_gives_another_hospital():
    first = visits_after_a_load(at(10), seed=1)
    empty_every_table()
    assert visits_after_a_load(at(10), seed=2) != first


@pytest.mark.parametrize(
    ("day", "hour", "some_of_each"),
    [
        (25, 0, [BEGUN, EXPECTED]),
        (22, 4, [BEGUN, EXPECTED, {"COMPLETED"}]),
        (22, 10, [{"CHECKED_IN"}, {"IN_PROGRESS"}, EXPECTED, {"COMPLETED"}]),
        (25, 15, [{"CHECKED_IN"}, {"IN_PROGRESS"}, EXPECTED, {"COMPLETED"}]),
        (25, 19, [BEGUN, EXPECTED, {"COMPLETED"}]),
        (22, 23, [BEGUN, {"COMPLETED"}]),
    ],
)
def test_today_is_alive_whatever_the_hour(hour, some_of_each, day):
    now = at(hour, day)
    seen = {
        row["status"]
        for row in visits_after_a_load(now, seed=2026)
        if row["scheduled_datetime"].astimezone(ZONE).date() == now.date()
    }
    for states in some_of_each:
        assert seen & set(states)


def test_tickets_count_by_day_though_it_has_just_begun():
    """Whoever waits since before midnight has a ticket of yesterday."""
    load.load_demo(now=datetime(2026, 11, 22, 0, 15, tzinfo=ZONE), seed=1)
    with tenant(Tenant.objects.get().pk):
        for queue in WaitingQueue.objects.all():
            by_day: dict = {}
            for entry in queue.entries.order_by("joined_at", "pk"):
                day = entry.joined_at.astimezone(ZONE).date()
                by_day.setdefault(day, []).append(int(entry.ticket.rpartition("-")[2]))
            for numbers in by_day.values():
                assert numbers == list(range(1, len(numbers) + 1))
