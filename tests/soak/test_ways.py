"""However many processes, on whatever machines, and whoever else runs in the same folder: the same tables."""

import os
import signal

import pytest


def test_one_job_and_two_processes_on_one_folder(start, reference, result, tmp_path):
    runs = [start(tmp_path / "run", "--jobs", 1) for _ in range(2)]
    for run in runs:
        code, text = run.wait()
        assert code == 0, text
    assert result(tmp_path / "run") == result(reference)


def test_two_workers_of_a_cluster_one_killed_midway(start, reference, result, scheduler, worker, tmp_path):
    pytest.importorskip("distributed", reason="needs the extra `cluster`")
    doomed, _ = worker(), worker("--no-nanny")
    run = start(tmp_path / "run", "--executor", "dask", "--scheduler", scheduler)
    assert run.wait_for(records=3), run.text
    os.killpg(doomed.pid, signal.SIGKILL)
    code, text = run.wait()
    assert code == 0, text
    assert result(tmp_path / "run") == result(reference)
