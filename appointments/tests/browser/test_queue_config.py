"""Setting up a queue in a browser: sliders and their effect, the guard of changes, axe."""

import pytest
from playwright.sync_api import expect

from accounts.permissions import Role
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.queue.settings import configuration_values, create_queue
from appointments.tests.browser.test_accessibility import violations
from appointments.tests.queues import make_people


@pytest.fixture
def queue(committed_riverside):
    with committed_riverside.active():
        queue = create_queue(name="Walk-in")
        create_queue(name="Blood samples")
        engine = AdvancedQueueEngine(queue)
        for score, patient in zip((25, 38), make_people(2), strict=True):
            engine.add_to_queue(patient_id=patient.pk, priority_score=score)
        engine.settle_positions()
    return queue


@pytest.fixture
def page(committed_riverside, queue, open_page):
    return open_page(
        committed_riverside, f"/appointments/queue/{queue.pk}/config/", role=Role.MANAGER
    )


def test_a_preset_sorts_the_line_before_it_is_saved(committed_riverside, queue, page):
    first = page.locator(".places li").first
    unsaved = page.get_by_text("Not saved yet")
    expect(first).to_contain_text("A-002")
    expect(unsaved).to_be_hidden()
    page.get_by_role("button", name="Strictly by arrival").click()
    expect(first).to_contain_text("A-001")
    expect(first).to_contain_text("was 2")
    expect(unsaved).to_be_visible()
    expect(page.get_by_label("How urgent somebody is")).to_be_hidden()
    page.get_by_role("button", name="Balanced").click()
    expect(first).to_contain_text("stays")
    slider = page.get_by_label("Their appointment time")
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "33 %")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("The settings are saved")).to_be_visible()
    expect(unsaved).to_be_hidden()
    with committed_riverside.active():
        assert configuration_values(queue)["appointment_time_weight"] == 0.4


def test_what_is_not_saved_is_asked_about(page):
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_label("There are places for").fill("30")
    page.get_by_role("link", name="Walk-in").click()
    expect(page.get_by_text("Not saved yet")).to_be_visible()
    assert asked == ["beforeunload"]
    page.get_by_label("There are places for").fill("50")
    page.get_by_role("link", name="Walk-in").click()
    page.wait_for_url("**/appointments/queue/*/")


@pytest.mark.parametrize("width", [1440, 390])
def test_axe_and_width(committed_riverside, queue, open_page, width):
    for path in (f"{queue.pk}/config/", "points/", "points/add/", f"{queue.pk}/edit/"):
        page = open_page(
            committed_riverside, f"/appointments/queue/{path}", role=Role.MANAGER, width=width
        )
        assert not violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
