"""Patients arrive by themselves: at a kiosk by touch and by scanner, and on their own phone."""

import re

import pytest
from playwright.sync_api import expect

from accounts.permissions import Role
from appointments.enums import QueueStep
from appointments.models import QueueEntry, QueueProvider, ServicePoint, WaitingQueue
from appointments.queue.kiosks import Kiosks
from appointments.queue.patient_links import check_in_token, ticket_token
from appointments.queue.queue_engine import AdvancedQueueEngine
from appointments.tests.browser.test_accessibility import violations
from appointments.tests.visits import make_visit
from core.clock import system_clock


@pytest.fixture
def queue(committed_riverside):
    clinic = committed_riverside
    with clinic.active():
        queue = WaitingQueue.objects.create(name="Consultations", site=clinic.site)
        QueueProvider.objects.create(queue=queue, provider=clinic.providers[0])
    return queue


@pytest.fixture
def visit(committed_riverside, queue):
    with committed_riverside.active():
        return make_visit(committed_riverside, system_clock())


@pytest.fixture
def kiosk(committed_riverside, queue):
    """The kiosk's address."""
    clinic = committed_riverside
    with clinic.active():
        made = Kiosks(by=None).add(name="Hall", site_id=clinic.site.pk, walk_in_queue_id=queue.pk)
        return f"/kiosk/{Kiosks(by=None).token(made.pk)}/"


@pytest.fixture
def ticket(committed_riverside, queue):
    """The address of the page of the last of three who wait."""
    clinic = committed_riverside
    with clinic.active():
        engine = AdvancedQueueEngine(queue)
        last = [engine.add_to_queue(patient_id=each.pk) for each in clinic.patients][-1]
        return f"/ticket/{ticket_token(last, zone=clinic.tenant.zone_info)}/"


def touch(page, text: str) -> None:
    for key in text:
        page.locator(f"[data-key='{key}']").click()


def small_targets(page) -> list[str]:
    """Words of whatever can be touched and is smaller than 56 px."""
    return page.evaluate(
        """() => [...document.querySelectorAll("a, button, input:not([type=hidden])")]
          .filter(each => each.checkVisibility())
          .filter(each => { const box = each.getBoundingClientRect();
                            return box.width < 56 || box.height < 56; })
          .map(each => each.textContent || each.id)"""
    )


@pytest.mark.parametrize(("width", "height"), [(1080, 1920), (1280, 800)])
def test_a_kiosk_by_touch(committed_riverside, visit, kiosk, open_page, width, height):
    patient = committed_riverside.patients[0]
    page = open_page(None, kiosk, width=width)
    page.set_viewport_size({"width": width, "height": height})
    found, small = violations(page), small_targets(page)
    page.get_by_role("link", name="I have an appointment").click()
    found, small = found + violations(page), small + small_targets(page)
    touch(page, patient.mrn)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="When were you born?").wait_for()
    found, small = found + violations(page), small + small_targets(page)
    touch(page, f"{patient.birth_date:%d%m%Y}")  # the keys move on from field to field
    expect(page.get_by_label("Year")).to_have_value(str(patient.birth_date.year))
    page.get_by_role("button", name="Check in").click()
    expect(page.get_by_role("heading", name="You are checked in")).to_be_visible()
    expect(page.locator(".number")).to_have_text("A-001")
    expect(page.locator("body")).not_to_contain_text(patient.last_name)
    found, small = found + violations(page), small + small_targets(page)
    assert patient.mrn not in page.url
    assert (found, small) == ([], [])
    page.go_back()
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()


def test_a_kiosk_by_scanner_wherever_the_focus_is(committed_riverside, visit, kiosk, open_page):
    with committed_riverside.active():
        token = check_in_token(visit)
    page = open_page(None, kiosk)
    page.get_by_role("heading", name="Welcome").click()
    page.keyboard.type(f"https://clinic.test/check-in/{token}/?lang=de")
    page.keyboard.press("Enter")
    expect(page.locator(".number")).to_have_text("A-001")


def test_a_kiosk_forgets_whoever_walks_away(committed_riverside, kiosk, open_page):
    page = open_page(None, kiosk)
    page.clock.install()
    page.goto(f"{kiosk}visit/")
    page.locator("#mrn").fill("R00001")
    page.clock.fast_forward(61_000)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()


