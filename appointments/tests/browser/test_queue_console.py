"""A queue is run from the keyboard and by mouse, and a colleague sees it at once."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.permissions import Role
from appointments.enums import QueueEntryStatus
from appointments.models import QueueEntry
from appointments.tests.browser.test_accessibility import violations
from appointments.tests.queues import crowd, fill, make_point, make_queue

S = QueueEntryStatus


@pytest.fixture
def queue(committed_riverside):
    with committed_riverside.active():
        queue = make_queue()
        make_point(queue)
        fill(committed_riverside, queue)
    return queue


@pytest.fixture
def path(queue) -> str:
    return f"/appointments/queue/{queue.pk}/"


def live(page: Page) -> None:
    expect(page.locator("[data-queue-live]")).to_have_attribute("data-state", "live")
    page.wait_for_load_state("networkidle")


def line(page: Page):
    return page.locator("[data-line] .q-ticket")


def status_of(clinic, ticket: str) -> str:
    with clinic.active():
        return QueueEntry.objects.get(ticket=ticket).status


def test_three_patients_by_keys_alone(committed_riverside, path, open_page):
    page = open_page(committed_riverside, path)
    live(page)
    serving = page.locator(".serving")
    page.get_by_role("button", name="I serve here").click()
    expect(page.locator(".point-you")).to_be_visible()
    for ticket in ("A-001", "A-002", "A-003"):
        page.keyboard.press("n")
        expect(serving).to_contain_text(ticket)
        expect(serving).to_contain_text("Room 1")
        page.keyboard.press("r")
        expect(page.locator(".toast")).to_contain_text("called again")
        page.keyboard.press("s")
        expect(serving).to_contain_text("Being served")
        page.keyboard.press("d")
        expect(serving).to_have_count(0)
        assert status_of(committed_riverside, ticket) == S.COMPLETED
    expect(page.get_by_text("Nobody is waiting", exact=True).first).to_be_visible()
    page.keyboard.press("u")
    expect(serving).to_contain_text("A-003")
    assert status_of(committed_riverside, "A-003") == S.IN_PROGRESS


def test_keys_act_on_the_chosen_entry(committed_riverside, path, open_page):
    page = open_page(committed_riverside, path)
    live(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("[data-entry]", has_text="A-002").locator(".entry-name")).to_be_focused()
    page.keyboard.press("h")
    away = page.locator("section", has_text="Skipped or on hold")
    expect(away).to_contain_text("A-002")
    expect(away.locator(".entry-name")).to_be_focused()
    page.keyboard.press("b")
    expect(line(page)).to_have_count(3)
    expect(page.locator("[data-entry]", has_text="A-002").locator(".entry-name")).to_be_focused()
    page.keyboard.press("c")
    expect(page.locator(".serving")).to_contain_text("A-002")
    page.keyboard.press("?")
    expect(page.locator("#keys-help")).to_contain_text("Call the next patient")


def test_a_colleague_sees_it_without_reloading(committed_riverside, path, open_page):
    mine = open_page(committed_riverside, path)
    theirs = open_page(committed_riverside, path, role=Role.NURSE)
    listing = open_page(committed_riverside, "/appointments/queue/")
    for page in (mine, theirs, listing):
        live(page)
    mine.keyboard.press("n")
    expect(theirs.locator(".serving")).to_contain_text("A-001")
    expect(theirs.locator(".serving")).to_contain_text("Pat1 Riversideson")
    expect(theirs.locator(".toast")).to_contain_text("A-001 called")
    expect(listing.locator(".queue-card")).to_contain_text("2 of 50 places")
    theirs.get_by_role("button", name="Start").click()
    expect(mine.locator(".serving")).to_contain_text("Being served")


def test_dragging_asks_why_and_moves(committed_riverside, path, open_page):
    page = open_page(committed_riverside, path)
    live(page)
    rows = page.locator("[data-line] [data-row]")
    rows.nth(2).locator("[data-grip]").drag_to(rows.nth(0), target_position={"x": 200, "y": 4})
    panel = page.locator("#panel")
    expect(panel.get_by_label("Place")).to_have_value("1")
    expect(panel.get_by_label("Reason")).to_be_focused()
    panel.get_by_role("button", name="In pain").click()
    panel.get_by_role("button", name="Move", exact=True).click()
    expect(line(page)).to_have_text(["A-003", "A-001", "A-002"])
    expect(rows.nth(0)).to_contain_text("Moved by hand")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(line(page)).to_have_text(["A-001", "A-002", "A-003"])


def test_moving_by_keyboard(committed_riverside, path, open_page):
    page = open_page(committed_riverside, path)
    live(page)
    page.keyboard.press("j")
    page.keyboard.press("v")
    panel = page.locator("#panel")
    expect(panel.get_by_label("Place")).to_be_focused()
    panel.get_by_label("Place").fill("3")
    panel.get_by_label("Reason").fill("Went to the toilet")
    page.keyboard.press("Enter")
    expect(line(page)).to_have_text(["A-002", "A-003", "A-001"])


def test_a_patient_is_added(committed_riverside, path, open_page):
    page = open_page(committed_riverside, path)
    live(page)
    page.keyboard.press("a")
    panel = page.locator("#panel")
    panel.get_by_text("New patient").click()
    panel.get_by_label("First name").fill("Ada")
    panel.get_by_label("Last name").fill("Lovelace")
    panel.get_by_label("Birth date").fill("1985-12-10")
    panel.get_by_role("button", name="Register and choose").click()
    expect(panel.locator(".chosen")).to_contain_text("Ada Lovelace")
    panel.get_by_text("Urgent", exact=True).click()
    panel.get_by_role("button", name="Add to Walk-in").click()
    expect(line(page)).to_have_text(["A-004", "A-001", "A-002", "A-003"])
    expect(page.locator(".toast")).to_contain_text("Ada Lovelace has ticket A-004, place 1")


def test_without_sockets_the_page_asks_and_says_so(committed_riverside, path, open_page):
    page = open_page(committed_riverside, "/appointments/queue/")
    page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close())
    page.goto(path)
    expect(page.locator("[data-offline]")).to_contain_text("Live updates are down")
    other = open_page(committed_riverside, path)
    live(other)
    other.keyboard.press("n")
    expect(page.locator(".serving")).to_contain_text("A-001")


def test_long_lines_are_drawn_in_part_and_searched_whole(committed_riverside, open_page):
    with committed_riverside.active():
        queue = make_queue("Crowded", "C", max_queue_size=200)
        crowd(queue, 120)
    page = open_page(committed_riverside, f"/appointments/queue/{queue.pk}/")
    live(page)
    expect(line(page)).to_have_count(40)
    page.keyboard.press("f")
    page.keyboard.type("C-117")
    shown = page.locator("[data-row]:not([hidden])")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("Quinn No116")


@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing(committed_riverside, path, open_page, width):
    with committed_riverside.active():
        other = make_queue("Lab", "L")
        person = committed_riverside.patients[2]
        person.last_name = "بن محمد بن عبد الله آل سعود " * 2
        person.communication_needs = ["interpreter", "wheelchair"]
        person.save()
    page = open_page(committed_riverside, "/appointments/queue/", width=width)
    found = violations(page)
    page.goto(path)
    live(page)
    page.keyboard.press("n")
    expect(page.locator(".serving")).to_have_count(1)
    found += violations(page)
    for key, heading in (("a", "Add to the queue"), ("t", "Send"), ("v", "Move")):
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press(key)
        expect(page.locator("#panel h2")).to_contain_text(heading)
        found += violations(page)
        page.keyboard.press("Escape")
        expect(page.locator("#panel")).to_be_empty()
    page.locator("[data-line] .entry-name").first.click()
    expect(page.locator("#panel #entry-history")).to_be_visible()
    found += violations(page)
    page.goto(f"{path}?with={other.pk}")
    found += violations(page)
    assert found == []
