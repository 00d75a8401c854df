"""A front desk's morning, by mouse and by keyboard alone, and what a colleague sees of it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta

import pytest
from django.db import connections
from playwright.sync_api import Page, expect

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.enums import AppointmentStatus
from appointments.models import AppointmentRequest
from appointments.tests.visits import make_visit

S = AppointmentStatus


@pytest.fixture
def tomorrow(committed_riverside) -> str:
    zone = committed_riverside.tenant.zone_info
    return committed_riverside.at(1, time(12)).astimezone(zone).date().isoformat()


def settled(page):
    """Focus is final: htmx focuses what a swap brought once more when it settles it, and keys
    pressed faster than a person's would go astray."""
    expect(
        page.locator(".htmx-added, .htmx-swapping, .htmx-settling, .htmx-request")
    ).to_have_count(0)


def live(page: Page) -> None:
    """Connected, and past the fetch that connecting causes."""
    expect(page.locator("[data-live-mark]")).to_have_attribute("data-state", "live")
    page.wait_for_load_state("networkidle")


def column(page: Page, key: str):
    return page.locator(f"section[aria-labelledby=column-{key}]")


def the_visit(clinic) -> AppointmentRequest:
    with clinic.active():
        return AppointmentRequest.objects.get()


def test_a_visit_by_mouse(committed_riverside, tomorrow, open_page):
    page = open_page(committed_riverside, f"/appointments/calendar/?day={tomorrow}")
    live(page)
    page.get_by_label("Book 10:30").first.click()
    panel = page.locator("#panel")
    panel.get_by_text("New patient").click()
    panel.get_by_label("First name").fill("Ada")
    panel.get_by_label("Last name").fill("Lovelace")
    panel.get_by_label("Birth date").fill("1985-12-10")
    panel.get_by_role("button", name="Register and choose").click()
    expect(panel.locator(".chosen")).to_contain_text("Ada Lovelace")
    panel.get_by_label("Type").select_option(label="Ultrasound · 45 min")
    expect(panel.locator("#slot-check")).to_contain_text("10:30–11:15 is free")
    panel.get_by_role("button", name="Book", exact=True).click()
    expect(panel).to_be_empty()
    expect(page.locator("#grid .cal-visit")).to_contain_text("Ada Lovelace")

    page.goto(f"/today/?day={tomorrow}")
    live(page)
    for key, step in (("expected", "Check in"), ("waiting", "Start"), ("in-room", "Complete")):
        card = column(page, key).locator("[data-visit]")
        card.hover()
        card.get_by_role("button", name=step).click()
        expect(card).to_have_count(0)
    expect(column(page, "done").locator("[data-visit]")).to_contain_text("Ada Lovelace")
    assert the_visit(committed_riverside).status == S.COMPLETED

    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(column(page, "in-room").locator("[data-visit]")).to_contain_text("Ada Lovelace")
    assert the_visit(committed_riverside).status == S.IN_PROGRESS


def test_a_visit_by_keyboard_alone(committed_riverside, tomorrow, open_page):
    page = open_page(committed_riverside, f"/appointments/calendar/?day={tomorrow}")
    live(page)
    keys = page.keyboard
    keys.press("g")
    for _ in range(3):
        keys.press("ArrowDown")
    keys.press("ArrowRight")
    expect(page.locator("#cell-2-4")).to_be_focused()
    settled(page)
    keys.press("Enter")
    search = page.get_by_label("Patient", exact=True)
    expect(search).to_be_focused()
    settled(page)
    keys.type("Pat2")
    expect(page.locator("[data-option]")).to_have_count(1)
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.locator(".chosen")).to_contain_text("Pat2")
    book = page.get_by_role("button", name="Book", exact=True)
    expect(book).to_be_focused()
    settled(page)
    keys.press("Enter")
    expect(page.locator("#panel")).to_be_empty()
    expect(page.locator("#cell-2-4")).to_be_focused()
    settled(page)
    visit = the_visit(committed_riverside)
    assert visit.provider_id == committed_riverside.providers[1].pk

    page.goto(f"/today/?day={tomorrow}")
    live(page)
    keys.press("j")
    name = page.locator(f"#visit-{visit.pk}")
    for key, where in (("c", "waiting"), ("s", "in-room"), ("d", "done")):
        expect(name).to_be_focused()
        keys.press(key)
        expect(column(page, where).locator(f"#visit-{visit.pk}")).to_be_focused()
    assert the_visit(committed_riverside).status == S.COMPLETED
    keys.press("u")
    expect(column(page, "in-room").locator(f"#visit-{visit.pk}")).to_be_focused()
    settled(page)
    keys.press("Enter")
    expect(page.locator("#panel h2")).to_be_focused()
    settled(page)
    keys.press("Escape")
    expect(page.locator("#panel")).to_be_empty()
    expect(name).to_be_focused()
    settled(page)


