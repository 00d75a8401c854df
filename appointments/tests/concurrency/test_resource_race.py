"""Many at once want the few rooms there are: no room twice, none left empty, nobody stuck."""

from datetime import time, timedelta

import pytest
from django.db import connections

from accounts.models import User
from accounts.permissions import Role
from appointments.booking.errors import ResourceTakenError, SeriesRefusedError, SlotTakenError
from appointments.booking.group_engine import GroupBookingEngine
from appointments.enums import OCCUPYING, AppointmentStatus
from appointments.models import AppointmentRequest, Resource
from appointments.models.booking import RESOURCE_NO_OVERLAP
from appointments.scheduling.selectors import free_resources
from appointments.tests.concurrency.test_booking_race import (
    THREADS,
    VISIT,
    deadlocks,
    new_row,
    run_in_step,
    starts_of,
    winners_of,
)
from core.clock import system_clock
from core.tenancy import tenant

pytestmark = pytest.mark.concurrency

ROOMS = 3


@pytest.fixture
def clinic(committed_riverside):
    """As many providers as threads, three rooms, and a type that takes one."""
    clinic = committed_riverside
    with clinic.active():
        for number in range(THREADS - len(clinic.providers)):
            clinic.providers.append(
                User.objects.create(username=f"p{number}@race.test", role=Role.PROVIDER)
            )
        for number in range(ROOMS):
            Resource.objects.create(name=f"Room {number}", kind="Room", site=clinic.site)
        clinic.types[0].resource_kind = "Room"
        clinic.types[0].save()
    return clinic


@pytest.fixture
def engine(clinic):
    return GroupBookingEngine(by=clinic.user(Role.FRONT_DESK))


def wish_of(clinic, thread, start):
    return {
        "patient_id": clinic.patients[0].pk,
        "provider_id": clinic.providers[thread].pk,
        "appointment_type_id": clinic.types[0].pk,
        "site_id": clinic.site.pk,
        "start": start,
    }


def shared_rooms() -> int:
    """Pairs of appointments that take the same room at the same time."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM appointments_appointmentrequest a"
            " JOIN appointments_appointmentrequest b ON a.tenant_id = b.tenant_id"
            "  AND a.resource_id = b.resource_id AND a.id < b.id"
            "  AND a.blocked_from < b.blocked_until AND b.blocked_from < a.blocked_until"
            " WHERE a.status = ANY(%s) AND b.status = ANY(%s)",
            [list(OCCUPYING), list(OCCUPYING)],
        )
        return cursor.fetchone()[0]


def test_as_many_of_32_win_as_there_are_rooms(clinic, engine):
    rounds = 10
    starts = starts_of(clinic, rounds)
    before = deadlocks()

    def book(number: int, thread: int) -> int | None:
        try:
            with tenant(clinic.tenant.pk):
                return engine.book(**wish_of(clinic, thread, starts[number])).resource_id
        except ResourceTakenError:
            return None

    results = run_in_step(rounds, book)
    assert winners_of(results) == {ROOMS: rounds}
    assert shared_rooms() == 0
    assert deadlocks() == before


def test_an_overbooking_waits_for_no_room_either(clinic, engine):
    """All of one provider, on purpose: the rooms alone limit them."""
    rounds = 5
    starts = starts_of(clinic, rounds)

    def book(number: int, thread: int) -> int | None:
        wish = wish_of(clinic, 0, starts[number])
        try:
            with tenant(clinic.tenant.pk):
                return engine.book(**wish, override_reason="Emergency").resource_id
        except ResourceTakenError:
            return None

    assert winners_of(run_in_step(rounds, book)) == {ROOMS: rounds}
    assert shared_rooms() == 0


def test_bookings_moves_and_series_into_the_same_rooms_neither_deadlock_nor_share(clinic, engine):
    days, before = 4, deadlocks()
    hours = [clinic.at(1, time(8)) + number * timedelta(hours=1) for number in range(8)]
    keys = {}
    with clinic.active():
        for thread in range(0, THREADS, 4):
            start = clinic.at(12, time(8)) + thread * VISIT
            keys[thread] = engine.book(**wish_of(clinic, thread, start)).pk

    def attempt(number: int, thread: int) -> bool:
        start = hours[(number + thread // 4) % len(hours)] + timedelta(days=thread % days)
        try:
            with tenant(clinic.tenant.pk):
                if thread in keys:
                    engine.reschedule(keys[thread], start=start)
                elif thread % 4 == 1:
                    engine.book_series(
                        **wish_of(clinic, thread, start), rrule=f"FREQ=DAILY;COUNT={days}"
                    )
                else:
                    engine.book(**wish_of(clinic, thread, start))
        except (SlotTakenError, SeriesRefusedError):
            return False
        return True

    results = run_in_step(5, attempt)
    assert any(done for each in results for done in each)
    assert shared_rooms() == 0
    assert deadlocks() == before


def test_control_without_the_constraint_rooms_are_shared(clinic):
    """Look for a free room, take it, and somebody else did the same."""
    rounds = 20
    starts = starts_of(clinic, rounds)
    table = AppointmentRequest._meta.db_table

    def look_then_take(number: int, thread: int) -> int | None:
        start = starts[number]
        with tenant(clinic.tenant.pk):
            room = free_resources(
                "Room", clinic.site.pk, start, start + VISIT, now=system_clock()
            ).first()
            if room is None:
                return None
            row = new_row(clinic, start)
            row.provider, row.resource = clinic.providers[thread], room
            row.status = AppointmentStatus.PENDING
            row.save()
            return room.pk

    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s",
            [RESOURCE_NO_OVERLAP],
        )
        (definition,) = cursor.fetchone()
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {RESOURCE_NO_OVERLAP}")
        try:
            winners = winners_of(run_in_step(rounds, look_then_take))
            assert shared_rooms() > 0
            assert max(winners) > ROOMS
        finally:
            cursor.execute(f"TRUNCATE {table} CASCADE")
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {RESOURCE_NO_OVERLAP} {definition}")
