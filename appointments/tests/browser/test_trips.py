"""How a front desk plans several visits on one day."""

from playwright.sync_api import expect

from appointments.enums import AppointmentStatus
from appointments.models import AppointmentRequest
from appointments.tests.browser.test_accessibility import violations

S = AppointmentStatus


def statuses(clinic) -> list[str]:
    with clinic.active():
        return list(AppointmentRequest.objects.values_list("status", flat=True))


def test_a_trip_is_found_booked_and_undone(committed_riverside, open_page):
    clinic = committed_riverside
    page = open_page(
        clinic, f"/appointments/scheduling/trips/?patient={clinic.patients[0].pk}", width=390
    )
    page.get_by_label("Type of visit 1").select_option(str(clinic.types[0].pk))
    page.get_by_label("Type of visit 2").select_option(str(clinic.types[1].pk))
    trips = page.locator("[data-trip]")
    expect(trips).to_have_count(10)
    found = violations(page)
    trips.nth(1).get_by_role("button", name="Other times").click()
    expect(page.get_by_role("button", name="Show all days again")).to_be_visible()
    expect(page.locator("[data-results]")).to_be_focused()
    trips.first.get_by_role("button", name="Book all").click()
    expect(page.locator("#booked-title")).to_be_focused()
    assert statuses(clinic) == [S.PENDING, S.PENDING]
    found += violations(page)
    page.locator(".toast-undo").click()
    expect(trips).to_have_count(10)
    assert statuses(clinic) == [S.CANCELLED, S.CANCELLED]
    assert found == []


def test_only_who_offers_a_visit_is_listed_for_it(committed_riverside, open_page):
    clinic = committed_riverside
    first, second = clinic.providers
    with clinic.active():
        clinic.types[0].templateprovider_set.create(provider=first)
    page = open_page(clinic, "/appointments/scheduling/trips/")
    provider = page.get_by_label("Provider of visit 1")
    provider.select_option(str(second.pk))
    page.get_by_label("Type of visit 1").select_option(str(clinic.types[0].pk))
    expect(provider).to_have_value("")
    expect(provider.locator(f"option[value='{second.pk}']")).to_have_attribute("hidden", "")


def test_picking_dates_starts_from_some(committed_riverside, open_page):
    clinic = committed_riverside
    page = open_page(clinic, f"/appointments/scheduling/trips/?type={clinic.types[0].pk}")
    page.get_by_label("Type of visit 2").select_option(str(clinic.types[1].pk))
    page.get_by_text("Pick dates").click()
    expect(page.locator("[name=date_from]")).not_to_have_value("")
    expect(page.locator("[data-trip]")).to_have_count(10)
    assert "Book all" in page.locator("#trip-rows").inner_text()
