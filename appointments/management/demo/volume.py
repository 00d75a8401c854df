"""Generated tenants in any size, written with COPY, for measurements.

Visits have no history of steps: a million of them is about size, and their state is what the
lists read.
"""

import sys
import time as clock_time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from random import Random
from typing import Any

import numpy as np
from django.contrib.auth.hashers import make_password
from django.core.management.base import OutputWrapper
from django.db import connections

from accounts.models import ProviderProfile, ProviderSite, User
from accounts.permissions import Role
from appointments.management.demo.arrays import (
    CELL_MINUTES,
    CELLS,
    STATE_COLUMNS,
    STATES,
    Visits,
    place_visits,
)
from appointments.management.demo.bulk import OWNER, analyse, copy_into, insert, unaudited
from appointments.management.demo.hospitals import (
    KINDS,
    RIVERSIDE,
    Hospital,
)
from appointments.management.demo.logins import PASSWORD, login
from appointments.management.demo.people import patients
from appointments.models import (
    AppointmentRequest,
    AppointmentTemplate,
    AvailabilityRule,
    SlotAvailability,
)
from appointments.scheduling.availability import to_utc
from appointments.scheduling.windows import add_missing
from core.models import Site, Tenant
from patients.models import PatientNumber, PatientProfile

OPTIONS = {
    "tenants": "how many tenants (1)",
    "providers": "providers of each tenant (10)",
    "days": "working days, half of them past (60)",
    "patients": "patients of all tenants together (250 each)",
    "appointments": "visits of all tenants together (16 a provider and day)",
}
LIMITS = {"tenants": 1000, "providers": 1000, "days": 700, "patients": 10_000_000}
HALVES = ((time(8), time(12)), (time(13), time(18)))
CELL_KIND, LONG_KIND = "Follow-up", "Consultation"
SPECIALTIES = ("General medicine", "Cardiology", "Paediatrics", "Orthopaedics")
CHUNK = 20_000
VISIT_COLUMNS = (
    "tenant_id provider_id site_id appointment_type_id patient_id scheduled_datetime "
    f"scheduled_end_datetime blocked_from blocked_until {STATE_COLUMNS} created_at priority reason "
    "is_waitlist_conversion overbooked override_reason diagnosis_codes modality"
).split()
STATE_LINES = {status: "\t".join(parts) for status, parts in STATES.items()}
COPIED = (PatientProfile, SlotAvailability, AppointmentRequest)


class SizeError(ValueError):
    """The message begins with the option at fault."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much to generate; ``providers`` counts per tenant, the others in total.

    Raises:
        SizeError: a number is out of bounds, or the visits do not fit into the working time.
    """

    tenants: int = 1
    providers: int = 10
    days: int = 60
    patients: int | None = None
    appointments: int | None = None

    def __post_init__(self) -> None:
        for name in ("tenants", "providers", "days"):
            self._check(name)
        if self.patients is None:
            object.__setattr__(self, "patients", 250 * self.tenants)
        if self.appointments is None:
            object.__setattr__(self, "appointments", self.provider_days * 16)
        self._check("patients")
        if self.patients < self.tenants:
            raise SizeError(f"--patients: {self.tenants} tenants need at least one each.")
        self._check("appointments")

    @property
    def provider_days(self) -> int:
        return self.tenants * self.providers * self.days

    @property
    def slugs(self) -> list[str]:
        return [f"load-{number:02d}" for number in range(1, self.tenants + 1)]

    def _check(self, name: str) -> None:
        room = self.provider_days * len(CELLS) if name == "appointments" else LIMITS[name]
        if getattr(self, name) < 1:
            raise SizeError(f"--{name} must be at least 1.")
        if getattr(self, name) > room:
            raise SizeError(f"--{name} must be at most {room:,} for the given sizes.")


