"""The waitlist and priority rules in a browser: the code search, booking, undo, and axe."""

from datetime import time

import pytest
from playwright.sync_api import expect

from accounts.permissions import Role
from appointments.models import AppointmentPriorityRule, AppointmentRequest, WaitingList
from appointments.tests.browser.test_accessibility import violations
from appointments.tests.browser.test_flow import settled


@pytest.fixture
def waiting(committed_riverside):
    clinic = committed_riverside
    with clinic.active():
        AppointmentPriorityRule.objects.create(
            name="Diabetes", diagnosis_codes=["E11"], max_wait_days=7
        )
        entry = WaitingList.objects.create(
            patient=clinic.patients[0],
            appointment_type=clinic.types[0],
            priority="urgent",
            diagnosis_codes=["E11.9"],
            created_at=clinic.at(-9, time(8)),
        )
    return clinic, entry


def choose_code(page, field, words: str, code: str) -> None:
    """By keyboard alone."""
    page.get_by_role("combobox", name=field).press_sequentially(words)
    option = page.locator(".codes-options [role=option]").filter(has_text=code).first
    expect(option).to_be_visible()
    for _ in range(20):
        if option.get_attribute("aria-selected") == "true":
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Remove {code}")).to_be_visible()


def test_a_patient_is_added_with_codes_found_by_words(committed_riverside, open_page):
    clinic = committed_riverside
    page = open_page(clinic, "/appointments/waitlist/")
    expect(page.get_by_text("Nobody is waiting")).to_be_visible()
    page.keyboard.press("n")
    panel = page.locator("#panel")
    panel.locator("#patient-search").fill("Pat2")
    panel.locator("[data-option]").first.click()
    expect(panel.locator(".chosen")).to_contain_text("Pat2 Riversideson")
    settled(page)
    panel.get_by_label("Type").select_option(label="Consultation · 30 min")
    choose_code(page, "Diagnosis codes", "diabetes type 2", "E11")
    choose_code(page, "Diagnosis codes", "i21.0", "I21.0")
    page.keyboard.press("Backspace")
    expect(page.get_by_role("button", name="Remove I21.0")).to_have_count(0)
    panel.get_by_role("button", name="Put on the waitlist").last.click()
    expect(page.locator(".toast")).to_contain_text("Pat2 Riversideson is on the waitlist")
    expect(page.locator(".row-link")).to_have_count(1)
    with clinic.active():
        assert WaitingList.objects.get().diagnosis_codes == ["E11"]
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".row-link")).to_have_count(0)


def test_the_warned_patient_is_booked_from_the_strip_and_undone(waiting, open_page):
    clinic, entry = waiting
    page = open_page(clinic, "/appointments/waitlist/")
    page.locator("#wait-warnings summary").click()
    page.locator("#wait-warnings").get_by_role("link", name="Book").click()
    panel = page.locator("#panel")
    panel.get_by_text("Another time").click()
    panel.get_by_label("Provider").select_option(str(clinic.providers[0].pk))
    for at, said in ((time(10), "10:00–10:30 is free"), (time(20), "outside working hours")):
        local = clinic.at(1, at).astimezone(clinic.tenant.zone_info)
        panel.get_by_label("Date").fill(f"{local:%Y-%m-%d}")
        panel.get_by_label("Time", exact=True).fill(f"{local:%H:%M}")
        panel.get_by_label("Time", exact=True).blur()
        expect(panel.locator("#slot-check")).to_contain_text(said)
    panel.locator("[name=slot]").nth(1).click()
    expect(page.locator(".toast")).to_contain_text("Booked Pat1 Riversideson")
    expect(page.locator(".row-link")).to_have_count(0)
    # The wait was too long already, so the time that was booked is shown as late.
    expect(page.locator("#wait-warnings a", has_text="Move")).to_have_count(1)
    with clinic.active():
        visit = AppointmentRequest.objects.get()
        entry.refresh_from_db()
    assert entry.scheduled_appointment_id == visit.pk
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".row-link")).to_have_count(1)
    with clinic.active():
        entry.refresh_from_db()
    assert entry.status == "ACTIVE"


def test_withdrawing_asks_first(waiting, open_page):
    clinic, entry = waiting
    page = open_page(clinic, "/appointments/waitlist/")
    page.locator(".row-link a").click()
    page.locator("#panel").get_by_role("button", name="Withdraw").click()
    page.locator("#confirm").get_by_role("button", name="Go back").click()
    page.locator("#panel").get_by_role("button", name="Withdraw").click()
    page.locator("#confirm").get_by_role("button", name="Continue").click()
    expect(page.locator(".row-link")).to_have_count(0)
    with clinic.active():
        entry.refresh_from_db()
    assert entry.status == "CANCELLED"


def test_the_search_keeps_the_state_and_empties(waiting, open_page):
    page = open_page(waiting[0], "/appointments/waitlist/")
    page.wait_for_load_state("networkidle")
    page.locator("#waitlist-q").fill("nobody")
    expect(page.get_by_text("Nobody fits")).to_be_visible()
    page.get_by_role("button", name="Withdrawn").click()
    expect(page.get_by_role("button", name="Withdrawn")).to_have_attribute("aria-pressed", "true")
    page.locator("#waitlist-q").fill("")
    expect(page.get_by_text("Nothing here")).to_be_visible()
    page.get_by_role("button", name="Waiting").click()
    expect(page.locator(".row-link")).to_have_count(1)
    assert "nobody" not in page.url


def test_a_rule_is_made_by_a_manager(committed_riverside, open_page):
    clinic = committed_riverside
    page = open_page(clinic, "/appointments/scheduling/rules/", role=Role.MANAGER)
    page.keyboard.press("n")
    panel = page.locator("#panel")
    panel.get_by_label("Name").fill("Heart attack")
    panel.get_by_text("Consultation", exact=True).click()
    choose_code(page, "Diagnoses", "myocardial infarction acute", "I21")
    panel.get_by_label("Longest wait in days").fill("7")
    panel.get_by_role("button", name="Save").click()
    expect(page.locator(".row-link")).to_contain_text("within 7 days")
    page.get_by_role("button", name="Switch off Heart attack").click()
    expect(page.get_by_role("button", name="Switch on Heart attack")).to_be_visible()
    with clinic.active():
        made = AppointmentPriorityRule.objects.get()
    assert (made.diagnosis_codes, made.is_active) == (["I21"], False)


@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing(waiting, open_page, width):
    clinic, entry = waiting
    page = open_page(clinic, "/appointments/waitlist/", role=Role.MANAGER, width=width)
    page.locator("#wait-warnings summary").click()
    found = violations(page)
    page.locator(".row-link a").click()
    page.locator("#panel h2").wait_for()
    found += violations(page)
    page.locator("#panel").get_by_role("link", name="Edit").click()
    page.get_by_role("combobox", name="Diagnosis codes").press_sequentially("asthma")
    page.locator(".codes-options [role=option]").first.wait_for()
    found += violations(page)
    for path in (
        f"/appointments/waitlist/{entry.pk}/book/",
        "/appointments/waitlist/add/",
        "/appointments/scheduling/rules/",
        "/appointments/scheduling/rules/add/",
    ):
        page.goto(path)
        found += violations(page)
    assert found == []