def test_a_new_patient_is_registered_by_keyboard_alone(committed_riverside, tomorrow, open_page):
    page = open_page(committed_riverside, f"/today/?day={tomorrow}")
    keys = page.keyboard
    keys.press("b")
    expect(page.get_by_label("Patient", exact=True)).to_be_focused()
    settled(page)
    keys.press("Tab")
    keys.press("Enter")
    for text in ("Ada", "Lovelace", "12101985"):
        keys.press("Tab")
        keys.type(text)
    keys.press("Enter")
    expect(page.locator(".chosen")).to_contain_text("Ada Lovelace")


def booked_elsewhere(clinic) -> int:
    try:
        with clinic.active():
            return (
                BookingEngine(by=clinic.user(Role.FRONT_DESK))
                .book(
                    patient_id=clinic.patients[0].pk,
                    provider_id=clinic.providers[0].pk,
                    appointment_type_id=clinic.types[0].pk,
                    start=clinic.at(1, time(10)),
                )
                .pk
            )
    finally:
        connections.close_all()


def test_a_colleagues_step_appears_without_reload(committed_riverside, tomorrow, open_page):
    clinic = committed_riverside
    page = open_page(clinic, f"/today/?day={tomorrow}", role=Role.NURSE)
    live(page)
    page.evaluate("window.isSamePage = true")
    with ThreadPoolExecutor(1) as pool:  # this thread has the browser's event loop
        key = pool.submit(booked_elsewhere, clinic).result()
    expect(column(page, "expected").locator(f"#visit-{key}")).to_be_visible()
    other = open_page(clinic, f"/today/?day={tomorrow}")
    other.locator(f"#visit-{key}").focus()
    other.keyboard.press("c")
    expect(column(page, "waiting").locator(f"#visit-{key}")).to_be_visible()
    expect(page.locator("#board-total")).to_have_text("1 visit")
    assert page.evaluate("window.isSamePage")


def test_a_taken_time_offers_others_in_the_panel(committed_riverside, tomorrow, open_page):
    clinic = committed_riverside
    page = open_page(clinic, f"/appointments/calendar/?day={tomorrow}")
    live(page)
    page.get_by_label("Book 10:00").first.click()
    panel = page.locator("#panel")
    panel.get_by_label("Patient", exact=True).fill("Pat1")
    panel.locator("[data-option]").click()
    with clinic.active():
        make_visit(clinic, clinic.at(1, time(10)), patient=2)
    panel.get_by_role("button", name="Book", exact=True).click()
    expect(panel.get_by_role("alert")).to_contain_text("Pat3 Riversideson")
    panel.locator("[name=pick]").last.click()
    expect(panel).to_be_empty()
    expect(page.locator("#grid .cal-visit")).to_have_count(2)


def test_cancelling_asks_why(committed_riverside, tomorrow, open_page):
    clinic = committed_riverside
    with clinic.active():
        visit = make_visit(clinic, clinic.at(1, time(10)))
    page = open_page(clinic, f"/today/?day={tomorrow}")
    live(page)
    page.locator(f"#visit-{visit.pk}").focus()
    page.keyboard.press("x")
    expect(page.get_by_label("Why")).to_be_focused()
    settled(page)
    page.get_by_role("button", name="Patient asked").click()
    page.locator("#panel").get_by_role("button", name="Cancel visit").click()
    expect(page.locator(".board-aside summary")).to_have_text("1 missed or cancelled")
    assert the_visit(clinic).cancellation_reason == "Patient asked"


def test_typing_finds_within_the_day(committed_riverside, tomorrow, open_page):
    clinic = committed_riverside
    with clinic.active():
        for n in range(3):
            make_visit(clinic, clinic.at(1, time(10)) + n * timedelta(hours=1), patient=n)
    page = open_page(clinic, f"/today/?day={tomorrow}")
    expect(page.locator("[data-visit]:visible")).to_have_count(3)
    page.keyboard.press("f")
    page.keyboard.type("pat2")
    expect(page.locator("[data-visit]:visible")).to_have_count(1)
    expect(column(page, "expected").locator("[data-count]")).to_have_text("1/3")


def test_the_board_says_when_it_is_not_live_and_recovers(committed_riverside, open_page):
    page = open_page(committed_riverside, "/accounts/login/")
    page.route_web_socket("**/ws/appointments/today/", lambda ws: ws.close(code=1011))
    page.goto("/today/")
    mark = page.locator("[data-live-mark]")
    expect(mark).to_have_attribute("data-state", "retry")
    expect(mark).to_have_text("Reconnecting")
