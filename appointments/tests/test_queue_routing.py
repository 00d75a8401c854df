"""Where walk-ins wait, who may be called where, and what closed and full queues answer."""

from datetime import time, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import ProviderProfile
from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.enums import ServicePointState
from appointments.models import (
    QueueConfiguration,
    QueueEntry,
    QueueProvider,
    ServicePoint,
    ServicePointQueue,
    ServicePointType,
    WaitingQueue,
)
from appointments.queue.calling import eligible_entries
from appointments.queue.errors import AlreadyWaitingError, QueueClosedError, QueueFullError
from appointments.queue.estimates import point_of, read_capacity
from appointments.queue.joining import join_shortest
from appointments.queue.line import read_line
from appointments.queue.loads import loads_of
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.routing_policy import may_serve
from appointments.queue.selectors import configuration_of
from core.clock import system_clock
from core.errors import InvalidInputError, NotAllowedError
from core.models import Site
from patients.models import PatientProfile

pytestmark = pytest.mark.django_db


@pytest.fixture
def inside(riverside):
    with riverside.active():
        yield riverside


@pytest.fixture
def people(inside):
    return PatientProfile.objects.bulk_create(
        PatientProfile(
            mrn=f"Q{number:04d}", first_name="Quinn", last_name="Q", birth_date="1990-01-01"
        )
        for number in range(20)
    )


def queue(name, **more) -> WaitingQueue:
    return WaitingQueue.objects.create(name=name, prefix=name[0].upper(), **more)


def overflowing(into=None, *, threshold=2, **more) -> WaitingQueue:
    """A queue that sends people on from the second who waits."""
    made = queue("Asked", **more)
    QueueConfiguration.objects.create(
        queue=made,
        enable_overflow_queue=True,
        overflow_threshold=threshold,
        overflow_queue=into,
    )
    return made


def point(name, *queues, state=ServicePointState.OPEN, provider=None) -> ServicePoint:
    made = ServicePoint.objects.create(name=name, state=state, provider=provider)
    for each in queues:
        ServicePointQueue.objects.create(point=made, queue=each)
    return made


def fill(into, people, **more):
    return [AdvancedQueueEngine(into).add_to_queue(patient_id=each.pk, **more) for each in people]


def waiting_in(found) -> int:
    return QueueEntry.objects.filter(queue=found).count()


def specialist(inside, number, *specialties):
    provider = inside.providers[number]
    ProviderProfile.objects.update_or_create(
        user=provider, defaults={"specialties": list(specialties)}
    )
    provider.refresh_from_db()
    return provider


def test_a_walk_in_joins_the_queue_with_the_least_work_per_open_point(people):
    busy, staffed = queue("Busy"), queue("Staffed")
    fill(busy, people[:2])
    fill(staffed, people[2:5])
    for number in range(3):
        point(f"Room {number}", staffed)
    assert join_shortest(patient_id=people[5].pk).queue == staffed


def test_a_room_that_two_lines_share_is_half_of_each_ones(people):
    sharing, own, empty, other = (queue(name) for name in ("Sharing", "Own", "Empty", "Other"))
    point("Own room", own)
    point("Shared room", sharing, other, empty)
    fill(own, people[:1])
    fill(other, people[1:2])
    loads = {load.queue_id: load for load in loads_of([own, sharing, other])}
    assert loads[own.pk].open_points == loads[other.pk].open_points == 1
    assert loads[sharing.pk].open_points == 0.5
    fill(sharing, people[2:3])
    assert loads_of([other])[0].open_points == 0.5
    assert join_shortest(patient_id=people[4].pk).queue == empty
    QueueEntry.objects.filter(queue=empty).update(status="LEFT")
    empty.is_accepting_patients = False
    empty.save()
    assert join_shortest(patient_id=people[5].pk).queue == own


def test_work_that_goes_on_counts_by_half(people):
    served = queue("Served")
    fill(served, people[:2])
    before = loads_of([served])[0].work_minutes
    AdvancedQueueEngine(served).get_next_patient()
    after = loads_of([served])[0]
    assert (after.waiting, after.work_minutes) == (1, before * 0.75)


def test_a_queue_in_which_nobody_works_comes_last_but_takes_people(people):
    unstaffed, long = queue("Unstaffed"), queue("Long")
    point("Dark room", unstaffed, state=ServicePointState.PAUSED)
    fill(long, people[:3])
    assert join_shortest(patient_id=people[3].pk).queue == long
    long.is_accepting_patients = False
    long.save()
    assert join_shortest(patient_id=people[4].pk).queue == unstaffed


def test_only_queues_of_the_site_or_of_none_are_chosen(people):
    here, there = (Site.objects.create(name=name) for name in ("Here", "There"))
    queue("Elsewhere", site=there)
    own = queue("Own", site=here)
    fill(own, people[:2])
    assert join_shortest(patient_id=people[2].pk, site_id=here.pk).queue == own


