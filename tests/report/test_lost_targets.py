"""A target that a model cannot look at is lost alone: a failure with its reason beside the scores of the others."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from leukobench.models.recipe import Recipe
from leukobench.models.transductive import check_enough
from leukobench.report.cells import cells_table
from leukobench.report.reader import read_run
from leukobench.running.cell import run_cell
from leukobench.running.plan import RunCell

REASON = "4 image(s) of a laboratory are too few"


class Looks(LogisticRegression):
    """A transductive model: it asks for ten images at a time."""

    def predict_proba(self, X):
        check_enough(len(X))
        return super().predict_proba(X)


RECIPE = Recipe("looks", "classical", "features:core", lambda params, seed: Looks(), transductive=True)


def run(targets):
    counts = {"a": 12, "b": 12, "few": 2}
    rows = [(name, f"{name}{kind}{i}", kind) for name, n in counts.items() for kind in ("LY", "NE") for i in range(n)]
    samples = pd.DataFrame(rows, columns=["dataset", "sha256", "class"]).assign(group=None)
    X = np.c_[samples["class"] == "LY", np.ones(len(samples))].astype(float)
    inputs = {"folds": [3, 2], "trials": 0}
    cell = RunCell("pairwise", "a", "looks", 0, ("a",), targets, inputs, RECIPE)
    return run_cell(cell, samples, X, ["LY", "NE"], {}, lambda number: None)


def test_the_other_targets_are_predicted():
    record, predictions = run(("b", "few"))
    assert set(predictions["test"]) == {"b"}
    assert predictions.filter(like="p_").notna().all(axis=None)
    assert list(record["lost_targets"]) == ["few"]
    assert record["lost_targets"]["few"].startswith(REASON)
    assert "lost_targets" not in run(("b",))[0]


def test_without_any_target_the_cell_fails():
    with pytest.raises(Exception, match="too few"):
        run(("few",))


def test_it_is_a_failure_in_the_tables(make_run):
    truth = {name: ["LY", "NE"] * 10 for name in "abc"}
    folder = make_run(truth, ["perfect"], lambda model, protocol, train, test, true, seed: true)
    path = folder / "cells" / "pairwise-a-perfect-0.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"lost_targets": {"c": REASON}}))
    table = folder / "predictions" / "pairwise-a-perfect-0.parquet"
    kept = pd.read_parquet(table)
    kept[kept["test"] != "c"].to_parquet(table)
    cells = cells_table(read_run(folder)).set_index(["protocol", "train", "test"])
    lost = cells.loc[("pairwise", "a", "c")]
    assert (lost["status"], lost["error"]) == ("error", REASON)
    assert np.isnan(lost["balanced_accuracy"])
    assert cells.drop(index=[("pairwise", "a", "c")])["status"].eq("ok").all()
    assert cells.loc[("pairwise", "a", "b"), "balanced_accuracy"] == 1
