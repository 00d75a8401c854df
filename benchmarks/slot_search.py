"""Slot search, any of 50 providers within 30 days, in 1,000,000 appointments of 20 tenants.

Four ways that must give the same slots and scores: one query per candidate and per factor (the
customer's sketch), one provider and day after the other through the ORM (as public Django apps
do), ours, and ours with everything in memory already (the floor)::

    python benchmarks/slot_search.py [--data-dir .data/benchmark] [--skip-sketch]

The first run fills the data folder, which takes some minutes; later runs use it again.
"""

import argparse
import math
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.pop(0)  # of this folder: its queue.py would hide the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

MINUTE = timedelta(minutes=1)
DAYS, REPEATS = 30, 31
SIZE = {
    "tenants": 20,
    "providers": 50,
    "days": 60,
    "patients": 100_000,
    "appointments": 1_000_000,
}
Answer = list[tuple[int, datetime, float]]
"""Provider, start and total of every free slot, best first."""


@contextmanager
def django_on(folder: Path) -> Iterator[None]:
    """Django on the embedded servers of ``folder``, filled on the first run."""
    os.environ["DATA_DIR"] = str(folder.resolve())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hospital_management.settings")
    from hospital_management import launch

    with launch.servers_for_command():
        import django

        django.setup()
        from django.core.management import call_command

        from core.models import Tenant

        call_command("migrate", verbosity=0)
        if not Tenant.objects.exists():
            call_command("load_demo", **SIZE)
        yield


class Case:
    """One tenant, one patient, one type, 30 days; the clock stands still."""

    def __init__(self, tenant: Any) -> None:
        from appointments.models import AppointmentTemplate
        from appointments.scheduling.wishes import MAX_RESULTS, Wish
        from core.clock import system_clock
        from patients.models import PatientProfile

        self.tenant, self.zone, self.now = tenant, tenant.zone_info, system_clock()
        self.kind = AppointmentTemplate.objects.filter(is_active=True).order_by("pk").first()
        self.patient = PatientProfile.objects.order_by("pk")[17]
        self.today = self.now.astimezone(self.zone).date()
        self.dates = tuple(self.today + timedelta(days=n) for n in range(DAYS))
        self.before = self.kind.buffer_before_minutes * MINUTE
        self.after = self.kind.buffer_after_minutes * MINUTE
        self.length = self.kind.duration_minutes * MINUTE
        self.most = MAX_RESULTS
        self.wish = Wish(
            appointment_type=self.kind,
            patient_id=self.patient.pk,
            dates=self.dates,
            duration_minutes=self.kind.duration_minutes,
        )

    def scheduler(self) -> Any:
        from appointments.scheduling.smart_scheduler import SmartScheduler

        return SmartScheduler(self.tenant, clock=lambda: self.now)

    def answer(self, found: Any) -> Answer:
        from appointments.scheduling.slots import instant

        free = found.free
        rows = [
            (free.calendar.provider_ids[lane], instant(start), float(total))
            for lane, start, total in zip(
                free.slots.lane, free.slots.start, found.total, strict=True
            )
        ]
        return ranked(rows)


def ranked(rows: Answer) -> Answer:
    return sorted(rows, key=lambda row: (-row[2], row[1], row[0]))


def providers() -> list[Any]:
    from accounts.models import User

    return list(User.objects.providers().order_by("pk"))


def grid(case: Case, window: Any) -> Iterator[datetime]:
    """Starts of a window on its grid, stepped in UTC."""
    from appointments.scheduling.availability import to_utc

    start = to_utc(window.date, window.start_time, case.zone)
    closes = to_utc(window.date, window.end_time, case.zone, fold=1)
    while start + case.length <= closes:
        if start >= case.now + case.kind.min_lead_minutes * MINUTE:
            yield start
        start += window.duration_minutes * MINUTE


def sketch(case: Case) -> Answer:
    """One query for each candidate, and one or more for each factor of each free slot."""
    from appointments.enums import OCCUPYING
    from appointments.models import (
        AppointmentPriorityRule,
        AppointmentRequest,
        SchedulingPreference,
        SlotAvailability,
    )
    from core.models import Site
    from patients.models import PatientProfile

    parts = []
    for provider in providers():
        booked = AppointmentRequest.objects.filter(provider=provider, status__in=OCCUPYING)
        for day in case.dates:
            windows = SlotAvailability.objects.filter(
                provider=provider, date=day, is_active=True, is_blocked=False
            )
            for window in windows.order_by("start_time"):
                for start in grid(case, window):
                    first = start - case.before
                    last = start + case.length + case.after
                    if booked.filter(blocked_from__lt=last, blocked_until__gt=first).exists():
                        continue
                    own = AppointmentRequest.objects.filter(
                        patient=case.patient,
                        status__in=OCCUPYING,
                        scheduled_datetime__lt=start + case.length,
                        scheduled_end_datetime__gt=start,
                    )
                    if own.exists():
                        continue
                    previous = booked.filter(blocked_until__lte=first)
                    following = booked.filter(blocked_from__gte=last)
                    edge_before = previous.order_by("-blocked_until").first()
                    edge_after = following.order_by("blocked_from").first()
                    AppointmentPriorityRule.objects.filter(is_active=True).first()
                    stated = SchedulingPreference.objects.filter(patient=case.patient).first()
                    past = AppointmentRequest.objects.filter(
                        patient=case.patient, scheduled_datetime__lt=case.now
                    )
                    kept = past.filter(status="COMPLETED").count()
                    missed = past.filter(status="NO_SHOW").count()
                    home = PatientProfile.objects.get(pk=case.patient.pk)
                    site = Site.objects.get(pk=window.site_id)
                    parts.append(
                        slot_parts(
                            case,
                            provider.pk,
                            window,
                            start,
                            edge_before.blocked_until if edge_before else None,
                            edge_after.blocked_from if edge_after else None,
                            (kept, missed),
                            home,
                            site,
                            stated,
                        )
                    )
    return scored(parts)


