"""A small benchmark on made-up rows: three laboratories, three classes, a shift between laboratories."""

import numpy as np
import pandas as pd
import pytest

from leukobench.report import write_report
from leukobench.running.environment import describe_environment
from leukobench.running.plan import build_plan
from leukobench.running.store import RunFolder
from leukobench.running.suite import Budget, Suite
from leukobench.running.worker import work

LABORATORIES = ("left", "middle", "right")


@pytest.fixture
def suite():
    return Suite(
        name="small",
        description="three made-up laboratories",
        version=1,
        level="L5",
        datasets=LABORATORIES,
        models=("prior", "logistic_regression"),
        protocols=("within", "pairwise", "lodo", "merged"),
        seeds=(0,),
        budget=Budget("quick", 3, 3, 1, {"light": 2, "medium": 2, "heavy": 2}),
        min_source_images=10,
        min_test_images=5,
    )


@pytest.fixture
def samples():
    rows = []
    for laboratory in LABORATORIES:
        for name, count in {"NE": 20, "LY": 20, "MO": 18, "BA": 3}.items():
            for i in range(count):
                group = f"slide{i % 5}" if laboratory == "right" else None
                rows.append(
                    (laboratory, f"{laboratory}/{name}{i}.png", f"{laboratory}-{name}-{i}", np.nan, group, name)
                )
    return pd.DataFrame(rows, columns=["dataset", "path", "sha256", "um_per_px", "group", "class"])


@pytest.fixture
def run_folder(tmp_path, samples):
    """A run folder with rows for every sample: class means apart, laboratories shifted."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(len(samples), 6))
    rows[:, :3] += 3 * (samples["class"].to_numpy()[:, None] == np.array(["NE", "LY", "MO"]))
    rows[:, 3] += samples["dataset"].map({name: i for i, name in enumerate(LABORATORIES)})
    store = RunFolder(tmp_path / "run")
    store.write_samples(samples)
    store.write_rows("features:core", rows)
    return store


@pytest.fixture
def cells(suite, samples):
    return build_plan(suite, samples)


@pytest.fixture
def make_run(suite, samples, run_folder, tmp_path):
    """Function that runs a suite in this process into a new folder, with plan and tables; gives the folder."""

    def make(name, chosen=suite):
        store = RunFolder(tmp_path / name)
        store.write_samples(samples)
        store.write_rows("features:core", np.array(run_folder.read_rows("features:core")))
        planned = build_plan(chosen, samples)
        store.write_json("environment.json", describe_environment())
        plan = {"suite": chosen.as_dict(), "synthetic": True, "groups_unknown": ["left", "middle"], "images": {}}
        store.write_json("plan.json", plan | {"index_hash": "x", "cells": [cell.as_dict() for cell in planned]})
        for cell in planned:
            work(cell, suite=chosen, store=store)
        write_report(store.path)
        return store.path

    return make