def generate(size: Size, *, now: datetime, seed: int, progress: OutputWrapper) -> str:
    """Write the tenants, each in one transaction; returns what was written and how fast.

    Args:
        progress: where the bar is drawn.
    """
    began = clock_time.monotonic()
    bar = _Bar(progress, size.appointments + size.patients)
    password = make_password(PASSWORD)
    people = np.array_split(np.arange(size.patients), size.tenants)
    visits = np.array_split(np.arange(size.appointments), size.tenants)
    for number in range(size.tenants):
        with unaudited(*COPIED):
            _Tenant(size, number, now=now, seed=seed, password=password, bar=bar).write(
                len(people[number]), len(visits[number])
            )
    analyse(*COPIED)
    seconds = clock_time.monotonic() - began
    return (
        f"{size.tenants} tenants, {size.tenants * size.providers:,} providers, "
        f"{size.patients:,} patients and {size.appointments:,} visits in {seconds:.0f} s. "
        f"Log in as {login('admin', size.slugs[0])}, password {PASSWORD}."
    )


class _Bar:
    """One line that is drawn again for each percent; a line per 10 % where it is not a terminal."""

    WIDTH = 40

    def __init__(self, out: OutputWrapper, total: int) -> None:
        self.out, self.total, self.done, self.shown = out, total, 0, -1
        self.step, self.ending = (1, "\r") if sys.stderr.isatty() else (10, "\n")

    def add(self, rows: int) -> None:
        self.done += rows
        percent = 100 * self.done // self.total
        if percent < self.shown + self.step and percent < 100:
            return
        self.shown = percent
        full = self.WIDTH * percent // 100
        line = f"[{'#' * full}{'.' * (self.WIDTH - full)}] {percent:3d} %  {self.done:,} rows"
        self.out.write(line, ending="\n" if percent == 100 else self.ending)


