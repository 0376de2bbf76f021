"""Fixtures that every test folder shares."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

# Tests run side by side: threads of OpenMP that wait for a core in a circle take ten times what one alone takes. The
# libraries read it when they are loaded; workers of a run have one thread, too.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import cv2
import numpy as np
import pytest
from _pytest.doctest import DoctestModule

REPOSITORY = Path(__file__).resolve().parents[1]
os.environ.setdefault("LEUKOBENCH_FIGURES", "0")  # seconds for each run of the command line: tests/report draws them


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    """Look for no examples in tests: where one does not import it would be skipped with all its tests, unnoticed."""
    return [each for each in (yield) if not isinstance(each, DoctestModule)]


@pytest.fixture(scope="session")
def data_root():
    """Folder of the real images, or a skip that says how to provide one."""
    root = Path(os.environ.get("LEUKOBENCH_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (root / "barcelona").is_dir():
        pytest.skip(f"no real images under {root}: set LEUKOBENCH_DATA to a data root")
    return root


@pytest.fixture
def dask():
    """Function that starts `dask <arguments>` in a process group of its own; all are killed at the end."""
    begun = []

    def start(*arguments):
        command = [sys.executable, "-m", "dask", *map(str, arguments)]
        environment = os.environ | {"DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "2s"}
        begun.append(subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL))
        return begun[-1]

    yield start
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def started_scheduler(dask):
    """Process and address of a Dask scheduler on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = dask("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
    return process, f"tcp://127.0.0.1:{port}"


@pytest.fixture
def scheduler(started_scheduler):
    """Address of a Dask scheduler on loopback."""
    return started_scheduler[1]


@pytest.fixture
def worker(dask, scheduler):
    """Function that starts a worker of that scheduler, with options; gives its process."""
    return lambda *options: dask("worker", scheduler, "--nthreads", 1, "--no-dashboard", *options)


def read_cells(root):
    """Images and label masks of CVB (100) and Jiangxi (300)."""
    images, masks = [], []
    for folder in ("cvb/Dataset 2", "jiangxi/Dataset 1"):
        for path in sorted((root / folder).glob("*.bmp")):
            grey = cv2.imread(str(path.with_suffix(".png")), cv2.IMREAD_GRAYSCALE)
            images.append(cv2.imread(str(path))[..., ::-1].copy())
            masks.append(np.digitize(grey, (64, 192)).astype(np.uint8))
    return images, masks


@pytest.fixture(scope="session")
def real_cells(data_root):
    """(images, masks) of all 400 CVB and Jiangxi cells."""
    return read_cells(data_root)
