"""Many at once want the same time: one gets it, and without the constraint two would.

Every thread is a client of its own: own connection, own transaction per attempt, in step with the
others at a barrier.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import time, timedelta
from threading import Barrier

import pytest
from django.db import connection, connections

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import SlotTakenError
from appointments.booking.group_engine import GroupBookingEngine
from appointments.enums import OCCUPYING, AppointmentStatus
from appointments.models import AppointmentEvent, AppointmentRequest
from appointments.models.booking import NO_OVERLAP
from core.db import insert_unless_conflict
from core.tenancy import tenant

pytestmark = pytest.mark.concurrency

THREADS = 32
WAIT_SECONDS = 120
VISIT = timedelta(minutes=30)


def run_in_step(rounds: int, attempt: Callable[[int, int], object]) -> list[list[object]]:
    """Call ``attempt(round, thread)`` in every thread at once, round by round.

    Returns:
        The results of each thread, in the order of rounds.  An exception ends the test.
    """
    barrier = Barrier(THREADS)

    def client(thread: int) -> list[object]:
        try:
            results = []
            for number in range(rounds):
                barrier.wait(WAIT_SECONDS)
                results.append(attempt(number, thread))
            return results
        except BaseException:
            barrier.abort()
            raise
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(client, range(THREADS)))


@pytest.fixture
def clinic(committed_riverside):
    return committed_riverside


@pytest.fixture
def book(clinic):
    """Books for the first provider; answers with the key, or None where the time was taken."""
    engine = BookingEngine(by=clinic.user(Role.FRONT_DESK))

    def attempt(start) -> int | None:
        try:
            with tenant(clinic.tenant.pk):
                row = engine.book(
                    patient_id=clinic.patients[0].pk,
                    provider_id=clinic.providers[0].pk,
                    appointment_type_id=clinic.types[0].pk,
                    start=start,
                )
        except SlotTakenError:
            return None
        return row.pk

    return attempt


def starts_of(clinic, count: int):
    """That many half-hours after one another, from tomorrow on."""
    first = clinic.at(1, time(8))
    return [first + number * VISIT for number in range(count)]


def overlaps() -> int:
    """Pairs of appointments that take the same time of the same provider."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM appointments_appointmentrequest a"
            " JOIN appointments_appointmentrequest b ON a.tenant_id = b.tenant_id"
            "  AND a.provider_id = b.provider_id AND a.id < b.id"
            "  AND a.blocked_from < b.blocked_until AND b.blocked_from < a.blocked_until"
            " WHERE a.status = ANY(%s) AND b.status = ANY(%s)",
            [list(OCCUPYING), list(OCCUPYING)],
        )
        return cursor.fetchone()[0]


def deadlocks() -> int:
    """How many the database has broken so far."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def test_one_of_32_gets_the_slot_and_the_others_are_told(clinic, book):
    """The whole command, as every caller uses it."""
    rounds = 12
    starts = starts_of(clinic, rounds)
    results = run_in_step(rounds, lambda number, thread: book(starts[number]))
    assert winners_of(results) == {1: rounds}
    with clinic.active():
        assert AppointmentRequest.objects.count() == rounds
        assert AppointmentEvent.objects.count() == rounds
    assert overlaps() == 0


def test_one_of_32_gets_the_slot_hundreds_of_times(clinic):
    """The command's deciding statement alone, so that many rounds take seconds."""
    rounds = 300
    starts = starts_of(clinic, rounds)

    def insert(number: int, thread: int) -> bool:
        with tenant(clinic.tenant.pk):
            return insert_unless_conflict(new_row(clinic, starts[number]), NO_OVERLAP) or None

    assert winners_of(run_in_step(rounds, insert)) == {1: rounds}
    with clinic.active():
        assert AppointmentRequest.objects.count() == rounds
    assert overlaps() == 0


def winners_of(results: list[list[object]]) -> Counter[int]:
    """How many rounds had how many winners."""
    return Counter(
        sum(each is not None for each in round_) for round_ in zip(*results, strict=True)
    )


def new_row(clinic, start) -> AppointmentRequest:
    """A visit of the first provider, not written yet."""
    return AppointmentRequest(
        patient_id=clinic.patients[0].pk,
        provider_id=clinic.providers[0].pk,
        appointment_type_id=clinic.types[0].pk,
        scheduled_datetime=start,
        scheduled_end_datetime=start + VISIT,
        blocked_from=start,
        blocked_until=start + VISIT,
        status=AppointmentStatus.PENDING,
    )