class _Tenant:
    """Writes one generated tenant."""

    def __init__(
        self, size: Size, number: int, *, now: datetime, seed: int, password: str, bar: _Bar
    ) -> None:
        self.size, self.now, self.password, self.bar = size, now, password, bar
        self.slug = size.slugs[number]
        self.rng = Random(f"{seed} {self.slug}")
        self.numbers = np.random.default_rng([seed % 2**32, number])

    def write(self, people: int, visits: int) -> None:
        self._frame()
        self._hours()
        keys = self._patients(people)
        self._visits(keys, visits)

    def _frame(self) -> None:
        name = f"Generated hospital {self.slug.removeprefix('load-')}"
        tenant = Tenant(name=name, slug=self.slug, zone="Europe/Berlin")
        self.tenant = insert([tenant])[0]
        self.today = self.now.astimezone(tenant.zone_info).date()
        self.first = self.today - timedelta(days=self.size.days // 2)
        self.sites = insert(
            Site(
                tenant=tenant,
                name=place.name,
                address=place.address,
                latitude=place.latitude,
                longitude=place.longitude,
            )
            for place in RIVERSIDE.places
        )
        insert(
            self._user(s.account, s.role, s.first, s.last, is_staff=s.account == "admin")
            for s in RIVERSIDE.staff
        )
        self.providers = insert(self._doctors(RIVERSIDE))
        self._profiles()
        kinds = insert(
            AppointmentTemplate(
                tenant=tenant,
                name=kind.name,
                duration_minutes=kind.minutes,
                buffer_before_minutes=kind.before,
                buffer_after_minutes=kind.after,
                colour=kind.colour,
            )
            for kind in KINDS
        )
        self.kinds = {kind.name: kind.pk for kind in kinds}

    def _user(self, account: str, role: str, first: str, last: str, **more: Any) -> User:
        name = login(account, self.slug)
        return User(
            tenant=self.tenant,
            username=name,
            email=name,
            role=role,
            first_name=first,
            last_name=last,
            password=self.password,
            **more,
        )

    def _doctors(self, hospital: Hospital) -> Iterator[User]:
        firsts = [name for name, _ in hospital.names[0].first]
        for number in range(self.size.providers):
            account = "doctor" if number == 0 else f"doctor{number + 1}"
            last = self.rng.choice(hospital.names[0].last)
            first = self.rng.choice(firsts)
            yield self._user(account, Role.PROVIDER, first, last, title="Dr.")

    def _profiles(self) -> None:
        profiles = insert(
            ProviderProfile(
                tenant=self.tenant,
                user=user,
                specialties=[SPECIALTIES[number % len(SPECIALTIES)]],
                languages=["de", "en"],
            )
            for number, user in enumerate(self.providers)
        )
        insert(
            ProviderSite(tenant=self.tenant, profile=profile, site=self._site(number))
            for number, profile in enumerate(profiles)
        )

    def _site(self, provider: int) -> Site:
        return self.sites[provider % len(self.sites)]

    def _hours(self) -> None:
        insert(
            AvailabilityRule(
                tenant=self.tenant,
                provider=user,
                site=self._site(number),
                weekday=weekday,
                start_time=start,
                end_time=end,
                slot_minutes=CELL_MINUTES,
            )
            for number, user in enumerate(self.providers)
            for weekday in range(7)
            for start, end in HALVES
        )
        with connections[OWNER].cursor() as cursor:
            last = self.first + timedelta(days=self.size.days - 1)
            add_missing(cursor, tenant_id=self.tenant.pk, first=self.first, last=last)

    def _patients(self, count: int) -> list[int]:
        """Returns their keys."""
        values = patients(
            count,
            rng=self.rng,
            today=self.today,
            names=RIVERSIDE.names,
            numbers=RIVERSIDE.numbers(),
            streets=RIVERSIDE.streets,
            around=[(place.latitude, place.longitude) for place in RIVERSIDE.places],
        )
        columns = ["tenant_id", *values[0], "second_phone", "is_active", "version", "created_at"]
        rest = ("", True, 1, self.now)
        with connections[OWNER].cursor() as cursor:
            with cursor.copy(copy_into(PatientProfile, columns)) as copy:
                for row in values:
                    copy.write_row((self.tenant.pk, *row.values(), *rest))
            cursor.execute(
                f"SELECT id FROM {PatientProfile._meta.db_table}"  # noqa: S608 - our own name
                " WHERE tenant_id = %s ORDER BY id",
                [self.tenant.pk],
            )
            keys = [key for (key,) in cursor.fetchall()]
        insert([PatientNumber(tenant=self.tenant, last=count)])
        self.bar.add(count)
        return keys

    def _visits(self, patient_keys: Sequence[int], count: int) -> None:
        zone = self.tenant.zone_info
        days = [self.first + timedelta(days=number) for number in range(self.size.days)]
        visits = place_visits(
            count,
            providers=self.size.providers,
            opens=[to_utc(day, HALVES[0][0], zone) for day in days],
            now=self.now,
            rng=self.numbers,
        )
        whose = np.array(patient_keys)[self.numbers.integers(len(patient_keys), size=count)]
        with (
            connections[OWNER].cursor() as cursor,
            cursor.copy(copy_into(AppointmentRequest, VISIT_COLUMNS)) as copy,
        ):
            for first in range(0, count, CHUNK):
                part = slice(first, first + CHUNK)
                lines = list(self._lines(visits, whose, part))
                copy.write("".join(lines))
                self.bar.add(len(lines))

    def _lines(self, visits: Visits, whose: np.ndarray, part: slice) -> Iterator[str]:
        """Rows in COPY's text format; nothing in them needs escaping."""
        kinds = (self.kinds[CELL_KIND], self.kinds[LONG_KIND])
        heads = [
            f"{self.tenant.pk}\t{user.pk}\t{self._site(number).pk}"
            for number, user in enumerate(self.providers)
        ]
        now = f"{self.now:%Y-%m-%dT%H:%M}Z"
        times = (
            np.char.add(np.datetime_as_string(each[part]), "Z").tolist()
            for each in (visits.start, visits.end, visits.made)
        )
        others = (visits.provider, visits.is_long, visits.status, whose)
        columns = (*times, *(each[part].tolist() for each in others))
        for start, end, made, provider, is_long, status, patient in zip(*columns, strict=True):
            state = STATE_LINES[status].format(start=start, end=end, made=made, now=now)
            yield (
                f"{heads[provider]}\t{kinds[is_long]}\t{patient}\t{start}\t{end}\t{start}\t{end}"
                f"\t{state}\t{made}\troutine\t\tf\tf\t\t{{}}\ton_site\n"
            )
