"""Whole runs as a user starts them, in processes of their own, on a small phantom suite.

The quick part of each test is marked by nothing and runs with all others; the long part is marked `soak` and runs by
`make soak`, which also writes its figures under results/soak/ (the folder in `SOAK_RESULTS`).
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from leukobench.datasets.phantom import write_phantom

HERE = Path(__file__).resolve().parent
TIMES = ["tune_s", "fit_s", "predict_ms_per_image"]
PATIENCE = 600  # seconds: other work may keep the machine busy


def pytest_collection_modifyitems(config, items):
    """Leave the long part out unless it was asked for by its marker."""
    if "soak" not in config.option.markexpr:
        long = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def heed_ctrl_c():
    """A shell starts what goes to the background with Ctrl-C ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Started:
    """A run in a process group of its own."""

    def __init__(self, arguments, out, log, environment):
        self.out, self.log = Path(out), Path(log)
        with open(self.log, "ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, HERE / "launch.py", *map(str, arguments)],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                start_new_session=True,
                preexec_fn=heed_ctrl_c,
            )

    def wait(self, timeout=PATIENCE):
        """Exit code and everything printed so far."""
        return self.process.wait(timeout), self.text

    @property
    def text(self):
        """Everything that this and earlier starts with the same log printed."""
        return self.log.read_text(errors="replace")

    @property
    def records(self):
        return len(list(self.out.glob("cells/*.json")))

    def wait_for(self, records):
        """Wait until the folder holds so many records, or the run has ended; says whether it still runs."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and self.records < records and time.monotonic() < end:
            time.sleep(0.02)
        return self.process.poll() is None

    def signal(self, number):
        """Send a signal to the whole process group, unless it has ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()


@pytest.fixture(scope="session")
def phantom(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", per_class=8, domains=["barcelona", "cvb"])


@pytest.fixture(scope="session")
def start(phantom, tmp_path_factory):
    """Function that starts `leukobench run` into a folder; what is still running at the end is killed."""
    shared, begun = tmp_path_factory.mktemp("cache"), []

    def begin(out, *options, cache=None, log=None):
        arguments = ["run", "--suite", HERE / "small.toml", "--data", phantom, "--out", out, *options]
        begun.append(
            Started(arguments, out, log or f"{out}.log", {"LEUKOBENCH_CACHE": str(cache or shared), "COLUMNS": "200"})
        )
        return begun[-1]

    yield begin
    for run in begun:
        if run.process.poll() is None:
            run.kill()


@pytest.fixture(scope="session")
def reference(start, tmp_path_factory):
    """A run that nobody disturbed."""
    run = start(tmp_path_factory.mktemp("reference") / "run", "--jobs", 2)
    code, text = run.wait()
    assert code == 0, text
    return run.out


@pytest.fixture(scope="session")
def result():
    """Function of a run folder: see `_result`."""
    return _result


def _result(folder):
    """What must be the same however a run was run: `cells.csv` without times, and every prediction."""
    table = pd.read_csv(folder / "cells.csv", dtype=str, keep_default_na=False)
    records = [json.loads(path.read_text()) for path in folder.glob("cells/*.json")]
    sums = {record["fingerprint"]: record["predictions_checksum"] for record in records if record["status"] == "ok"}
    return table.drop(columns=TIMES).to_csv(index=False), sums


@pytest.fixture(scope="session")
def figures():
    """Function that adds a row to a table, a CSV file where `SOAK_RESULTS` names a folder; each row is kept at once."""
    tables, folder = {}, os.environ.get("SOAK_RESULTS")

    def add(name, **row):
        tables.setdefault(name, []).append(row)
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            pd.DataFrame(tables[name]).to_csv(Path(folder) / f"{name}.csv", index=False, lineterminator="\n")

    return add
