"""Several people call the same patient at once: one call is noted.  The control shows that without
the visits' lock there would be several."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import time, timedelta
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import connections
from django.db.models import QuerySet

from accounts.permissions import Role
from appointments.booking.reminder_calls import AlreadyCalledError, ReminderCalls
from appointments.enums import ReminderOutcome
from appointments.models import ReminderCall
from appointments.tests.visits import make_visit
from core.clock import system_clock
from core.tenancy import tenant

pytestmark = pytest.mark.concurrency

THREADS = 6


@pytest.fixture
def rendezvous(monkeypatch):
    """Hold each call that has found no earlier one until all have, or half a second passed."""
    barrier = Barrier(THREADS)
    follow = ReminderCalls._follow

    def decided_then_follow(self, *args):
        with suppress(BrokenBarrierError):
            barrier.wait(0.5)
        return follow(self, *args)

    monkeypatch.setattr(ReminderCalls, "_follow", decided_then_follow)


def calls_noted(clinic) -> int:
    with clinic.active():
        visits = [
            make_visit(
                clinic,
                clinic.at(day, time(9)),
                created_at=system_clock() - timedelta(hours=1),
            )
            for day in (1, 2)
        ]

    def note(thread: int) -> int:
        try:
            with tenant(clinic.tenant.pk):
                ReminderCalls(by=clinic.user(Role.FRONT_DESK)).record(
                    clinic.patients[0].pk,
                    ReminderOutcome.CONFIRMED,
                    {visit.pk: visit.version for visit in visits[:: 1 if thread % 2 else -1]},
                )
        except AlreadyCalledError:
            return 0
        finally:
            connections.close_all()
        return 1

    with ThreadPoolExecutor(THREADS) as pool:
        noted = sum(pool.map(note, range(THREADS)))
    with clinic.active():
        assert ReminderCall.objects.count() == noted
    return noted


def test_one_call_is_noted(committed_riverside, rendezvous):
    assert calls_noted(committed_riverside) == 1


def test_control_without_the_lock_several_are(committed_riverside, rendezvous, monkeypatch):
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **options: self._chain())
    assert calls_noted(committed_riverside) > 1
