"""A damaged run folder is refused by the name of the file."""

import json

import pandas as pd
import pytest

from leukobench.errors import UsageError
from leukobench.report.reader import read_run, targets_of

TRUTH = {"a": ["LY"] * 6 + ["MO"] * 6, "b": ["LY"] * 6 + ["MO"] * 6}
RECORD = "cells/pairwise-a-perfect-0.json"
PREDICTIONS = "predictions/pairwise-a-perfect-0.parquet"


@pytest.fixture
def folder(make_run):
    return make_run(TRUTH, ["perfect"], lambda model, protocol, train, test, true, seed: true)


def predictions(folder):
    run = read_run(folder)
    return run.predictions(next(record for record in run.records if record["fingerprint"] == "pairwise-a-perfect-0"))


def test_what_was_written_is_read(folder):
    keys, probabilities = predictions(folder)
    assert keys.to_pandas()["true"].tolist() == TRUTH["b"]
    assert probabilities.shape == (12, 2)
    assert probabilities[0] == pytest.approx([0.7, 0.3])


def test_a_cell_without_a_record_is_missing(folder):
    (folder / RECORD).unlink()
    statuses = {record["fingerprint"]: record["status"] for record in read_run(folder).records}
    assert statuses.pop("pairwise-a-perfect-0") == "missing"
    assert set(statuses.values()) == {"ok"}


def test_records_of_another_plan_are_left_aside(folder):
    (folder / "cells" / "stranger.json").write_text("{")
    assert len(read_run(folder).records) == 4


def test_a_truncated_record_is_named(folder):
    path = folder / RECORD
    path.write_text(path.read_text()[:40])
    with pytest.raises(UsageError, match=r"pairwise-a-perfect-0\.json is not a readable record") as error:
        read_run(folder)
    assert "run again into the same --out" in error.value.hint


@pytest.mark.parametrize("change", [{"seed": 9}, {"model": "half"}])
def test_a_record_that_contradicts_the_plan_is_named(folder, change):
    path = folder / RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UsageError, match=f"differs from the plan in {next(iter(change))}"):
        read_run(folder)


@pytest.mark.parametrize("key", ["status", "head_classes", "model"])
def test_a_record_without_a_key_is_named(folder, key):
    path = folder / RECORD
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != key}))
    with pytest.raises(UsageError, match=f"no '{key}'"):
        read_run(folder)


def test_truncated_predictions_are_named(folder):
    path = folder / PREDICTIONS
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UsageError, match=r"pairwise-a-perfect-0\.parquet is not a readable table"):
        predictions(folder)


def test_missing_predictions_are_named(folder):
    (folder / PREDICTIONS).unlink()
    with pytest.raises(UsageError, match=r"pairwise-a-perfect-0\.parquet"):
        predictions(folder)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.drop(columns="p_MO"),
        lambda table: table.drop(columns="sha256"),
        lambda table: table.assign(p_MO=float("nan")),
        lambda table: table.assign(p_MO=-1.0),
    ],
)
def test_predictions_that_are_not_what_the_record_says_are_named(folder, spoil):
    path = folder / PREDICTIONS
    spoil(pd.read_parquet(path)).to_parquet(path)
    with pytest.raises(UsageError, match=r"pairwise-a-perfect-0\.parquet is not a readable table"):
        predictions(folder)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no run folder"):
        read_run(tmp_path)
    (tmp_path / "plan.json").write_text('{"cells": [')
    with pytest.raises(UsageError, match="not a readable plan"):
        read_run(tmp_path)


def test_targets_follow_from_the_protocol():
    names = ["a", "b", "c"]
    found = [targets_of({"protocol": p, "train": t}, names) for p, t in [("within", "b"), ("merged", "merged")]]
    assert found == [["b"], names]
