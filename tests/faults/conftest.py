"""A small finished run of made-up laboratories, and the command line in this process."""

import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from leukobench import cli
from leukobench.features import feature_names
from leukobench.report import write_report
from leukobench.running.environment import describe_environment
from leukobench.running.plan import build_plan
from leukobench.running.store import RunFolder
from leukobench.running.suite import Budget, Suite
from leukobench.running.worker import work

LABORATORIES = ("left", "right")


@pytest.fixture(scope="session")
def small_suite():
    budget = Budget("quick", 2, 2, 1, {"light": 0, "medium": 0, "heavy": 0})
    facts = {"name": "small", "description": "two made-up laboratories", "version": 1, "level": "L5"}
    limits = {"min_source_images": 5, "min_test_images": 5}
    return Suite(
        **facts, datasets=LABORATORIES, models=("prior",), protocols=("pairwise",), seeds=(0,), budget=budget, **limits
    )


@pytest.fixture(scope="session")
def small_samples():
    rows = [
        (laboratory, f"{laboratory}/{name}{i}.png", f"{laboratory}-{name}-{i}", np.nan, None, name)
        for laboratory in LABORATORIES
        for name in ("LY", "MO")
        for i in range(10)
    ]
    return pd.DataFrame(rows, columns=["dataset", "path", "sha256", "um_per_px", "group", "class"])


@pytest.fixture(scope="session")
def _finished(small_suite, small_samples, tmp_path_factory):
    store = RunFolder(tmp_path_factory.mktemp("finished") / "run")
    store.write_samples(small_samples)
    rows = np.random.default_rng(0).normal(size=(len(small_samples), len(feature_names("core"))))
    store.write_rows("features:core", rows)
    cells = build_plan(small_suite, small_samples)
    plan = {"suite": small_suite.as_dict(), "synthetic": True, "groups_unknown": [], "images": {}, "index_hash": "x"}
    store.write_json("environment.json", describe_environment())
    store.write_json("representations.json", {"features:core": {"images": 40, "ms_per_image": 1.0}})
    store.write_json("plan.json", plan | {"cells": [cell.as_dict() for cell in cells]})
    for cell in cells:
        assert work(cell, suite=small_suite, store=store)["status"] == "ok"
    write_report(store.path)
    return store.path


@pytest.fixture
def finished(_finished, tmp_path):
    """Folder of a finished run of two run cells, to spoil."""
    return shutil.copytree(_finished, tmp_path / "run")


@pytest.fixture
def say(monkeypatch, capsys):
    """Function that runs a command in this process; gives its exit code and what it printed. A traceback fails."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["leukobench", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        shown = capsys.readouterr()
        return end.value.code or 0, f"{shown.out}{shown.err}"

    return run
