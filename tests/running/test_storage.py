"""Optuna trials in a database: SQLite here, and Debian's PostgreSQL on loopback where it is installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from leukobench.running.journal import StorageLost, open_database
from leukobench.running.store import RunFolder
from leukobench.running.worker import work


@pytest.fixture
def postgresql():
    """URL of an empty database of a server that was started for this test."""
    pytest.importorskip("psycopg2", reason="needs the extra `cluster`")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    tools = found[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="leukobench-postgresql-"))  # pytest's own is closed to other users
    as_owner = []
    if os.geteuid() == 0:  # the server refuses to run as root
        owner = pwd.getpwnam("postgres")
        if shutil.which("setpriv") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no setpriv to leave it")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def tool(name, *arguments):
        command = [*as_owner, tools / name, *map(str, arguments)]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    data, log = folder / "data", folder / "log"
    tool("initdb", "--pgdata", data, "--username", "leukobench", "--auth", "trust", "--no-sync")
    settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    tool("pg_ctl", "--pgdata", data, "--log", log, "--wait", "--options", settings, "start")
    yield f"postgresql+psycopg2://leukobench@127.0.0.1:{port}/postgres"
    tool("pg_ctl", "--pgdata", data, "--wait", "--mode", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    return f"sqlite:///{tmp_path}/trials.db" if request.param == "sqlite" else request.getfixturevalue("postgresql")


def test_a_database_gives_the_records_that_journals_give(url, cells, suite, run_folder, samples, tmp_path):
    other = RunFolder(tmp_path / "other")
    other.write_samples(samples)
    other.write_rows("features:core", run_folder.read_rows("features:core")[:])
    tuned = [cell for cell in cells if cell.inputs["trials"] and cell.protocol in ("pairwise", "merged")]
    for cell in tuned:
        stored = work(cell, suite=suite, store=run_folder, storage=url)
        assert stored["status"] == "ok", stored["error"]
        journal = work(cell, suite=suite, store=other)
        assert stored["params"] == journal["params"]
        assert stored["predictions_checksum"] == journal["predictions_checksum"]
    names = open_database(url).get_all_studies()
    assert len(names) == sum(3 if cell.protocol == "merged" else 1 for cell in tuned)
    assert not list(run_folder.path.glob("journal/*"))


def test_a_database_that_cannot_be_reached_ends_the_run_and_not_its_cells(cells, suite, run_folder):
    pytest.importorskip("psycopg2", reason="needs the extra `cluster`")
    lost = "postgresql+psycopg2://nobody@127.0.0.1:9/none"
    with pytest.raises(StorageLost, match=r"127\.0\.0\.1"):
        open_database(lost)
    tuned = next(cell for cell in cells if cell.inputs["trials"])
    with pytest.raises(StorageLost):
        work(tuned, suite=suite, store=run_folder, storage=lost)
    assert run_folder.read_record(tuned.fingerprint) is None
