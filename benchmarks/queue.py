"""What calling the next patient exactly once costs, and what a change of the order costs.

Runs, one after the other on one throw-away database and in one table:

* calls by 32 clients from 5,000 waiting: the engine; the same with the queue's row locked; the
  plan's way, which locks the queue and numbers every entry anew, one UPDATE each;
* one patient more and the order settled, at 100, 1,000 and 10,000 waiting: statements and time,
  against one UPDATE per entry;
* the wait estimate of a queue of 200.

    python benchmarks/queue.py [--waiting 5000] [--calls 4000] [--skip-calls]
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from threading import Thread

sys.path.pop(0)  # of this folder: its queue.py would hide the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hospital_management.testing import set_up_django

set_up_django()

import numpy as np  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402
from django.db.models import F  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from appointments.enums import QueueEntryStatus, QueueStep  # noqa: E402
from appointments.models import (  # noqa: E402
    LineRank,
    QueueEntry,
    QueueEvent,
    ServicePoint,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.queue import estimates, line  # noqa: E402
from appointments.queue.discipline import serving_order  # noqa: E402
from appointments.queue.queue_engine import AdvancedQueueEngine  # noqa: E402
from appointments.queue.selectors import configuration_of  # noqa: E402
from appointments.tests.clinics import Clinic, build_clinic  # noqa: E402
from core import events  # noqa: E402
from core.clock import system_clock  # noqa: E402
from core.roles import ensure_app_role, grant_app_role  # noqa: E402
from core.tenancy import tenant  # noqa: E402
from patients.models import PatientProfile  # noqa: E402

PROCESSES, THREADS = 4, 8
CALLERS = PROCESSES * THREADS
PLAN_CALLS = 8  # each renumbers thousands of entries one by one
SIZES = (100, 1_000, 10_000)
ESTIMATED, POINTS = 200, 4
REPEATS = 7
NEEDED = {"locked": 2.0, "plan": 100.0, "per row": 50.0}
ESTIMATE_MS = 5.0

Call = Callable[[WaitingQueue], "QueueEntry | None"]


def ours(queue: WaitingQueue) -> QueueEntry | None:
    return AdvancedQueueEngine(queue).get_next_patient()


@transaction.atomic
def with_the_queue_locked(queue: WaitingQueue) -> QueueEntry | None:
    """The usual way: one caller at a time."""
    WaitingQueue.objects.select_for_update().get(pk=queue.pk)
    return AdvancedQueueEngine(queue).get_next_patient()


@transaction.atomic
def lock_and_renumber(queue: WaitingQueue) -> QueueEntry | None:
    """The plan's way: lock, take the first, sort the others and write each one's position."""
    WaitingQueue.objects.select_for_update().get(pk=queue.pk)
    entry = AdvancedQueueEngine(queue).get_next_patient()
    waiting = line.read_line(queue.pk)
    rules = line.rules_of(configuration_of(queue))
    order = serving_order(waiting.columns, now=line.minutes(system_clock()), **rules)
    for place, key in enumerate(waiting.columns.entry_id[order].tolist(), start=1):
        LineRank.objects.filter(entry_id=key).update(rank=place)
    return entry


def build() -> tuple[Clinic, WaitingQueue]:
    ensure_app_role()
    grant_app_role()
    clinic = build_clinic("benchmark", zone="Europe/Berlin")
    with clinic.active():
        queue = WaitingQueue.objects.create(name="Benchmark", max_queue_size=100_000)
        PatientProfile.objects.bulk_create(
            PatientProfile(
                mrn=f"N{number}", first_name="N", last_name=str(number), birth_date="1990-01-01"
            )
            for number in range(max(SIZES) + 2)
        )
    return clinic, queue


def fill(clinic: Clinic, queue: WaitingQueue, count: int) -> None:
    """``count`` people wait, in order, and nothing else is in the queue's tables."""
    tables = ", ".join(model._meta.db_table for model in (QueueEvent, LineRank, QueueEntry))
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} CASCADE")
    connections["owner"].close()
    now = system_clock()
    with clinic.active():
        patients = PatientProfile.objects.order_by("pk").values_list("pk", flat=True)[:count]
        entries = QueueEntry.objects.bulk_create(
            QueueEntry(
                queue=queue,
                patient_id=key,
                ticket=f"A-{number:05d}",
                arrived_at=now - timedelta(seconds=count - number),
                joined_at=now - timedelta(seconds=count - number),
            )
            for number, key in enumerate(patients)
        )
        LineRank.objects.bulk_create(
            LineRank(queue=queue, entry=entry, rank=place)
            for place, entry in enumerate(entries, start=1)
        )
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ANALYZE {tables}")
    connections.close_all()


