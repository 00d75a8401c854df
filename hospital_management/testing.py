"""The throw-away servers and databases behind the test suite.

The process that runs pytest starts the servers and migrates one database; every xdist worker
clones it, so the migrations run once.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
import psycopg
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hospital_management import embedded

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = embedded.DATABASE


def set_up_django() -> None:
    """Load Django with settings that name this process's own database.

    The settings' name does not stay in the environment: a worker that inherited it would load
    them before its own database is named, and all workers would share one.
    """
    provide_servers()
    os.environ["DJANGO_SETTINGS_MODULE"] = "hospital_management.settings"
    django.setup()
    # It is async alone, so that each request of a test's client would change threads four times.
    settings.MIDDLEWARE.remove("servestatic.middleware.ServeStaticMiddleware")
    del os.environ["DJANGO_SETTINGS_MODULE"]
    PBKDF2PasswordHasher.iterations = 1000  # slow by design; that is not what is tested


def provide_servers() -> None:
    """Set the environment so that Django's settings name this process's own database."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        _start()
    _clone(worker or "main")
    _own_cache(int((worker or "gw0").removeprefix("gw")))


@contextmanager
def one_worker_at_a_time() -> Iterator[None]:
    """Changes of roles in one cluster collide with "tuple concurrently updated"."""
    with (Path(os.environ["DATA_DIR"]) / "roles.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _start() -> None:
    folder = Path(tempfile.mkdtemp(prefix="patient-flow-test-"))
    servers = embedded.EmbeddedServers(folder)
    servers.start()

    def stop() -> None:
        servers.stop()
        shutil.rmtree(servers.store, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    os.environ |= {
        "TEST_DATABASE_URL": servers.addresses.database_url,
        "REDIS_URL": servers.addresses.redis_url,
        "DATABASE_URL": servers.addresses.database_url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": "only-for-tests-0123456789-abcdefghij-0123456789",
        "EMBEDDED": "1",
        "HTTPS": "0",
        "DEBUG": "0",
        "LOG_LEVEL": "WARNING",
        "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    }
    _migrate()


def _migrate() -> None:
    """From a dump where the same migrations have run before on this machine: they take long."""
    dump = _dump_of_this_schema()
    url = os.environ["TEST_DATABASE_URL"]
    if dump.exists():
        with psycopg.connect(url, autocommit=True) as connection:
            role = sql.Identifier(f"{TEMPLATE}_app")  # the dump grants it its rights
            connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        _postgres("pg_restore", "--no-owner", "--exit-on-error", "-d", url, str(dump))
        return
    # In a process of its own, so that no connection to the template stays open.
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, check=True)
    dump.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = dump.with_suffix(f".{os.getpid()}")
    _postgres("pg_dump", "-Fc", "--no-owner", "-f", str(fresh), url)
    fresh.replace(dump)


def _dump_of_this_schema() -> Path:
    """Named after all that the schema is made from."""
    shared = [ROOT / "core" / f"{name}.py" for name in ("constraints", "db", "fields", "roles")]
    own = [ROOT / "requirements.txt", Path(__file__)]
    sources = [*ROOT.glob("*/migrations/*.py"), *shared, *own]
    state = hashlib.sha256()
    for path in sorted(sources):
        state.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    folder = Path(tempfile.gettempdir()) / f"patient-flow-schema-{os.getuid()}"
    return folder / f"{state.hexdigest()[:20]}.dump"


def _postgres(program: str, *arguments: str) -> None:
    binary = embedded.postgres_program(program)
    subprocess.run([str(binary), *arguments], check=True)  # noqa: S603 - our own


def _own_cache(worker: int) -> None:
    """Two of Valkey's 16 databases each, because tests empty the cache."""
    server = os.environ["REDIS_URL"].split("?", 1)[0]
    os.environ["REDIS_URL"] = f"{server}?db={worker % 7 * 2}"


def _clone(name: str) -> None:
    url = os.environ["TEST_DATABASE_URL"]
    database = f"{TEMPLATE}_{name}"
    admin = make_conninfo(url, dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        names = {"db": sql.Identifier(database), "template": sql.Identifier(TEMPLATE)}
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {db}").format(**names))
        connection.execute(sql.SQL("CREATE DATABASE {db} TEMPLATE {template}").format(**names))
    parts = conninfo_to_dict(url)
    os.environ["DATABASE_URL"] = f"postgresql://{parts['user']}@/{database}?host={parts['host']}"
