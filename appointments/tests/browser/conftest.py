"""A real server on the test database, and a real browser in front of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from accounts.permissions import Role
from appointments.tests.browser.servers import Server, end, free_port, wait_for
from appointments.tests.clinics import Clinic

BASE_DIR = Path(__file__).resolve().parents[3]
WAIT_MS = 15_000
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)
            # Real keys race a real browser on a busy machine; a repeat is shown in the summary.
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="package")
def server() -> Iterator[str]:
    """The address of the product's own web server, with sockets, on this worker's database."""
    port = free_port()
    command = ["-m", "hospital_management.web", "--bind", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"DRAIN_SECONDS": "0", "LOG_LEVEL": "ERROR"}
    process = subprocess.Popen([sys.executable, *command], cwd=BASE_DIR, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/healthz", process)
        yield address
    finally:
        end(process)


@pytest.fixture
def own_server() -> Iterator[Server]:
    """One that the test may stop and start again."""
    server = Server()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Browser tests need Chromium: apt-get install chromium")
    # Playwright keeps an event loop in this thread, which Django would refuse to query under.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    expect.set_options(timeout=WAIT_MS)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=CHROMIUM_FLAGS,
            )
            yield browser
            browser.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, server: str) -> Iterator[Open]:
    """Open a page as a user of a role; whatever the console complains of fails the test."""
    contexts, complaints = [], []

    def open_one(
        clinic: Clinic | None,
        path: str,
        *,
        role: Role = Role.FRONT_DESK,
        theme: str = "light",
        width: int = 1440,
    ) -> Page:
        context = browser.new_context(
            base_url=server, color_scheme=theme, viewport={"width": width, "height": 900}
        )
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        if clinic is not None:
            cookie = clinic.client(role).cookies["sessionid"].value
            host = urlsplit(server).hostname
            context.add_cookies(
                [{"name": "sessionid", "value": cookie, "domain": host, "path": "/"}]
            )
        page = context.new_page()
        page.on("console", lambda message: _note(message, complaints))
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def _note(message, complaints: list[str]) -> None:
    """Refusals of the security policy are console errors; answers such as 409 are not ours."""
    is_answer = "Failed to load resource" in message.text and "status of 4" in message.text
    if message.type in {"error", "warning"} and not is_answer:
        complaints.append(f"{message.location.get('url')}: {message.text}")
