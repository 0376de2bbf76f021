"""A part of features from outside the package, the file of docs/extending.md: commands, workers and backends see it."""

import functools
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky import get_reusable_executor

from leukobench import plugins
from leukobench.datasets.phantom import write_phantom
from leukobench.errors import UsageError
from leukobench.features import (
    FeaturePart,
    extract_features,
    feature_names,
    feature_sets,
    features_from,
    parts,
    registry,
)
from leukobench.features import features_key as key_of
from leukobench.features.backends import cpu
from leukobench.features.backends.cpu.kernel import make_entry

ROOT = Path(__file__).parents[2]
SOURCE = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(), re.DOTALL)[1]
COLUMNS = ["nucleus_granularity", "nucleus_reach", "cell_granularity", "cell_reach"]
MASK = np.zeros((12, 14), np.uint8)
MASK[2:9, 3:10], MASK[4:7, 5:8] = 1, 2
IMAGE = np.random.default_rng(0).integers(0, 256, (*MASK.shape, 3)).astype(np.uint8)
FAST = """
from numba import njit
from leukobench.features.backends.cpu.runs import NUCLEUS, area

@njit(nogil=True)
def fill(cell, out):
    out[0] = 2 * area(cell.runs[NUCLEUS], cell.counts[NUCLEUS])
"""


