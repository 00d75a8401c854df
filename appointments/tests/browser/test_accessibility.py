"""axe finds nothing to complain of on any page, for any role, in light and in dark."""

from datetime import time, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from accounts.permissions import Role
from appointments.enums import AppointmentStatus
from appointments.models import QueueProvider, WaitingQueue
from appointments.tests.queues import fill, make_point, make_queue
from appointments.tests.visits import make_visit

AXE = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SEEN_BY_OTHERS_TOO = (Role.MANAGER, Role.NURSE)
STAFF = [role for role in Role if role != Role.PATIENT]
S = AppointmentStatus


@pytest.fixture
def busy_day(committed_riverside):
    """Tomorrow, with a visit in every state, an overlap, needs, and a long right-to-left name."""
    clinic, start = committed_riverside, committed_riverside.at(1, time(9))
    patient = clinic.patients[0]
    with clinic.active():
        patient.first_name, patient.last_name = "عبد الرحمن", "بن محمد بن عبد الله آل سعود " * 2
        patient.communication_needs = ["interpreter", "wheelchair"]
        patient.save()
        for n, status in enumerate(S.values[1:]):
            moment = start + n * timedelta(hours=1)
            make_visit(
                clinic,
                moment,
                status=status,
                patient=n % 3,
                priority="urgent",
                reason="Cough",
                checked_in_at=moment,
                started_at=moment,
                completed_at=moment,
                blocked_until=moment + timedelta(minutes=40),
            )
        make_visit(clinic, start, patient=1, overbooked=True, override_reason="Emergency")
        queue = make_queue()
        make_point(queue)
        fill(clinic, queue)
        QueueProvider.objects.create(queue=queue, provider=clinic.providers[0])
    day = start.astimezone(clinic.tenant.zone_info).date().isoformat()
    return clinic, day, patient.pk


def violations(page) -> list[str]:
    """What axe finds on the page as it stands, in light and in dark."""
    page.wait_for_load_state("load")
    expect(page.locator(".htmx-request")).to_have_count(0)
    page.evaluate(AXE)
    page.evaluate(SCROLLED_UP)
    found = _violations_in(page, "light", {"type": "tag", "values": RULES})
    return found + _violations_in(page, "dark", {"type": "rule", "values": ["color-contrast"]})


def _violations_in(page, theme: str, run_only: dict) -> list[str]:
    """A theme changes colours alone, so that one is enough for all rules but contrast."""
    page.emulate_media(color_scheme=theme)
    page.evaluate(FADED_IN)
    # Whatever passes is not described, which is a third of the work.
    options = {"runOnly": run_only, "resultTypes": ["violations"]}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{page.url} {theme}: {issue['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for issue in found["violations"]
        for node in issue["nodes"]
    ]


# The calendar scrolls to the present hour; what is half below its head then counts as too small.
SCROLLED_UP = """[...document.querySelectorAll("*")]
  .filter(each => each.scrollTop > 0)
  .forEach(each => each.scrollTo({ top: 0, behavior: "instant" }))"""

# Contrast is measured on what is there, so nothing may still be fading in.  An animation that the
# browser never plays to its end (on a hidden element, say) is not waited for: ours last 0.3 s.
FADED_IN = """Promise.race([
  new Promise(resolve => setTimeout(resolve, 500)),
  Promise.all(document.getAnimations()
    .filter(animation => animation.effect.getComputedTiming().endTime !== Infinity)
    .map(animation => animation.finished.catch(() => {}))),
])"""


@pytest.mark.parametrize("role", STAFF)
def test_staff_pages(busy_day, open_page, role):
    """Managers see what administrators do, nurses what providers do, with other buttons;
    administrators what the front desk does, and what is set up there."""
    clinic, day, patient_id = busy_day
    with clinic.active():
        own = clinic.providers[0].appointments.earliest("pk")
        queue = WaitingQueue.objects.get()
    page = open_page(clinic, f"/today/?day={day}", role=role)
    paths = [
        "/today/",
        f"/appointments/{own.pk}/",
        f"/appointments/queue/{queue.pk}/",
        f"/patients/{patient_id}/",
    ]
    if role not in SEEN_BY_OTHERS_TOO:
        paths += [
            f"/appointments/calendar/?day={day}",
            "/appointments/scheduling/time-off/",
            "/appointments/queue/",
        ]
    if role in {Role.FRONT_DESK, Role.PROVIDER}:
        paths += [f"/appointments/calendar/?view=week&day={day}", "/patients/"]
    if role in {Role.FRONT_DESK, Role.TENANT_ADMIN}:
        paths += ["/appointments/scheduling/"]
    if role == Role.FRONT_DESK:
        paths += ["/appointments/calendar/book/", f"/appointments/{own.pk}/move/"]
        paths += ["/patients/register/", "/appointments/scheduling/check-conflicts/"]
        paths.append(f"/appointments/scheduling/trips/?patient={patient_id}")
    found = violations(page)
    for path in paths:
        page.goto(path)
        found += violations(page)
    assert found == []


@pytest.mark.parametrize("width", [390, 1440])
def test_panels_dialogs_and_menus(busy_day, open_page, width):
    clinic, day, _ = busy_day
    page = open_page(clinic, f"/today/?day={day}", width=width)
    page.wait_for_load_state("networkidle")
    page.locator("[data-visit] a.visit-name").first.click()
    page.locator("#panel h2").wait_for()
    found = violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.locator("#patient-search").fill("Pat")
    page.locator("[data-option]").first.wait_for()
    page.locator("#panel").get_by_text("New patient").click()
    found += violations(page)
    page.keyboard.press("Escape")
    page.locator("summary", has_text="missed or cancelled").click()
    page.locator("h1").click()
    page.keyboard.press("?")
    page.locator("#keys-help[open]").wait_for()
    found += violations(page)
    assert found == []


def test_pages_without_a_login_and_the_patients_own(busy_day, open_page):
    clinic, _, _ = busy_day
    page = open_page(None, "/accounts/login/")
    found = violations(page)
    page.goto("/accounts/forgotten/")
    found += violations(page)
    own = open_page(clinic, "/portal/", role=Role.PATIENT)
    found += violations(own)
    own.goto("/today/")
    assert found + violations(own) == []
