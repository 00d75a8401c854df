"""Rooms, leaves, closures and ways of taking place: what else a visit's time depends on."""

from datetime import time, timedelta

import pytest

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.booking.errors import (
    ProviderUnavailableError,
    ResourceTakenError,
    SiteClosedError,
    SlotTakenError,
)
from appointments.enums import Modality
from appointments.models import (
    AppointmentRequest,
    AppointmentTemplate,
    Resource,
    SlotAvailability,
    TimeOff,
)
from core.errors import InvalidInputError
from core.models import Site


@pytest.fixture
def engine(riverside):
    return BookingEngine(by=riverside.user(Role.FRONT_DESK))


@pytest.fixture
def rooms(riverside):
    with riverside.active():
        return [
            Resource.objects.create(name=f"Room {number}", kind="Room", site=riverside.site)
            for number in (1, 2)
        ]


@pytest.fixture
def scan(riverside, rooms):
    with riverside.active():
        return AppointmentTemplate.objects.create(
            name="Scan", duration_minutes=30, buffer_after_minutes=10, resource_kind="Room"
        )


@pytest.fixture
def wish(riverside, scan):
    return {
        "patient_id": riverside.patients[0].pk,
        "provider_id": riverside.providers[0].pk,
        "appointment_type_id": scan.pk,
        "start": riverside.at(1, time(10)),
    }


@pytest.fixture
def other(riverside, wish):
    """The same with the second provider."""
    return wish | {"provider_id": riverside.providers[1].pk}


def away(owner, start, hours=1):
    return TimeOff.objects.create(starts_at=start, ends_at=start + timedelta(hours=hours), **owner)


def test_each_visit_takes_a_free_room_until_there_is_none(riverside, engine, wish, other, rooms):
    third = wish | {"provider_id": riverside.user(Role.PROVIDER).pk}
    with riverside.active():
        first, second = engine.book(**wish), engine.book(**other)
        assert [first.resource, second.resource] == rooms
        with pytest.raises(SlotTakenError) as refusal:
            engine.book(**third)
        assert type(refusal.value) is SlotTakenError  # the provider's time comes first
        Resource.objects.filter(pk=rooms[1].pk).update(is_active=False)
        engine.cancel(second.pk, reason="Test")
        with pytest.raises(ResourceTakenError) as refusal:
            engine.book(**other)
        assert refusal.value.conflicts == [first.pk]
        assert "Room is not free" in str(refusal.value)


def test_buffers_keep_the_room_too(riverside, engine, wish, other, rooms):
    with riverside.active():
        first = engine.book(**wish)
        soon = engine.book(**other | {"start": wish["start"] + timedelta(minutes=35)})
        assert (first.resource, soon.resource) == tuple(rooms)
        later = engine.book(**other | {"start": wish["start"] + timedelta(minutes=80)})
        assert later.resource == rooms[0]


def test_without_any_room_at_the_site_it_says_so(riverside, engine, wish):
    with riverside.active():
        Resource.objects.update(site=Site.objects.create(name="Annex"))
        with pytest.raises(ResourceTakenError, match="There is no Room here"):
            engine.book(**wish)


def test_the_room_says_where_a_visit_outside_working_hours_is(riverside, engine, wish, rooms):
    with riverside.active():
        row = engine.book(**wish | {"start": riverside.at(1, time(20))})
        assert (row.site_id, row.resource) == (riverside.site.pk, rooms[0])


def test_a_room_can_be_asked_for(riverside, engine, wish, other, rooms):
    with riverside.active():
        assert engine.book(**wish, resource_id=rooms[1].pk).resource == rooms[1]
        with pytest.raises(ResourceTakenError, match="Room 2"):
            engine.book(**other, resource_id=rooms[1].pk)
        engine.book(**other)


def test_what_does_not_fit_the_type_is_refused(riverside, engine, wish, rooms):
    plain = wish | {"appointment_type_id": riverside.types[0].pk}
    with riverside.active():
        treadmill = Resource.objects.create(name="T", kind="Treadmill", site=riverside.site)
        annex = Site.objects.create(name="Annex")
        for change in (
            plain | {"resource_id": rooms[0].pk},
            wish | {"resource_id": treadmill.pk},
            wish | {"resource_id": rooms[0].pk, "site_id": annex.pk},
        ):
            with pytest.raises(InvalidInputError) as refusal:
                engine.book(**change)
            assert (refusal.value.attr, refusal.value.code) == ("resource_id", "not_offered")