def one_by_one(case: Case) -> Answer:
    """One provider and one day after the other, each through the ORM, compared in Python."""
    from accounts.models import User
    from appointments.enums import OCCUPYING
    from appointments.models import (
        AppointmentRequest,
        AppointmentTemplate,
        SchedulingPreference,
        SlotAvailability,
        TimeOff,
    )
    from appointments.scheduling.availability import to_utc
    from core.models import Site
    from patients.models import PatientProfile

    midnight = datetime.min.time()
    parts = []
    for provider in providers():
        for day in case.dates:
            staff = User.objects.select_related("provider_profile").get(pk=provider.pk)
            service = AppointmentTemplate.objects.get(pk=case.kind.pk)
            opens = to_utc(day, midnight, case.zone)
            closes = to_utc(day + timedelta(days=1), midnight, case.zone)
            off = TimeOff.objects.filter(provider=staff, starts_at__lt=closes, ends_at__gt=opens)
            windows = SlotAvailability.objects.filter(
                provider=staff, date=day, is_active=True, is_blocked=False
            ).select_related("site")
            booked = AppointmentRequest.objects.filter(
                provider=staff,
                status__in=OCCUPYING,
                blocked_from__lt=closes,
                blocked_until__gt=opens,
            ).select_related("patient", "appointment_type")
            own = AppointmentRequest.objects.filter(
                patient=case.patient,
                status__in=OCCUPYING,
                scheduled_datetime__lt=closes,
                scheduled_end_datetime__gt=opens,
            )
            taken = [(row.blocked_from, row.blocked_until) for row in booked]
            taken += [(row.starts_at, row.ends_at) for row in off]
            mine = [(row.scheduled_datetime, row.scheduled_end_datetime) for row in own]
            past = AppointmentRequest.objects.filter(
                patient=case.patient, scheduled_datetime__lt=case.now
            )
            kept = past.filter(status="COMPLETED").count()
            missed = past.filter(status="NO_SHOW").count()
            home = PatientProfile.objects.get(pk=case.patient.pk)
            stated = SchedulingPreference.objects.filter(patient=case.patient).first()
            for window in windows.order_by("start_time"):
                for start in grid(case, window):
                    first = start - service.buffer_before_minutes * MINUTE
                    last = start + case.length + service.buffer_after_minutes * MINUTE
                    if any(a < last and b > first for a, b in taken):
                        continue
                    if any(a < start + case.length and b > start for a, b in mine):
                        continue
                    parts.append(
                        slot_parts(
                            case,
                            provider.pk,
                            window,
                            start,
                            max((b for _, b in taken if b <= first), default=None),
                            min((a for a, _ in taken if a >= last), default=None),
                            (kept, missed),
                            home,
                            Site(latitude=window.site.latitude, longitude=window.site.longitude),
                            stated,
                        )
                    )
    return scored(parts)


