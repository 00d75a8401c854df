"""A queue's figures: the pages, the files and what other systems read."""

import csv
import io
import json
import re
from datetime import time, timedelta

import pytest
import tablib
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.enums import QueueStep
from appointments.models import QueueEntry, ServicePoint, ServicePointQueue, WaitingQueue
from appointments.queue import metrics
from appointments.queue.estimates import read_capacity
from appointments.queue.figures import analytics_of, metrics_of
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.report import SMALLEST_GROUP, report_of
from appointments.queue.selectors import configuration_of
from appointments.queue.wait_estimate import pace_of
from appointments.scheduling.analytics import Period
from appointments.views.queue_figures_charts import day_charts
from core.clock import system_clock
from core.errors import InvalidInputError
from patients.models import PatientProfile

pytestmark = pytest.mark.django_db
Do = QueueStep
NOT_FOR = [Role.FRONT_DESK, Role.NURSE, Role.PROVIDER, Role.PATIENT]


def url(queue, page="analytics") -> str:
    return f"/appointments/queue/{queue.pk}/{page}/"


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def play(
    clinic,
    queue,
    *,
    at,
    patient=None,
    language="en",
    number=0,
    waits=10,
    lasts=20,
    end=Do.COMPLETE,
    room=None,
    **more,
):
    """One person, from joining to the end, written by the engine."""
    patient = patient or PatientProfile.objects.create(
        mrn=f"F{at:%d%H%M}{number}",
        first_name="Quinn",
        last_name=f"No{number}",
        birth_date="1990-01-01",
        language=language,
    )
    moment = [at]
    engine = AdvancedQueueEngine(queue, clock=lambda: moment[0])
    entry = engine.add_to_queue(patient_id=patient.pk, **more)
    moment[0] += timedelta(minutes=waits)
    if end == Do.LEAVE:
        return engine.take(end, entry.pk)
    engine.take(Do.CALL, entry.pk, service_point_id=room and room.pk)
    if end == Do.NO_SHOW:
        return engine.take(end, entry.pk)
    engine.take(Do.START, entry.pk)
    moment[0] += timedelta(minutes=lasts)
    return engine.take(end, entry.pk)


def figures_of(clinic, queue, at):
    """Of everybody who joined on that day."""
    zone = clinic.tenant.zone_info
    day = at.astimezone(zone).date()
    later = at + timedelta(hours=6)
    return report_of(queue, Period(day, day), zone=zone, now=later).total.now


@pytest.fixture
def busy(riverside):
    """Yesterday four joined: two were seen, one did not come, one left."""
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Walk-in", prefix="A")
        ends = (Do.COMPLETE, Do.COMPLETE, Do.NO_SHOW, Do.LEAVE)
        for number, end in enumerate(ends):
            play(
                riverside,
                queue,
                at=riverside.at(-1, time(9 + number)),
                number=number,
                waits=10 + 10 * number,
                end=end,
                priority_score=100 if number == 1 else 25,
            )
        QueueEntry.objects.update(predicted_p10=5, predicted_p50=12, predicted_p90=15)
        zone = riverside.tenant.zone_info
        day = system_clock().astimezone(zone).date() - timedelta(days=1)
        metrics.rebuild(riverside.tenant, day, day, queue_ids=[queue.pk])
    return riverside, queue


def yesterday(clinic, **more):
    day = clinic.at(-1, time(12)).astimezone(clinic.tenant.zone_info).date()
    return {"start": str(day), "end": str(day), **more}


def test_only_managers_see_figures(busy):
    clinic, queue = busy
    for role in NOT_FOR:
        for page in ("analytics", "metrics"):
            assert clinic.client(role).get(url(queue, page)).status_code == 403
    for page in ("analytics", "metrics"):
        assert clinic.client(Role.MANAGER).get(url(queue, page)).status_code == 200


def test_the_page_says_what_happened(busy):
    clinic, queue = busy
    page = text_of(clinic.client(Role.MANAGER).get(url(queue), yesterday(clinic)))
    assert "Median wait 15 min" in page
    assert "Did not come 25.0 % 1 of 4 stays that ended" in page
    assert "Left 25.0 % 1 of 4 stays that ended" in page
    assert "Seen in time 50.0 %" in page  # 20 minutes are too long for an urgent one
    assert "Length of visits 20 min 2 completed of 4 joined" in page
    assert "Estimates within 10 min 100.0 %" in page
    assert "A-002 20 min Urgent Walk-in" in page


