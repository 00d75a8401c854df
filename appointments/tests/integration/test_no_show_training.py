"""The nightly refit of the no-show model, on tenants made up for it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from appointments import tasks
from appointments.enums import AppointmentStatus, ReminderOutcome
from appointments.models import AppointmentRequest, NoShowModel, ReminderCall
from appointments.scheduling.no_show import DEFAULT, History, probabilities, slot_probabilities
from appointments.scheduling.no_show_history import MISSED, OPEN, known_before
from appointments.scheduling.no_show_selectors import current_model, read_bookings, visit_risks
from appointments.scheduling.no_show_training import refit
from core.clock import system_clock
from patients.models import PatientProfile

RUNNING = SimpleNamespace(should_abort=lambda: False)
DAYS, PATIENTS = 150, 60
# Where the default is right, chance makes a fitted model look better at some hours of some days.
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def fill(clinic, chance, *, days=DAYS, patients=PATIENTS, each=25, seed=11, now=None):
    """Ended visits over ``days``; ``chance(patient number, lead)`` of missing each.  Call inside
    ``clinic.active()``."""
    rng = np.random.default_rng(seed)
    people = PatientProfile.objects.bulk_create(
        PatientProfile(
            mrn=f"S{number:05d}",
            first_name="Syn",
            last_name=f"Thetic{number}",
            birth_date=clinic.patients[0].birth_date,
        )
        for number in range(patients)
    )
    rows = []
    for number, person in enumerate(people):
        for _ in range(each):
            lead = int(rng.integers(0, 30))
            missed = rng.random() < chance(number, lead)
            latest = now or system_clock()
            start = latest - timedelta(minutes=1 + rng.uniform(0, days * 24 * 60))
            rows.append(
                row_of(
                    clinic,
                    person,
                    start,
                    AppointmentStatus.NO_SHOW if missed else AppointmentStatus.COMPLETED,
                    created_at=start - timedelta(days=lead),
                )
            )
    AppointmentRequest.objects.bulk_create(rows)
    return people


def row_of(clinic, patient, start, status, *, created_at):
    end = start + timedelta(minutes=15)
    return AppointmentRequest(
        patient=patient,
        provider=clinic.providers[0],
        appointment_type=clinic.types[0],
        site=clinic.site,
        scheduled_datetime=start,
        scheduled_end_datetime=end,
        blocked_from=start,
        blocked_until=end,
        status=status,
        created_at=created_at,
    )


def some_people_forget(number, lead):
    return 0.75 if number % 3 == 0 else 0.05


def as_the_default_says(number, lead):
    odds = 0.25 * np.exp(0.45 * (np.log1p(lead) - np.log(11)))
    return odds / (1 + odds)


def nearly_as_the_default_says(number, lead):
    return 0.2 if lead == 10 else as_the_default_says(0, lead)


def test_a_tenant_whose_past_foretells_gets_a_model_of_its_own(riverside):
    zone = riverside.tenant.zone_info
    with riverside.active():
        fill(riverside, some_people_forget)
        row = refit(zone=zone)
        assert row.is_current
        assert row.version_number == 1
        assert row.coefficients["past_ahead"] > 0
        assert row.metrics["model"]["brier"] < row.metrics["default"]["brier"]
        assert row.visits == PATIENTS * 25
        assert DAYS - 3 <= (row.trained_until - row.trained_from).days <= DAYS
        model = current_model()
        assert model.version == 1
        one = {"lead_days": np.array([7]), "hours": np.array([9]), "weekdays": np.array([0])}
        forgets = slot_probabilities(model, History(kept=2, missed=6, missed_ahead=6), **one)
        reliable = slot_probabilities(model, History(kept=8, kept_ahead=8), **one)
        assert forgets[0] > 0.4 > 0.2 > reliable[0]


def test_a_tenant_where_the_default_is_right_already_keeps_it(riverside):
    with riverside.active():
        fill(riverside, as_the_default_says, now=NOON)
        found = refit(zone=riverside.tenant.zone_info, clock=lambda: NOON)
        assert found is None or not found.coefficients  # at most the prior moved
        assert not NoShowModel.objects.exclude(coefficients={}).exists()


def test_the_newest_visits_are_judged_by_what_the_older_ones_taught(riverside):
    """Those booked early used to come; since a month ago they come as seldom as elsewhere."""

    def the_other_way_round(number, lead):
        return 0.4 if lead < 10 else 0.02

    with riverside.active():
        fill(riverside, the_other_way_round)
        month_ago = system_clock() - timedelta(days=DAYS * 0.2)
        newest = list(AppointmentRequest.objects.filter(scheduled_datetime__gte=month_ago))
        rng = np.random.default_rng(2)
        for row in newest:
            lead = (row.scheduled_datetime - row.created_at).days
            missed = rng.random() < as_the_default_says(0, lead)
            row.status = AppointmentStatus.NO_SHOW if missed else AppointmentStatus.COMPLETED
        AppointmentRequest.objects.bulk_update(newest, ["status"])
        refit(zone=riverside.tenant.zone_info)
        assert not current_model().coefficients


def test_versions_follow_each_other_and_one_is_current(riverside):
    zone = riverside.tenant.zone_info
    with riverside.active():
        fill(riverside, some_people_forget)
        refit(zone=zone)
        refit(zone=zone)
        rows = NoShowModel.objects.order_by("version_number")
        assert [(row.version_number, row.is_current) for row in rows] == [(1, False), (2, True)]


@pytest.mark.parametrize("short", [{"days": 80}, {"each": 4}])
def test_too_little_to_learn_from_leaves_things_as_they_are(riverside, short):
    with riverside.active():
        fill(riverside, some_people_forget, **short)
        kept = NoShowModel.objects.create(
            version_number=4,
            prior_missed=1,
            prior_kept=9,
            trained_from="2026-01-01",
            trained_until="2026-04-01",
            visits=900,
            is_current=True,
        )
        assert refit(zone=riverside.tenant.zone_info) is None
        assert NoShowModel.objects.get() == kept
        assert current_model().version == 4


def test_nobody_ever_missed(riverside):
    with riverside.active():
        fill(riverside, lambda number, lead: 0.0)
        assert refit(zone=riverside.tenant.zone_info) is None
        assert current_model() == DEFAULT


def test_the_default_takes_over_again_when_it_is_better(riverside):
    with riverside.active():
        fill(riverside, nearly_as_the_default_says, now=NOON)
        NoShowModel.objects.create(
            version_number=1,
            coefficients={"intercept": 3.0},
            prior_missed=1,
            prior_kept=4,
            trained_from="2026-01-01",
            trained_until="2026-04-01",
            visits=900,
            is_current=True,
        )
        refit(zone=riverside.tenant.zone_info, clock=lambda: NOON)
        assert not current_model().coefficients


def test_every_tenant_learns_from_its_own_visits_only(riverside, lakeside):
    with riverside.active():
        fill(riverside, some_people_forget)
    tasks.refit_no_show(RUNNING, timestamp=0)
    with riverside.active():
        assert current_model().version == 1
    with lakeside.active():
        assert current_model() == DEFAULT


def test_reading_and_fitting_take_the_same_queries_at_any_size(
    riverside, django_assert_max_num_queries
):
    with riverside.active():
        fill(riverside, some_people_forget)
        with django_assert_max_num_queries(12):
            assert refit(zone=riverside.tenant.zone_info) is not None


def test_what_has_not_happened_yet_is_open(riverside):
    """A visit of tomorrow that somebody closed by mistake teaches nothing."""
    now = system_clock()
    with riverside.active():
        for status in (AppointmentStatus.NO_SHOW, AppointmentStatus.CANCELLED):
            row_of(
                riverside, riverside.patients[0], now + timedelta(days=1), status, created_at=now
            ).save()
        _, found = read_bookings(
            AppointmentRequest.objects.all(), zone=riverside.tenant.zone_info, now=now
        )
        assert found.outcome.tolist() == [OPEN, OPEN]


def test_leads_are_counted_in_local_days(riverside):
    """23:30 on Monday to 00:30 on Tuesday in Berlin is one day, though both are Monday in UTC."""
    zone = riverside.tenant.zone_info
    booked = riverside.at(-3, system_clock().replace(hour=23, minute=30).time())
    with riverside.active():
        row_of(
            riverside,
            riverside.patients[0],
            booked + timedelta(hours=1),
            AppointmentStatus.NO_SHOW,
            created_at=booked,
        ).save()
        _, found = read_bookings(AppointmentRequest.objects.all(), zone=zone, now=system_clock())
        assert found.lead_days.tolist() == [1]
        assert found.outcome.tolist() == [MISSED]


def test_a_call_that_reached_the_patient_counts_if_it_lay_between(riverside):
    now, zone = system_clock(), riverside.tenant.zone_info
    start = now + timedelta(days=5)
    day = start.astimezone(zone).date()
    with riverside.active():
        row_of(
            riverside,
            riverside.patients[0],
            start,
            AppointmentStatus.CONFIRMED,
            created_at=now - timedelta(days=3),
        ).save()

        def reminded(**call):
            ReminderCall.objects.all().delete()
            ReminderCall.objects.create(
                **{
                    "patient": riverside.patients[0],
                    "visits_until": day,
                    "outcome": ReminderOutcome.CONFIRMED,
                    "at": now - timedelta(days=1),
                }
                | call
            )
            return read_bookings(AppointmentRequest.objects.all(), zone=zone, now=now)[-1].reminded

        assert reminded().tolist() == [1]
        assert reminded(at=now - timedelta(days=4)).tolist() == [0]
        assert reminded(at=start).tolist() == [0]
        assert reminded(visits_until=day - timedelta(days=1)).tolist() == [0]
        assert reminded(outcome=ReminderOutcome.NO_ANSWER).tolist() == [0]
        assert reminded(patient=riverside.patients[1]).tolist() == [0]


def test_risks_of_many_visits_cost_three_queries_and_equal_one_by_one(
    riverside, django_assert_num_queries
):
    now, zone = system_clock(), riverside.tenant.zone_info
    with riverside.active():
        people = fill(riverside, some_people_forget, patients=6)
        refit(zone=zone)
        coming = AppointmentRequest.objects.bulk_create(
            row_of(
                riverside,
                person,
                now + timedelta(days=2, hours=number),
                AppointmentStatus.CONFIRMED,
                created_at=now,
            )
            for number, person in enumerate(people)
        )
        wanted = AppointmentRequest.objects.filter(pk__in=[row.pk for row in coming])
        with django_assert_num_queries(3):
            risks = visit_risks(wanted, zone=zone, now=now)
        assert set(risks) == {row.pk for row in coming}
        for row in coming:
            alone = visit_risks(wanted.filter(pk=row.pk), zone=zone, now=now)
            assert alone == {row.pk: risks[row.pk]}
            assert risks[row.pk].patient_id == row.patient_id
        forgetful, reliable = risks[coming[0].pk], risks[coming[1].pk]
        assert forgetful.probability > reliable.probability
        assert any("missed" in reason.text and reason.raises for reason in forgetful.reasons)
        assert visit_risks(wanted.none(), zone=zone, now=now) == {}


def test_a_formula_model_of_a_row_equals_the_default_formula(riverside):
    with riverside.active():
        NoShowModel.objects.create(
            version_number=2,
            prior_missed=1,
            prior_kept=4,
            trained_from="2026-01-01",
            trained_until="2026-04-01",
            visits=900,
            is_current=True,
        )
        fill(riverside, some_people_forget, patients=2, each=3)
        rows = AppointmentRequest.objects.all()
        _, bookings = read_bookings(rows, zone=riverside.tenant.zone_info, now=system_clock())
        visits = known_before(bookings)
        np.testing.assert_allclose(
            probabilities(current_model(), visits), probabilities(DEFAULT, visits)
        )
