"""Preferences are learned after each finished visit, correct after an undo; by hand wins."""

from datetime import time, timedelta

import pytest
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.permissions import Role
from appointments import tasks
from appointments.booking.engine import BookingEngine
from appointments.enums import AppointmentStatus as S
from appointments.enums import Step
from appointments.models import AppointmentRequest, SchedulingMetrics, SchedulingPreference
from appointments.scheduling import preferences
from appointments.scheduling.preferences import Preferences, known
from appointments.tests.api import api_of, problem
from appointments.tests.integration.test_tasks import RUNNING
from appointments.tests.visits import make_visit
from core.errors import InvalidInputError, NotAllowedError, NotFoundError, StaleVersionError
from core.models import AuditEvent

PATH = "appointments/scheduling/preferences/"
LEARN = "appointments/scheduling/update-patient-preferences/"


def mornings(clinic, count=3, *, provider=0, patient=0):
    """Completed visits, one a week, at 9 o'clock."""
    return [
        make_visit(
            clinic,
            clinic.at(-7 * n, time(9)),
            status=S.COMPLETED,
            provider=provider,
            patient=patient,
        )
        for n in range(1, count + 1)
    ]


def learn(clinic, patient=0):
    return Preferences(by=None).learn(clinic.patients[patient].pk)


def preferred(row):
    row.refresh_from_db()
    providers = list(row.preferred_providers.values_list("pk", flat=True))
    return row.preferred_days, row.preferred_times, providers


@pytest.mark.django_db
class TestLearning:
    def test_it_is_stored_and_stays_when_learned_again(self, riverside):
        with riverside.active():
            weekday = mornings(riverside)[0].scheduled_datetime.strftime("%A")
            row = learn(riverside)
            first = preferred(row)
            assert first == ([weekday], ["morning"], [riverside.providers[0].pk])
            updated_at = row.updated_at
            assert preferred(learn(riverside)) == first
            row.refresh_from_db()
            assert row.updated_at == updated_at
            assert AuditEvent.objects.filter(table=row._meta.db_table).count() == 2

    def test_what_is_no_longer_so_is_unlearned(self, riverside):
        with riverside.active():
            visits = mornings(riverside)
            row = learn(riverside)
            AppointmentRequest.objects.filter(pk=visits[0].pk).update(status=S.NO_SHOW)
            learn(riverside)
            assert preferred(row) == ([], [], [])
            assert (row.total_appointments, row.completed_appointments) == (3, 2)
            assert row.average_no_show_rate == pytest.approx((1 + 1) / (3 + 5))

    def test_an_inactive_provider_is_nobodys_wish(self, riverside):
        with riverside.active():
            mornings(riverside)
            riverside.providers[0].is_active = False
            riverside.providers[0].save()
            assert preferred(learn(riverside))[2] == []

    def test_the_rate_is_smoothed_towards_the_tenants(self, riverside):
        with riverside.active():
            today = riverside.at(0, time(12)).date()
            SchedulingMetrics.objects.create(
                provider=riverside.providers[0],
                date=today,
                no_shows=10,
                completed_appointments=90,
            )
            make_visit(riverside, riverside.at(-1, time(9)), status=S.NO_SHOW)
            assert learn(riverside).average_no_show_rate == pytest.approx((1 + 0.5) / (1 + 5))

    def test_the_nightly_round_finds_who_was_left_out(self, riverside):
        with riverside.active():
            mornings(riverside)
            mornings(riverside, 1, patient=1, provider=1)
            learn(riverside)
        tasks.catch_up_preferences(RUNNING, timestamp=0)
        with riverside.active():
            assert SchedulingPreference.objects.count() == 2
            assert preferences.catch_up() == 0

    def test_nobody_is_learned_twice_in_a_round_of_batches(self, riverside, monkeypatch):
        monkeypatch.setattr(preferences, "BATCH", 1)
        monkeypatch.setattr(preferences.catch_up, "__kwdefaults__", {"limit": 1})
        with riverside.active():
            for patient in range(3):
                mornings(riverside, 1, patient=patient, provider=patient % 2)
        tasks.catch_up_preferences(RUNNING, timestamp=0)
        with riverside.active():
            assert SchedulingPreference.objects.count() == 3

    def test_its_cost_does_not_grow_with_the_history(self, riverside):
        from django.db import connection

        def cost():
            with CaptureQueriesContext(connection) as captured:
                learn(riverside)
            return len(captured)

        with riverside.active():
            mornings(riverside, 3)
            learn(riverside)
            few = cost()
            for n in range(4, 60):
                make_visit(riverside, riverside.at(-7 * n, time(9)), status=S.COMPLETED)
            learn(riverside)
            assert cost() == few <= 14