def nothing(image, mask):
    """The reference of a part of which nothing can be measured."""
    return {}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The file of the documentation; the registry and the environment are as before after the test."""
    registry.all_parts()
    monkeypatch.setattr(registry, "_PARTS", dict(registry._PARTS))
    monkeypatch.setenv(plugins.VARIABLE, "")
    path = tmp_path / "my_features.py"
    path.write_text(SOURCE)
    return path


def run(*arguments, **env):
    command = [sys.executable, "-m", "leukobench", *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": str(ROOT)} | env
    return subprocess.run(command, capture_output=True, text=True, env=env, check=True).stdout


def test_it_is_a_set_of_its_own_for_commands_and_their_workers(file, tmp_path):
    rows = run("--use", file, "features", "ls", "--set", "ours", "--format", "md").splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {name}" for name in COLUMNS]
    data = write_phantom(tmp_path / "data", per_class=2, domains=["cvb"])
    out, cache = tmp_path / "out.parquet", {"LEUKOBENCH_CACHE": str(tmp_path / "cache")}
    where = ["features", "extract", "--data", data, "--datasets", "cvb", "--set", "ours", "--out", out]
    run("--use", file, *where, "--jobs", "2", **cache)
    table = pd.read_parquet(out)
    assert table[COLUMNS].notna().all(axis=None)
    assert (table["cell_reach"] > table["nucleus_reach"]).all()


@pytest.mark.parametrize("device", ["reference", "cpu"])
def test_it_joins_a_set_that_is_there(file, device):
    before, key = feature_names("core"), key_of("core")
    file.write_text(SOURCE.replace('sets=("ours",)', 'sets=("core",)'))
    plugins.use(str(file))
    assert feature_names("core") == before + COLUMNS
    assert key_of("core")["columns"] != key["columns"]
    row = extract_features([IMAGE], [MASK], um_per_px=0.5, device=device).iloc[0]
    assert row["nucleus_reach"] == pytest.approx(0.5 * np.sqrt(2))
    assert row["cell_granularity"] == pytest.approx(IMAGE[MASK > 0][:, 1].std() / IMAGE[MASK > 0][:, 1].mean())
    assert row["nucleus_area"] == 9 * 0.25
    empty = extract_features([IMAGE], [0 * MASK], device=device).iloc[0]
    assert empty[COLUMNS].isna().all()


class MeasuresFirst:
    """A pool in which parts without a kernel are done before kernels begin."""

    def __init__(self, threads):
        self.threads = threads

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        return False

    def submit(self, function, *given):
        call = functools.cache(lambda: function(*given))
        if function is cpu._measure:
            call()
        return SimpleNamespace(result=call)


def test_what_it_has_measured_stays_when_kernels_are_late(file, monkeypatch):
    file.write_text(SOURCE.replace('sets=("ours",)', 'sets=("core",)'))
    plugins.use(str(file))
    monkeypatch.setattr(cpu, "ThreadPoolExecutor", MeasuresFirst)
    table = extract_features([IMAGE, IMAGE], [MASK, 0 * MASK], device="cpu")
    assert table["nucleus_reach"][0] == pytest.approx(np.sqrt(2))
    assert table["nucleus_area"].tolist() == [9, 0]
    assert table.loc[1, COLUMNS].isna().all()


def test_a_process_that_is_started_later_sees_it(file):
    plugins.use(str(file))
    executor = get_reusable_executor(max_workers=1, reuse=False)
    try:
        assert "ours" in executor.submit(feature_sets).result()
    finally:
        executor.shutdown()


def test_its_source_is_part_of_the_key(file):
    plugins.use(str(file))
    before = key_of("ours")
    file.write_text(SOURCE + "# another version\n")
    assert key_of("ours")["parts"] != before["parts"]


def test_an_installed_package_needs_no_name(file, monkeypatch):
    point = importlib.metadata.EntryPoint("ours", "somebody:part", "leukobench.features")
    part = FeaturePart(
        "theirs", features_from([("x", "1", "", "x", "they")], "cell", group="colour"), nothing, ("theirs",)
    )
    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", lambda self: part)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == "leukobench.features" else [])
    registry._load_others.cache_clear()
    assert feature_names("theirs") == ["cell_x"]


def test_a_numba_function_becomes_part_of_the_kernel(file, tmp_path, monkeypatch):
    (tmp_path / "fast.py").write_text(FAST)
    monkeypatch.syspath_prepend(tmp_path)
    features = features_from([("twice_the_area", "1", "", "2 A", "me")], "nucleus", group="morphology")
    part = FeaturePart("twice", features, nothing, sets=("twice",), version="1", numba="fast:fill")
    monkeypatch.setattr(cpu, "compiled", lambda plan: make_entry(plan, 0, cached=False))  # of this part alone: quick
    monkeypatch.setattr(registry, "_PARTS", {"twice": part})
    assert extract_features([IMAGE], [MASK], device="cpu", feature_set="twice").to_numpy().tolist() == [[18.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "shape"}, "is there already"),
        ({"features": features_from([("area", "um2", "", "A", "me")], "cell", group="morphology")}, "cell_area"),
        ({"features": features_from([("x", "mm", "", "x", "me")], "cell", group="morphology")}, "unit"),
        ({"features": features_from([("x", "1", "", "x", "me")], "cell", group="smell")}, "group"),
        ({"features": ()}, "lacks"),
        ({"reference": None}, "lacks"),
        ({"sets": ("core@scale",)}, "lacks"),
        ({"reference": dict}, "no version"),
    ],
)
def test_a_part_that_will_not_do_is_refused(file, change, message):
    fields = {"name": "mine", "features": features_from([("x", "1", "", "x", "me")], "cell", group="colour")}
    with pytest.raises(UsageError, match=message):
        registry.register(FeaturePart(**{**fields, "reference": nothing, "sets": ("mine",), **change}))


def test_a_function_that_measures_what_it_does_not_name_is_told(file):
    features = features_from([("x", "1", "", "x", "me")], "cell", group="colour")
    registry.register(FeaturePart("mine", features, lambda image, mask: {"cell_y": 1.0}, sets=("mine",)))
    with pytest.raises(UsageError, match="part 'mine' measures what it does not name: cell_y"):
        extract_features([IMAGE], [MASK], device="cpu", feature_set="mine")


def test_a_part_without_a_kernel_is_handed_no_mask_with_another_label(file):
    features = features_from([("x", "1", "", "x", "me")], "cell", group="colour")
    registry.register(FeaturePart("mine", features, nothing, sets=("mine",)))
    with pytest.raises(UsageError, match="mask 1 has a label above 2"):
        extract_features([IMAGE] * 2, [MASK, MASK + 1], device="cpu", feature_set="mine")


@pytest.mark.parametrize("name", ["nothing_like_it", "missing.py"])
def test_what_cannot_be_imported_is_a_sentence(file, name):
    with pytest.raises(UsageError, match=f"cannot import .*{name}"):
        plugins.use(name)


def test_inside_the_package_it_is_a_file_in_the_folder_of_parts(file, tmp_path, monkeypatch):
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "ours.py").write_text(SOURCE.replace("register(FeaturePart(", "PART = (FeaturePart("))
    monkeypatch.setattr(parts, "__path__", [*parts.__path__, str(folder)])
    registry._load_own.cache_clear()
    assert feature_names("ours") == COLUMNS
    assert registry.all_parts()[-1].name == "ours"
