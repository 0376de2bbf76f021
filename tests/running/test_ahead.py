"""Workers that get ready ahead: only where there are images for them, and without what only the fits need."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from leukobench.running import ahead


class Pool:
    """Stands for the processes; keeps what they are asked."""

    def __init__(self, jobs):
        self.jobs, self.asked = jobs, []

    def submit(self, *what):
        self.asked.append(what)


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """A folder of just enough files."""

    @contextmanager
    def pool(jobs):
        yield Pool(jobs)

    monkeypatch.setattr(ahead, "LocalPool", pool)
    monkeypatch.setattr(ahead, "worker_count", lambda jobs: jobs or 2)
    for k in range(ahead.ENOUGH):
        (tmp_path / f"{k}.png").touch()
    return tmp_path


def test_many_images_get_workers_that_each_prepare_themselves(cells):
    with ahead.workers_for([cells], None, "cpu") as pool:
        assert pool.jobs == 2
    assert pool.asked == [(ahead.get_ready, "cpu")] * 2


@pytest.mark.parametrize(("jobs", "lacking"), [(1, 0), (2, 1)])
def test_few_images_or_one_job_get_none(cells, jobs, lacking):
    for k in range(lacking):
        (cells / f"{k}.png").unlink()
    with ahead.workers_for([cells], jobs, "cpu") as pool:
        assert pool is None
    with ahead.workers_for([], 2, "cpu") as pool:
        assert pool is None


def test_a_worker_that_measures_imports_nothing_that_only_fits_need():
    heavy = {"sklearn", "scipy.stats", "optuna", "xgboost", "skops", "torch", "cupy"}
    program = "import sys; from leukobench.running.ahead import get_ready; get_ready('cpu'); "
    program += f"print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_what_does_not_import_ends_no_worker_that_does_without_it(tmp_path):
    (tmp_path / "broken.py").write_text("raise OSError('failed to map segment from shared object')")
    program = "from leukobench.running import pool\npool.FOR_IMAGES = 'broken'\n"
    program += "with pool.LocalPool(1) as workers:\n    print(workers.submit(abs, -3).result())"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment)
    assert (done.stdout, done.stderr) == ("3\n", "")
