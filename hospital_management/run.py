"""``make run``: the whole system from one command, and a clean end of it.

Steps: servers, migrations, demo on the first start, worker, Daphne.  A child that dies is started
again; SIGINT, SIGTERM or SIGHUP ends all of them.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from hospital_management import embedded, launch

PYTHON = sys.executable
GRACE_SECONDS = 4
FIRST_ANSWER_SECONDS = 60
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Caller:
    """The ``make`` above this process, which passes SIGTERM on and nothing else.

    On SIGINT or SIGHUP it waits for its recipe inside its signal handler, with that signal
    blocked: the kernel shows that.  Killed outright, it leaves its recipe to another parent.
    """

    def __init__(self) -> None:
        self.pid = os.getppid()
        self.status = Path(f"/proc/{self.pid}/status")

    def has_ended(self) -> bool:
        if os.getppid() != self.pid:
            return True
        try:
            found = re.search(r"^SigBlk:\s*([0-9a-f]+)$", self.status.read_text(), re.MULTILINE)
        except OSError:  # no /proc here; a terminal signals this process too
            return False
        blocked = int(found[1], 16) if found else 0
        return any(blocked >> (number - 1) & 1 for number in END_SIGNALS)


class Supervisor:
    """Keeps the web server and the worker running until told to stop."""

    def __init__(self, commands: dict[str, list[str]], caller: Caller | None = None) -> None:
        self.commands = commands
        self.caller = caller
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = threading.Event()

    def should_stop(self, wait_seconds: float) -> bool:
        if self.caller and self.caller.has_ended():
            self.stopping.set()
        return self.stopping.wait(wait_seconds)

    def run(self, command: list[str]) -> int:
        """Run a command to its end and return its status; a stop ends it early."""
        child = self.children["command"] = self.spawn(command)
        while child.poll() is None:
            if self.should_stop(0.1):
                self.stop()
        del self.children["command"]
        return child.returncode

    def start(self, name: str) -> None:
        self.children[name] = self.spawn(self.commands[name])

    def spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own commands
            command,
            cwd=launch.BASE_DIR,
            start_new_session=True,
            # Asked politely, a worker whose database has died with this process never ends.
            preexec_fn=embedded.die_with_parent(signal.SIGKILL),  # noqa: PLW1509
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--under-make", action="store_true", help="end when the make above ends")
    caller = Caller() if parser.parse_args().under_make else None
    launch.read_env_file()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hospital_management.settings")
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000"
    os.environ["HOST"], os.environ["PORT"] = host, port
    os.environ.setdefault("DRAIN_SECONDS", str(GRACE_SECONDS - 1))
    supervisor = Supervisor({"worker": worker_command(), "web": web_command(host, port)}, caller)

    def end(_signal: int, _frame: FrameType | None) -> None:
        supervisor.stopping.set()

    for number in END_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, end)
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
        status = supervisor.run([PYTHON, "manage.py", "prepare"])
        if status != 0 or supervisor.stopping.is_set():
            return 0 if supervisor.stopping.is_set() else status
        stack.callback(supervisor.stop)
        supervisor.start_all()
        watch(supervisor, servers, f"http://{bracketed(host)}:{port}")
    return 0


def watch(supervisor: Supervisor, servers: embedded.EmbeddedServers | None, address: str) -> None:
    announced, deadline = False, time.monotonic() + FIRST_ANSWER_SECONDS
    while not supervisor.should_stop(0.2 if not announced else 0.5):
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
