"""Loads the two demonstration hospitals: everything or nothing."""

from datetime import date, datetime, time, timedelta
from random import Random

from django.contrib.auth.hashers import make_password
from django.db import connections

from accounts.models import ProviderProfile, ProviderSite, User
from accounts.permissions import Role
from appointments.enums import TimeOffKind
from appointments.management.demo.bulk import OWNER, analyse, insert, unaudited
from appointments.management.demo.habits import preferences
from appointments.management.demo.halls import Halls
from appointments.management.demo.hospitals import (
    EQUIPMENT,
    HOSPITALS,
    KINDS,
    SLOT_MINUTES,
    URGENCIES,
    Doctor,
    Hospital,
)
from appointments.management.demo.logins import PASSWORD, ROOT, login
from appointments.management.demo.people import CHILD_YEARS, patients
from appointments.management.demo.visits import Diary, chance_of
from appointments.management.demo.waiting import (
    wishes,
)
from appointments.models import (
    AppointmentEvent,
    AppointmentPriorityRule,
    AppointmentRequest,
    AppointmentTemplate,
    AvailabilityRule,
    PreferredProvider,
    QueueEntry,
    QueueEvent,
    Resource,
    RuleType,
    SchedulingMetrics,
    SchedulingPreference,
    SlotAvailability,
    TimeOff,
    WaitingList,
)
from appointments.scheduling import metrics
from appointments.scheduling.availability import Interval, Window, interval_of, subtract, to_utc
from appointments.scheduling.windows import HORIZON_DAYS, add_missing
from core.models import Site, Tenant
from patients.models import PatientNumber, PatientProfile

PATIENTS, WAITLIST = 300, 40
DAYS_BACK, DAYS_AHEAD = 90, 30
ON_DUTY = (0, 1, 5)  # doctors who stay when the demo is loaded outside working hours
DUTY = timedelta(hours=3)
NIGHT, EVENING = time(0), time(23, 45)
PORTAL_PATIENT = 0  # the record of patient@…
BULK = (
    PatientProfile,
    SlotAvailability,
    AppointmentRequest,
    AppointmentEvent,
    SchedulingPreference,
    PreferredProvider,
    SchedulingMetrics,
    QueueEntry,
    QueueEvent,
    WaitingList,
)


def load_demo(*, now: datetime, seed: int) -> None:
    """Write both hospitals and the platform's superuser in one transaction.

    Args:
        now: the same instant and seed give the same rows, key values apart.
    """
    password = make_password(PASSWORD)  # once: hashing is slow by design
    with unaudited(*BULK):
        insert([_superuser(password)])
        for hospital in HOSPITALS:
            _Loader(hospital, now=now, seed=seed, password=password).run()
    analyse(*BULK)


def _superuser(password: str) -> User:
    return User(
        username=ROOT,
        first_name="Platform",
        last_name="Operator",
        tenant=None,
        is_superuser=True,
        is_staff=True,
        password=password,
    )


