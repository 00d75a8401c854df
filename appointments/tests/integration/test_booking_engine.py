"""The engine's promises, one by one."""

from datetime import time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import (
    HoldExpiredError,
    IllegalStepError,
    NothingToUndoError,
    ProviderUnavailableError,
    SlotTakenError,
)
from appointments.enums import AppointmentStatus, Step
from appointments.models import AppointmentEvent, AppointmentRequest, SlotAvailability
from core.clock import system_clock
from core.errors import (
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    StaleVersionError,
)
from core.models import Site


@pytest.fixture
def engine(riverside):
    return BookingEngine(by=riverside.user(Role.FRONT_DESK))


@pytest.fixture
def wish(riverside):
    return {
        "patient_id": riverside.patients[0].pk,
        "provider_id": riverside.providers[0].pk,
        "appointment_type_id": riverside.types[0].pk,
        "start": riverside.at(1, time(10)),
    }


def test_book_takes_the_time(riverside, engine, wish):
    with riverside.active():
        row = engine.book(**wish)
        row.refresh_from_db()
        assert row.status == AppointmentStatus.PENDING
        assert row.scheduled_end_datetime - row.scheduled_datetime == timedelta(minutes=30)
        assert [e.step for e in row.events.all()] == [Step.BOOK]


@pytest.mark.parametrize("minutes", [-29, 0, 29])
def test_book_refuses_overlap_and_leaves_nothing(riverside, engine, wish, minutes):
    with riverside.active():
        first = engine.book(**wish)
        with pytest.raises(SlotTakenError) as refusal:
            engine.book(**wish | {"start": wish["start"] + timedelta(minutes=minutes)})
        assert refusal.value.conflicts == [first.pk]
        assert list(AppointmentRequest.objects.all()) == [first]


@pytest.mark.parametrize("minutes", [-30, 30])
def test_book_allows_touching(riverside, engine, wish, minutes):
    with riverside.active():
        engine.book(**wish)
        engine.book(**wish | {"start": wish["start"] + timedelta(minutes=minutes)})


def test_buffers_are_taken_too(riverside, engine, wish):
    ultrasound = wish | {"appointment_type_id": riverside.types[1].pk}
    with riverside.active():
        engine.book(**ultrasound)
        with pytest.raises(SlotTakenError):
            engine.book(**wish | {"start": wish["start"] + timedelta(minutes=45)})
        engine.book(**wish | {"start": wish["start"] + timedelta(minutes=55)})


def test_overbooking_is_deliberate_and_lists_conflicts(riverside, engine, wish):
    with riverside.active():
        first = engine.book(**wish)
        second = engine.book(**wish, override_reason="Emergency")
        assert second.overbooked
        assert second.conflicts == [first.pk]
    nurse = BookingEngine(by=riverside.user(Role.NURSE))
    with riverside.active(), pytest.raises(NotAllowedError):
        nurse.book(**wish, override_reason="Emergency")


def test_override_reason_on_free_time_is_no_overbooking(riverside, engine, wish):
    with riverside.active():
        assert not engine.book(**wish, override_reason="Just in case").overbooked


def test_blocked_time_is_refused(riverside, engine, wish):
    with riverside.active():
        SlotAvailability.objects.filter(provider_id=wish["provider_id"]).update(is_blocked=True)
        with pytest.raises(ProviderUnavailableError):
            engine.book(**wish)


def other_site(clinic, provider, **hours):
    """The provider's windows are at an annex."""
    annex = Site.objects.create(name="Annex")
    SlotAvailability.objects.filter(provider=clinic.providers[provider], **hours).update(site=annex)
    return annex


def test_without_a_site_it_is_where_the_provider_works_then(riverside, engine, wish):
    with riverside.active():
        assert engine.book(**wish).site_id == riverside.site.pk
        annex = other_site(riverside, 1)
        wish = wish | {"provider_id": riverside.providers[1].pk}
        assert engine.book(**wish).site_id == annex.pk


