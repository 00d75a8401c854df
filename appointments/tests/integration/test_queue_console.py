"""The list of queues and the console, as the staff use them."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from accounts.permissions import Role
from appointments.enums import AppointmentStatus, QueueEntryStatus, ServicePointState
from appointments.models import (
    QueueEntry,
    QueueProvider,
    ServicePoint,
    ServicePointQueue,
    WaitingQueue,
)
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.tests.queues import crowd, fill, make_point, make_queue
from appointments.tests.visits import make_visit
from core.clock import system_clock

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
LIST = reverse("queue:queues")
S, P = QueueEntryStatus, ServicePointState


@pytest.fixture
def desk(riverside):
    return riverside.client(Role.FRONT_DESK)


@pytest.fixture
def queue(riverside):
    with riverside.active():
        return make_queue(site=riverside.site)


@pytest.fixture
def line(riverside, queue):
    """Three who wait."""
    with riverside.active():
        return fill(riverside, queue)


@pytest.fixture
def room(riverside, queue):
    with riverside.active():
        return make_point(queue)


def shown(response) -> str:
    return unescape(response.content.decode())


def page(queue) -> str:
    return reverse("queue:console", args=[queue.pk])


def status(queue) -> str:
    return reverse("queue:queue_status", args=[queue.pk])


def step(entry, name: str) -> str:
    return reverse("queue:take_step", args=[entry.pk, name])


def of_entry(entry, name: str = "entry") -> str:
    return reverse(f"queue:{name}", args=[entry.pk])


def call_next(queue) -> str:
    return reverse("queue:call_next_patient", args=[queue.pk])


def send(client: Client, url: str, data: dict | None = None):
    return client.post(url, data or {}, headers=HTMX)


def toast(response) -> dict:
    return json.loads(response.headers["HX-Trigger"])["toast"]


def fresh(clinic, entry) -> QueueEntry:
    with clinic.active():
        return QueueEntry.objects.select_related("line", "service_point").get(pk=entry.pk)


def tickets(html: str) -> list[str]:
    """Of the waiting line, in order."""
    rows = html.split("data-line")[1].split("</ol>")[0] if "data-line" in html else ""
    return re.findall(r'class="q-ticket num">([^<]+)<', rows)


# ------------------------------------------------------------------- pages


def test_the_list_says_how_each_queue_stands(riverside, desk, queue, line, room):
    with riverside.active():
        make_queue("Lab", "L", is_accepting_patients=False)
    html = shown(desk.get(LIST))
    assert html.index("Lab") < html.index("Walk-in")
    assert "Lab is closed: it takes nobody at the moment." in html
    assert "3 of 50 places" in html
    assert "1 of 1 service point open" in html
    assert f'href="{page(queue)}"' in html
    assert shown(desk.get(reverse("queue:queue_cards"), headers=HTMX)).count("data-queue=") == 2


def test_an_empty_list_says_what_to_do(riverside):
    assert "There is no queue yet" in shown(riverside.client(Role.MANAGER).get(LIST))
    assert "No queue for you" in shown(riverside.client(Role.PROVIDER).get(LIST))


def test_the_console_shows_the_line_with_the_reason_of_each_place(riverside, desk, queue, line):
    with riverside.active():
        engine = AdvancedQueueEngine(queue)
        engine.change(line[2].pk, priority_score=100)
        engine.settle_positions()
    html = shown(desk.get(page(queue)))
    assert tickets(html) == ["A-003", "A-001", "A-002"]
    assert "Pat3 Riversideson" in html
    assert "Waiting for 0 min" in html
    first = html.split("next-who")[1].split("next-steps")[0]
    assert "A-003" in first
    assert "Urgent" in first


def test_times_are_of_the_tenants_zone(riverside, desk, queue):
    now = system_clock().replace(second=0, microsecond=0)
    with riverside.active():
        visit = make_visit(riverside, now - timedelta(minutes=30), minutes=20)
        AdvancedQueueEngine(queue).add_to_queue(
            patient_id=riverside.patients[0].pk, appointment_id=visit.pk
        )
    local = visit.scheduled_datetime.astimezone(riverside.tenant.zone_info)
    assert f"booked {local:%H:%M}" in shown(desk.get(page(queue)))


def test_an_empty_queue_says_so(desk, queue):
    html = shown(desk.get(page(queue)))
    assert "Nobody is waiting" in html
    assert "Nobody is being served" in html
    assert re.search(r"data-call-next disabled", html)


def test_queues_stand_side_by_side(riverside, lakeside, desk, queue):
    with riverside.active():
        other = make_queue("Lab", "L")
    with lakeside.active():
        foreign = make_queue("Foreign")
    html = shown(desk.get(page(queue), {"with": f"{other.pk},{foreign.pk},x,-1,{queue.pk}"}))
    assert f'id="queue-status-{queue.pk}"' in html
    assert f'id="queue-status-{other.pk}"' in html
    assert html.count("data-version=") == 2
    assert "Foreign" not in html


def test_pages_take_as_many_queries_at_any_size(riverside, django_assert_max_num_queries):
    client, counts = riverside.client(Role.MANAGER), []
    for name, count in (("Short", 3), ("Long", 300)):
        with riverside.active():
            queue = make_queue(name, name[:1], max_queue_size=400)
            make_point(queue, f"{name} room")
            crowd(queue, count)
        client.get(page(queue))
        with django_assert_max_num_queries(27) as whole:
            head = shown(client.get(page(queue)))
        with django_assert_max_num_queries(27) as fragment:
            everybody = shown(client.get(status(queue), {"all": "1"}, headers=HTMX))
        with django_assert_max_num_queries(12) as overview:
            client.get(LIST)
        counts.append((len(whole), len(fragment), len(overview)))
        assert len(tickets(head)) == min(count, 40)
        assert len(tickets(everybody)) == count
    assert counts[0] == counts[1]


# ------------------------------------------------------------------- steps


def test_a_patient_is_called_started_and_finished(riverside, desk, queue, line, room):
    send(desk, reverse("queue:serve_at", args=[room.pk]))
    answer = send(desk, call_next(queue))
    assert answer.status_code == 204
    assert toast(answer)["text"] == "A-001 Pat1 Riversideson called to Room 1"
    entry = fresh(riverside, line[0])
    assert (entry.status, entry.service_point_id) == (S.CALLED, room.pk)
    for name, became in (("recall", S.CALLED), ("start", S.IN_PROGRESS), ("complete", S.COMPLETED)):
        assert send(desk, step(entry, name)).status_code == 204
        assert fresh(riverside, entry).status == became
    html = shown(desk.get(status(queue), headers=HTMX))
    assert tickets(html) == ["A-002", "A-003"]
    assert "1 finished in the last 10 minutes" in html


def test_every_step_can_be_undone(riverside, desk, queue, line):
    entry = line[0]
    for name in ("call", "skip", "hold", "no_show", "leave"):
        answer = send(desk, step(entry, name))
        assert answer.status_code == 204, name
        assert send(desk, toast(answer)["undo"]).status_code == 204
        assert fresh(riverside, entry).status == S.WAITING, name
    refused = send(desk, of_entry(entry, "undo"))
    assert refused.status_code == 409
    assert "no step of the last 10 minutes" in shown(refused)


def test_without_scripts_forms_lead_back_to_the_console(desk, queue, line):
    back = f"{page(queue)}?all=1"
    answer = desk.post(call_next(queue), {"next": back})
    assert answer.status_code == 302
    assert answer.headers["Location"] == back
    assert "called" in shown(desk.get(back))
    assert desk.post(call_next(queue), {"next": "https://elsewhere.test/"}).url == page(queue)


def test_calling_where_nobody_waits_says_so(desk, queue):
    assert toast(send(desk, call_next(queue)))["text"] == "Nobody is waiting to be called here"


def test_a_step_the_state_does_not_have_is_refused(desk, queue, line):
    answer = send(desk, step(line[0], "complete"))
    assert answer.status_code == 409
    assert "the entry is “waiting”" in shown(answer)
    assert answer.headers["HX-Retarget"] == "#alert"


def test_a_step_from_an_old_page_is_refused(riverside, desk, queue, line):
    old = line[0].version
    send(desk, step(line[0], "hold"), {"version": old})
    assert send(desk, step(line[0], "call"), {"version": old}).status_code == 412
    assert fresh(riverside, line[0]).status == S.ON_HOLD


def test_a_hold_may_end_by_itself(riverside, desk, line):
    send(desk, step(line[0], "hold"), {"minutes": "20"})
    until = fresh(riverside, line[0]).away_until
    assert timedelta(minutes=19) < until - system_clock() <= timedelta(minutes=20)


def test_moving_asks_why(riverside, desk, queue, line):
    url = of_entry(line[2], "move")
    form = shown(desk.get(url, {"position": "1"}, headers=HTMX))
    assert 'value="1"' in form
    refused = send(desk, url, {"position": "1", "reason": " "})
    assert refused.status_code == 400
    assert "This field is required" in shown(refused)
    assert send(desk, url, {"position": "9", "reason": "In pain"}).status_code == 400
    assert send(desk, url, {"position": "1", "reason": "In pain"}).status_code == 204
    with riverside.active():
        AdvancedQueueEngine(queue).settle_positions()
    html = shown(desk.get(page(queue)))
    assert tickets(html) == ["A-003", "A-001", "A-002"]
    assert "Moved by hand" in html
    assert "In pain" in shown(desk.get(of_entry(line[2])))


def test_sending_on_keeps_the_arrival(riverside, desk, queue, line):
    with riverside.active():
        lab, shut = make_queue("Lab", "L"), make_queue("Shut", "X", is_accepting_patients=False)
    url = of_entry(line[0], "transfer")
    assert "Lab · 0 waiting" in shown(desk.get(url, headers=HTMX))
    assert send(desk, url).status_code == 400
    assert send(desk, url, {"to_queue_id": queue.pk}).status_code == 400
    refused = send(desk, url, {"to_queue_id": shut.pk})
    assert refused.status_code == 409
    assert "Shut is closed" in shown(refused)
    answer = send(desk, url, {"to_queue_id": lab.pk})
    assert toast(answer)["text"] == "A-001 Pat1 Riversideson waits for Lab as L-001"
    with riverside.active():
        assert QueueEntry.objects.get(queue=lab).arrived_at == line[0].arrived_at
    assert send(desk, toast(answer)["undo"]).status_code == 204
    assert fresh(riverside, line[0]).status == S.WAITING


def test_priority_and_note_are_changed(riverside, desk, queue, line):
    panel = shown(desk.get(of_entry(line[1]), headers=HTMX))
    assert "Pat2 Riversideson" in panel
    assert 'position-number num">2<' in panel
    assert re.search(r'type="radio" name="priority" value="routine"[^>]* checked', panel)
    values = {"priority": "urgent", "notes": "Needs a bed", "version": line[1].version}
    assert send(desk, of_entry(line[1]), values | {"priority": "often"}).status_code == 400
    assert send(desk, of_entry(line[1]), values | {"notes": "x" * 501}).status_code == 400
    assert send(desk, of_entry(line[1]), values).status_code == 204
    entry = fresh(riverside, line[1])
    assert (entry.priority_score, entry.notes) == (100, "Needs a bed")
    assert 'title="Needs a bed"' in shown(desk.get(page(queue)))


# --------------------------------------------------------------------- add


def add(queue) -> str:
    return reverse("queue:add_to_queue", args=[queue.pk])


def test_a_patient_is_found_and_added(riverside, desk, queue):
    found = send(desk, add(queue), {"find": "1", "q": "Pat2"})
    assert "Pat2 Riversideson" in shown(found)
    chosen = shown(send(desk, add(queue), {"choose": riverside.patients[1].pk}))
    assert "Add to Walk-in" in chosen
    assert re.search(r'type="radio" name="priority" value="routine"[^>]* checked', chosen)
    values = {
        "patient_id": riverside.patients[1].pk,
        "priority": "priority",
        "notes": "Limps",
        "wanted": f"provider:{riverside.providers[0].pk}",
        "is_flexible": "on",
    }
    answer = send(desk, add(queue), values)
    assert answer.status_code == 204
    assert toast(answer)["text"].startswith("Pat2 Riversideson has ticket A-001, place 1")
    with riverside.active():
        entry = QueueEntry.objects.get()
    assert (entry.priority_score, entry.notes, entry.is_flexible) == (50, "Limps", True)
    assert entry.wanted_provider_id == riverside.providers[0].pk
    again = send(desk, add(queue), values)
    assert again.status_code == 409
    assert "in the queue already, with ticket A-001" in shown(again)
    assert of_entry(entry) in shown(again)
    assert send(desk, toast(answer)["undo"]).status_code == 204
    assert fresh(riverside, entry).status == S.LEFT


def test_todays_visit_is_offered_and_checked_in(riverside, desk, queue):
    now = system_clock()
    with riverside.active():
        visit = make_visit(riverside, now, priority="priority")
        QueueProvider.objects.create(queue=queue, provider=visit.provider)
        make_visit(riverside, now, patient=1, provider=1)
    panel = shown(send(desk, add(queue), {"choose": riverside.patients[0].pk}))
    assert panel.count('name="appointment_id"') == 2
    assert re.search(rf'value="{visit.pk}"[^>]* checked', panel)
    values = {
        "patient_id": riverside.patients[0].pk,
        "priority": "priority",
        "appointment_id": visit.pk,
    }
    assert send(desk, add(queue), values).status_code == 204
    with riverside.active():
        visit.refresh_from_db()
        assert visit.status == AppointmentStatus.CHECKED_IN
        assert QueueEntry.objects.get().wanted_provider_id == visit.provider_id


def test_a_closed_queue_offers_others(riverside, desk, queue):
    with riverside.active():
        other = make_queue("Lab", "L")
        WaitingQueue.objects.filter(pk=queue.pk).update(is_accepting_patients=False)
    values = {"patient_id": riverside.patients[0].pk, "priority": "routine"}
    refused = send(desk, add(queue), values)
    assert refused.status_code == 409
    assert "Walk-in is closed" in shown(refused)
    assert f'name="instead" value="{other.pk}"' in shown(refused)
    answer = send(desk, add(queue), values | {"instead": other.pk})
    assert "ticket L-001 in Lab" in toast(answer)["text"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"patient_id": ""},
        {"patient_id": "987654321"},
        {"patient_id": "x"},
        {"priority": "high"},
        {"wanted": "provider:987654321"},
        {"wanted": "nonsense"},
        {"appointment_id": "987654321"},
        {"appointment_type_id": "0"},
        {"notes": "x" * 501},
    ],
    ids=str,
)
def test_bad_input_is_shown_in_the_form(wrong, riverside, desk, queue):
    values = {"patient_id": riverside.patients[0].pk, "priority": "routine"}
    assert send(desk, add(queue), values | wrong).status_code == 400
    with riverside.active():
        assert not QueueEntry.objects.exists()


# --------------------------------------------------- service points, doors


def test_a_point_is_paused_opened_and_closed(riverside, desk, queue, line, room):
    for state in (P.PAUSED, P.CLOSED, P.OPEN):
        answer = send(desk, reverse("queue:set_point_state", args=[room.pk, state]))
        assert answer.status_code == 204
        with riverside.active():
            assert ServicePoint.objects.get().state == state
    send(desk, reverse("queue:serve_at", args=[room.pk]))
    send(desk, reverse("queue:set_point_state", args=[room.pk, P.PAUSED]))
    refused = send(desk, call_next(queue))
    assert refused.status_code == 409
    assert "paused or closed" in shown(refused)
    assert "Room 1 is paused. Open it to call people." in shown(desk.get(page(queue)))
    stale = send(desk, reverse("queue:set_point_state", args=[room.pk, P.OPEN]), {"version": "1"})
    assert stale.status_code == 412


def test_where_one_serves_is_remembered_for_the_browser(riverside, desk, queue, line, room):
    assert "You serve here" not in shown(desk.get(page(queue)))
    send(desk, reverse("queue:serve_at", args=[room.pk]))
    assert "You serve here" in shown(desk.get(page(queue)))
    elsewhere = shown(riverside.client(Role.FRONT_DESK).get(page(queue)))
    assert "You serve here" not in elsewhere
    name = riverside.user(Role.FRONT_DESK).get_full_name()
    points = elsewhere.split("points-title", 1)[1]
    assert f"<bdi>{name}</bdi>" in points, "colleagues see who is there"
    send(desk, reverse("queue:leave_point"))
    points = shown(desk.get(page(queue))).split("points-title", 1)[1]
    assert "You serve here" not in points
    assert f"<bdi>{name}</bdi>" not in points


def test_a_provider_takes_their_name_along(riverside, queue):
    doctor = riverside.user(Role.PROVIDER)
    with riverside.active():
        first = make_point(queue, "Room 1", provider=doctor)
        second = make_point(queue, "Room 2")
    client = riverside.client(Role.PROVIDER)
    assert "You serve here" in shown(client.get(page(queue)))
    assert send(client, reverse("queue:serve_at", args=[second.pk])).status_code == 204
    with riverside.active():
        first.refresh_from_db()
        second.refresh_from_db()
    assert (first.provider_id, second.provider_id) == (None, doctor.pk)


def test_any_point_can_call_with_its_own_button(riverside, desk, queue, line, room):
    with riverside.active():
        other = make_point(queue, "Room 2")
    send(desk, reverse("queue:serve_at", args=[room.pk]))
    answer = send(desk, call_next(queue), {"point": other.pk})
    assert "called to Room 2" in toast(answer)["text"]


def test_next_is_whom_the_own_point_may_take(riverside, desk, queue, room):
    with riverside.active():
        for n, wanted in enumerate((riverside.providers[1].pk, None)):
            AdvancedQueueEngine(queue).add_to_queue(
                patient_id=riverside.patients[n].pk, wanted_provider_id=wanted
            )
    send(desk, reverse("queue:serve_at", args=[room.pk]))
    following = shown(desk.get(page(queue))).split("next-who")[1].split("next-steps")[0]
    assert "A-002" in following
    assert "place 2, first whom Room 1 may take" in following


def test_a_queue_is_closed_to_newcomers_and_opened(riverside, desk, queue):
    answer = send(desk, reverse("queue:close_queue", args=[queue.pk]))
    assert toast(answer)["text"] == "Walk-in is closed to newcomers; who waits is served"
    assert "Open to newcomers" in shown(desk.get(page(queue)))
    send(desk, toast(answer)["undo"])
    with riverside.active():
        assert WaitingQueue.objects.get().is_accepting_patients


# ------------------------------------------------------------------- roles


def routes(queue, entry, point) -> list[str]:
    return [
        page(queue),
        status(queue),
        call_next(queue),
        add(queue),
        reverse("queue:open_queue", args=[queue.pk]),
        reverse("queue:close_queue", args=[queue.pk]),
        step(entry, "call"),
        of_entry(entry),
        *(of_entry(entry, name) for name in ("undo", "transfer", "move")),
        reverse("queue:serve_at", args=[point.pk]),
        reverse("queue:set_point_state", args=[point.pk, P.CLOSED]),
    ]


def outcome(client: Client, url: str) -> set[int]:
    """Status codes of reading and of writing, without those for a wrong method."""
    return {client.get(url).status_code, send(client, url).status_code} - {405}


def test_patients_are_refused_and_other_tenants_find_nothing(
    riverside, lakeside, queue, line, room
):
    patient, foreign = riverside.client(Role.PATIENT), lakeside.client(Role.MANAGER)
    for url in routes(queue, line[0], room):
        assert outcome(patient, url) == {403}, url
        assert outcome(foreign, url) == {404}, url
    assert patient.get(LIST).status_code == 403
    assert "Walk-in" not in shown(foreign.get(LIST))
    assert fresh(riverside, line[0]).status == S.WAITING


def test_a_doctor_runs_their_own_queues_only(riverside, queue, line, room):
    client = riverside.client(Role.PROVIDER)
    assert "Walk-in" not in shown(client.get(LIST))
    for url in routes(queue, line[0], room):
        assert outcome(client, url) == {404}, url
    with riverside.active():
        QueueProvider.objects.create(queue=queue, provider=riverside.user(Role.PROVIDER))
    assert "Walk-in" in shown(client.get(LIST))
    assert send(client, call_next(queue)).status_code == 204


@pytest.mark.parametrize("role", [Role.NURSE, Role.FRONT_DESK, Role.MANAGER])
def test_who_runs_queues(role, riverside, queue, line):
    client = riverside.client(role)
    assert "Queues" in shown(client.get(page(queue)))
    assert send(client, call_next(queue)).status_code == 204
    found = send(client, reverse("calendar:patient_options"), {"q": "Pat2"})
    assert "Pat2 Riversideson" in shown(found)


def test_a_walk_in_goes_where_the_line_is_shortest(riverside, desk, queue):
    with riverside.active():
        other = WaitingQueue.objects.create(name="Second hall", prefix="S", site=queue.site)
        busy = AdvancedQueueEngine(queue)
        for patient in riverside.patients[:2]:
            busy.add_to_queue(patient_id=patient.pk)
    values = {"patient_id": riverside.patients[2].pk, "priority": "urgent", "shortest": "1"}
    wants_one = values | {"wanted": f"provider:{riverside.providers[0].pk}"}
    refused = send(desk, add(queue), wants_one)
    assert (refused.status_code, list(refused.context["form"].errors)) == (400, ["wanted"])
    assert send(desk, add(queue), values).status_code < 300
    with riverside.active():
        entry = QueueEntry.objects.get(patient=riverside.patients[2])
    assert (entry.queue_id, entry.priority_score) == (other.pk, 100)


def test_names_are_in_no_address_and_no_public_attribute(desk, queue, line):
    html = shown(desk.get(page(queue)))
    addresses = re.findall(r'(?:href|action|formaction|hx-get|hx-post)="([^"]*)"', html)
    assert addresses
    assert not [url for url in addresses if "Riversideson" in url or "Pat1" in url]
    assert "no-store" in desk.get(status(queue), headers=HTMX).headers.get("Cache-Control", "")


def test_a_point_of_another_queue_is_not_ones_own_here(riverside, desk, queue, line, room):
    with riverside.active():
        lab = make_queue("Lab", "L")
        ServicePointQueue.objects.filter(point=room).update(queue=lab)
    send(desk, reverse("queue:serve_at", args=[room.pk]))
    send(desk, call_next(queue))
    assert fresh(riverside, line[0]).service_point is None