class _Loader:
    """Writes one hospital, in the order in which its rows refer to each other."""

    def __init__(self, hospital: Hospital, *, now: datetime, seed: int, password: str) -> None:
        self.hospital, self.now, self.password = hospital, now, password
        self.rng = Random(f"{seed} {hospital.slug}")

    def run(self) -> None:
        self._tenant()
        self._people()
        self._catalogue()
        self._urgencies()
        self._rules()
        self._patients()
        self._windows()
        self._absences()
        self._visits()
        self._figures()
        self._queues()
        self._waitlist()

    def _tenant(self) -> None:
        spec = self.hospital
        self.tenant = insert(
            [
                Tenant(
                    name=spec.name,
                    slug=spec.slug,
                    zone=spec.zone,
                    locale=spec.locale,
                    email=f"desk@{spec.slug}.example.org",
                    phone=spec.phone,
                )
            ]
        )[0]
        self.today: date = self.now.astimezone(self.tenant.zone_info).date()
        self.sites = insert(
            Site(
                tenant=self.tenant,
                name=place.name,
                address=place.address,
                latitude=place.latitude,
                longitude=place.longitude,
                phone=place.phone,
            )
            for place in spec.places
        )

    def _people(self) -> None:
        spec = self.hospital
        staff = [
            self._user(s.account, s.role, s.first, s.last, is_staff=s.account == "admin")
            for s in spec.staff
        ]
        doctors = [
            self._user(
                "doctor" if index == 0 else f"doctor{index + 1}",
                Role.PROVIDER,
                doctor.first,
                doctor.last,
                title=doctor.title,
            )
            for index, doctor in enumerate(spec.doctors)
        ]
        self.staff = {user.role: user for user in insert(staff)}
        self.providers = insert(doctors)
        profiles = insert(
            ProviderProfile(
                tenant=self.tenant,
                user=user,
                specialties=[doctor.specialty],
                languages=list(doctor.languages),
                colour=doctor.colour,
            )
            for user, doctor in zip(self.providers, spec.doctors, strict=True)
        )
        insert(
            ProviderSite(tenant=self.tenant, profile=profile, site=self.sites[doctor.place])
            for profile, doctor in zip(profiles, spec.doctors, strict=True)
        )

    def _user(self, account: str, role: str, first: str, last: str, **more: object) -> User:
        name = login(account, self.hospital.slug)
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

    def _catalogue(self) -> None:
        self.kinds = insert(
            AppointmentTemplate(
                tenant=self.tenant,
                name=kind.name,
                description=kind.description,
                duration_minutes=kind.minutes,
                buffer_before_minutes=kind.before,
                buffer_after_minutes=kind.after,
                colour=kind.colour,
                is_bookable_online=kind.online,
                min_lead_minutes=120 if kind.online else 0,
                max_lead_days=HORIZON_DAYS,
                modality=kind.modality,
                resource_kind=kind.needs,
            )
            for kind in KINDS
        )
        self.rooms = insert(
            Resource(tenant=self.tenant, name=name, kind=kind, site=self.sites[place])
            for name, kind, place in EQUIPMENT
        )

    def _urgencies(self) -> None:
        rules = insert(
            AppointmentPriorityRule(
                tenant=self.tenant,
                name=each.name,
                description=each.description,
                diagnosis_codes=list(each.codes),
                base_priority_score=each.score,
                urgency_multiplier=each.multiplier,
                max_wait_days=each.max_wait_days,
                requires_same_day=each.same_day,
            )
            for each in URGENCIES
        )
        kinds = {kind.name: kind for kind in self.kinds}
        insert(
            RuleType(tenant=self.tenant, rule=rule, appointment_type=kinds[each.kind])
            for rule, each in zip(rules, URGENCIES, strict=True)
            if each.kind
        )

    def _rules(self) -> None:
        insert(
            AvailabilityRule(
                tenant=self.tenant,
                provider=user,
                site=self.sites[doctor.place],
                weekday=weekday,
                start_time=start,
                end_time=end,
                slot_minutes=SLOT_MINUTES,
            )
            for user, doctor in zip(self.providers, self.hospital.doctors, strict=True)
            for weekday in range(7)
            for start, end in doctor.hours(weekday)
        )

    def _patients(self) -> None:
        spec = self.hospital
        values = patients(
            PATIENTS,
            rng=self.rng,
            today=self.today,
            names=spec.names,
            numbers=spec.numbers(),
            streets=spec.streets,
            around=[(place.latitude, place.longitude) for place in spec.places],
        )
        born = self.today - timedelta(days=41 * 365)
        values[PORTAL_PATIENT] |= {"birth_date": born, "email": login("patient", spec.slug)}
        self.patients = [
            PatientProfile(
                tenant=self.tenant,
                created_at=self.now - timedelta(days=self.rng.uniform(120, 2000)),
                **each,
            )
            for each in values
        ]
        own = self.patients[PORTAL_PATIENT]
        own.user = insert([self._user("patient", Role.PATIENT, own.first_name, own.last_name)])[0]
        insert(self.patients)
        insert([PatientNumber(tenant=self.tenant, last=PATIENTS)])

    def _windows(self) -> None:
        """Working time by weekly rules, and duty around now for those who stay."""
        self.duty = {index: self._duty_windows(self.hospital.doctors[index]) for index in ON_DUTY}
        insert(
            SlotAvailability(
                tenant=self.tenant,
                provider=self.providers[index],
                site=self.sites[self.hospital.doctors[index].place],
                date=window.day,
                start_time=window.start,
                end_time=window.end,
                duration_minutes=SLOT_MINUTES,
            )
            for index, windows in self.duty.items()
            for window in windows
        )
        with connections[OWNER].cursor() as cursor:
            add_missing(
                cursor,
                tenant_id=self.tenant.pk,
                first=self.today - timedelta(days=DAYS_BACK),
                last=self.today + timedelta(days=HORIZON_DAYS - 1),
            )

    def _absences(self) -> None:
        """A week of leave and a closed day without visits; and a training day that was entered
        so late that its visits have still to be moved."""
        leave, closed = self._workday(10), self._workday(16)
        self.free = {("doctor", 2, leave + timedelta(days=n)) for n in range(7)}
        self.free.add(("place", 1, closed))
        doctors, kinds = self.providers, TimeOffKind
        insert(
            TimeOff(
                tenant=self.tenant,
                starts_at=to_utc(first, time.min, self.tenant.zone_info),
                ends_at=to_utc(first + timedelta(days=days), time.min, self.tenant.zone_info),
                kind=kind,
                note=note,
                **owner,
            )
            for owner, kind, first, days, note in (
                ({"provider": doctors[2]}, kinds.LEAVE, leave, 7, ""),
                ({"provider": doctors[4]}, kinds.TRAINING, self._workday(3), 1, "Congress"),
                ({"site": self.sites[1]}, kinds.CLOSURE, closed, 1, "Works on the water pipes"),
                ({"resource": self.rooms[1]}, kinds.MAINTENANCE, self._workday(31), 2, ""),
            )
        )

    def _workday(self, days: int) -> date:
        """The first Monday to Thursday that many days from now or later."""
        day = self.today + timedelta(days=days)
        while day.weekday() > 3:
            day += timedelta(days=1)
        return day

    def _duty_windows(self, doctor: Doctor) -> list[Window]:
        """Today's hours around now that lie before or after the doctor's usual day."""
        zone = self.tenant.zone_info
        midnight, evening = (
            datetime.combine(self.today, clock, tzinfo=zone) for clock in (NIGHT, EVENING)
        )
        around = (
            max(_on_grid(self.now - DUTY), midnight),
            min(_on_grid(self.now + DUTY), evening),
        )
        usual = self._usual(doctor, self.today)
        whole_day = [(usual[0][0], usual[-1][1])] if usual else []
        return [
            Window(
                self.today,
                start.astimezone(zone).time(),
                end.astimezone(zone).time(),
                SLOT_MINUTES,
            )
            for start, end in subtract(around, whole_day)
        ]

    def _usual(self, doctor: Doctor, day: date) -> list[Interval]:
        zone = self.tenant.zone_info
        return [
            interval_of(Window(day, start, end, SLOT_MINUTES), zone)
            for start, end in doctor.hours(day.weekday())
        ]

    def _visits(self) -> None:
        grown_up = self.today - timedelta(days=365 * (CHILD_YEARS + 1))
        diary = Diary(
            tenant_id=self.tenant.pk,
            now=self.now,
            rng=self.rng,
            grace=timedelta(minutes=self.tenant.no_show_grace_minutes),
            desk=self.staff[Role.FRONT_DESK],
            kinds=self.kinds,
            weights=[kind.weight for kind in KINDS],
            rooms=self.rooms,
            adults=[p for p in self.patients if p.birth_date <= grown_up],
            children=[p for p in self.patients if p.birth_date > grown_up],
        )
        zone = self.tenant.zone_info
        for offset in range(-DAYS_BACK, DAYS_AHEAD + 1):
            day = self.today + timedelta(days=offset)
            for index, doctor in enumerate(self.hospital.doctors):
                if self.free & {("doctor", index, day), ("place", doctor.place, day)}:
                    continue
                worked = self._usual(doctor, day)
                if offset == 0:
                    worked += [interval_of(w, zone) for w in self.duty.get(index, [])]
                diary.fill(
                    day,
                    sorted(worked),
                    self.providers[index],
                    self.sites[doctor.place],
                    doctor.specialty,
                    chance_of(offset, DAYS_AHEAD),
                )
        self._give_portal_patient_a_visit(diary)
        self.visits = insert(life.row for life in diary.lives)
        insert(event for life in diary.lives for event in life.events)

    def _give_portal_patient_a_visit(self, diary: Diary) -> None:
        """The portal must have something to show, whatever was drawn."""
        soon, late = self.now + timedelta(days=2), self.now + timedelta(days=20)
        rows = (life.row for life in diary.lives)
        row = next(
            row
            for row in rows
            if row.provider == self.providers[0] and soon < row.scheduled_datetime < late
        )
        row.patient = self.patients[PORTAL_PATIENT]

    def _figures(self) -> None:
        """What the jobs would have made of the visits: learned preferences, figures by day."""
        learned = list(preferences(self.patients, self.visits, tenant=self.tenant, now=self.now))
        insert(row for row, _ in learned)
        insert(
            PreferredProvider(tenant=self.tenant, preference=row, provider_id=key)
            for row, keys in learned
            for key in keys
        )
        first = self.today - timedelta(days=DAYS_BACK)
        with connections[OWNER].cursor() as cursor:
            metrics.store(
                cursor, tenant=self.tenant, first=first, last=self.today, clock=lambda: self.now
            )

    def _queues(self) -> None:
        Halls(
            self.hospital,
            self.tenant,
            sites=self.sites,
            providers=self.providers,
            kinds=self.kinds,
            patients=self.patients,
            visits=self.visits,
            now=self.now,
            rng=self.rng,
        ).run()

    def _waitlist(self) -> None:
        insert(
            wishes(
                self.rng.sample(self.patients, WAITLIST),
                self.kinds,
                self.providers,
                today=self.today,
                now=self.now,
                rng=self.rng,
            )
        )


def _on_grid(instant: datetime) -> datetime:
    return instant.replace(
        minute=instant.minute // SLOT_MINUTES * SLOT_MINUTES, second=0, microsecond=0
    )