def test_another_hospitals_room_does_not_exist(riverside, lakeside, engine, wish):
    with lakeside.active():
        foreign = Resource.objects.create(name="F", kind="Room", site=lakeside.site).pk
    with riverside.active(), pytest.raises(InvalidInputError) as refusal:
        engine.book(**wish, resource_id=foreign)
    assert (refusal.value.attr, refusal.value.code) == ("resource_id", "does_not_exist")


def test_a_telehealth_visit_takes_no_room(riverside, engine, wish, scan):
    with riverside.active():
        with pytest.raises(InvalidInputError) as refusal:
            engine.book(**wish, modality=Modality.TELEHEALTH)
        assert (refusal.value.attr, refusal.value.code) == ("modality", "not_offered")
        scan.modality = Modality.EITHER
        scan.save()
        assert engine.book(**wish).modality == Modality.ON_SITE
        start = wish["start"] + timedelta(hours=1)
        row = engine.book(**wish | {"start": start, "modality": Modality.TELEHEALTH})
        assert (row.modality, row.resource) == (Modality.TELEHEALTH, None)


def test_overbooking_a_provider_never_doubles_a_room(riverside, engine, wish, rooms):
    with riverside.active():
        engine.book(**wish)
        second = engine.book(**wish, override_reason="Emergency")
        assert (second.overbooked, second.resource) == (True, rooms[1])
        with pytest.raises(ResourceTakenError):
            engine.book(**wish, override_reason="Emergency")


def test_an_overbooked_visit_takes_its_time_too(riverside, engine, wish):
    plain = wish | {"appointment_type_id": riverside.types[0].pk}
    late = plain | {"start": wish["start"] + timedelta(minutes=15)}
    with riverside.active():
        engine.book(**plain)
        over = engine.book(**late, override_reason="Emergency")
        after = plain | {"start": wish["start"] + timedelta(minutes=30)}
        with pytest.raises(SlotTakenError) as refusal:
            engine.book(**after)
        assert refusal.value.conflicts == [over.pk]
        row = engine.book(**after, override_reason="Also urgent")
        assert (row.overbooked, row.conflicts) == (True, [over.pk])


def test_a_move_keeps_the_room_or_takes_another(riverside, engine, wish, other, rooms):
    later = wish["start"] + timedelta(hours=2)
    with riverside.active():
        first = engine.book(**wish)
        assert engine.reschedule(first.pk, start=later).resource == rooms[0]
        engine.reschedule(first.pk, start=wish["start"])
        engine.book(**other | {"start": later})
        moved = engine.reschedule(first.pk, start=later)
        assert moved.resource == rooms[1]
        back = engine.undo(first.pk)
        back.refresh_from_db()
        assert (back.resource, back.scheduled_datetime) == (rooms[0], wish["start"])


def test_undo_finds_another_room_or_refuses(riverside, engine, wish, other, rooms):
    with riverside.active():
        first = engine.book(**wish)
        engine.cancel(first.pk, reason="Ill")
        engine.book(**other)
        assert engine.undo(first.pk).resource == rooms[1]
        engine.cancel(first.pk, reason="Ill")
        away({"resource": rooms[1]}, wish["start"])
        with pytest.raises(ResourceTakenError):
            engine.undo(first.pk)


def test_undo_of_a_step_keeps_the_place_whatever_happened_since(riverside, engine, wish, rooms):
    with riverside.active():
        row = engine.book(**wish)
        engine.confirm(row.pk)
        away({"resource": rooms[0]}, wish["start"])
        away({"provider": riverside.providers[0]}, wish["start"])
        undone = engine.undo(row.pk)
        assert (undone.status, undone.resource) == ("PENDING", rooms[0])


def test_a_hold_keeps_its_room_for_the_booking(riverside, engine, wish, other, rooms):
    held = {key: value for key, value in other.items() if key != "patient_id"}
    with riverside.active():
        first = engine.book(**wish)
        hold = engine.hold(**held)
        assert hold.resource == rooms[1]
        engine.cancel(first.pk, reason="Test")
        assert engine.book(**other, hold_id=hold.pk).resource == rooms[1]