def test_no_name_is_on_the_pages(busy):
    clinic, queue = busy
    client = clinic.client(Role.MANAGER)
    for page in ("analytics", "metrics"):
        assert "Quinn" not in client.get(url(queue, page), yesterday(clinic)).content.decode()


def test_a_provider_and_a_type_have_lines_of_their_own(busy):
    clinic, queue = busy
    with clinic.active():
        doctor = clinic.providers[0]
        point = ServicePoint.objects.create(name="Room 9", provider=doctor)
        ServicePointQueue.objects.create(point=point, queue=queue)
        kind = clinic.types[1]
        at = clinic.at(-1, time(15))
        play(clinic, queue, at=at, number=9, appointment_type_id=kind.pk, room=point)
    page = text_of(clinic.client(Role.MANAGER).get(url(queue), yesterday(clinic)))
    assert f"{doctor.get_full_name()} 1 10 min" in page
    assert "Room 9 1 10 min" in page
    assert "Ultrasound 1 10 min" in page


def test_nothing_of_the_target_is_used_up_before_the_booked_time(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Visits", prefix="V")
        booked, arrived = riverside.at(1, time(10)), riverside.at(1, time(9, 10))
        visit = BookingEngine(by=None).book(
            patient_id=riverside.patients[0].pk,
            provider_id=riverside.providers[0].pk,
            appointment_type_id=riverside.types[0].pk,
            start=booked,
        )
        play(
            riverside, queue, at=arrived, waits=105, patient=visit.patient, appointment_id=visit.pk
        )
        assert figures_of(riverside, queue, arrived).on_time_rate == 1
        QueueEntry.objects.update(priority_score=50)
        assert figures_of(riverside, queue, arrived).on_time_rate == 0


def test_figures_and_pace_are_those_of_whoever_served(riverside):
    booked, standing_in = riverside.providers
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Visits", prefix="V")
        room = ServicePoint.objects.create(name="Room 9", provider=standing_in)
        ServicePointQueue.objects.create(point=room, queue=queue)
        at = riverside.at(0, time(9))
        for number in range(6):
            play(
                riverside,
                queue,
                at=at + timedelta(minutes=number * 100),
                number=number,
                lasts=40,
                room=room,
                is_flexible=True,
                wanted_provider_id=booked.pk,
            )
        period = Period.last(1, today=at.astimezone(riverside.tenant.zone_info).date())
        now = at + timedelta(hours=11)
        shown = report_of(queue, period, zone=riverside.tenant.zone_info, now=now)
        assert [(line.key, line.now.completed) for line in shown.providers] == [(standing_in.pk, 6)]

        def pace() -> float:
            late = at + timedelta(days=1)  # today's pace no longer counts
            return read_capacity(queue, configuration_of(queue), now=late).pace[0]

        slow = pace()
        assert slow > 1.2
        ServicePoint.objects.update(provider=booked)
        assert pace() == 1
        other = ServicePoint.objects.create(name="Room 8", provider=standing_in)
        ServicePointQueue.objects.filter(point=room).update(point=other)
        assert pace() == slow


def test_pace_is_that_of_the_room_or_its_provider_times_that_of_today(riverside):
    doctor = riverside.providers[0]
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Visits", prefix="V")
        rooms = {
            name: ServicePoint.objects.create(name=name, provider=provider)
            for name, provider in (("Anybody's", None), ("The doctor's", doctor), ("Unused", None))
        }
        for room in rooms.values():
            ServicePointQueue.objects.create(point=room, queue=queue)
        lengths = {"Anybody's": 15, "The doctor's": 60}
        for number, (name, lasts) in enumerate(lengths.items()):
            for day in (-2, 0):
                at = riverside.at(day, time(7)) + timedelta(minutes=30 * number)
                play(riverside, queue, at=at, number=number, lasts=lasts, room=rooms[name])
        now = riverside.at(0, time(12))
        capacity = read_capacity(queue, configuration_of(queue), now=now)
        stays = list(QueueEntry.objects.order_by("joined_at"))

    def expected(stays) -> int:
        return sum(stay.estimated_service_time for stay in stays)

    def pace_in(name: str) -> float:
        there = [stay for stay in stays if stay.service_point_id == rooms[name].pk]
        return pace_of(2 * lengths[name], expected(there))

    of_today = pace_of(15 + 60, expected(stays[2:]))
    found = dict(zip((point.point_id for point in capacity.points), capacity.pace, strict=True))
    assert {name: found[room.pk] for name, room in rooms.items()} == {
        "Anybody's": pytest.approx(pace_in("Anybody's") * of_today),
        "The doctor's": pytest.approx(pace_in("The doctor's") * of_today),
        "Unused": pytest.approx(of_today),
    }


def test_languages_of_few_are_never_shown_alone(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Walk-in", prefix="A")
        zone, now = riverside.tenant.zone_info, system_clock()
        period = Period.last(30, today=now.astimezone(zone).date())

        def shown():
            found = report_of(queue, period, zone=zone, now=now).languages
            return [(line.name, line.now.joined) for line in found]

        def come(language, count, hour):
            for number in range(count):
                at = riverside.at(-2, time(hour)) + timedelta(minutes=number)
                play(riverside, queue, at=at, language=language, number=number, waits=1, lasts=1)

        come("de", SMALLEST_GROUP + 2, 8)
        come("ar", SMALLEST_GROUP - 1, 10)
        assert shown() == []
        come("tr", SMALLEST_GROUP, 12)
        assert shown() == [("de", 12), ("Other languages", 19)]


def test_files_have_the_same_numbers(busy):
    clinic, queue = busy
    client = clinic.client(Role.MANAGER)
    answer = client.get(url(queue), yesterday(clinic, export="csv"))
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    days = dict(zip(rows[1], rows[2], strict=True))
    assert rows[0] == ["Days"]
    assert (days["total_entries"], days["median_wait_time_minutes"]) == ("4", "15.0")
    book = tablib.Databook().load(
        client.get(url(queue), yesterday(clinic, export="xlsx")).content, format="xlsx"
    )
    assert [sheet.title for sheet in book.sheets()][:2] == ["Days", "Hours"]


@pytest.mark.parametrize(
    "query",
    [{"start": "2030-13-01"}, {"start": "2030-01-02", "end": "2030-01-01"}, {"export": "pdf"}],
)
def test_bad_questions_are_refused(busy, query):
    clinic, queue = busy
    assert clinic.client(Role.MANAGER).get(url(queue), query).status_code == 400


def test_nobody_there_says_so(riverside):
    with riverside.active():
        queue = WaitingQueue.objects.create(name="Walk-in", prefix="A")
    client = riverside.client(Role.MANAGER)
    assert "Nobody joined in these days" in text_of(client.get(url(queue)))
    assert "Waiting now 0" in text_of(client.get(url(queue, "metrics")))


def test_today_is_renewed_by_its_fragment(busy):
    clinic, queue = busy
    client = clinic.client(Role.MANAGER)
    answer = client.get(url(queue, "metrics"), headers={"HX-Request": "true"})
    body = answer.content.decode().strip()
    assert body.startswith('<div id="queue-metrics"')
    assert "Waiting now" in body
    assert [shown.key for shown in answer.context["charts"]] == ["hours", "lengths"]
    now = system_clock()
    with clinic.active():
        day = clinic.at(-1, time(12)).astimezone(clinic.tenant.zone_info).date()
        report = report_of(queue, Period(day, day), zone=clinic.tenant.zone_info, now=now)
    lengths = day_charts(report)[1]
    drawn = {row.name: row.cells[0].text for row in lengths.table.rows}
    assert drawn["09:00"] == drawn["10:00"] == "20 min"
    assert len([column for column in lengths.chart.columns if column.parts]) == 2


def test_pages_cost_the_same_at_any_size(busy):
    clinic, queue = busy
    client = clinic.client(Role.MANAGER)

    def cost(page: str) -> int:
        client.get(url(queue, page))
        with CaptureQueriesContext(connection) as asked:
            client.get(url(queue, page))
        return len(asked)

    before = {page: cost(page) for page in ("analytics", "metrics")}
    with clinic.active():
        for number in range(12):
            at = clinic.at(-1, time(13)) + timedelta(minutes=number)
            play(clinic, queue, at=at, number=number, language="tr")
    assert {page: cost(page) for page in before} == before
    assert max(before.values()) < 45


def test_other_systems_read_the_same(busy):
    clinic, queue = busy
    with clinic.active():
        zone, now = clinic.tenant.zone_info, system_clock()
        found = analytics_of(queue, days=7, now=now, zone=zone)
        today = metrics_of(queue, now=now, zone=zone)
        with pytest.raises(InvalidInputError):
            analytics_of(queue, days=367, now=now, zone=zone)
    json.dumps([found, today])
    assert found["metrics"]["total_entries"] == 4
    assert found["metrics"]["median_wait_time_minutes"] == 15
    assert found["estimates"]["within_10_minutes"] == 1
    assert sum(hour["total_entries"] for hour in found["hours"]) == 4
    assert today["now"]["current_size"] == 0
    assert "Quinn" not in json.dumps([found, today])