@pytest.mark.django_db
class TestByHand:
    def test_it_wins_until_it_is_given_back(self, riverside):
        engine, key = Preferences(by=riverside.user(Role.FRONT_DESK)), riverside.patients[0].pk
        with riverside.active():
            mornings(riverside)
            other = riverside.providers[1].pk
            row = engine.change(key, preferred_times=["evening"], preferred_providers=[other])
            weekday = row.preferred_days
            assert row.manual_fields == ["preferred_providers", "preferred_times"]
            learn(riverside)
            assert preferred(row) == (weekday, ["evening"], [other])
            engine.change(key, preferred_times=None, preferred_providers=None)
            assert preferred(row) == (weekday, ["morning"], [riverside.providers[0].pk])
            assert row.manual_fields == []

    def test_nothing_preferred_can_be_set_too(self, riverside):
        with riverside.active():
            mornings(riverside)
            Preferences(by=None).change(riverside.patients[0].pk, preferred_days=[])
            assert preferred(learn(riverside))[0] == []

    def test_journey_and_address(self, riverside):
        with riverside.active():
            key = riverside.patients[0].pk
            Preferences(by=None).change(key, travel_time_to_clinic=25, home_address="1 Hill Road")
            row = Preferences(by=None).change(key, travel_time_to_clinic=None)
            assert (row.travel_time_to_clinic, row.home_address) == (None, "1 Hill Road")
            assert row.manual_fields == []

    def test_refusals(self, riverside, lakeside):
        key, desk = riverside.patients[0].pk, Preferences(by=riverside.user(Role.FRONT_DESK))
        with riverside.active():
            with pytest.raises(NotAllowedError):
                Preferences(by=riverside.user(Role.NURSE)).change(key, preferred_days=[])
            with pytest.raises(NotFoundError):
                desk.change(lakeside.patients[0].pk, preferred_days=[])
            with pytest.raises(InvalidInputError) as refused:
                desk.change(key, preferred_providers=[lakeside.providers[0].pk])
            assert (refused.value.attr, refused.value.code) == (
                "preferred_providers",
                "does_not_exist",
            )
            version = desk.change(key, preferred_days=["Monday"]).version
            learn(riverside)  # makes nobody's form stale
            desk.change(key, version=version, preferred_days=["Friday"])
            with pytest.raises(StaleVersionError):
                desk.change(key, version=version, preferred_days=["Sunday"])


def jobs(clinic):
    rows = ProcrastinateJob.objects.filter(
        task_name="appointments:learn_preferences", args__tenant_id=clinic.tenant.pk
    )
    return list(rows.order_by("id").values_list("args", flat=True))


def run_jobs(clinic):
    for arguments in jobs(clinic):
        tasks.learn_preferences(**arguments)


def test_a_finished_visit_queues_the_learning_and_undo_takes_it_back(committed_riverside):
    clinic = committed_riverside
    with clinic.active():
        mornings(clinic, 2)
        visit = make_visit(clinic, clinic.at(0, time(9)), status=S.IN_PROGRESS)
        patient = clinic.patients[0].pk
    engine = BookingEngine(by=None)
    with clinic.active():
        engine.complete(visit.pk)
    assert jobs(clinic) == [{"tenant_id": clinic.tenant.pk, "appointment_id": visit.pk}]
    run_jobs(clinic)
    with clinic.active():
        row = SchedulingPreference.objects.get(patient_id=patient)
        assert (row.completed_appointments, row.preferred_times) == (3, ["morning"])
        engine.undo(visit.pk)
    assert len(jobs(clinic)) == 2
    run_jobs(clinic)
    with clinic.active():
        assert preferred(row)[1] == []
        assert row.completed_appointments == 2


def test_only_steps_that_finish_a_visit_queue_it(committed_riverside):
    clinic = committed_riverside
    with clinic.active():
        visit = make_visit(clinic, clinic.at(1, time(9)), status=S.PENDING)
    for step in (Step.CONFIRM, Step.CHECK_IN, Step.START):
        with clinic.active():
            BookingEngine(by=None).take(step, visit.pk)
    assert jobs(clinic) == []


def test_a_queue_that_is_down_does_not_stop_the_desk(committed_riverside, monkeypatch):
    clinic = committed_riverside

    def refuse(**arguments):
        raise RuntimeError

    monkeypatch.setattr(tasks.learn_preferences, "defer", refuse)
    with clinic.active():
        visit = make_visit(clinic, clinic.at(1, time(9)), status=S.IN_PROGRESS)
    with clinic.active():
        BookingEngine(by=None).complete(visit.pk)
    with clinic.active():
        visit.refresh_from_db()
        assert visit.status == S.COMPLETED