def test_a_specialty_is_found_where_the_queue_or_somebody_who_serves_has_it(inside, people):
    queue("General")
    hearts = queue("Hearts", specialty="Cardiology")
    mixed = queue("Mixed")
    point("Room 1", mixed, provider=specialist(inside, 0, "Dermatology"))
    to_hearts = join_shortest(patient_id=people[0].pk, specialty="cardiology")
    to_skin = join_shortest(patient_id=people[1].pk, specialty="Dermatology")
    assert (to_hearts.queue, to_hearts.wanted_specialty) == (hearts, "")
    assert (to_skin.queue, to_skin.wanted_specialty) == (mixed, "Dermatology")
    with pytest.raises(QueueClosedError):
        join_shortest(patient_id=people[2].pk, specialty="Alchemy")


def test_any_open_point_with_the_specialty_takes_its_patients(inside, people):
    mixed = queue("Mixed")
    rooms = [
        point("Room 1", mixed, provider=specialist(inside, 0, "Dermatology")),
        point("Room 2", mixed, provider=specialist(inside, 1, "dermatology", "Geriatrics")),
    ]
    desk = point("Desk", mixed)
    fill(mixed, people[:2], wanted_specialty="Dermatology")
    engine = AdvancedQueueEngine(mixed)
    assert engine.get_next_patient(service_point_id=desk.pk) is None
    assert all(engine.get_next_patient(service_point_id=room.pk) for room in rooms)


def test_full_queues_are_passed_by_and_all_full_is_said(people):
    small, other = queue("Small", max_queue_size=1), queue("Other", max_queue_size=1)
    joined = [join_shortest(patient_id=person.pk).queue for person in people[:2]]
    assert set(joined) == {small, other}
    with pytest.raises(QueueFullError):
        join_shortest(patient_id=people[2].pk)


def test_a_provider_joins_own_queues_only(inside, people):
    queue("Foreign")
    with pytest.raises(NotAllowedError):
        join_shortest(patient_id=people[0].pk, by=inside.user(Role.PATIENT))
    with pytest.raises(QueueClosedError):
        join_shortest(patient_id=people[0].pk, by=inside.user(Role.PROVIDER))


def test_a_specialty_that_is_too_long_is_refused(people):
    with pytest.raises(InvalidInputError) as refused:
        fill(queue("General"), people[:1], wanted_specialty="x" * 61)
    assert refused.value.attr == "wanted_specialty"


def test_a_full_queue_sends_on_and_the_last_place_is_used(people):
    second = queue("Second", max_queue_size=2)
    asked = overflowing(second, max_queue_size=3)
    fill(asked, people[:5])
    assert (waiting_in(asked), waiting_in(second)) == (3, 2)
    with pytest.raises(QueueFullError) as refused:
        fill(asked, people[5:6])
    assert refused.value.extra["alternatives"] == []
    assert "Asked is full: 3 people" in str(refused.value)


def test_by_the_rule_people_are_sent_to_queues_of_the_same_kind(people):
    queue("Blood", specialty="Laboratory")
    same = queue("Same")
    asked = overflowing(threshold=1)
    fill(asked, people[:2])
    assert (waiting_in(asked), waiting_in(same)) == (1, 1)


@pytest.mark.parametrize("hours", [(time(0), time(0, 1)), None])
def test_nobody_is_sent_on_to_a_queue_that_is_closed(people, inside, hours):
    second = queue("Second", is_accepting_patients=hours is not None)
    if hours:
        QueueConfiguration.objects.create(queue=second, opens_at=hours[0], closes_at=hours[1])
    asked = overflowing(second, threshold=1)
    fill_at = inside.at(0, time(12))
    for person in people[:2]:
        AdvancedQueueEngine(asked, clock=lambda: fill_at).add_to_queue(patient_id=person.pk)
    assert (waiting_in(asked), waiting_in(second)) == (2, 0)


def test_a_closed_queue_refuses_even_beyond_its_threshold(people):
    second = queue("Second")
    asked = overflowing(second, threshold=1)
    fill(asked, people[:1])
    asked.is_accepting_patients = False
    asked.save()
    with pytest.raises(QueueClosedError) as refused:
        fill(asked, people[1:2])
    assert [each["queue_id"] for each in refused.value.extra["alternatives"]] == [second.pk]


def test_whoever_waits_is_not_sent_on_as_a_second(people):
    asked = overflowing(queue("Second"), threshold=1)
    fill(asked, people[:1])
    with pytest.raises(AlreadyWaitingError):
        fill(asked, people[:1])


def test_whoever_wants_one_provider_stays_unless_flexible(inside, people):
    second = queue("Second")
    asked = overflowing(second, threshold=1)
    doctor = inside.providers[0]
    fill(asked, people[:1])
    fill(asked, people[1:2], wanted_provider_id=doctor.pk)
    assert (waiting_in(asked), waiting_in(second)) == (2, 0)
    fill(asked, people[2:3], wanted_provider_id=doctor.pk, is_flexible=True)
    assert waiting_in(second) == 1


