"""The embedded servers: started, killed without warning, started again with everything there."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from hospital_management import embedded

PLACE_WITH_SPACE = "a clinic's data"


@pytest.fixture
def data_dir(tmp_path) -> Path:
    return tmp_path / PLACE_WITH_SPACE


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def database(servers: embedded.EmbeddedServers) -> psycopg.Connection:
    return psycopg.connect(servers.addresses.database_url, autocommit=True)


def test_killed_servers_are_recovered_with_their_data(data_dir):
    with embedded.servers(data_dir) as first:
        with database(first) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
        for process in first.processes.values():
            kill(process)
        pid_file = first.store / "postgresql" / "postmaster.pid"
        assert pid_file.exists(), "a killed server leaves its pid file"
        # After a reboot the pid often belongs to somebody else; PostgreSQL would refuse to start.
        lines = pid_file.read_text().split("\n")
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    with embedded.servers(data_dir) as second:
        with database(second) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (42,)
        assert redis.Redis.from_url(second.addresses.redis_url).ping()


def test_one_that_died_alone_is_started_again(data_dir):
    with embedded.servers(data_dir) as servers:
        assert servers.restart_dead() == []
        kill(servers.processes["valkey"])
        assert servers.restart_dead() == ["valkey"]
        client = redis.Redis.from_url(servers.addresses.redis_url)
        deadline = time.monotonic() + 20
        while True:
            try:
                assert client.ping()
                break
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_stopped_servers_leave_no_process_and_no_socket(data_dir):
    with embedded.servers(data_dir) as servers:
        pids = [process.pid for process in servers.processes.values()]
        sockets = servers.sockets
        assert (data_dir / "addresses.json").exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not sockets.exists()
    assert not (data_dir / "addresses.json").exists()


HOLD_LOCK = """
import sys
from pathlib import Path
from hospital_management import embedded
with embedded.data_lock(Path(sys.argv[1])) as owner:
    print(owner, flush=True)
    sys.stdin.read()
"""


def hold_lock(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_data_folder_has_one_owner_and_death_frees_it(data_dir):
    holder = hold_lock(data_dir)
    assert holder.stdout.readline() == "True\n"
    with embedded.data_lock(data_dir) as owner:
        assert owner is False
    holder.kill()
    holder.communicate()
    with embedded.data_lock(data_dir) as owner:
        assert owner is True


def test_servers_that_are_not_up_yet_say_so(data_dir):
    with pytest.raises(embedded.EmbeddedError, match="just starting"):
        embedded.running_addresses(data_dir)


def test_the_secret_is_made_once_and_readable_by_its_owner_only(data_dir):
    secret = embedded.secret_key(data_dir)
    assert len(secret) >= 50
    assert embedded.secret_key(data_dir) == secret
    assert stat.S_IMODE((data_dir / "secret_key").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_root_opens_no_folder_of_its_own_to_others(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    data = private / "data"
    with embedded.servers(data) as servers:
        store = servers.store
        assert private.stat().st_mode & 0o777 == 0o700
        assert private.stat().st_uid == 0
        assert store.is_relative_to(embedded.ROOT_STORE)
        assert (store / "postgresql").stat().st_mode & 0o777 == 0o700
        with database(servers) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    embedded.drop_orphaned_stores()
    assert store.exists()
    shutil.rmtree(data)
    embedded.drop_orphaned_stores()
    assert not store.exists()