def test_nobody_is_refused_who_wants_another_slot_of_the_provider(clinic, book):
    rounds = 5
    starts = starts_of(clinic, rounds * THREADS)
    results = run_in_step(rounds, lambda number, thread: book(starts[number * THREADS + thread]))
    keys = {key for each in results for key in each}
    assert None not in keys
    assert len(keys) == rounds * THREADS


def test_moves_into_each_others_time_neither_deadlock_nor_overlap(clinic, book):
    """Each appointment tries to take its neighbour's slot, first one way, then the other."""
    starts = starts_of(clinic, THREADS)
    keys = [book(start) for start in starts]
    free = starts[-1] + VISIT  # the one gap that lets a chain of moves begin
    targets = [*starts, free]
    engine = BookingEngine(by=clinic.user(Role.FRONT_DESK))
    before = deadlocks()

    def move(number: int, thread: int) -> bool:
        step = 1 if number % 2 else -1
        try:
            with tenant(clinic.tenant.pk):
                row = AppointmentRequest.objects.get(pk=keys[thread])
                place = targets.index(row.scheduled_datetime)
                engine.reschedule(row.pk, start=targets[(place + step) % len(targets)])
        except SlotTakenError:
            return False
        return True

    results = run_in_step(10, move)
    assert any(moved for each in results for moved in each)
    assert overlaps() == 0
    assert deadlocks() == before
    with clinic.active():
        placed = AppointmentRequest.objects.values_list("scheduled_datetime", flat=True)
        assert len(set(placed)) == THREADS


def test_bookings_and_moves_into_the_same_slots_never_overlap(clinic, book):
    """A booking and a move use different statements, so they race each other too."""
    starts = starts_of(clinic, 2 * THREADS)
    keys = [book(start) for start in starts[:THREADS]]
    engine = BookingEngine(by=clinic.user(Role.FRONT_DESK))
    before = deadlocks()

    def attempt(number: int, thread: int) -> bool:
        wanted = starts[THREADS + (number + thread // 2) % THREADS]
        if thread % 2:
            return book(wanted) is not None
        try:
            with tenant(clinic.tenant.pk):
                engine.reschedule(keys[thread], start=wanted)
        except SlotTakenError:
            return False
        return True

    run_in_step(10, attempt)
    assert overlaps() == 0
    assert deadlocks() == before


@contextmanager
def without_the_constraint():
    """The table as it would be without it; put back, rows and all, when the block ends."""
    table = AppointmentRequest._meta.db_table
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [NO_OVERLAP]
        )
        (definition,) = cursor.fetchone()
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {NO_OVERLAP}")
        try:
            yield
        finally:
            cursor.execute(f"TRUNCATE {table} CASCADE")
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {NO_OVERLAP} {definition}")


def test_control_checking_first_double_books(clinic):
    """What the constraint is for: look, find it free, insert, and somebody else did the same."""
    rounds = 25
    starts = starts_of(clinic, rounds)

    def check_then_insert(number: int, thread: int) -> bool:
        start = starts[number]
        with tenant(clinic.tenant.pk):
            taken = AppointmentRequest.objects.filter(
                provider=clinic.providers[0],
                status__in=OCCUPYING,
                blocked_from__lt=start + VISIT,
                blocked_until__gt=start,
            )
            if taken.exists():
                return False
            new_row(clinic, start).save()
        return True

    with without_the_constraint():
        run_in_step(rounds, check_then_insert)
        assert overlaps() > 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_constraint WHERE conname = %s", [NO_OVERLAP])
        assert cursor.fetchone() == (1,)


def test_of_trips_that_cross_one_is_booked_whole(clinic):
    """Each begins with the provider with whom the other ends; buffers make both ends overlap."""
    rounds, before = 8, deadlocks()
    kind, (first, second) = clinic.types[0], clinic.providers
    with clinic.active():
        kind.buffer_after_minutes = 30
        kind.save()
    starts = [clinic.at(1 + number, time(9)) for number in range(rounds)]
    trips = [((first, 0), (second, 30)), ((second, 10), (first, 45))]
    engine = GroupBookingEngine(by=clinic.user(Role.FRONT_DESK))

    def attempt(number: int, thread: int) -> bool | None:
        visits = [
            {
                "provider_id": provider.pk,
                "appointment_type_id": kind.pk,
                "start": starts[number] + timedelta(minutes=minutes),
            }
            for provider, minutes in trips[thread % 2]
        ]
        try:
            with tenant(clinic.tenant.pk):
                return bool(engine.book_trip(patient_id=clinic.patients[0].pk, visits=visits))
        except SlotTakenError:
            return None

    assert winners_of(run_in_step(rounds, attempt)) == {1: rounds}
    with clinic.active():
        assert AppointmentRequest.objects.count() == 2 * rounds
    assert (overlaps(), deadlocks() - before) == (0, 0)
