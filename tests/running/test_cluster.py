"""A scheduler and workers, started by their own commands on loopback; tests/soak/test_ways.py kills one midway."""

import dataclasses
import os
import signal
import time

import pytest

from leukobench.errors import UsageError
from leukobench.running.executor import execute
from leukobench.running.plan import build_plan

pytest.importorskip("distributed", reason="needs the extra `cluster`")

from leukobench.running.cluster import DaskPool, SchedulerLost  # after the skip


def test_a_hanging_cell_is_stopped_alone_on_its_worker(cells, suite, samples, run_folder, scheduler, worker):
    worker()
    run_folder.write_json("plan.json", {})
    slow = build_plan(dataclasses.replace(suite, models=("random_forest",)), samples)[:1]  # seconds, on any machine
    records = {}
    with DaskPool(scheduler, run_folder.path) as pool:
        execute(slow, suite, run_folder, pool=pool, timeout=0.5, done=records.__setitem__)
        execute(cells[:1], suite, run_folder, pool=pool, timeout=300, done=records.__setitem__)
    assert [record["status"] for record in records.values()] == ["timeout", "ok"]


def test_what_a_cluster_lacks_is_said(run_folder, scheduler, worker, monkeypatch):
    from leukobench.running import cluster

    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        DaskPool("tcp://127.0.0.1:9", run_folder.path)
    with pytest.raises(UsageError, match=r"tls://127\.0\.0\.1:9 cannot be called"):
        DaskPool("tls://127.0.0.1:9", run_folder.path)
    monkeypatch.setattr(cluster, "PATIENCE", 60.0)
    worker()
    with pytest.raises(UsageError, match="does not see"):
        DaskPool(scheduler, run_folder.path / "elsewhere")


def test_gpu_cells_go_to_workers_that_declare_one(run_folder, scheduler, worker):
    worker()
    worker("--resources", "GPU=1")
    run_folder.write_json("plan.json", {})
    with DaskPool(scheduler, run_folder.path) as pool:
        pool.client.wait_for_workers(2, timeout=120)  # what they declare is read when a pool opens
    with DaskPool(scheduler, run_folder.path) as pool:
        known = pool.client.scheduler_info(n_workers=-1)["workers"]
        declared = [address for address, facts in known.items() if facts["resources"].get("GPU")]
        processes = pool.client.run(os.getpid)
        used = {future.result() for future in [pool.executors[True].submit(os.getpid) for _ in range(20)]}
    assert len(processes) == 2
    assert used == {processes[address] for address in declared}


def test_a_killed_scheduler_ends_the_run_in_a_sentence(suite, samples, run_folder, started_scheduler, worker, caplog):
    process, address = started_scheduler
    worker()
    run_folder.write_json("plan.json", {})
    slow = build_plan(dataclasses.replace(suite, models=("prior", "random_forest")), samples)  # minutes, on one worker
    killed = []

    def done(cell, record):
        if not killed:
            os.killpg(process.pid, signal.SIGKILL)
            killed.append((time.monotonic(), cell))

    with pytest.raises(SchedulerLost, match="is gone"), DaskPool(address, run_folder.path) as pool:
        execute(slow, suite, run_folder, pool=pool, done=done)
    ((when, cell),) = killed
    assert time.monotonic() - when < 30
    assert "Traceback" not in caplog.text
    assert run_folder.read_record(cell.fingerprint)["status"] == "ok"