def rate_of(call: Call, clinic: Clinic, queue: WaitingQueue, waiting: int, calls: int) -> float:
    """Calls per second at 32 callers; ends the run if somebody was called twice."""
    fill(clinic, queue, waiting)
    context = get_context("fork")
    counter, go = context.Value("q", 0), context.Event()
    work = (call, clinic, queue, calls, counter, go)
    children = [context.Process(target=_process, args=work) for _ in range(PROCESSES)]
    for child in children:
        child.start()
    time.sleep(1)
    began = time.perf_counter()
    go.set()
    for child in children:
        child.join()
    seconds = time.perf_counter() - began
    if any(child.exitcode for child in children):
        raise SystemExit("A caller failed; see above.")
    with clinic.active():
        made = QueueEvent.objects.filter(step=QueueStep.CALL)
        people = made.values("entry").distinct().count()
        called = QueueEntry.objects.filter(status=QueueEntryStatus.CALLED).count()
    connections.close_all()
    if not made_once(calls, people, called):
        raise SystemExit(f"{calls} calls reached {people} people, {called} are called.")
    return calls / seconds


def made_once(calls: int, people: int, called: int) -> bool:
    return calls == people == called


def _process(*work: object) -> None:
    failures: list[BaseException] = []
    threads = [Thread(target=_caller, args=(*work, failures)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        print(repr(failures[0]), file=sys.stderr)
    sys.stderr.flush()
    os._exit(1 if failures else 0)  # the parent's exit handlers stop the servers


def _caller(call, clinic, queue, calls, counter, go, failures) -> None:
    go.wait()
    try:
        while True:
            with counter.get_lock():
                number = counter.value
                counter.value += 1
            if number >= calls:
                return
            with tenant(clinic.tenant.pk):
                call(queue)
    except BaseException as error:  # noqa: BLE001 - reported by the process
        failures.append(error)
    finally:
        connections.close_all()


@dataclass(frozen=True, slots=True)
class Settling:
    """One more patient, and the order settled; seconds.

    Attributes:
        turned: of settling where everybody stood in the reverse of the due order.
        by_row: of writing everybody's new position in a statement of its own.
    """

    statements: int
    joining: float
    settled: float
    turned: float
    by_row: float


def settling(clinic: Clinic, queue: WaitingQueue, size: int) -> Settling:
    joining, settled, statements = [], [], 0
    for number in range(REPEATS + 1):
        fill(clinic, queue, size)
        with clinic.active():
            patient, earlier = PatientProfile.objects.order_by("-pk")[:2]
            engine = AdvancedQueueEngine(queue)
            # The first join of a connection reads the database's catalogue; a server's is older.
            engine.add_to_queue(patient_id=earlier.pk)
            engine.settle_positions()
            # Counting statements costs as much as some of them, so it has a round of its own.
            with CaptureQueriesContext(connection) if not number else nullcontext() as captured:
                began = time.perf_counter()
                # Urgent: everybody else moves one place back.
                engine.add_to_queue(patient_id=patient.pk, priority_score=100)
                joined = time.perf_counter()
                engine.settle_positions()
                ended = time.perf_counter()
            if captured is not None:
                statements = len(captured)
                continue
            joining.append(joined - began)
            settled.append(ended - joined)
    with clinic.active(), transaction.atomic():
        LineRank.objects.filter(queue=queue).update(rank=-F("rank"))
        began = time.perf_counter()
        AdvancedQueueEngine(queue).settle_positions()
        turned = time.perf_counter() - began
        began = time.perf_counter()
        for row in LineRank.objects.filter(queue=queue).order_by("rank").iterator():
            LineRank.objects.filter(pk=row.pk).update(rank=row.rank + 1)
        by_row = time.perf_counter() - began
    medians = float(np.median(joining)), float(np.median(settled))
    return Settling(statements, *medians, turned, by_row)


def estimating(clinic: Clinic, queue: WaitingQueue) -> tuple[float, float]:
    """Milliseconds for the estimates of a whole queue once its facts are read, and for a
    newcomer's from nothing: line, points, pace and offsets read, too."""
    fill(clinic, queue, ESTIMATED)
    with clinic.active():
        for number in range(POINTS):
            point = ServicePoint.objects.create(name=f"Room {number}")
            ServicePointQueue.objects.create(point=point, queue=queue)
        now = system_clock()
        waiting = line.read_line(queue.pk)
        capacity = estimates.read_capacity(queue, configuration_of(queue), now=now)
        engine = AdvancedQueueEngine(queue)
        return (
            median_ms(lambda: estimates.waits(waiting, capacity)),
            median_ms(engine.calculate_estimated_wait_time),
        )


def median_ms(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(REPEATS * 10):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1000)
    return float(np.median(spent))


def calling(clinic: Clinic, queue: WaitingQueue, options: argparse.Namespace) -> list[str]:
    """Print the rates of calls; returns the targets that were missed."""
    missed = []
    rates = {}
    for name, call, calls in (
        ("engine", ours, options.calls),
        ("locked", with_the_queue_locked, options.calls // 2),
        ("plan", lock_and_renumber, PLAN_CALLS),
    ):
        rates[name] = rate_of(call, clinic, queue, options.waiting, calls)
        print(f"{name:<10}{calls:>6} calls {rates[name]:>9.1f} per s")
    for name in ("locked", "plan"):
        ratio = rates["engine"] / rates[name]
        print(f"engine : {name:<8}{ratio:>8.1f} : 1   (needed {NEEDED[name]:g})")
        missed += [name] if ratio < NEEDED[name] else []
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--waiting", type=int, default=5_000)
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--skip-calls", action="store_true")
    options = parser.parse_args()
    events._handlers.clear()  # publishing is measured by realtime.py
    clinic, queue = build()
    print(f"{CALLERS} callers in {PROCESSES} processes on {os.cpu_count()} cores")
    missed = [] if options.skip_calls else calling(clinic, queue, options)
    for size in SIZES:
        took = settling(clinic, queue, size)
        both = took.joining + took.settled
        print(
            f"{size:>6} waiting: {took.statements} statements; join {took.joining * 1000:.0f} ms, "
            f"settle {took.settled * 1000:.0f} ms (a whole line turned round "
            f"{took.turned * 1000:.0f} ms); row by row {took.by_row * 1000:.0f} ms: "
            f"{took.by_row / took.settled:.0f} : 1 settling, {took.by_row / both:.0f} : 1 with "
            f"join, {took.by_row / took.turned:.0f} : 1 turned round"
        )
        if size == 1_000 and took.by_row / took.settled < NEEDED["per row"]:
            missed.append("per row")
    milliseconds, from_nothing = estimating(clinic, queue)
    print(
        f"estimates of {ESTIMATED} at {POINTS} points: {milliseconds:.2f} ms; "
        f"a newcomer's with all that is read for it {from_nothing:.1f} ms"
    )
    missed += ["estimate"] if milliseconds > ESTIMATE_MS else []
    if missed:
        raise SystemExit(f"Missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
