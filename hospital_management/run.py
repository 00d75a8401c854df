"""``make run``: the whole system from one command, and a clean end of it.

Steps: servers, migrations, demo on the first start, worker, Daphne.  A child that dies is started
again; SIGINT or SIGTERM ends all of them.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from types import FrameType

from hospital_management import embedded, launch

PYTHON = sys.executable
GRACE_SECONDS = 4
FIRST_ANSWER_SECONDS = 60


class Supervisor:
    """Keeps the web server and the worker running until told to stop."""

    def __init__(self, commands: dict[str, list[str]]) -> None:
        self.commands = commands
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = threading.Event()

    def start(self, name: str) -> None:
        self.children[name] = subprocess.Popen(  # noqa: S603 - our own commands
            self.commands[name],
            cwd=launch.BASE_DIR,
            start_new_session=True,
            preexec_fn=embedded.die_with_parent(signal.SIGTERM),  # noqa: PLW1509
        )

    def start_all(self) -> None:
        for name in self.commands:
            self.start(name)

    def restart_dead(self) -> None:
        for name, child in self.children.items():
            code = child.poll()
            if code is not None:
                say(f"{name} ended with status {code}; starting it again")
                self.start(name)

    def stop(self) -> None:
        for child in self.children.values():
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hospital_management.settings")
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000"
    os.environ["HOST"], os.environ["PORT"] = host, port
    os.environ.setdefault("DRAIN_SECONDS", str(GRACE_SECONDS - 1))
    supervisor = Supervisor({"worker": worker_command(), "web": web_command(host, port)})

    def end(_signal: int, _frame: FrameType | None) -> None:
        supervisor.stopping.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    launch.provide_secret()
    with ExitStack() as stack:
        servers = None
        if launch.wants_embedded():
            if not stack.enter_context(embedded.data_lock(launch.data_dir())):
                say(f"Another copy already runs on {launch.data_dir()}. Set DATA_DIR and PORT.")
                return 1
            say("Starting PostgreSQL and Valkey")
            servers = stack.enter_context(embedded.servers(launch.data_dir()))
            launch.use(servers.addresses)
        say("Preparing the database")
        prepare = subprocess.run(  # noqa: S603
            [PYTHON, "manage.py", "prepare"], cwd=launch.BASE_DIR, check=False
        )
        if prepare.returncode != 0 or supervisor.stopping.is_set():
            return prepare.returncode
        stack.callback(supervisor.stop)
        supervisor.start_all()
        watch(supervisor, servers, f"http://{bracketed(host)}:{port}")
    return 0


def watch(
    supervisor: Supervisor, servers: embedded.EmbeddedServers | None, address: str
) -> None:
    announced, deadline = False, time.monotonic() + FIRST_ANSWER_SECONDS
    while not supervisor.stopping.wait(0.2 if not announced else 0.5):
        if not announced and answers(f"{address}/healthz"):
            announced = True
            announce(address)
        if not announced and time.monotonic() > deadline:
            say(f"{address} does not answer yet; see the messages above")
            deadline = float("inf")
        for name in servers.restart_dead() if servers else []:
            say(f"{name} had ended; started it again")
        supervisor.restart_dead()
    say("Stopping")


def worker_command() -> list[str]:
    return [
        *(PYTHON, "manage.py", "procrastinate", "worker"),
        *("--shutdown-graceful-timeout", str(GRACE_SECONDS - 1)),
    ]


def web_command(host: str, port: str) -> list[str]:
    return [PYTHON, "-m", "hospital_management.web", "--bind", host, "--port", port]


def bracketed(host: str) -> str:
    shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
    return f"[{shown}]" if ":" in shown else shown


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:  # noqa: S310 - our own address
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def announce(address: str) -> None:
    say(f"Ready at {address}/  (API {address}/api/docs/, admin {address}/admin/)")


def say(message: str) -> None:
    print(message, flush=True)  # noqa: T201 - this is the command's output


if __name__ == "__main__":
    sys.exit(main())
