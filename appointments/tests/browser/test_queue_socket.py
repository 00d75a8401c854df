"""The page's end of a queue's socket: events, each call once, and back after a restart."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from accounts.permissions import Role
from appointments.models import WaitingQueue
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.tests.browser.servers import Server

WAIT_SECONDS = 40
WATCH = """
async (path) => {
  const { watchQueue } = await import("/static/js/queue_websocket.js");
  window.heard = { sizes: [], calls: [], states: [], polls: 0 };
  const on = (name, act) => document.body.addEventListener(name, ({ detail }) => act(detail));
  on("queue-status", ({ data }) => heard.sizes.push(data.current_size));
  on("queue-called", (call) => heard.calls.push([call.ticket, call.late]));
  on("queue-live", ({ state }) => heard.states.push(state));
  on("queue-poll", () => (heard.polls += 1));
  window.watching = watchQueue(path);
}
"""


@pytest.fixture
def page(browser: Browser, own_server: Server, committed_riverside) -> Iterator[Page]:
    context = browser.new_context(base_url=own_server.address)
    session = committed_riverside.client(Role.NURSE).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": own_server.address}])
    page = context.new_page()
    page.goto("/today/")
    yield page
    context.close()


def until(page: Page, condition: str) -> None:
    """``wait_for_function`` would compile it inside the page, which the security policy forbids."""
    for _ in range(WAIT_SECONDS * 10):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"not so: {condition}; {page.evaluate('heard')}")


def test_events_and_the_way_back(committed_riverside, own_server, page):
    clinic = committed_riverside
    with clinic.active():
        queue = WaitingQueue.objects.create(name="Reception", prefix="A", max_queue_size=20)
        AdvancedQueueEngine(queue).add_to_queue(patient_id=clinic.patients[0].pk)
        AdvancedQueueEngine(queue).get_next_patient()
    page.evaluate(WATCH, f"/ws/appointments/queue/{queue.pk}/")
    until(page, "heard.states.at(-1) === 'live'")
    with clinic.active():
        for patient in clinic.patients[1:]:
            AdvancedQueueEngine(queue).add_to_queue(patient_id=patient.pk)
    until(page, "heard.sizes.at(-1) === 2")
    with clinic.active():
        AdvancedQueueEngine(queue).get_next_patient()
    until(page, "heard.calls.length === 1")
    own_server.stop()
    until(page, "heard.states.at(-1) === 'retry'")
    until(page, "heard.polls > 0")
    with clinic.active():
        AdvancedQueueEngine(queue).get_next_patient()
    own_server.start()
    until(page, "heard.states.at(-1) === 'live' && heard.sizes.at(-1) === 0")
    # What was called before the page was opened is not announced; what was meanwhile is, once.
    assert page.evaluate("heard.calls") == [["A-002", False], ["A-003", True]]


def test_a_refused_page_does_not_come_back(committed_lakeside, page):
    with committed_lakeside.active():
        foreign = WaitingQueue.objects.create(name="Elsewhere", prefix="E")
    page.evaluate(WATCH, f"/ws/appointments/queue/{foreign.pk}/")
    until(page, "heard.states.length > 0")
    assert page.evaluate("heard.states") == ["off"]