def test_an_ended_hold_of_another_provider_frees_its_room(riverside, engine, wish, other, rooms):
    held = {key: value for key, value in other.items() if key != "patient_id"}
    with riverside.active():
        Resource.objects.filter(pk=rooms[1].pk).delete()
        engine.hold(**held, minutes=-1)
        assert engine.book(**wish).resource == rooms[0]
        assert not AppointmentRequest.objects.filter(status="HELD").exists()


def test_a_room_out_of_service_is_not_given_out(riverside, engine, wish, other, rooms):
    with riverside.active():
        away({"resource": rooms[0]}, wish["start"])
        assert engine.book(**wish).resource == rooms[1]
        with pytest.raises(ResourceTakenError):
            engine.book(**other)
        with pytest.raises(ResourceTakenError):
            engine.book(**other, resource_id=rooms[0].pk)
        on_purpose = engine.book(
            **other, resource_id=rooms[0].pk, override_reason="Repaired in time"
        )
        assert on_purpose.resource == rooms[0]


@pytest.mark.parametrize("minutes", [-70, -60, 40, 45])
def test_leave_counts_with_the_buffers(riverside, engine, wish, minutes):
    """The visit takes 40 minutes, 10 of which are its buffer; the leave takes an hour."""
    with riverside.active():
        away({"provider": riverside.providers[0]}, wish["start"] + timedelta(minutes=minutes))
        engine.book(**wish)


@pytest.mark.parametrize("minutes", [-59, 0, 35, 39])
def test_leave_is_refused(riverside, engine, wish, other, minutes):
    with riverside.active():
        away({"provider": riverside.providers[0]}, wish["start"] + timedelta(minutes=minutes))
        with pytest.raises(ProviderUnavailableError, match="is away"):
            engine.book(**wish)
        engine.book(**other)
        row = engine.book(**wish, override_reason="She agreed")
        assert (row.overbooked, row.override_reason) == (True, "She agreed")


def test_blocked_windows_count_with_the_buffers(riverside, engine, wish):
    with riverside.active():
        window = SlotAvailability.objects.get(
            provider_id=wish["provider_id"],
            date=wish["start"].astimezone(riverside.tenant.zone_info).date(),
        )
        window.pk, window.is_blocked, window.rule = None, True, None
        window.start_time, window.end_time = time(10, 35), time(12)
        window.save(force_insert=True)
        with pytest.raises(ProviderUnavailableError):
            engine.book(**wish)
        engine.book(**wish | {"duration_minutes": 25})


def test_a_closed_site(riverside, engine, wish, scan):
    with riverside.active():
        away({"site": riverside.site}, wish["start"] - timedelta(hours=3), hours=9)
        with pytest.raises(SiteClosedError):
            engine.book(**wish)
        assert engine.book(**wish, override_reason="Keys are there").overbooked
        scan.modality = Modality.EITHER
        scan.save()
        online = wish | {"start": wish["start"] + timedelta(hours=2)}
        engine.book(**online, modality=Modality.TELEHEALTH)


def test_a_closed_site_is_not_chosen_for_its_room(riverside, engine, wish):
    late = wish | {"start": riverside.at(1, time(20))}
    with riverside.active():
        away({"site": riverside.site}, late["start"] - timedelta(hours=1), hours=9)
        with pytest.raises(ResourceTakenError):
            engine.book(**late)


def test_a_move_into_leave_is_refused(riverside, engine, wish):
    later = wish["start"] + timedelta(hours=2)
    with riverside.active():
        row = engine.book(**wish)
        away({"provider": riverside.providers[0]}, later)
        with pytest.raises(ProviderUnavailableError):
            engine.reschedule(row.pk, start=later)
        assert engine.reschedule(row.pk, start=later, override_reason="Agreed").overbooked


def test_diagnosis_codes_are_checked_and_kept(riverside, engine, wish):
    with riverside.active():
        assert engine.book(**wish, diagnosis_codes=["e11.9"]).diagnosis_codes == ["E11.9"]
        with pytest.raises(InvalidInputError) as refusal:
            engine.book(**wish, diagnosis_codes=["Q99.99Z"])
        assert refusal.value.attr == "diagnosis_codes"
