"""Waiting-room screens in real browsers: connected by code, live, each call announced once."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from accounts.permissions import Role
from appointments.models import ServicePoint, ServicePointQueue, WaitingQueue
from appointments.queue.displays import Displays
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.tests.browser.test_accessibility import violations

SEQUENCE_MS = 45_000  # three calls of more than six seconds, on a busy machine
HARMLESS = re.compile(r"AudioContext was not allowed|ERR_INTERNET_DISCONNECTED|speechSynthesis")
LOST = re.compile(r"ERR_INTERNET_DISCONNECTED|WebSocket|Failed to fetch|Failed to load resource")


class Hall:
    """A waiting room with a queue of three, a room, and a screen."""

    def __init__(self, clinic) -> None:
        self.clinic = clinic
        with clinic.active():
            self.queue = WaitingQueue.objects.create(name="Walk-in")
            self.room = ServicePoint.objects.create(name="Room 1")
            ServicePointQueue.objects.create(point=self.room, queue=self.queue)
            for patient in clinic.patients:
                self.engine.add_to_queue(patient_id=patient.pk)
            self.screen = Displays(by=None).add({"name": "Hall"}, queue_ids=[self.queue.pk])
            self.token = Displays(by=None).new_token(self.screen.pk)

    @property
    def engine(self) -> AdvancedQueueEngine:
        return AdvancedQueueEngine(self.queue)

    @property
    def path(self) -> str:
        return f"/display/{self.token}/"

    def call(self) -> str:
        with self.clinic.active():
            return self.engine.get_next_patient(service_point_id=self.room.pk).ticket


@pytest.fixture
def hall(committed_riverside):
    return Hall(committed_riverside)


@pytest.fixture
def open_screen(browser, server) -> Iterator[Callable[..., Page]]:
    """As ``open_page``; that a page may not sound yet, or has lost its line, is not a fault."""
    contexts, complaints = [], []

    def open_one(path: str) -> Page:
        context = browser.new_context(base_url=server, viewport={"width": 1920, "height": 1080})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    wrong = [text for text in complaints if not (HARMLESS.search(text) or LOST.search(text))]
    assert wrong == []


def is_live(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-fresh", "live")
    expect(page.locator("html")).to_have_attribute("data-socket", "live")


def announced(page: Page) -> list[str]:
    return (page.locator("#display").get_attribute("data-announced") or "").split()


def announces(page: Page, count: int) -> list[str]:
    """Wait until so many calls were announced since the page was opened, and the last is over."""
    pattern = re.compile(rf"^(\d+ ){{{count - 1}}}\d+$")
    expect(page.locator("#display")).to_have_attribute(
        "data-announced", pattern, timeout=SEQUENCE_MS
    )
    expect(page.locator("[data-call]")).to_be_hidden(timeout=SEQUENCE_MS)
    return announced(page)


def test_a_call_appears_on_two_screens_at_once(hall, open_screen):
    pages = [open_screen(hall.path), open_screen(hall.path)]
    for page in pages:
        is_live(page)
        expect(page.locator("[data-call]")).to_be_hidden()
    started = time.perf_counter()
    ticket = hall.call()
    for page in pages:
        expect(page.locator("[data-call-ticket]")).to_have_text(ticket)
        expect(page.locator("[data-call-room]")).to_have_text("Room 1")
    print(f"from the call to both screens: {time.perf_counter() - started:.2f} s")
    for page in pages:
        expect(page.locator("[data-call]")).to_be_hidden()
        expect(page.locator("[data-serving] li").first).to_contain_text(ticket)
        expect(page.locator("[data-following] li")).to_have_count(2)


def test_calls_in_a_row_are_announced_one_after_the_other_and_once(hall, open_screen):
    page = open_screen(hall.path)
    is_live(page)
    tickets = [hall.call() for _ in range(3)]
    for ticket in tickets:
        expect(page.locator("[data-call-ticket]")).to_have_text(ticket)
    assert len(set(announces(page, 3))) == 3


def test_what_is_called_while_the_network_is_cut_is_announced_once_it_is_back(hall, open_screen):
    page = open_screen(hall.path)
    is_live(page)
    hall.call()
    first = announces(page, 1)
    page.context.set_offline(True)
    hall.call()
    expect(page.locator("html")).to_have_attribute("data-fresh", "stale", timeout=SEQUENCE_MS)
    expect(page.locator("[data-live-word]")).to_contain_text("Not up to date")
    hall.call()
    page.context.set_offline(False)
    assert len(set(announces(page, 3)) | set(first)) == 3
    is_live(page)


def test_a_screen_and_a_console_come_back_after_a_restart(hall, browser, own_server):
    """Neither is touched: what was called meanwhile is announced, and the next call follows."""
    context = browser.new_context(base_url=own_server.address)
    session = hall.clinic.client(Role.NURSE).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": own_server.address}])
    screen, console = context.new_page(), context.new_page()
    screen.goto(hall.path)
    console.goto(f"/appointments/queue/{hall.queue.pk}/")
    is_live(screen)
    expect(console.locator(".serving")).to_have_count(0)
    own_server.stop()
    expect(screen.locator("html")).not_to_have_attribute("data-socket", "live")
    first = hall.call()
    own_server.start()
    expect(screen.locator("[data-call-ticket]")).to_have_text(first, timeout=SEQUENCE_MS)
    expect(console.locator(".serving")).to_contain_text(first, timeout=SEQUENCE_MS)
    is_live(screen)
    hall.call()
    announces(screen, 2)
    expect(console.locator(".serving")).to_have_count(2)
    context.close()


def test_a_reload_announces_nothing_twice_and_misses_nothing(hall, open_screen):
    page = open_screen(hall.path)
    is_live(page)
    hall.call()
    told = announces(page, 1)
    page.reload()
    is_live(page)
    page.goto("about:blank")
    hall.call()
    page.goto(hall.path)
    again = announces(page, 1)
    assert set(told) & set(again) == set()


def test_a_new_screen_announces_only_what_is_called_from_now_on(hall, open_screen):
    hall.call()
    page = open_screen(hall.path)
    is_live(page)
    ticket = hall.call()
    expect(page.locator("[data-call-ticket]")).to_have_text(ticket)
    assert len(announces(page, 1)) == 1


def test_a_call_that_was_undone_before_its_turn_is_not_announced(hall, open_screen):
    page = open_screen(hall.path)
    is_live(page)
    hall.call()
    with hall.clinic.active():
        entry = hall.engine.get_next_patient(service_point_id=hall.room.pk)
        hall.engine.undo(entry.pk)
    assert len(announces(page, 1)) == 1


def test_a_screen_is_connected_with_its_code_and_told_to_go_dark(hall, open_screen, open_page):
    page = open_screen("/display/")
    code = page.locator(".display-code").inner_text()
    staff = open_page(hall.clinic, "/appointments/queue/screens/", role=Role.MANAGER)
    assert violations(staff) == []
    staff.get_by_role("link", name="Hall").click()
    staff.locator("#panel").get_by_label("Code on the screen").fill(code)
    staff.locator("#panel").get_by_role("button", name="Connect", exact=True).click()
    expect(staff.locator(".toast")).to_contain_text("is connected")
    expect(page.locator("[data-following] li")).to_have_count(3)
    is_live(page)
    assert violations(page) == []
    staff.get_by_role("link", name="Hall").click()
    staff.locator("#panel").get_by_role("button", name="Disconnect").click()
    staff.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="This screen is not connected")).to_be_visible()


def test_the_sound_is_turned_on_by_one_touch(hall, open_screen):
    page = open_screen(hall.path)
    page.get_by_role("button", name="Tap once to turn the sound on").click()
    expect(page.locator("[data-sound]")).to_be_hidden()


def test_calls_are_spelled_in_each_language(hall, open_screen):
    page = open_screen(hall.path)
    said = page.evaluate(
        """async () => {
          const { sentence } = await import("/static/js/display_voice.js");
          const german = { call: "Nummer {ticket}: {room}.", alone: "Nummer {ticket}." };
          return [sentence(german, "A-014", "Zimmer 2"), sentence(german, "ABC-1007", null)];
        }"""
    )
    assert said == ["Nummer A, 0, 1, 4: Zimmer 2.", "Nummer A, B, C, 1, 0, 0, 7."]


def test_without_scripts_the_page_shows_the_same(hall, browser, server):
    context = browser.new_context(base_url=server, java_script_enabled=False)
    page = context.new_page()
    ticket = hall.call()
    page.goto(hall.path)
    expect(page.locator("[data-serving] li").first).to_contain_text(ticket)
    expect(page.locator("[data-following] li")).to_have_count(2)
    assert 'http-equiv="refresh"' in page.content()
    context.close()