@pytest.mark.django_db
class TestRest:
    def test_reading_writes_nothing(self, riverside):
        with riverside.active():
            mornings(riverside)
        key = riverside.patients[0].pk
        answer = api_of(riverside, Role.NURSE).get(PATH, {"patient_id": key})
        shown = answer.json()
        assert (answer.status_code, shown["preferred_times"]) == (200, ["morning"])
        assert shown["learned"]["from_visits"] == 3
        assert shown["average_no_show_rate"] == pytest.approx(1 / 8)
        with riverside.active():
            assert not SchedulingPreference.objects.exists()
            assert AuditEvent.objects.filter(action="READ", record_id=key).exists()

    def test_put_patch_and_post(self, riverside):
        api, key = api_of(riverside), riverside.patients[0].pk
        path = f"{PATH}?patient_id={key}"
        whole = {
            "preferred_days": ["Monday"],
            "preferred_times": None,
            "preferred_providers": [riverside.providers[1].pk],
            "home_address": "",
            "travel_time_to_clinic": 15,
        }
        put = api.send("PUT", path, whole).json()
        assert put["manual_fields"] == ["preferred_days", "preferred_providers"]
        assert put["travel_time_to_clinic"] == 15
        patched = api.patch(path, {"preferred_days": None}).json()
        assert patched["manual_fields"] == ["preferred_providers"]
        posted = api.post(LEARN, {"patient_id": key, "preferred_times": ["evening"]}).json()
        assert posted["manual_fields"] == ["preferred_providers", "preferred_times"]
        learned = api.post(LEARN, {"patient_id": key})
        assert (learned.status_code, learned.json()["version"]) == (200, posted["version"])

    def test_if_match(self, riverside):
        api, key = api_of(riverside), riverside.patients[0].pk
        path = f"{PATH}?patient_id={key}"
        etag = api.patch(path, {"preferred_days": ["Monday"]})["ETag"]
        assert api.get(path, None, **{"If-None-Match": etag}).status_code == 304
        assert api.patch(path, {"home_address": "x"}, **{"If-Match": etag}).status_code == 200
        stale = api.patch(path, {"home_address": "y"}, **{"If-Match": etag})
        assert stale.status_code == 412

    @pytest.mark.parametrize(
        ("query", "wanted"),
        [
            ("", (400, "required", "patient_id")),
            ("?patient_id=0", (400, "min_value", "patient_id")),
            ("?patient_id=x", (400, "invalid", "patient_id")),
            ("?patient_id=999999", (404, "not_found", "patient_id")),
            ("?patient=1", (400, "unknown_parameter", "patient")),
        ],
    )
    def test_bad_queries(self, riverside, query, wanted):
        assert problem(api_of(riverside).get(PATH + query)) == wanted

    @pytest.mark.parametrize(
        ("body", "wanted"),
        [
            ({"preferred_days": ["Someday"]}, (400, "invalid_choice", "preferred_days.0")),
            ({"preferred_times": "morning"}, (400, "not_a_list", "preferred_times")),
            ({"preferred_providers": [99999]}, (400, "does_not_exist", "preferred_providers")),
            ({"travel_time_to_clinic": -5}, (400, "min_value", "travel_time_to_clinic")),
            ({"travel_time_to_clinic": 10_000}, (400, "max_value", "travel_time_to_clinic")),
            ({"average_no_show_rate": 1.1}, (400, "max_value", "average_no_show_rate")),
            (
                {"average_late_arrival_minutes": -1},
                (400, "min_value", "average_late_arrival_minutes"),
            ),
            ({"total_appointments": 0}, (400, "unknown_field", "total_appointments")),
        ],
    )
    def test_bad_bodies(self, riverside, body, wanted):
        key = riverside.patients[0].pk
        api = api_of(riverside)
        assert problem(api.patch(f"{PATH}?patient_id={key}", body)) == wanted
        assert problem(api.post(LEARN, {"patient_id": key, **body})) == wanted

    def test_who_may(self, riverside, lakeside):
        key = riverside.patients[0].pk
        path = f"{PATH}?patient_id={key}"
        assert api_of(riverside, Role.NURSE).patch(path, {}).status_code == 403
        assert api_of(riverside, Role.PATIENT).get(path).status_code == 403
        assert api_of(lakeside).get(path).status_code == 404
        assert api_of(lakeside).post(LEARN, {"patient_id": key}).status_code == 404


