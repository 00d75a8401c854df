"""How a front desk books: ranked times, a hold while talking, and somebody who is faster."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from playwright.sync_api import expect

from accounts.permissions import Role
from appointments.booking.engine import BookingEngine
from appointments.enums import AppointmentStatus
from appointments.models import AppointmentRequest
from appointments.tests.browser.test_accessibility import violations
from appointments.views.scheduling_cards import SlotKey

S = AppointmentStatus


@pytest.fixture
def page(committed_riverside, open_page):
    clinic = committed_riverside
    query = f"patient={clinic.patients[0].pk}&type={clinic.types[0].pk}"
    return open_page(clinic, f"/appointments/scheduling/?{query}")


def cards(page):
    return page.locator("#optimal-slots > [data-slots] > [data-slot]")


def slot_of(card) -> SlotKey:
    return SlotKey.read(card.locator("> .slot-actions > [data-book]").get_attribute("value"))


def booked(clinic) -> list[AppointmentRequest]:
    with clinic.active():
        return list(AppointmentRequest.objects.exclude(status=S.HELD).order_by("pk"))


def idle(page):
    """Nothing is asked for or drawn any more, so that focus is final."""
    expect(
        page.locator(".htmx-added, .htmx-swapping, .htmx-settling, .htmx-request")
    ).to_have_count(0)


def faster(clinic, slot: SlotKey) -> None:
    """A colleague books the slot for somebody else."""

    def act() -> None:
        try:
            with clinic.active():
                BookingEngine(by=clinic.user(Role.MANAGER)).book(
                    patient_id=clinic.patients[1].pk,
                    provider_id=slot.provider_id,
                    appointment_type_id=slot.type_id,
                    start=slot.start,
                )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:  # this thread has the browser's event loop
        pool.submit(act).result()


def test_the_second_best_slot_is_held_booked_and_can_be_opened(committed_riverside, page):
    second = cards(page).nth(1)
    slot = slot_of(second)
    second.get_by_role("button", name="Hold").click()
    held = page.locator("[data-held]")
    expect(held.locator("[data-left]")).to_have_text(re.compile(r"[45]:\d\d"))
    expect(held.get_by_role("button", name="Book")).to_be_focused()
    idle(page)
    assert slot not in [slot_of(card) for card in cards(page).all()]
    held.get_by_role("button", name="Book").click()
    expect(page.locator(".toast")).to_contain_text("Booked Pat1 Riversideson")
    expect(held).to_have_count(0)
    expect(page.locator("[data-results]")).to_be_focused()
    (visit,) = booked(committed_riverside)
    assert (visit.scheduled_datetime, visit.provider_id) == (slot.start, slot.provider_id)
    expect(page.locator(".chosen")).to_contain_text("Pat1")  # the wish stays for the next visit
    page.locator(".toast").get_by_role("button", name="Open").click()
    expect(page.locator("#panel h2")).to_contain_text("Pat1 Riversideson")


def test_who_is_too_late_sees_alternatives_and_books_one(committed_riverside, page):
    clinic = committed_riverside
    second = cards(page).nth(1)
    faster(clinic, slot_of(second))
    second.get_by_role("button", name="Book", exact=False).click()
    expect(second.get_by_role("alert")).to_contain_text("Just taken")
    near = second.locator("[data-near] > [data-slot]")
    expect(near).to_have_count(5)
    expect(near.first.locator("[data-book]")).to_be_focused()
    assert violations(page) == []
    alternative = slot_of(near.nth(1))
    near.nth(1).locator("[data-book]").click()
    expect(page.locator(".toast")).to_contain_text("Booked Pat1 Riversideson")
    theirs, ours = booked(clinic)
    assert (theirs.patient_id, ours.patient_id) == (clinic.patients[1].pk, clinic.patients[0].pk)
    assert (ours.scheduled_datetime, ours.provider_id) == (
        alternative.start,
        alternative.provider_id,
    )


def test_a_double_click_books_once(committed_riverside, page):
    cards(page).first.locator("[data-book]").dblclick()
    expect(page.locator(".toast")).to_contain_text("Booked")
    idle(page)
    assert len(booked(committed_riverside)) == 1


def test_from_nothing_to_a_visit_by_keyboard_alone(committed_riverside, open_page):
    clinic = committed_riverside
    page = open_page(clinic, "/appointments/scheduling/")
    keys = page.keyboard
    expect(page.get_by_label("Patient", exact=True)).to_be_focused()
    keys.type("Pat2")
    expect(page.locator("[data-option]")).to_have_count(1)
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.get_by_label("Type of visit")).to_be_focused()
    idle(page)
    keys.type("Cons")
    keys.press("Tab")
    expect(cards(page)).to_have_count(10)
    idle(page)
    keys.press("g")
    expect(cards(page).first.locator("[data-book]")).to_be_focused()
    keys.press("ArrowDown")
    keys.press("e")
    expect(cards(page).nth(1).locator(".breakdown")).to_be_visible()
    slot = slot_of(cards(page).nth(1))
    keys.press("h")
    expect(page.locator("[data-held]").get_by_role("button", name="Book")).to_be_focused()
    idle(page)
    keys.press("Enter")
    expect(page.locator(".toast")).to_contain_text("Booked Pat2")
    (visit,) = booked(clinic)
    assert visit.scheduled_datetime == slot.start


def test_the_wish_searches_by_itself_and_says_what_is_wrong(committed_riverside, page):
    page.get_by_text("Exact hours").click()
    page.get_by_label("Starts from").fill("10:00")
    page.get_by_label("Starts from").press("Tab")
    expect(page.locator("#wish-error-times")).to_contain_text("Give both times.")
    expect(page.get_by_label("Starts before")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Starts before").fill("10:15")
    page.get_by_label("Starts before").press("Tab")
    expect(page.locator("#wish-error-times")).to_be_empty()
    expect(page.locator(".slot-time").first).to_contain_text("10:00")


def test_a_day_of_the_map_narrows_and_widens_again(page):
    date = page.locator("button.day:not(.day-outside)").nth(2).get_attribute("data-day")
    day = page.locator(f"[data-day='{date}']")
    day.click()
    expect(day).to_have_attribute("aria-pressed", "true")
    expect(day).to_be_focused()
    expect(page.locator("[data-results]")).to_contain_text(" on ")
    expect(page.locator(".slot-time").first).to_have_attribute("datetime", re.compile(date))
    day.click()
    expect(day).to_have_attribute("aria-pressed", "false")


def test_a_hold_that_runs_out_says_so(committed_riverside, page):
    page.clock.install()
    cards(page).first.get_by_role("button", name="Hold").click()
    held = page.locator("[data-held]")
    expect(held).to_be_visible()
    idle(page)
    page.clock.run_for(241_000)
    expect(held.locator("[data-said]")).to_have_text("The hold ends in one minute.")
    page.clock.run_for(61_000)
    expect(held).to_contain_text("The hold has ended")
    expect(held.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing_on_the_page_its_hold_and_the_weights(
    committed_riverside, open_page, width
):
    clinic = committed_riverside
    page = open_page(clinic, "/appointments/scheduling/", role=Role.MANAGER, width=width)
    page.set_viewport_size({"width": width, "height": 2400})  # what sticks covers nothing
    found = violations(page)
    page.goto(
        f"/appointments/scheduling/?patient={clinic.patients[0].pk}&type={clinic.types[0].pk}"
    )
    cards(page).first.locator("summary").first.click()
    found += violations(page)
    cards(page).nth(2).get_by_role("button", name="Hold").click()
    expect(page.locator("[data-held]")).to_be_visible()
    found += violations(page)
    page.goto("/appointments/scheduling/weights/")
    assert found + violations(page) == []


def test_on_a_phone_the_wish_folds_away_once_there_are_times(committed_riverside, open_page):
    clinic = committed_riverside
    query = f"patient={clinic.patients[0].pk}&type={clinic.types[0].pk}"
    page = open_page(clinic, f"/appointments/scheduling/?{query}", width=390)
    fold = page.locator("[data-fold] > summary")
    expect(fold).to_contain_text("Pat1 Riversideson · Consultation")
    expect(page.get_by_label("Type of visit")).to_be_hidden()
    fold.click()
    page.get_by_label("Type of visit").select_option(label="Ultrasound · 45 min")
    expect(fold).to_contain_text("Ultrasound")
    expect(page.get_by_label("Type of visit")).to_be_hidden()


def test_the_weights_say_what_they_would_change(committed_riverside, open_page):
    page = open_page(committed_riverside, "/appointments/scheduling/weights/", role=Role.MANAGER)
    page.get_by_label("Fits without gaps").fill("60")
    expect(page.locator("[data-total]")).to_have_text("130 %")
    expect(page.locator("[data-save]")).to_be_disabled()
    expect(page.locator("#weights-preview")).to_contain_text("scaled to 100 %")
    page.get_by_role("button", name="Make it 100 %").click()
    expect(page.locator("[data-total]")).to_have_text("100 %")
    page.locator("[data-save]").click()
    expect(page.locator(".toast")).to_contain_text("The weights are saved.")
    expect(page.get_by_label("Fits without gaps")).to_have_value("46")