def test_a_site_that_is_asked_for_stays(riverside, engine, wish):
    with riverside.active():
        other_site(riverside, 0)
        assert engine.book(**wish, site_id=riverside.site.pk).site_id == riverside.site.pk


def test_outside_working_hours_or_at_two_sites_at_once_there_is_no_site(riverside, engine, wish):
    with riverside.active():
        late = wish | {"start": riverside.at(1, time(20))}
        assert engine.book(**late).site_id is None
        window = SlotAvailability.objects.get(
            provider_id=wish["provider_id"],
            date=wish["start"].astimezone(riverside.tenant.zone_info).date(),
        )
        window.pk, window.start_time = None, time(9)
        window.site = Site.objects.create(name="Annex")
        window.save(force_insert=True)
        assert engine.book(**wish).site_id is None


def test_a_move_goes_to_the_site_of_its_new_time_and_comes_back(riverside, engine, wish):
    with riverside.active():
        row = engine.book(**wish)
        annex = other_site(riverside, 1)
        moved = engine.reschedule(
            row.pk, start=wish["start"], provider_id=riverside.providers[1].pk
        )
        assert moved.site_id == annex.pk
        assert engine.undo(row.pk).site_id == riverside.site.pk
        row.refresh_from_db()
        assert row.site_id == riverside.site.pk


def test_finding_the_site_costs_no_statement(riverside, engine, wish):
    with riverside.active():
        engine.book(**wish)  # what is read once only
        costs = []
        for hour, site in ((11, {}), (12, {"site_id": riverside.site.pk})):
            with CaptureQueriesContext(connection) as queries:
                engine.book(**wish | {"start": riverside.at(1, time(hour))} | site)
            costs.append(len(queries))
    assert costs[0] == costs[1] - 1  # a given site is looked up


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"patient_id": 10**12}, "patient_id"),
        ({"provider_id": -1}, "provider_id"),
        ({"appointment_type_id": 2**70}, "appointment_type_id"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": 10_000}, "duration_minutes"),
    ],
)
def test_bad_input_names_its_field(riverside, engine, wish, change, attr):
    with riverside.active():
        with pytest.raises(InvalidInputError) as refusal:
            engine.book(**wish | change)
        assert refusal.value.attr == attr
        assert not AppointmentRequest.objects.exists()


@pytest.mark.parametrize("days", [-1, 400, 365 * 70])
def test_past_and_far_future_are_refused(riverside, engine, wish, days):
    start = system_clock() + timedelta(days=days)
    with riverside.active(), pytest.raises(InvalidInputError) as refusal:
        engine.book(**wish | {"start": start})
    assert refusal.value.attr == "scheduled_datetime"


def test_another_tenants_rows_do_not_exist(riverside, lakeside, engine, wish):
    for key, foreign in (
        ("patient_id", lakeside.patients[0].pk),
        ("provider_id", lakeside.providers[0].pk),
        ("appointment_type_id", lakeside.types[0].pk),
    ):
        with riverside.active(), pytest.raises(InvalidInputError) as refusal:
            engine.book(**wish | {key: foreign})
        assert refusal.value.attr == key


def test_the_day_of_a_visit(riverside, engine, wish):
    with riverside.active():
        key = engine.book(**wish).pk
        for step, status in (
            (Step.CONFIRM, "CONFIRMED"),
            (Step.CHECK_IN, "CHECKED_IN"),
            (Step.START, "IN_PROGRESS"),
            (Step.COMPLETE, "COMPLETED"),
        ):
            assert engine.take(step, key).status == status
        with pytest.raises(IllegalStepError) as refusal:
            engine.check_in(key)
        assert refusal.value.extra == {"legal": []}


def test_illegal_step_says_what_is_legal(riverside, engine, wish):
    with riverside.active():
        key = engine.book(**wish).pk
        with pytest.raises(IllegalStepError) as refusal:
            engine.complete(key)
        assert refusal.value.extra["legal"] == [
            "confirm",
            "check_in",
            "no_show",
            "cancel",
            "reschedule",
        ]


