"""The throw-away servers and databases behind the test suite.

The process that runs pytest starts the servers and migrates one database; every xdist worker
clones it, so the migrations run once.
"""

import atexit
import fcntl
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
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hospital_management import embedded

TEMPLATE = embedded.DATABASE


def set_up_django() -> None:
    """Load Django with settings that name this process's own database.

    The settings' name does not stay in the environment: a worker that inherited it would load
    them before its own database is named, and all workers would share one.
    """
    provide_servers()
    os.environ["DJANGO_SETTINGS_MODULE"] = "hospital_management.settings"
    django.setup()
    del os.environ["DJANGO_SETTINGS_MODULE"]


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
    """In a process of its own, so that no connection to the template stays open."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0"],
        cwd=Path(__file__).resolve().parent.parent,
        check=True,
    )


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
