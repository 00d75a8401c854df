"""Slot search through one web process: alone, by 100 clients at once, and by 100 people at desks.

Every search is for another patient, with any of 50 providers within 30 days, in the database of
``slot_search.py``.  At once, nobody waits between two searches: the machine is saturated, and the
figure says how searches queue.  At desks, each of 100 people reads and talks between two searches
for 10 s on average (exponentially distributed)::

    python benchmarks/slot_search_load.py [--data-dir .data/benchmark] [--seconds 60]
"""

import argparse
import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from slot_search import DAYS, django_on

ROOT = Path(__file__).resolve().parent.parent
PATH = "/api/appointments/scheduling/find-optimal-slots/"
ALONE, CLIENTS, EACH, THINK_SECONDS = 60, 100, 5, 10.0


@dataclass(frozen=True)
class Desk:
    """One client with a connection of its own; it fails on any answer but ten slots."""

    port: int
    token: str
    bodies: list[bytes]

    def searches(self, rng: random.Random) -> Iterator[float]:
        """Searches without end; yields the seconds that each took."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        while True:
            begun = time.perf_counter()
            line.request("POST", PATH, rng.choice(self.bodies), headers)
            answer = line.getresponse()
            found = json.loads(answer.read())
            taken = time.perf_counter() - begun
            if answer.status != 200 or found["count"] != 10:
                sys.exit(f"A search was answered with {answer.status}: {found}")
            yield taken

    def at_once(self, seed: int, count: int) -> list[float]:
        searches = self.searches(random.Random(seed))
        return [next(searches) for _ in range(count)]

    def with_pauses(self, seed: int, until: float) -> list[float]:
        rng, taken = random.Random(seed), []
        searches = self.searches(rng)
        while (pause := rng.expovariate(1 / THINK_SECONDS)) < until - time.monotonic():
            time.sleep(pause)
            taken.append(next(searches))
        return taken


def desk(port: int) -> Desk:
    """A front desk's token, and a search for each of 200 patients."""
    from accounts.models import ApiToken, User
    from accounts.permissions import Role
    from appointments.models import AppointmentTemplate
    from core.clock import system_clock
    from core.models import Tenant
    from core.tenancy import tenant
    from patients.models import PatientProfile

    chosen = Tenant.objects.order_by("pk")[3]
    with tenant(chosen.pk):
        kind = AppointmentTemplate.objects.filter(is_active=True).order_by("pk").first()
        patients = list(PatientProfile.objects.order_by("pk").values_list("pk", flat=True)[:200])
        token = ApiToken.issue(User.objects.filter(role=Role.FRONT_DESK).first())
    today = system_clock().astimezone(chosen.zone_info).date()
    last = today.fromordinal(today.toordinal() + DAYS - 1)
    wish = {"appointment_type_id": kind.pk, "date_from": str(today), "date_to": str(last)}
    return Desk(port, token, [json.dumps(wish | {"patient_id": key}).encode() for key in patients])


@contextmanager
def web_process(port: int) -> Iterator[None]:
    """One web process as in production."""
    web = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "hospital_management.web",
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
        ],
        cwd=ROOT,
        env=os.environ | {"LOG_LEVEL": "WARNING"},
    )
    try:
        wait_for(port)
        yield
    finally:
        web.terminate()
        web.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int) -> None:
    for _ in range(100):
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            line.request("GET", "/healthz")
            line.getresponse().read()
        except (http.client.HTTPException, ConnectionError):
            time.sleep(0.3)
        else:
            return
    sys.exit("The web server did not start.")


def told(name: str, taken: list[float], seconds: float, alone: float) -> None:
    ordered = sorted(taken)
    middle, late = statistics.median(ordered), ordered[int(0.95 * len(ordered))]
    print(
        f"{name:22} p50 {middle * 1000:8.1f} ms   p95 {late * 1000:8.1f} ms = "
        f"{late / alone:5.1f} x alone   {len(ordered) / seconds:6.1f} searches/s   "
        f"no error in {len(ordered)}"
    )


def measure(seconds: int) -> None:
    port = free_port()
    client = desk(port)
    with web_process(port), ThreadPoolExecutor(CLIENTS) as people:
        client.at_once(0, 5)
        begun = time.perf_counter()
        taken = client.at_once(1, ALONE)
        alone = statistics.median(taken)
        told("one after the other", taken, time.perf_counter() - begun, alone)
        until = time.monotonic() + seconds
        begun = time.perf_counter()
        rounds = people.map(client.with_pauses, range(CLIENTS), [until] * CLIENTS)
        told(f"{CLIENTS} people at desks", list(chain(*rounds)), seconds, alone)
        begun = time.perf_counter()
        rounds = people.map(client.at_once, range(CLIENTS), [EACH] * CLIENTS)
        taken = list(chain(*rounds))
        told(f"{CLIENTS} clients at once", taken, time.perf_counter() - begun, alone)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(".data/benchmark"))
    parser.add_argument("--seconds", type=int, default=60, help="how long the people search")
    options = parser.parse_args()
    with django_on(options.data_dir):
        measure(options.seconds)


if __name__ == "__main__":
    main()