def test_undo_goes_back_one_step(riverside, engine, wish):
    with riverside.active():
        key = engine.book(**wish).pk
        engine.check_in(key)
        row = engine.undo(key)
        row.refresh_from_db()
        assert (row.status, row.checked_in_at) == ("PENDING", None)
        with pytest.raises(NothingToUndoError):
            engine.undo(key)


def test_undo_of_a_move_and_of_a_cancellation(riverside, engine, wish):
    later = wish["start"] + timedelta(hours=2)
    with riverside.active():
        key = engine.book(**wish).pk
        engine.reschedule(key, start=later, provider_id=riverside.providers[1].pk)
        row = engine.undo(key)
        row.refresh_from_db()
        assert (row.scheduled_datetime, row.provider_id) == (wish["start"], wish["provider_id"])
        engine.cancel(key, reason="Ill")
        assert engine.undo(key).status == "PENDING"


def test_undo_is_refused_when_the_time_was_given_away(riverside, engine, wish):
    with riverside.active():
        key = engine.book(**wish).pk
        engine.cancel(key, reason="Ill")
        engine.book(**wish)
        with pytest.raises(SlotTakenError):
            engine.undo(key)
        assert AppointmentRequest.objects.get(pk=key).status == "CANCELLED"


def test_undo_ends_after_ten_minutes(riverside, engine, wish):
    with riverside.active():
        key = engine.book(**wish).pk
        engine.check_in(key)
        late = BookingEngine(by=engine.by, clock=lambda: system_clock() + timedelta(minutes=11))
        with pytest.raises(NothingToUndoError):
            late.undo(key)


def test_reschedule_refuses_a_taken_time_and_keeps_the_old(riverside, engine, wish):
    later = wish["start"] + timedelta(hours=1)
    with riverside.active():
        key = engine.book(**wish).pk
        engine.book(**wish | {"start": later})
        with pytest.raises(SlotTakenError):
            engine.reschedule(key, start=later)
        assert AppointmentRequest.objects.get(pk=key).scheduled_datetime == wish["start"]


def test_reschedule_may_overlap_itself(riverside, engine, wish):
    with riverside.active():
        key = engine.book(**wish).pk
        moved = engine.reschedule(key, start=wish["start"] + timedelta(minutes=10))
        assert moved.version == 2


def test_stale_version(riverside, engine, wish):
    with riverside.active():
        key = engine.book(**wish).pk
        engine.confirm(key, version=1)
        with pytest.raises(StaleVersionError):
            engine.check_in(key, version=1)


def test_hold_keeps_the_time_for_its_owner(riverside, engine, wish):
    held_wish = {key: value for key, value in wish.items() if key != "patient_id"}
    with riverside.active():
        hold = engine.hold(**held_wish)
        with pytest.raises(SlotTakenError):
            engine.book(**wish)
        other = BookingEngine(by=riverside.user(Role.MANAGER))
        with pytest.raises(HoldExpiredError):
            other.book(**wish, hold_id=hold.pk)
        engine.book(**wish, hold_id=hold.pk)
        assert not AppointmentRequest.objects.filter(status="HELD").exists()


def test_expired_hold_blocks_nobody(riverside, engine, wish):
    held_wish = {key: value for key, value in wish.items() if key != "patient_id"}
    with riverside.active():
        engine.hold(**held_wish, minutes=-1)
        engine.book(**wish)


def test_provider_acts_on_own_visits_only(riverside, engine, wish):
    own = BookingEngine(by=riverside.providers[0])
    other = BookingEngine(by=riverside.providers[1])
    with riverside.active():
        key = engine.book(**wish).pk
        with pytest.raises(NotFoundError):
            other.check_in(key)
        own.check_in(key)
        with pytest.raises(NotAllowedError):
            own.cancel(key, reason="No")


def test_cancel_needs_a_reason(riverside, engine, wish):
    with riverside.active():
        key = engine.book(**wish).pk
        with pytest.raises(InvalidInputError) as refusal:
            engine.cancel(key, reason=" ")
        assert refusal.value.attr == "reason"
        assert AppointmentEvent.objects.filter(step=Step.CANCEL).count() == 0
