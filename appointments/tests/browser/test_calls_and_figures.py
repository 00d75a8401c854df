"""The call list as the front desk works it off, and the figures and rooms as managers see them."""

from datetime import time, timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.permissions import Role
from appointments.enums import AppointmentStatus
from appointments.models import ReminderCall, Resource
from appointments.tests.browser.test_accessibility import violations
from appointments.tests.visits import make_visit
from core.clock import system_clock

S = AppointmentStatus


@pytest.fixture
def expected(committed_riverside):
    """A visit of each of three patients tomorrow, booked long ago."""
    clinic = committed_riverside
    with clinic.active():
        for number, patient in enumerate(clinic.patients):
            patient.phone = f"+4930123456{number}"
            patient.save()
            make_visit(
                clinic,
                clinic.at(1, time(9 + number)),
                status=S.PENDING,
                patient=number,
                created_at=system_clock() - timedelta(days=30),
            )
    return clinic


@pytest.mark.parametrize("width", [390, 1440])
def test_a_call_list_is_worked_off(expected, open_page, width):
    page = open_page(expected, reverse("calls:call_list"), width=width)
    waiting = page.locator(".callee")
    expect(waiting).to_have_count(3)
    found = violations(page)
    first = waiting.first.locator(".callee-name").inner_text()
    waiting.first.get_by_role("button", name="Will come").click()
    expect(waiting).to_have_count(2)
    expect(page.locator(".calls-done")).to_contain_text(first)
    unreached = waiting.first.locator(".callee-name").inner_text()
    waiting.first.get_by_role("button", name="No answer").click()
    expect(waiting.last.locator(".callee-name")).to_have_text(unreached)
    expect(waiting.last).to_contain_text("No answer, last")
    waiting.first.get_by_role("button", name="Will not come").click()
    page.locator("#confirm [value=yes]").click()
    expect(waiting).to_have_count(1)
    found += violations(page)
    with expected.active():
        outcomes = list(ReminderCall.objects.order_by("pk").values_list("outcome", flat=True))
    assert outcomes == ["confirmed", "no_answer", "cancelled"]
    assert found == []


def test_a_call_made_by_somebody_else_meanwhile_is_told(expected, open_page):
    page = open_page(expected, reverse("calls:call_list"))
    other = open_page(expected, reverse("calls:call_list"), role=Role.MANAGER)
    name = page.locator(".callee-name").first.inner_text()
    other.locator(".callee", has_text=name).get_by_role("button", name="Will come").click()
    expect(other.locator(".calls-done")).to_contain_text(name)
    page.locator(".callee", has_text=name).get_by_role("button", name="Will come").click()
    expect(page.locator("#alert, .calls-done").first).to_be_visible()
    with expected.active():
        assert ReminderCall.objects.count() == 1


@pytest.mark.parametrize("width", [390, 1440])
def test_the_figures_are_chosen_compared_and_saved(committed_riverside, open_page, width):
    clinic = committed_riverside
    with clinic.active():
        for days, status in ((-1, S.COMPLETED), (-2, S.NO_SHOW), (-3, S.COMPLETED)):
            make_visit(clinic, clinic.at(days, time(9)), status=status)
    page = open_page(clinic, reverse("scheduling:analytics"), role=Role.MANAGER, width=width)
    expect(page.locator(".tile")).not_to_have_count(0)
    found = violations(page)
    page.locator("[name=provider]").select_option(str(clinic.providers[1].pk))
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".page-sub")).to_contain_text(clinic.providers[1].get_full_name())
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV").click()
    assert saved.value.suggested_filename.endswith(".csv")
    page.get_by_role("link", name="Show everyone").click()
    page.get_by_role("link", name="Day by day").click()
    expect(page.locator("h1")).to_have_text("Day by day")
    found += violations(page)
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [390, 1440])
def test_a_room_is_added_and_switched_off(committed_riverside, open_page, width):
    clinic = committed_riverside
    page = open_page(clinic, reverse("scheduling:resources"), role=Role.MANAGER, width=width)
    page.get_by_role("link", name="Add").first.click()
    panel = page.locator("#panel")
    panel.get_by_label("Name").fill("Ultrasound 1")
    panel.get_by_label("Kind").fill("Ultrasound room")
    found = violations(page)
    panel.get_by_role("button", name="Save").click()
    rows = page.locator("#resource-rows tbody tr")
    expect(rows).to_have_count(1)
    found += violations(page)
    rows.get_by_role("link", name="Ultrasound 1").click()
    panel.get_by_label("Can be booked").uncheck()
    panel.get_by_role("button", name="Save").click()
    expect(rows).to_contain_text("· off")
    with clinic.active():
        assert not Resource.objects.get().is_active
    assert found == []
