"""Bookings per second at 32 clients: the engine against looking first and inserting then.

Both ways run in the same engine and differ in the deciding step alone; the second one runs on a
table without the exclusion constraint.  Starts throw-away servers of its own::

    python benchmarks/booking.py [--attempts 10000]
"""

import argparse
import os
import random
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from unittest.mock import patch

sys.path.pop(0)  # of this folder: its queue.py would hide the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hospital_management.testing import set_up_django

set_up_django()

from django.db import connections  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.permissions import Role  # noqa: E402
from appointments.booking import engine, placement  # noqa: E402
from appointments.booking.engine import BookingEngine  # noqa: E402
from appointments.booking.errors import SlotTakenError  # noqa: E402
from appointments.booking.requests import Visit  # noqa: E402
from appointments.models import AppointmentRequest  # noqa: E402
from appointments.models.booking import NO_OVERLAP  # noqa: E402
from appointments.scheduling.selectors import overlapping  # noqa: E402
from appointments.tests.clinics import Clinic, build_clinic  # noqa: E402
from core.roles import ensure_app_role, grant_app_role  # noqa: E402
from core.tenancy import tenant  # noqa: E402

TABLE = AppointmentRequest._meta.db_table
PROCESSES, THREADS = 4, 8
CLIENTS = PROCESSES * THREADS
SLOTS = 50
ATTEMPTS_PER_WAVE = 8 * SLOTS  # then 50 fresh slots, so that the fight goes on
VISIT = timedelta(minutes=30)


def look_then_insert(
    row: AppointmentRequest, visit: Visit, *, now: datetime, override_reason: str = ""
) -> None:
    """The plan's way: see that nothing overlaps, then write."""
    placement.meet_hours(row, visit, override_reason)
    placement.mind_overbooked(row, visit, now=now, override_reason=override_reason)
    in_the_way = overlapping(visit.provider.pk, visit.blocked_from, visit.blocked_until, now=now)
    if in_the_way.exists():
        raise SlotTakenError(visit, conflicts=list(in_the_way.values_list("pk", flat=True)))
    row.save()


@dataclass(frozen=True, slots=True)
class Result:
    attempts: int
    booked: int
    doubles: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.attempts / self.seconds


def spread(number: int, first: datetime) -> tuple[int, datetime]:
    """A slot of its own for every attempt: provider's index and start."""
    return number % SLOTS, first + number // SLOTS * VISIT


def contended(number: int, first: datetime) -> tuple[int, datetime]:
    """One of the 50 slots that everyone wants just now."""
    return random.randrange(SLOTS), first + number // ATTEMPTS_PER_WAVE * VISIT


def run(insert, choose, clinic: Clinic, attempts: int) -> Result:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"TRUNCATE {TABLE} CASCADE")
    connections.close_all()  # none may be shared with the children
    context = get_context("fork")
    counter = context.Value("q", 0)
    go = context.Event()
    work = (choose, clinic, attempts, counter, go)
    children = [context.Process(target=_process, args=work) for _ in range(PROCESSES)]
    with patch.object(engine, "insert", insert):
        for child in children:
            child.start()
    time.sleep(1)
    began = time.perf_counter()
    go.set()
    for child in children:
        child.join()
    seconds = time.perf_counter() - began
    if any(child.exitcode for child in children):
        raise SystemExit("A client failed; see above.")
    return Result(attempts, *_count(), seconds)


def _process(*work) -> None:
    failures: list[BaseException] = []
    threads = [Thread(target=_client, args=(*work, failures)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        print(repr(failures[0]), file=sys.stderr)
    sys.stderr.flush()
    os._exit(1 if failures else 0)  # the parent's exit handlers stop the servers


def _client(choose, clinic, attempts, counter, go, failures) -> None:
    books = BookingEngine(by=clinic.user(Role.FRONT_DESK))
    first = clinic.at(1, datetime.min.time())
    go.wait()
    try:
        while True:
            with counter.get_lock():
                number = counter.value
                counter.value += 1
            if number >= attempts:
                return
            provider, start = choose(number, first)
            try:
                with tenant(clinic.tenant.pk, actor_id=books.by.pk):
                    books.book(
                        patient_id=clinic.patients[0].pk,
                        provider_id=clinic.providers[provider].pk,
                        appointment_type_id=clinic.types[0].pk,
                        start=start,
                    )
            except SlotTakenError:
                pass
    except BaseException as error:  # noqa: BLE001 - reported by the process
        failures.append(error)
    finally:
        connections.close_all()


def _count() -> tuple[int, int]:
    """Bookings, and those among them that overlap an earlier one."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM {TABLE} b"
            " WHERE b.tenant_id = a.tenant_id AND b.provider_id = a.provider_id AND b.id < a.id"
            " AND b.blocked_from < a.blocked_until AND a.blocked_from < b.blocked_until))"
            f" FROM {TABLE} a"
        )
        return cursor.fetchone()


def drop_constraint() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT {NO_OVERLAP}")


def build() -> Clinic:
    ensure_app_role()
    grant_app_role()
    clinic = build_clinic("benchmark", zone="Europe/Berlin")
    with clinic.active():
        for number in range(len(clinic.providers), SLOTS):
            name = f"extra{number}@benchmark.test"
            clinic.providers.append(
                User.objects.create(username=name, role=Role.PROVIDER, last_name=str(number))
            )
    return clinic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--attempts", type=int, default=10_000, help="of each way, in each case")
    attempts = parser.parse_args().attempts
    clinic = build()
    cases = {"spread out": spread, f"all for {SLOTS} slots": contended}
    ours = {name: run(placement.insert, case, clinic, attempts) for name, case in cases.items()}
    drop_constraint()
    theirs = {name: run(look_then_insert, case, clinic, attempts) for name, case in cases.items()}
    report(ours, theirs)


def report(ours: dict[str, Result], theirs: dict[str, Result]) -> None:
    print(f"{CLIENTS} clients in {PROCESSES} processes on {os.cpu_count()} cores")
    print(f"{'case':<18}{'way':<16}{'attempts':>9}{'per s':>8}{'booked':>8}{'double':>8}")
    for case in ours:
        for way, each in (("engine", ours[case]), ("look, insert", theirs[case])):
            print(
                f"{case:<18}{way:<16}{each.attempts:>9}{each.rate:>8.0f}"
                f"{each.booked:>8}{each.doubles:>8}"
            )
        ratio = ours[case].rate / theirs[case].rate
        print(f"{case:<18}{'engine : look, insert':<24}{ratio:.2f} : 1")
    total = sum(each.attempts for each in ours.values())
    doubles = sum(each.doubles for each in ours.values())
    print(f"The engine double-booked {doubles} times in {total} attempts.")
    if doubles:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
