"""A small hospital to test against: one of everything, built in milliseconds."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from django.contrib.auth.hashers import make_password
from django.test import Client

from accounts.models import ApiToken, ProviderProfile, User
from accounts.permissions import Role
from appointments.models import AppointmentTemplate, AvailabilityRule, SlotAvailability
from core.clock import system_clock
from core.models import Site, Tenant
from core.tenancy import tenant
from patients.models import PatientProfile

PASSWORD = "correct-horse-battery"
WINDOW_DAYS = 21


@dataclass
class Clinic:
    """Keys and objects of one tenant; wrap direct queries in ``clinic.active()``."""

    tenant: Tenant
    site: Site | None = None
    users: dict[str, User] = field(default_factory=dict)
    providers: list[User] = field(default_factory=list)
    types: list[AppointmentTemplate] = field(default_factory=list)
    patients: list[PatientProfile] = field(default_factory=list)

    def active(self, *, actor_id: int | None = None):
        """Context manager: this tenant is the active one."""
        return tenant(self.tenant.pk, actor_id=actor_id)

    def user(self, role: Role) -> User:
        return self.users[role]

    def client(self, role: Role = Role.FRONT_DESK) -> Client:
        """A browser in which a user of this role is logged in."""
        client = Client()
        with self.active():
            client.force_login(self.users[role], backend="accounts.backends.TenantBackend")
        return client

    def token(self, role: Role = Role.FRONT_DESK) -> str:
        with self.active():
            return ApiToken.issue(self.users[role])

    def at(self, days: int, clock: time) -> datetime:
        """That wall-clock time in ``days`` days, in UTC."""
        day = system_clock().astimezone(self.tenant.zone_info).date() + timedelta(days=days)
        return datetime.combine(day, clock, tzinfo=self.tenant.zone_info).astimezone(UTC)


def build_clinic(slug: str, *, zone: str) -> Clinic:
    """A tenant with a site, a user of every role, two providers who work 08–18 every day from
    today for three weeks, two appointment types and three patients."""
    clinic = Clinic(Tenant.objects.create(name=f"{slug.title()} Hospital", slug=slug, zone=zone))
    with clinic.active():
        clinic.site = Site.objects.create(name="Main building", address="1 Hill Road")
        second = _user(slug, Role.PROVIDER, suffix="2")
        users = User.objects.bulk_create([*(_user(slug, role) for role in Role), second])
        clinic.users = dict(zip(Role, users, strict=False))
        clinic.providers = [clinic.users[Role.PROVIDER], second]
        clinic.types = AppointmentTemplate.objects.bulk_create(
            [
                AppointmentTemplate(name="Consultation", duration_minutes=30),
                AppointmentTemplate(
                    name="Ultrasound",
                    duration_minutes=45,
                    buffer_before_minutes=5,
                    buffer_after_minutes=10,
                ),
            ]
        )
        clinic.patients = PatientProfile.objects.bulk_create(
            PatientProfile(
                mrn=f"{slug[:1].upper()}{number:05d}",
                first_name=f"Pat{number}",
                last_name=f"{slug.title()}son",
                birth_date=date(1950 + number, 1, number),
            )
            for number in range(1, 4)
        )
        for provider in clinic.providers:
            _give_hours(clinic, provider)
    return clinic


@cache
def password_hash() -> str:
    """Hashing is slow by design, so once per run."""
    return make_password(PASSWORD)


def _user(slug: str, role: Role, suffix: str = "") -> User:
    name = f"{role}{suffix}@{slug}.test"
    return User(
        username=name,
        email=name,
        password=password_hash(),
        role=role,
        first_name=role.label,
        last_name=f"{slug.title()}{suffix}",
    )


def _give_hours(clinic: Clinic, provider: User) -> None:
    profile = ProviderProfile.objects.create(user=provider, specialties=["General medicine"])
    profile.sites.add(clinic.site)
    today = system_clock().astimezone(clinic.tenant.zone_info).date()
    rules = AvailabilityRule.objects.bulk_create(
        AvailabilityRule(
            provider=provider,
            site=clinic.site,
            weekday=weekday,
            start_time=time(8),
            end_time=time(18),
        )
        for weekday in range(7)
    )
    SlotAvailability.objects.bulk_create(
        SlotAvailability(
            provider=provider,
            site=clinic.site,
            rule=rules[(today + timedelta(days=offset)).weekday()],
            date=today + timedelta(days=offset),
            start_time=time(8),
            end_time=time(18),
        )
        for offset in range(WINDOW_DAYS)
    )
