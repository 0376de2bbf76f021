"""Committed tables are what this version makes of the committed cells."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukobench.metrics.statistics import Scores
from leukobench.report.calibration import calibration_means
from leukobench.report.leaderboard import combinations, leaderboard, matrix
from leukobench.report.tables import file_names
from leukobench.text import from_csv

RESULTS = Path(__file__).parents[2] / "results"
# Runs of one's own, under results/runs, are nobody's to check: ties in their rounded cells may fall otherwise.
OWN = RESULTS / "runs"
RUNS = sorted(
    path.parent
    for path in RESULTS.rglob("cells.csv")
    if (path.parent / "leaderboard.csv").exists() and OWN not in path.parents
)
TEXTS = [
    "error",
    "classes",
    "rare_classes",
    "undefined_classes",
    "left_out_classes",
    "marks",
    "contaminated_targets",
    "worst_target",
]
DATASETS = ["barcelona", "cvb", "raabin", "munich", "jiangxi"]


def read(path):
    table = from_csv(pd.read_csv(path))
    if "rare_classes" in table:  # tables of versions that did not know of undefined classes
        table["undefined_classes"] = table.get("undefined_classes", "")
    return table.assign(**{name: table[name].astype(object).fillna("") for name in TEXTS if name in table})


@pytest.fixture(params=RUNS, ids=lambda path: str(path.relative_to(RESULTS)))
def folder(request):
    return request.param


def test_there_are_some():
    assert RESULTS / "reference" in RUNS


def test_the_leaderboard_follows_from_the_cells(folder):
    cells, expected = read(folder / "cells.csv"), read(folder / "leaderboard.csv")
    none = Scores(pd.MultiIndex.from_arrays([[], [], []], names=["train", "test", "model"]), np.empty(0), None, {})
    found = leaderboard(cells, none)
    assert found["model"].tolist() == expected["model"].tolist()
    assert found["rank"].fillna(0).tolist() == expected["rank"].fillna(0).tolist()
    for name in ("family", "section", "marks", "contaminated_targets", "worst_target", "coverage"):
        assert found[name].tolist() == expected[name].tolist()
    figures = ["within", "out_of_domain", "lodo", "merged", "deployed_out_of_domain", "gap", "worst_target_score"]
    for name in [*figures, "tune_s", "fit_s", "ms_per_image"]:
        wanted = pd.to_numeric(expected[name], errors="coerce")
        np.testing.assert_allclose(found[name].astype(float), wanted, atol=2e-6, err_msg=name)


def test_the_matrices_follow_from_the_cells(folder):
    means = combinations(read(folder / "cells.csv"))
    models = list(means.index.get_level_values("model").unique())
    for model, name in file_names(models).items():
        path = folder / f"matrix_{name}.csv"
        if path.exists():
            expected = pd.read_csv(path, index_col="train")
            found = matrix(means, model, [name for name in DATASETS if name in expected])
            np.testing.assert_allclose(found, expected.loc[found.index, found.columns], atol=2e-6, err_msg=model)


def test_the_calibration_follows_from_its_cells():
    expected = json.loads((RESULTS / "reference" / "leaderboard.json").read_text())["calibration"]
    found = calibration_means(read(RESULTS / "reference" / "calibration.csv"), list(expected)).to_dict("index")
    for model, row in expected.items():
        wanted = {name: np.nan if value is None else value for name, value in row.items()}
        assert found[model] == pytest.approx(wanted, abs=2e-6, nan_ok=True)