def slot_parts(
    case: Case,
    provider_id: int,
    window: Any,
    start: datetime,
    edge_before: datetime | None,
    edge_after: datetime | None,
    history: tuple[int, int],
    home: Any,
    site: Any,
    stated: Any,
) -> dict[str, Any]:
    """The factors of one slot, as far as they do not depend on the others."""
    from appointments.scheduling import no_show, travel
    from appointments.scheduling.availability import to_utc

    opens = to_utc(window.date, window.start_time, case.zone) - case.before
    closes = to_utc(window.date, window.end_time, case.zone, fold=1) + case.after
    first, last = start - case.before, start + case.length + case.after
    gaps = (
        first - max(opens, edge_before or opens),
        min(closes, edge_after or closes) - last,
    )
    unit, nothing = window.duration_minutes * MINUTE, timedelta(0)
    lead = (window.date - case.today).days
    fit = 80 - 30 * sum(nothing < gap <= unit for gap in gaps) + 20 * (nothing in gaps)
    local, (kept, missed) = start.astimezone(case.zone), history
    prior = no_show.DEFAULT
    rate = (missed + prior.prior_missed) / (kept + missed + prior.prior_missed + prior.prior_kept)
    log_odds = math.log(rate / (1 - rate)) + 0.45 * (math.log(1 + lead) - math.log(11))
    minutes = None
    if home.latitude is not None and site.latitude is not None:
        hour, rush = local.hour + local.minute / 60, 1.0
        for opens_at, closes_at, factor in travel.RUSH_FACTORS:
            if opens_at <= hour < closes_at and local.weekday() < 5:
                rush = factor
        minutes = rush * travel.quiet_minutes(
            (home.latitude, home.longitude), (site.latitude, site.longitude)
        )
    part = "morning" if local.hour < 12 else "afternoon" if local.hour < 17 else "evening"
    liked = {row.pk for row in stated.preferred_providers.all()} if stated else set()
    return {
        "key": (provider_id, start),
        "fit": 0.5 * fit + 50 * math.exp(-lead / 5),
        "priority": 100 * math.exp(-lead / 21),
        "missed": 1 / (1 + math.exp(-log_odds)),
        "minutes": minutes,
        "wish": 45 * (not liked or provider_id in liked)
        + 35 * (not stated or not stated.preferred_times or part in stated.preferred_times)
        + 20 * (not stated or not stated.preferred_days or f"{local:%A}" in stated.preferred_days),
    }


def scored(parts: list[dict[str, Any]]) -> Answer:
    """Totals, once the extremes are known."""
    worst = max(part["missed"] for part in parts)
    spread = worst - min(part["missed"] for part in parts)
    known = [part["minutes"] for part in parts if part["minutes"] is not None]
    rows = []
    for part in parts:
        risk = 100 * (worst - part["missed"]) / spread * min(1, spread / 0.2) if spread else 0
        extra = (part["minutes"] - min(known)) if known else 0
        total = (
            0.30 * part["fit"]
            + 0.25 * part["priority"]
            + 0.20 * risk
            + 0.15 * 100 * math.exp(-extra / 30)
            + 0.10 * part["wish"]
        )
        rows.append((*part["key"], round(total, 6)))
    return ranked(rows)


def median(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Seconds; the first call is not counted."""
    work()
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def once(work: Callable[[], Answer]) -> tuple[Answer, float, int]:
    """The answer, seconds and the number of queries."""
    from django.db import connection

    count = 0

    def counted(execute: Any, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        return execute(*arguments)

    begun = time.perf_counter()
    with connection.execute_wrapper(counted):
        found = work()
    return found, time.perf_counter() - begun, count


def floor(case: Case) -> Callable[[], Any]:
    """The arithmetic alone: windows, busy ranges and facts are in memory."""
    from appointments.scheduling import ranking, slot_search
    from appointments.scheduling.slot_reads import read_calendar

    calendar, facts = read_calendar(case.wish, zone=case.zone, now=case.now)

    def work() -> Any:
        free = slot_search.free_of(case.wish, calendar, facts, [], zone=case.zone, now=case.now)
        return ranking.rank(free, zone=case.zone, now=case.now)

    return work


def measure(skip_sketch: bool) -> None:
    from dataclasses import replace

    from core.models import Tenant
    from core.tenancy import tenant

    chosen = Tenant.objects.order_by("pk")[3]
    with tenant(chosen.pk):
        case = Case(chosen)
        scheduler = case.scheduler()
        found, _, queries = once(lambda: scheduler.find(case.wish))
        answer = case.answer(found)
        ours = median(lambda: scheduler.search(case.wish))
        least = median(floor(case))
        one = replace(case.wish, provider_ids=(found.free.calendar.provider_ids[0],))
        single = median(lambda: scheduler.search(one))
        tracemalloc.start()
        scheduler.search(case.wish)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"free slots {len(answer):,} of 50 providers in {DAYS} days; queries {queries}")
        print(f"ours                 {ours * 1000:10.1f} ms")
        print(f"floor                {least * 1000:10.1f} ms   ours = {ours / least:.1f} x floor")
        print(f"one provider         {single * 1000:10.1f} ms")
        print(f"peak memory          {peak / 2**20:10.1f} MB")
        ways = [("one by one (ORM)", one_by_one)] + ([] if skip_sketch else [("sketch", sketch)])
        for name, way in ways:
            other, seconds, count = once(lambda way=way: way(case))
            same = other == answer
            print(
                f"{name:20} {seconds * 1000:10.1f} ms   {seconds / ours:8.0f} x ours   "
                f"{count:,} queries   same slots and scores: {same}"
            )
            if not same:
                sys.exit("The answers differ.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(".data/benchmark"))
    parser.add_argument("--skip-sketch", action="store_true", help="it alone takes minutes")
    options = parser.parse_args()
    with django_on(options.data_dir):
        measure(options.skip_sketch)


if __name__ == "__main__":
    main()