@pytest.mark.django_db
class TestPages:
    def url(self, clinic, name="update-preferences"):
        return f"/appointments/scheduling/patient/{clinic.patients[0].pk}/{name}/"

    def test_a_change_by_hand_is_marked_and_can_be_given_back(self, riverside):
        with riverside.active():
            mornings(riverside)
        client, url = riverside.client(), self.url(riverside)
        page = client.get(url).content.decode()
        assert "Learned from 3 visits" in page
        assert "Set by hand" not in page
        form = {
            "preferred_days": known_days(riverside),
            "preferred_times": ["evening"],
            "preferred_providers": [riverside.providers[0].pk],
            "version": 1,
        }
        assert client.post(url, form).status_code == 302
        page = client.get(url).content.decode()
        assert page.count("Set by hand") == 1
        assert "Use what was learned" in page
        with riverside.active():
            row = SchedulingPreference.objects.get()
            assert row.manual_fields == ["preferred_times"]
        client.post(url, {"learned": "preferred_times", "version": row.version})
        with riverside.active():
            row.refresh_from_db()
            assert (row.manual_fields, row.preferred_times) == ([], ["morning"])

    def test_what_was_measured_is_typed_over_and_given_back(self, riverside):
        with riverside.active():
            mornings(riverside)
        client, url = riverside.client(), self.url(riverside)
        initial = client.get(url).context["form"].initial
        untouched = {name: value for name, value in initial.items() if value is not None}
        typed = {"average_no_show_rate": "40", "average_late_arrival_minutes": "7.5"}
        assert client.post(url, {**untouched, **typed, "version": 1}).status_code == 302
        section = client.get(self.url(riverside, "preferences")).content.decode()
        assert "8 min late on average" in section
        assert "40.0 % of visits" in section
        with riverside.active():
            row = learn(riverside)
            assert row.manual_fields == ["average_late_arrival_minutes", "average_no_show_rate"]
            assert (row.average_no_show_rate, row.average_late_arrival_minutes) == (0.4, 7.5)
            learned = known(riverside.patients[0].pk).learned
        client.post(url, {"learned": "average_no_show_rate", "version": row.version})
        with riverside.active():
            row.refresh_from_db()
            assert row.manual_fields == ["average_late_arrival_minutes"]
            assert row.average_no_show_rate == learned.no_show_rate

    def test_what_a_visit_taught_while_the_form_was_open_is_not_set_by_hand(self, riverside):
        with riverside.active():
            mornings(riverside)
        client, url = riverside.client(), self.url(riverside)
        form = client.get(url).context["form"]
        names = "average_no_show_rate", "average_late_arrival_minutes"
        shown = {name: form[name].value() or "" for name in names}
        hidden = {f"initial-{name}": value for name, value in shown.items()}
        assert all(f'name="{name}"' in client.get(url).content.decode() for name in hidden)
        with riverside.active():
            make_visit(riverside, riverside.at(-1, time(9)), status=S.NO_SHOW)
            learned = learn(riverside).average_no_show_rate
        lists = {
            "preferred_days": known_days(riverside),
            "preferred_times": ["morning"],
            "preferred_providers": [riverside.providers[0].pk],
        }
        typed = {**lists, **shown, **hidden, "home_address": "2 Hill Road", "version": 1}
        assert client.post(url, typed).status_code == 302
        with riverside.active():
            row = SchedulingPreference.objects.get()
            assert (row.home_address, row.average_no_show_rate) == ("2 Hill Road", learned)
            assert set(row.manual_fields).isdisjoint(names)

    def test_refusals_stand_beside_the_field(self, riverside):
        client, url = riverside.client(), self.url(riverside)
        answer = client.post(url, {"travel_time_to_clinic": "9999", "version": 1})
        assert answer.status_code == 400
        assert "less than or equal to 1440" in answer.content.decode()
        assert client.post(url, {"home_address": "x", "version": 1}).status_code == 302
        assert client.post(url, {"home_address": "y", "version": 1}).status_code == 412

    def test_a_nurse_sees_but_does_not_change(self, riverside):
        client, url = riverside.client(Role.NURSE), self.url(riverside)
        page = client.get(url)
        assert (page.status_code, "Save" in page.content.decode()) == (200, False)
        assert client.post(url, {"preferred_days": ["Monday"]}).status_code == 403

    def test_the_section_of_the_record(self, riverside):
        with riverside.active():
            mornings(riverside)
        client = riverside.client()
        section = client.get(self.url(riverside, "preferences")).content.decode()
        assert "Morning" in section
        assert "3 of 3 that ended" in section
        record = client.get(f"/patients/{riverside.patients[0].pk}/").content.decode()
        assert self.url(riverside, "preferences") in record


def known_days(clinic):
    with clinic.active():
        return known(clinic.patients[0].pk).row.preferred_days


def test_late_is_in_minutes(riverside):
    with riverside.active():
        start = riverside.at(-1, time(9))
        make_visit(
            riverside, start, status=S.COMPLETED, checked_in_at=start + timedelta(minutes=12)
        )
        assert learn(riverside).average_late_arrival_minutes == 12
