"""A scheduler and workers started by their own commands on loopback; one worker is killed midway."""

import dataclasses
import os
import signal

import pytest

from leukobench.errors import UsageError
from leukobench.evaluation.executor import LocalPool, execute
from leukobench.evaluation.plan import build_plan
from leukobench.evaluation.store import RunFolder

pytest.importorskip("distributed", reason="needs the extra `cluster`")

from leukobench.evaluation.cluster import DaskPool  # after the skip


def values(store):
    """What must be the same wherever a cell ran."""
    records = [store.read_json(f"cells/{path.name}") for path in sorted(store.path.glob("cells/*.json"))]
    return [{k: v for k, v in r.items() if k not in ("times", "provenance", "seal")} for r in records]


def test_two_workers_one_killed_midway_give_the_records_of_one_machine(
    cells, suite, samples, run_folder, scheduler, worker, tmp_path
):
    local = RunFolder(tmp_path / "local")
    local.write_samples(samples)
    local.write_rows("features:core", run_folder.read_rows("features:core")[:])
    with LocalPool(1) as pool:
        execute(cells, suite, local.path, pool=pool)

    workers = [worker(), worker("--no-nanny")]
    run_folder.write_json("plan.json", {})
    seen = []

    def done(cell, record):
        seen.append(record["status"])
        if len(seen) == 3:
            os.killpg(workers[0].pid, signal.SIGKILL)

    with DaskPool(scheduler, run_folder.path) as pool:
        execute(cells, suite, run_folder.path, pool=pool, timeout=300, done=done)
    assert seen == ["ok"] * len(cells)
    assert values(run_folder) == values(local)


def test_a_hanging_cell_is_stopped_alone_on_its_worker(cells, suite, samples, run_folder, scheduler, worker):
    worker()
    run_folder.write_json("plan.json", {})
    slow = build_plan(dataclasses.replace(suite, models=("random_forest",)), samples)[:1]  # seconds, on any machine
    records = {}
    with DaskPool(scheduler, run_folder.path) as pool:
        execute(slow, suite, run_folder.path, pool=pool, timeout=0.5, done=records.__setitem__)
        execute(cells[:1], suite, run_folder.path, pool=pool, timeout=300, done=records.__setitem__)
    assert [record["status"] for record in records.values()] == ["timeout", "ok"]


def test_what_a_cluster_lacks_is_said(run_folder, scheduler, worker, monkeypatch):
    from leukobench.evaluation import cluster

    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        DaskPool("tcp://127.0.0.1:9", run_folder.path)
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
