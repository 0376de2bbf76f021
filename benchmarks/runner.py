"""What the runner costs: plan, records and tables of a large suite, overhead per run cell, two workers against one.

    python benchmarks/runner.py --data ../shared/data

writes results/soak/scaling.csv and environment.json. Every stage runs in a process of its own, so that its peak memory
is its own. The large suite is made up: ten datasets, thirty models, five seeds, random probabilities.
"""

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from leukobench.datasets import build_index, find_data_root
from leukobench.models import MODELS, register
from leukobench.report import write_report
from leukobench.running.compact import compact
from leukobench.running.computing import compute_missing
from leukobench.running.environment import describe_environment
from leukobench.running.estimate import summarise_plan
from leukobench.running.executor import execute
from leukobench.running.plan import build_plan
from leukobench.running.pool import LocalPool
from leukobench.running.samples import select_samples
from leukobench.running.store import RunFolder
from leukobench.running.suite import Suite, load_suite
from leukobench.running.worker import describe

DATASETS, N_MODELS, SEEDS = tuple(f"laboratory{i}" for i in range(10)), 30, (0, 1, 2, 3, 4)
CLASSES, IMAGES = ("BA", "EO", "LY", "MO", "NE"), 200  # images of each dataset
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
ROWS = "features:core"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/soak"))
    parser.add_argument("--images", type=int, default=600, help="real images for the speed-up")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(STAGES[options.stage](options)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for stage in STAGES:
            command = [sys.executable, __file__, "--stage", stage, "--folder", folder, "--images", str(options.images)]
            command += ["--data", options.data] if options.data else []
            done = subprocess.run(command, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, check=True)
            rows += json.loads(done.stdout.splitlines()[-1])
            print(pd.DataFrame(rows[-3:]).to_string(index=False, header=False))
    options.out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    table.to_csv(options.out / "scaling.csv", index=False, lineterminator="\n")
    facts = describe_environment(load_average=[round(value, 1) for value in os.getloadavg()])
    (options.out / "environment.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(table.to_string(index=False))


def row(what, figure, unit, target=None, cpu=None):
    """One line of the table; `cpu` is the same figure in processor time, which other work on the machine spares."""
    cpu = None if cpu is None else round(float(cpu), 4)
    return {"what": what, "figure": round(float(figure), 4), "unit": unit, "target": target, "processor_time": cpu}


def large_suite():
    """Ten laboratories, thirty models (those there are, under several names), five seeds."""
    recipes = list(MODELS.values())
    names = [f"model{i:02d}" for i in range(N_MODELS)]
    for i, name in enumerate(names):
        register(name, dataclasses.replace(recipes[i % len(recipes)], representation=ROWS))
    budget = dataclasses.replace(load_suite("cross-dataset", budget="standard").budget, seeds=len(SEEDS))
    protocols = ("within", "pairwise", "lodo", "merged")
    suite = Suite("large", "made up", 1, "L5", DATASETS, tuple(names), protocols, SEEDS, budget, 10, 5)
    rng = np.random.default_rng(0)
    rows = [(d, f"{d}/{i}.png", f"{d}-{i:05d}", None) for d in DATASETS for i in range(IMAGES)]
    samples = pd.DataFrame(rows, columns=["dataset", "path", "sha256", "group"])
    return suite, samples.assign(um_per_px=0.1, **{"class": rng.choice(CLASSES, len(samples))})


def plan_stage(options):
    suite, samples = large_suite()
    made = {}

    def plan():
        made["cells"] = build_plan(suite, samples)
        store = RunFolder(options.folder / "large")
        store.write_samples(samples)
        store.write_json("plan.json", plan_of(suite, samples, made["cells"]))
        made["summary"] = summarise_plan(made["cells"], samples)

    wall, cpu = timed(plan)
    return [
        row("run cells planned", len(made["cells"]), "cells"),
        row("scored cells planned", made["summary"]["scored cells"].sum(), "cells"),
        row("plan built, written and reported", wall, "s", "< 10", cpu),
        row("plan, peak memory of the process", peak_memory(), "GB", "< 1"),
    ]


def plan_of(suite, samples, cells):
    plan = {"suite": suite.as_dict(), "synthetic": True, "groups_unknown": list(DATASETS), "images": {}}
    return plan | {"index_hash": "made up", "cells": [cell.as_dict() for cell in cells]}


def records_stage(options):
    """Not a measurement of its own: makes the records that the tables are then computed from."""
    suite, samples = large_suite()
    cells, store = build_plan(suite, samples), RunFolder(options.folder / "large")
    rng = np.random.default_rng(1)
    codes = (samples["class"].to_numpy()[:, None] == np.array(CLASSES)).astype(float)
    images = samples[["dataset", "sha256", "group", "class"]].set_axis(["test", "sha256", "group", "true"], axis=1)
    ended = {"status": "ok", "error": "", "error_kind": "", "head_classes": list(CLASSES), "left_out_classes": {}}
    ended |= {"params": [], "times": {"tune_s": 1.0, "fit_s": 1.0, "predict_ms_per_image": 1.0}}

    def write():
        for cell in cells:
            scored = samples["dataset"].isin(cell.targets).to_numpy()
            chances = rng.dirichlet(np.ones(len(CLASSES)), scored.sum()) + rng.uniform(0, 2) * codes[scored]
            columns = {
                f"p_{name}": column for name, column in zip(CLASSES, (chances.T / chances.sum(axis=1)), strict=True)
            }
            record = describe(cell) | ended | {"n_train": int(scored.sum())}
            store.write_record(record, images[scored].assign(**columns))

    wall, cpu = (1000 * seconds / len(cells) for seconds in timed(write))
    return [row("record and predictions made up and written", wall, "ms/cell", cpu=cpu)]


def report_stage(options):
    wall, cpu = timed(write_report, options.folder / "large")
    return [row("leaderboard from single files", wall, "s", cpu=cpu)]


def compact_stage(options):
    folder = options.folder / "large"
    before = disk_use(folder)
    wall, cpu = timed(compact, folder)
    return [
        row("compaction", wall, "s", cpu=cpu),
        row("store before", before, "MB"),
        row("store compacted", disk_use(folder), "MB"),
    ]


def disk_use(folder):
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*")) / 2**20


def compacted_report_stage(options):
    wall, cpu = timed(write_report, options.folder / "large")
    return [
        row("leaderboard from the compacted store", wall, "s", "< 20", cpu),
        row("leaderboard, peak memory of the first process", peak_memory(), "GB"),
    ]


def overhead_stage(options):
    """Time of a run cell whose model costs next to nothing: everything that is not the model.

    A pool that runs few cells is taken from one that runs many, so that the start of the worker is in neither.
    """
    suite, samples = large_suite()
    none = dataclasses.replace(suite.budget, trials={"light": 0, "medium": 0, "heavy": 0})
    seeds = tuple(range(25))
    chosen = dataclasses.replace(suite, models=("prior",), protocols=("pairwise",), seeds=seeds, budget=none)
    cells, store = build_plan(chosen, samples), RunFolder(options.folder / "overhead")
    store.write_samples(samples)
    store.write_rows(ROWS, np.random.default_rng(0).normal(size=(len(samples), 200)))

    def run(cells):
        with LocalPool(1) as pool:
            execute(cells, chosen, store.path, pool=pool)

    few, many = cells[:5], cells[5:]
    (wall_few, cpu_few), (wall, cpu) = timed(run, few), timed(run, many)
    more = len(many) - len(few)
    wall, cpu = 1000 * (wall - wall_few) / more, 1000 * (cpu - cpu_few) / more
    return [row("overhead per run cell, one worker", wall, "ms/cell", "< 50", cpu)]


def speedup_stage(options):
    """Two workers against one, one thread each, on features of real images; workers are warm, files are read before."""
    root, suite = find_data_root(options.data), load_suite("cross-dataset", datasets=["barcelona"])
    samples = select_samples(build_index(root, names=["barcelona"]), suite)
    samples = samples.sample(min(options.images, len(samples)), random_state=0).reset_index(drop=True)
    for path in samples["path"]:
        (root / path).read_bytes()
    seconds = {}
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as cache, LocalPool(jobs) as pool:
            extract(samples[:128], root, f"{cache}/warm", pool)
            seconds[jobs], _ = timed(extract, samples, root, f"{cache}/cold", pool)
    speedup = seconds[1] / seconds[2]
    return [
        row("feature extraction, one worker", len(samples) / seconds[1], "images/s"),
        row("feature extraction, two workers", len(samples) / seconds[2], "images/s"),
        row("speed-up of two workers over one", speedup, "x", ">= 1.8"),
        row("parallel efficiency", speedup / 2, ""),
    ]


def extract(samples, root, cache, pool):
    from leukobench.cache import TableCache

    compute_missing([ROWS], samples, root, cache=TableCache(cache), pool=pool, device="cpu")


def timed(function, *arguments, **options):
    """Wall and processor seconds of a call, with those of processes that ended in it."""
    start, before = time.perf_counter(), processor_time()
    function(*arguments, **options)
    return time.perf_counter() - start, processor_time() - before


def processor_time():
    return sum(os.times()[:4])


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


STAGES = {
    "plan": plan_stage,
    "records": records_stage,
    "report": report_stage,
    "compact": compact_stage,
    "compacted report": compacted_report_stage,
    "overhead": overhead_stage,
    "speed-up": speedup_stage,
}

if __name__ == "__main__":
    main()
