"""Slot search finds exactly what a patient person with a pencil would find, and ranks it so."""

import math
import random
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from appointments.enums import OCCUPYING, AppointmentStatus, Priority
from appointments.models import (
    AppointmentPriorityRule,
    AppointmentRequest,
    AppointmentTemplate,
    Resource,
    SchedulingPreference,
    SlotAvailability,
    TemplateProvider,
    TimeOff,
)
from appointments.scheduling import no_show, travel
from appointments.scheduling.availability import to_utc
from appointments.scheduling.scoring import FACTORS, Weights
from appointments.scheduling.smart_scheduler import SmartScheduler
from appointments.scheduling.wishes import Wish
from core.models import Site
from patients.models import PatientProfile

pytestmark = pytest.mark.django_db
SPRING, AUTUMN = date(2026, 3, 28), date(2026, 10, 24)  # the day before the clocks change
MINUTE = timedelta(minutes=1)
NAMES = {0: "Monday", 1: "Tuesday", 2: "Wednesday", 3: "Thursday", 4: "Friday"}


class Schedule:
    """A random calendar around a change of the clocks, in the database and as plain lists."""

    def __init__(self, clinic, seed):
        self.pick = random.Random(seed)
        self.clinic, self.zone = clinic, clinic.tenant.zone_info
        self.first = self.pick.choice([SPRING, AUTUMN])
        self.now = datetime.combine(self.first, time(5, 7), tzinfo=UTC) - timedelta(
            hours=self.pick.randint(0, 30)
        )
        SlotAvailability.objects.all().delete()
        self.sites = [clinic.site, Site.objects.create(name="Annex", latitude=52.6, longitude=13.5)]
        Site.objects.filter(pk=clinic.site.pk).update(latitude=52.5, longitude=13.4)
        self.kind = AppointmentTemplate.objects.create(
            name="Wanted",
            duration_minutes=30,
            buffer_before_minutes=self.pick.choice([0, 5]),
            buffer_after_minutes=self.pick.choice([0, 10]),
            min_lead_minutes=self.pick.choice([0, 90]),
            max_lead_days=self.pick.choice([2, 365]),
            resource_kind=self.pick.choice(["", "", "Scanner"]),
        )
        self.patient = clinic.patients[0]
        self.windows, self.busy = [], {user.pk: [] for user in clinic.providers}
        self.closures, self.resources = [], []
        for user in clinic.providers:
            self.give_windows(user)
            self.give_busy(user)
        self.windows.sort(key=lambda window: (window.date, window.start_time))
        self.give_resources()
        self.own = self.give_own_visits()
        self.give_person()

    def instant(self, minutes):
        return datetime.combine(self.first, time.min, tzinfo=UTC) + timedelta(minutes=minutes)

    def give_windows(self, user):
        for day in range(3):
            for _ in range(self.pick.randint(0, 2)):
                start = self.pick.randint(0, 20) * 15
                row = SlotAvailability(
                    provider=user,
                    site=self.pick.choice(self.sites),
                    date=self.first + timedelta(days=day),
                    start_time=time(start // 60, start % 60),
                    end_time=time(self.pick.randint(6, 11), self.pick.choice([0, 30])),
                    duration_minutes=self.pick.choice([10, 15, 30]),
                    is_active=self.pick.random() < 0.9,
                    is_blocked=self.pick.random() < 0.15,
                )
                taken = SlotAvailability.objects.filter(
                    provider=user, date=row.date, start_time=row.start_time
                )
                if not taken.exists():
                    row.save()
                    self.windows.append(row)

    def give_busy(self, user):
        for _ in range(self.pick.randint(0, 5)):
            start = self.instant(self.pick.randint(-60, 4200))
            end = start + self.pick.choice([15, 25, 60]) * MINUTE
            taken = self.visit_or_hold(user, start, end)
            self.busy[user.pk] += taken
        if self.pick.random() < 0.3:
            start = self.instant(self.pick.randint(0, 3000))
            end = start + timedelta(hours=3)
            TimeOff.objects.create(provider=user, starts_at=start, ends_at=end)
            self.busy[user.pk].append((start, end))
        if self.pick.random() < 0.2:
            start = self.instant(self.pick.randint(0, 3000))
            closure = (self.pick.choice(self.sites), start, start + timedelta(hours=2))
            TimeOff.objects.create(site=closure[0], starts_at=start, ends_at=closure[2])
            self.closures.append(closure)

    def visit_or_hold(self, user, start, end, **fields):
        """In any state, with buffers of its own; what of it is taken."""
        before, after = (self.pick.choice([0, 0, 10]) * MINUTE for _ in range(2))
        status = self.pick.choice([*OCCUPYING, AppointmentStatus.CANCELLED])
        expires = self.now + self.pick.choice([-1, 3]) * MINUTE
        held = status == AppointmentStatus.HELD
        fields |= {"hold_expires_at": expires if held else None}
        blocked = {"blocked_from": start - before, "blocked_until": end + after}
        self.row(user, 1, start, end, status, **blocked, **fields)
        if status not in OCCUPYING or (held and expires <= self.now):
            return []
        return [tuple(blocked.values())]

    def give_resources(self):
        stranger = User.objects.create(username="fourth@x.test", role="provider", last_name="X")
        for name in ("Scanner 1", "Scanner 2"):
            one = Resource.objects.create(
                name=name, kind="Scanner", site=self.pick.choice(self.sites)
            )
            taken, visits = [], []
            for _ in range(self.pick.randint(0, 3)):
                start = self.instant(self.pick.randint(0, 4000))
                end = start + 90 * MINUTE
                if self.pick.random() < 0.5:
                    TimeOff.objects.create(resource=one, starts_at=start, ends_at=end)
                    taken.append((start, end))
                elif not meets(start - 10 * MINUTE, end + 10 * MINUTE, visits):
                    visits.append((start - 10 * MINUTE, end + 10 * MINUTE))
                    taken += self.visit_or_hold(stranger, start, end, resource=one)
            self.resources.append((one, taken))

    def give_own_visits(self):
        """Elsewhere: with a provider who is not searched."""
        start = self.instant(self.pick.randint(0, 3000))
        end = start + 45 * MINUTE
        stranger = User.objects.create(
            username="third@x.test", role="provider", first_name="T", last_name="X"
        )
        self.row(stranger, 0, start, end, AppointmentStatus.CONFIRMED)
        return [(start, end)]

    def give_person(self):
        self.kept, self.missed = self.pick.randint(0, 4), self.pick.randint(0, 3)
        states = [AppointmentStatus.COMPLETED] * self.kept
        states += [AppointmentStatus.NO_SHOW] * self.missed
        for number, status in enumerate(states):
            start = self.now - timedelta(days=30 + number)
            self.row(self.clinic.providers[0], 0, start, start + 30 * MINUTE, status)
        self.home = self.pick.choice([None, (52.45, 13.3)])
        if self.home:
            PatientProfile.objects.filter(pk=self.patient.pk).update(
                latitude=self.home[0], longitude=self.home[1]
            )
        self.days = self.pick.sample(sorted(NAMES), self.pick.randint(0, 2))
        self.parts = self.pick.sample(["morning", "afternoon"], self.pick.randint(0, 1))
        self.liked = self.pick.choice([[], [self.clinic.providers[1]]])
        stated = SchedulingPreference.objects.create(
            patient=self.patient,
            preferred_days=[NAMES[day] for day in self.days],
            preferred_times=self.parts,
        )
        stated.preferred_providers.set(self.liked)

    def row(self, user, patient, start, end, status, **fields):
        return AppointmentRequest.objects.create(
            patient=self.clinic.patients[patient],
            provider=user,
            appointment_type=self.clinic.types[0],
            scheduled_datetime=start,
            scheduled_end_datetime=end,
            status=status,
            overbooked=True,
            override_reason="random",
            **{"blocked_from": start, "blocked_until": end} | fields,
        )


def meets(start, end, intervals):
    return any(start < closes and end > opens for opens, closes in intervals)


def expected_slots(schedule, wish):
    """(provider, start) → the window, the free resource, busy time; one candidate at a time."""
    closed = {user: list(busy) for user, busy in schedule.busy.items()}
    opened = [w for w in schedule.windows if w.is_active and w.date in wish.dates]
    for window in opened:
        if window.is_blocked:
            closed[window.provider_id].append(span(window, schedule.zone))
    found = {}
    for window in opened:
        wanted = not (window.is_blocked or (wish.site_id and window.site_id != wish.site_id))
        if not wanted or (wish.provider_ids and window.provider_id not in wish.provider_ids):
            continue
        start, closes = span(window, schedule.zone)
        while start + wish.duration_minutes * MINUTE <= closes:
            resource = free_resource(schedule, wish, window, start)
            if resource is not False and is_free(schedule, wish, window, start, closed):
                found.setdefault((window.provider_id, start), (window, resource, closed))
            start += window.duration_minutes * MINUTE
    return found


def blocked(wish, start):
    kind = wish.appointment_type
    end = start + wish.duration_minutes * MINUTE
    return (
        start - kind.buffer_before_minutes * MINUTE,
        end + kind.buffer_after_minutes * MINUTE,
    )


def is_free(schedule, wish, window, start, closed):
    kind, local = wish.appointment_type, start.astimezone(schedule.zone)
    closures = [(a, b) for site, a, b in schedule.closures if site.pk == window.site_id]
    return (
        schedule.now + kind.min_lead_minutes * MINUTE <= start
        and start <= schedule.now + timedelta(days=kind.max_lead_days)
        and not meets(*blocked(wish, start), closed[window.provider_id] + closures)
        and not meets(start, start + wish.duration_minutes * MINUTE, schedule.own)
        and (not wish.weekdays or local.weekday() in wish.weekdays)
        and (not wish.times or any(a <= local.time() < b for a, b in wish.times))
    )


def free_resource(schedule, wish, window, start):
    """None where none is needed, False where none is free."""
    if not wish.appointment_type.resource_kind:
        return None
    for one, taken in schedule.resources:
        if one.site_id == window.site_id and not meets(*blocked(wish, start), taken):
            return one
    return False


def span(window, zone):
    return (
        to_utc(window.date, window.start_time, zone),
        to_utc(window.date, window.end_time, zone, fold=1),
    )


def expected_scores(schedule, wish, slots):
    """The formulas of the documentation, one slot at a time."""
    zone, kind = schedule.zone, wish.appointment_type
    today = schedule.now.astimezone(zone).date()
    before, after = kind.buffer_before_minutes * MINUTE, kind.buffer_after_minutes * MINUTE
    length = wish.duration_minutes * MINUTE
    missed, minutes = {}, {}
    prior = no_show.DEFAULT
    rate = (schedule.missed + prior.prior_missed) / (
        schedule.missed + schedule.kept + prior.prior_missed + prior.prior_kept
    )
    for key, (window, _, _) in slots.items():
        local = key[1].astimezone(zone)
        lead = (window.date - today).days
        x = math.log(rate / (1 - rate)) + 0.45 * (math.log(1 + lead) - math.log(11))
        missed[key] = 1 / (1 + math.exp(-x))
        site = next(s for s in schedule.sites if s.pk == window.site_id)
        if schedule.home:
            place = (site.latitude or 52.5, site.longitude or 13.4)
            hour, rush = local.hour + local.minute / 60, 1.0
            for opens, closes, factor in travel.RUSH_FACTORS:
                if opens <= hour < closes and local.weekday() < 5:
                    rush = factor
            minutes[key] = travel.quiet_minutes(schedule.home, place) * rush
    scores = {}
    for key, (window, _, closed) in slots.items():
        provider, start = key
        local, lead = start.astimezone(zone), (window.date - today).days
        opens, closes = span(window, zone)
        taken_from, taken_until = start - before, start + length + after
        ends = [b for _, b in closed[provider] if b <= taken_from]
        starts = [a for a, _ in closed[provider] if a >= taken_until]
        gaps = (
            taken_from - max([opens - before, *ends]),
            min([closes + after, *starts]) - taken_until,
        )
        unit = window.duration_minutes * MINUTE
        orphans = sum(timedelta(0) < gap <= unit for gap in gaps)
        fit = 80 - 30 * orphans + (20 if timedelta(0) in gaps else 0)
        worst, best = max(missed.values()), min(missed.values())
        spread = worst - best
        part = "morning" if local.hour < 12 else "afternoon" if local.hour < 17 else "evening"
        factors = {
            "provider_availability": 0.5 * fit + 50 * math.exp(-lead / 5),
            "patient_priority": 100 * math.exp(-lead / 21),
            "no_show_risk": 100 * (worst - missed[key]) / spread * min(1, spread / 0.2)
            if spread
            else 0,
            "geographic_proximity": 100 * math.exp(-(minutes[key] - min(minutes.values())) / 30)
            if minutes
            else 100,
            "patient_preference": 45 * (not schedule.liked or provider == schedule.liked[0].pk)
            + 35 * (not schedule.parts or part in schedule.parts)
            + 20 * (not schedule.days or local.weekday() in schedule.days),
        }
        scores[key] = factors
    return scores


@given(seed=st.integers(0, 2**32 - 1))
@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_search_equals_the_oracle(riverside, seed):
    with riverside.active(), transaction.atomic():
        schedule = Schedule(riverside, seed)
        pick = schedule.pick
        wish = Wish(
            appointment_type=schedule.kind,
            patient_id=schedule.patient.pk,
            dates=tuple(schedule.first + timedelta(days=n) for n in range(3)),
            duration_minutes=pick.choice([20, 30, 50]),
            provider_ids=pick.choice([None, (riverside.providers[0].pk,)]),
            site_id=pick.choice([None, schedule.sites[1].pk]),
            weekdays=pick.choice([frozenset(), frozenset({5, 6})]),
            times=pick.choice([(), ((time(2), time(3)), (time(8, 30), time(10)))]),
            max_results=500,
        )
        result = SmartScheduler(riverside.tenant, clock=lambda: schedule.now).search(wish)
        expected = expected_slots(schedule, wish)
        found = {(slot.provider_id, slot.datetime): slot for slot in result.slots}
        assert set(found) == set(expected)
        assert result.free == len(expected)
        assert [day.free for day in result.days] == [
            sum(window.date == day for window, _, _ in expected.values()) for day in wish.dates
        ]
        scores = expected_scores(schedule, wish, expected)
        weights, totals = Weights(), {}
        for key, slot in found.items():
            window, resource, _ = expected[key]
            assert slot.site_id == window.site_id
            assert slot.resource_id == (resource.pk if resource else None)
            for name in FACTORS:
                assert slot.score.breakdown[name] == pytest.approx(scores[key][name], abs=0.006)
            totals[key] = round(sum(getattr(weights, n) * scores[key][n] for n in FACTORS), 6)
        ranked = sorted(totals, key=lambda key: (-totals[key], key[1], key[0]))
        assert [(slot.provider_id, slot.datetime) for slot in result.slots] == ranked
        transaction.set_rollback(True)


@pytest.fixture
def wish(riverside):
    def make(**changes):
        today = riverside.at(0, time(12)).astimezone(riverside.tenant.zone_info).date()
        values = {
            "appointment_type": riverside.types[0],
            "patient_id": riverside.patients[0].pk,
            "dates": tuple(today + timedelta(days=n) for n in range(1, 8)),
            "duration_minutes": 30,
        }
        return Wish(**(values | changes))

    return make


def test_the_number_of_statements_does_not_depend_on_the_number_of_providers(riverside, wish):
    with riverside.active():
        for providers in ((riverside.providers[0].pk,), None):
            with CaptureQueriesContext(
                connection,
            ) as seen:
                SmartScheduler(riverside.tenant).search(wish(provider_ids=providers))
            assert len(seen) == 2


@pytest.mark.parametrize("others", [range(1, 20), range(10, 12), range(3, 4), range(0)])
def test_one_read_serves_the_slots_and_further_days(riverside, wish, others):
    with riverside.active():
        scheduler, wanted = SmartScheduler(riverside.tenant), wish(max_results=500)
        days = [wanted.dates[0] + timedelta(days=n) for n in others]
        with CaptureQueriesContext(connection) as seen:
            found, summaries = scheduler.search_with_days(wanted, days)
        assert len(seen) == 2
        assert found == scheduler.search(wanted)
        alone = scheduler.search(wish(dates=tuple(days))).days if days else []
    assert summaries == alone


def test_only_the_wanted_number_is_returned_and_it_is_the_best(riverside, wish):
    with riverside.active():
        scheduler = SmartScheduler(riverside.tenant)
        everything = scheduler.search(wish(max_results=500)).slots
        few = scheduler.search(wish(max_results=7)).slots
    assert few == everything[:7]


def test_soonest_first_is_by_time(riverside, wish):
    with riverside.active():
        slots = SmartScheduler(riverside.tenant).search(wish(soonest_first=True)).slots
    assert [slot.datetime for slot in slots] == sorted(slot.datetime for slot in slots)
    assert slots[0].datetime == riverside.at(1, time(8))


def test_a_type_for_listed_providers_is_found_with_them_only(riverside, wish):
    with riverside.active():
        TemplateProvider.objects.create(
            template=riverside.types[0], provider=riverside.providers[1]
        )
        slots = SmartScheduler(riverside.tenant).search(wish(max_results=500)).slots
    assert {slot.provider_id for slot in slots} == {riverside.providers[1].pk}


def test_same_day_rule_leaves_today_and_high_rules_go_to_the_earliest(riverside, wish):
    clock = lambda: riverside.at(1, time(9, 5))  # noqa: E731
    with riverside.active():
        AppointmentPriorityRule.objects.create(
            name="Chest pain", diagnosis_codes=["R07"], requires_same_day=True
        )
        AppointmentPriorityRule.objects.create(
            name="Fever", diagnosis_codes=["R50.9"], base_priority_score=85, max_wait_days=2
        )
        scheduler = SmartScheduler(riverside.tenant, clock=clock)
        same_day = scheduler.search(wish(diagnosis_codes=("R07.4",), max_results=500))
        soon = scheduler.search(wish(diagnosis_codes=("R50.9",), max_results=500))
        plain = scheduler.search(wish(max_results=500))
    zone = riverside.tenant.zone_info
    today = clock().astimezone(zone).date()
    assert {slot.datetime.astimezone(zone).date() for slot in same_day.slots} == {today}
    assert same_day.demand.requires_same_day
    assert [s.datetime for s in soon.slots] == sorted(s.datetime for s in soon.slots)
    assert {s.is_late for s in soon.slots} == {True, False}
    assert len(plain.slots) == len(soon.slots)
    assert [s.datetime for s in plain.slots] != sorted(s.datetime for s in plain.slots)


def test_urgency_prefers_sooner_days(riverside, wish):
    with riverside.active():
        scheduler = SmartScheduler(riverside.tenant)
        by_urgency = {
            urgency: scheduler.search(wish(urgency=urgency, max_results=500)).slots
            for urgency in Priority
        }
    last = {u: min(s.score.breakdown["patient_priority"] for s in by_urgency[u]) for u in Priority}
    assert last[Priority.URGENT] < last[Priority.PRIORITY] < last[Priority.ROUTINE]


def test_another_tenants_calendar_is_not_seen(riverside, lakeside, wish):
    with lakeside.active():
        strange = Wish(
            appointment_type=riverside.types[0],
            patient_id=riverside.patients[0].pk,
            dates=wish().dates,
            duration_minutes=30,
            provider_ids=tuple(user.pk for user in riverside.providers),
        )
        assert SmartScheduler(lakeside.tenant).search(strange).slots == []


def test_probability_of_one_visit_is_the_slots(riverside, wish):
    with riverside.active():
        scheduler = SmartScheduler(riverside.tenant)
        slot = scheduler.search(wish()).slots[3]
        alone = scheduler.predict_no_show_probability(riverside.patients[0], slot.datetime)
    assert alone == pytest.approx(slot.missed_probability, abs=1e-4)
    assert 0 < alone < 1


@pytest.mark.parametrize(
    "rule",
    [
        {"base_priority_score": 79},
        {"base_priority_score": 80},
        {"requires_same_day": True},
        {"base_priority_score": 100, "requires_same_day": True},
    ],
)
def test_priority_routing_of_a_list_is_what_the_search_does(riverside, wish, rule):
    early = riverside.at(0, time(6))
    with riverside.active():
        scheduler = SmartScheduler(riverside.tenant, clock=lambda: early)
        today = early.astimezone(riverside.tenant.zone_info).date()
        wanted = wish(dates=(today, today + timedelta(days=1)), max_results=500)
        plain = scheduler.search(wanted)
        assert len(plain.slots) == plain.free
        assert scheduler.apply_priority_routing(plain.slots, plain.demand) == plain.slots
        AppointmentPriorityRule.objects.create(name="Chest pain", **rule)
        ruled = scheduler.search(wanted)
        routed = scheduler.apply_priority_routing(plain.slots, ruled.demand)
    places = [
        [(each.datetime, each.provider_id) for each in found] for found in (routed, ruled.slots)
    ]
    assert sorted(places[0]) == sorted(places[1])
    assert len(places[0]) == (plain.free if "requires_same_day" not in rule else plain.free / 2)
    in_time = [[at for at, _ in found] == sorted(at for at, _ in found) for found in places]
    assert in_time == [rule.get("base_priority_score", 0) >= 80] * 2


def test_a_site_with_half_a_place_has_none(riverside, wish):
    with riverside.active():
        PatientProfile.objects.update(latitude=52.5, longitude=13.4)
        Site.objects.filter(pk=riverside.site.pk).update(latitude=52.5, longitude=None)
        slots = SmartScheduler(riverside.tenant).search(wish()).slots
    assert len(slots) == 10


def test_telehealth_needs_no_room_and_no_journey(riverside, wish):
    with riverside.active():
        kind = riverside.types[0]
        kind.modality, kind.resource_kind = "either", "Scanner"
        kind.save()
        scheduler = SmartScheduler(riverside.tenant)
        assert scheduler.search(wish()).slots == []
        TimeOff.objects.create(
            site=riverside.site,
            starts_at=riverside.at(0, time(0)),
            ends_at=riverside.at(20, time(0)),
            kind="closure",
        )
        slots = scheduler.search(wish(modality="telehealth")).slots
    assert slots
    assert {slot.resource_id for slot in slots} == {None}
    assert {slot.score.reasons["geographic_proximity"] for slot in slots} == {"no journey"}