def test_a_kiosk_in_arabic_reads_from_the_right(committed_riverside, kiosk, open_page):
    page = open_page(None, kiosk)
    page.get_by_role("link", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    found = violations(page)
    page.goto(f"{kiosk}visit/?lang=ar")
    assert found + violations(page) == []


def test_the_code_on_the_own_phone_leads_to_the_ticket(committed_riverside, visit, open_page):
    with committed_riverside.active():
        token = check_in_token(visit)
    page = open_page(None, f"/check-in/{token}/", width=390)
    found = violations(page)
    page.get_by_role("button", name="I am here").click()
    expect(page.locator(".number")).to_have_text("A-001")
    assert found + violations(page) == []


@pytest.mark.parametrize("language", ["en", "ar"])
def test_axe_finds_nothing_on_the_patients_page(committed_riverside, ticket, open_page, language):
    page = open_page(None, f"{ticket}?lang={language}", width=390)
    found = violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("summary").click()
    found += violations(page)
    page.goto(f"{ticket}leave/?lang={language}")
    found += violations(page)
    with committed_riverside.active():
        last = QueueEntry.objects.latest("pk")
        AdvancedQueueEngine.of_entry(last.pk).take(QueueStep.CALL, last.pk)
    page.goto(f"{ticket}?lang={language}")
    expect(page.locator("[data-stage='called']")).to_be_visible()
    found += violations(page)
    assert found == []


def test_the_page_shows_the_call_by_itself_and_calls_for_attention(
    committed_riverside, queue, ticket, open_page
):
    clinic = committed_riverside
    page = open_page(None, ticket, width=390)
    page.get_by_role("button", name="Alert me with a sound").click()
    expect(page.get_by_role("button", name="The sound is on")).to_be_visible()
    with clinic.active():
        first = QueueEntry.objects.earliest("pk")
        AdvancedQueueEngine.of_entry(first.pk).take(QueueStep.CALL, first.pk)
    expect(page.get_by_role("heading", name="Nearly your turn")).to_be_visible()
    with clinic.active():
        room = ServicePoint.objects.create(name="Room 3")
        room.queues.add(queue)
        last = QueueEntry.objects.latest("pk")
        AdvancedQueueEngine.of_entry(last.pk).take(
            QueueStep.CALL, last.pk, service_point_id=room.pk
        )
    expect(page.get_by_text("Please go to Room 3").first).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("It is your turn")
    assert "It is your turn" in page.title()


def test_more_time_and_leaving_by_touch(committed_riverside, ticket, open_page):
    page = open_page(None, ticket, width=390)
    page.get_by_text("I need more time").click()
    page.get_by_role("button", name="10 min").click()
    expect(page.get_by_role("heading", name="Your place is kept")).to_be_visible()
    page.get_by_role("button", name="I am back").click()
    expect(page.get_by_role("heading", name="Please wait")).to_be_visible()
    page.get_by_role("link", name="Leave the queue").click()
    page.get_by_role("link", name="No, stay").click()
    page.get_by_role("link", name="Leave the queue").click()
    page.get_by_role("button", name="Yes, leave").click()
    expect(page.get_by_role("heading", name="You have left the queue")).to_be_visible()


def test_the_desk_checks_in_and_prints_the_ticket(committed_riverside, visit, open_page):
    page = open_page(committed_riverside, "/today/")
    page.wait_for_load_state("networkidle")
    page.locator("[data-visit] a.visit-name").focus()
    page.keyboard.press("c")
    page.get_by_role("link", name="Print ticket").click()
    expect(page.locator(".paper-number")).to_have_text("A-001")
    assert violations(page) == []


def test_axe_finds_nothing_where_kiosks_are_set_up(committed_riverside, kiosk, open_page):
    page = open_page(committed_riverside, "/appointments/queue/kiosks/", role=Role.MANAGER)
    found = violations(page)
    page.locator(".row-link a").click()
    page.locator("#panel").get_by_role("button", name="Show the address").click()
    expect(page.get_by_label("Address of the kiosk")).to_have_value(re.compile("/kiosk/"))
    assert found + violations(page) == []
