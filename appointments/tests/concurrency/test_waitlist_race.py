"""Several people book the same waiting patient at once: one visit.  The control shows that without
the entry's lock there would be several."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import time, timedelta
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import connections

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.models import AppointmentRequest, WaitingList
from appointments.waitlist.errors import NotWaitingError
from appointments.waitlist.waitlist_engine import WaitlistEngine
from core.tenancy import tenant

pytestmark = pytest.mark.concurrency

THREADS = 8
ROUNDS = 5
HOUR = timedelta(hours=1)


@pytest.fixture
def clinic(committed_riverside):
    return committed_riverside


@pytest.fixture
def rendezvous(monkeypatch):
    """Hold each booking that has decided to go ahead until all have, or half a second passed."""
    barrier = Barrier(THREADS)
    book = BookingEngine.book

    def decided_then_book(self, **wish):
        with suppress(BrokenBarrierError):
            barrier.wait(0.5)
        return book(self, **wish)

    monkeypatch.setattr(BookingEngine, "book", decided_then_book)


def visits_of_one_entry(clinic, number: int) -> int:
    """Every thread books another time, so that only the entry stands between them."""
    with clinic.active():
        entry = WaitingList.objects.create(
            patient=clinic.patients[0], appointment_type=clinic.types[0]
        )

    def book(thread: int) -> int:
        try:
            with tenant(clinic.tenant.pk):
                WaitlistEngine(clinic.tenant, by=clinic.user(Role.FRONT_DESK)).book_from(
                    entry.pk,
                    provider_id=clinic.providers[0].pk,
                    start=clinic.at(1 + number, time(8)) + thread * HOUR,
                )
        except NotWaitingError:
            return 0
        finally:
            connections.close_all()
        return 1

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(book, range(THREADS)))


def test_one_entry_becomes_one_visit(clinic, rendezvous):
    assert [visits_of_one_entry(clinic, number) for number in range(ROUNDS)] == [1] * ROUNDS
    with clinic.active():
        assert AppointmentRequest.objects.count() == ROUNDS
        booked = WaitingList.objects.values_list("scheduled_appointment_id", flat=True)
        assert set(booked) == set(AppointmentRequest.objects.values_list("pk", flat=True))


def test_control_without_the_lock_one_entry_becomes_several(clinic, rendezvous, monkeypatch):
    monkeypatch.setattr(
        WaitlistEngine,
        "_locked",
        lambda self, entry_id, version: WaitingList.objects.get(pk=entry_id),
    )
    assert visits_of_one_entry(clinic, 0) > 1
