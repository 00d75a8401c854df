"""``make run`` ends with every child, whatever happens to make or to the supervisor."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings

from hospital_management import env

START_SECONDS = 120
STOP_SECONDS = 20  # less than docker-compose.yml waits before it kills


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def descendants(pid: int) -> set[int]:
    found = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found |= {int(child)} | descendants(int(child))
    return found


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def start_under_make(tmp_path):
    """A make whose recipe is that of ``make run``, below a path with a space; once it serves."""
    folder = tmp_path / "a path"
    folder.mkdir()
    (folder / "Makefile").write_text(
        "run:\n\t@cd '$(BASE)' && exec '$(PYTHON)' -m hospital_management.run --under-make\n"
    )
    port = str(free_port())
    keep = {name: os.environ[name] for name in ("PATH", "SECRET_KEY") if name in os.environ}
    variables = keep | {"DATA_DIR": str(folder / "data"), "PORT": port, "LOAD_DEMO": "0"}
    command = ["make", "run", f"BASE={settings.BASE_DIR}", f"PYTHON={sys.executable}"]
    started = []

    def serves() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", int(port))) == 0

    def start() -> subprocess.Popen:
        make = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            start_new_session=True,
            # Whoever starts the tests in a script's background leaves it ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        started.append(make)
        assert wait_until(serves, START_SECONDS)
        return make

    yield start
    for make in started:
        make.kill()
        make.wait()


@pytest.mark.concurrency
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_every_child_ends_and_a_kill_is_recovered(start_under_make):
    for victim, number in (
        ("supervisor", signal.SIGKILL),
        ("make", signal.SIGINT),
        ("make", signal.SIGTERM),
    ):
        make = start_under_make()
        family = descendants(make.pid)
        assert len(family) > 4  # supervisor, both servers, worker, web
        target = make.pid if victim == "make" else min(descendants(make.pid))
        os.kill(target, number)
        make.wait(STOP_SECONDS)
        left = family.copy()
        assert wait_until(lambda left=left: not any(map(running, left)), STOP_SECONDS)


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text("# comment\n\nPORT=8100\nDEFAULT_FROM_EMAIL='Clinic <a@b.example>'\n")
    monkeypatch.setenv("PORT", "8200")
    monkeypatch.setenv("DEFAULT_FROM_EMAIL", "")
    monkeypatch.setenv("DEFAULT_FROM_EMAIL", "")  # so that it is put back afterwards
    monkeypatch.delenv("DEFAULT_FROM_EMAIL")
    env.read_file(file)
    assert os.environ["PORT"] == "8200"
    assert os.environ["DEFAULT_FROM_EMAIL"] == "Clinic <a@b.example>"


def test_a_line_that_is_no_setting_is_named(tmp_path):
    file = tmp_path / ".env"
    file.write_text("PORT=1\nnonsense\n")
    with pytest.raises(env.ImproperlyConfigured, match="line 2"):
        env.read_file(file)