def test_a_specialty_is_not_sent_on_to_where_nobody_has_it(inside, people):
    second = queue("Second")
    asked = overflowing(second, threshold=1)
    point("Room 1", asked, provider=specialist(inside, 0, "Dermatology"))
    fill(asked, people[:2], wanted_specialty="Dermatology")
    assert (waiting_in(asked), waiting_in(second)) == (2, 0)


def test_a_patient_sent_on_still_wants_the_provider_whose_visits_wait_there(inside, people):
    doctor = inside.providers[0]
    triage, rooms, lab = queue("Triage"), queue("Rooms"), queue("Lab")
    QueueProvider.objects.create(queue=rooms, provider=doctor)
    [entry] = fill(triage, people[:1], wanted_provider_id=doctor.pk)
    in_rooms = AdvancedQueueEngine(triage).transfer(entry.pk, to_queue_id=rooms.pk)
    assert in_rooms.wanted_provider == doctor
    in_lab = AdvancedQueueEngine(rooms).transfer(in_rooms.pk, to_queue_id=lab.pk)
    assert in_lab.wanted_provider is None


def test_a_booked_patient_is_called_at_every_station_and_comes_back(inside):
    doctor, other = inside.providers
    triage, rooms, lab = queue("Triage"), queue("Rooms"), queue("Lab")
    QueueProvider.objects.create(queue=rooms, provider=doctor)
    QueueProvider.objects.create(queue=rooms, provider=other)
    nurse, sampling = point("Triage 1", triage), point("Samples", lab, provider=other)
    own, next_door = point("Room 1", rooms, provider=doctor), point("Room 2", rooms, provider=other)
    visit = BookingEngine(by=None).book(
        patient_id=inside.patients[0].pk,
        provider_id=doctor.pk,
        appointment_type_id=inside.types[0].pk,
        start=inside.at(1, time(10)),
    )
    early = inside.at(1, time(9, 45))

    def engine(of):
        return AdvancedQueueEngine(of, clock=lambda: early)

    entry = engine(triage).add_to_queue(patient_id=visit.patient_id, appointment_id=visit.pk)
    for here, place, then in (
        (triage, nurse, rooms),
        (rooms, own, lab),
        (lab, sampling, rooms),
        (rooms, own, None),
    ):
        if here == rooms:
            assert engine(rooms).get_next_patient(service_point_id=next_door.pk) is None
        called = engine(here).get_next_patient(service_point_id=place.pk)
        assert called == entry
        if then is not None:
            entry = engine(here).transfer(called.pk, to_queue_id=then.pk)


SPECIALTIES = ("", "Cardiology", "CARDIOLOGY", "Dermatology", "Ångström")
asks = st.tuples(
    st.integers(0, 2),  # the provider asked for, 0 for none
    st.sampled_from(SPECIALTIES),
    st.integers(0, 2),  # the type
    st.booleans(),
)
rooms = st.tuples(
    st.integers(0, 2),
    st.lists(st.sampled_from(SPECIALTIES[1:]), max_size=2),
    st.lists(st.integers(1, 2), unique=True),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(wanted=st.lists(asks, min_size=1, max_size=8), room=rooms)
def test_the_database_takes_whom_the_routing_rules_let(inside, people, wanted, room):
    """``eligible_entries`` in SQL and ``may_serve`` in columns are one rule."""
    QueueEntry.objects.all().delete()
    ServicePoint.objects.all().delete()
    line = WaitingQueue.objects.get_or_create(name="Line", defaults={"prefix": "L"})[0]
    providers, types = [None, *inside.providers], [None, *inside.types]
    now = system_clock()
    QueueEntry.objects.bulk_create(
        QueueEntry(
            queue=line,
            patient=person,
            ticket=f"L-{number:03d}",
            wanted_provider=providers[provider],
            wanted_specialty=specialty,
            appointment_type=types[kind],
            is_flexible=flexible,
            arrived_at=now + timedelta(seconds=number),
        )
        for number, (person, (provider, specialty, kind, flexible)) in enumerate(
            zip(people, wanted, strict=False)
        )
    )
    number, specialties, kinds = room
    if number:
        specialist(inside, number - 1, *specialties)
    made = point("Room", line, provider=providers[number])
    for kind in kinds:
        ServicePointType.objects.create(point=made, appointment_type=types[kind])
    found = set(eligible_entries(line, made).values_list("pk", flat=True))
    present = read_line(line.pk)
    able = may_serve(present.wishes, point_of(made, {line.pk}))
    assert found == set(present.columns.entry_id[np.flatnonzero(able)].tolist())
    capacity = read_capacity(line, configuration_of(line), now=now)
    assert capacity.points == [point_of(made, {line.pk})]
