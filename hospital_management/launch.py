"""The environment in which every process of this project runs.

``manage.py``, ``make run`` and the tests call it before Django is imported: it fills in what the
caller did not set, from the embedded servers of ``$DATA_DIR``.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hospital_management import embedded
from hospital_management.env import flag, read_file

BASE_DIR = Path(__file__).resolve().parent.parent


def read_env_file() -> None:
    """``.env`` fills in what the caller's environment leaves open."""
    read_file(BASE_DIR / ".env")


def data_dir() -> Path:
    return (BASE_DIR / os.environ.get("DATA_DIR", ".data")).resolve()


def provide_secret() -> None:
    """Set SECRET_KEY from the data folder, except in production, which must bring its own."""
    production = "DEBUG" in os.environ and not flag("DEBUG", default=False)
    if not os.environ.get("SECRET_KEY") and not production:
        os.environ["SECRET_KEY"] = embedded.secret_key(data_dir())


def wants_embedded() -> bool:
    return not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))


def use(addresses: embedded.Addresses) -> None:
    """Point this process and its children at embedded servers, where no others are named."""
    os.environ.setdefault("EMBEDDED", "1")
    for name, url in (
        ("DATABASE_URL", addresses.database_url),
        ("REDIS_URL", addresses.redis_url),
    ):
        if not os.environ.get(name):
            os.environ[name] = url


@contextmanager
def servers_for_command() -> Iterator[None]:
    """Servers for one management command: those that run already, else its own."""
    provide_secret()
    if not wants_embedded():
        yield
        return
    folder = data_dir()
    with embedded.data_lock(folder) as owner:
        if owner:
            with embedded.servers(folder) as started:
                use(started.addresses)
                yield
        else:
            use(embedded.running_addresses(folder))
            yield
