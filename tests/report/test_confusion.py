"""Counts of who was called what, what they say of each class, and the differential count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as oracle

from leukobench.report import build_report
from leukobench.report.confusion import class_figures
from leukobench.report.differential import DifferentialCounts
from leukobench.report.layout import Part
from tests.report.conftest import RunMaker

TRUTH = {
    "a": ["LY"] * 20 + ["MO"] * 10 + ["EO"] * 10,
    "b": ["LY"] * 12 + ["MO"] * 8,
    "c": ["LY"] * 10 + ["MO"] * 10 + ["NE"] * 20,
}


def answer(model, protocol, train, test, true, seed):
    """Abroad every second MO is LY, and NE is MO; with seed 1 every MO is LY."""
    if protocol == "within":
        return true
    return ["MO" if c == "NE" else "LY" if c == "MO" and (seed or i % 2) else c for i, c in enumerate(true)]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    heads = {"c": ["LY", "MO"]}
    run = RunMaker(tmp_path_factory.mktemp("run") / "run", TRUTH, ("half",), answer, seeds=(0, 1), heads=heads)
    return build_report(run.write(), replicates=50)


def some(table, **where):
    return table[np.logical_and.reduce([table[key] == value for key, value in where.items()])]


@given(arrays.arrays(int, (4, 4), elements=st.integers(0, 5)))
def test_figures_of_classes_equal_scikit_learns(confusion):
    true, called = np.nonzero(confusion)
    weights = confusion[true, called]
    if not len(weights):
        return
    found = class_figures(confusion)
    kinds = {"sensitivity": oracle.recall_score, "precision": oracle.precision_score}
    for name, score in kinds.items():
        wanted = score(true, called, sample_weight=weights, labels=range(4), average=None, zero_division=np.nan)
        np.testing.assert_allclose(found[name], wanted, atol=1e-10)
    (tn, fp), _ = np.moveaxis(
        oracle.multilabel_confusion_matrix(true, called, sample_weight=weights, labels=range(4)), 0, -1
    )
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found["specificity"], tn / (tn + fp), atol=1e-10)


def test_counts_are_those_of_every_cell_under_both_scorings(report):
    place = {"protocol": "pairwise", "train": "a", "test": "c", "seed": 0}
    deployed = some(report.confusion, scoring="deployed", **place)
    assert deployed[["true", "predicted", "count"]].to_numpy().tolist() == [
        ["LY", "LY", 10],
        ["MO", "LY", 5],
        ["MO", "MO", 5],
        ["NE", "MO", 20],
    ]
    shared = some(report.confusion, scoring="shared", **place)
    assert shared["count"].tolist() == [10, 5, 5]
    sizes = report.confusion.groupby(["protocol", "train", "test", "model", "seed", "scoring"])["count"].sum()
    for scoring, column in (("shared", "n"), ("deployed", "deployed_n")):
        wanted = report.cells.set_index(["protocol", "train", "test", "model", "seed"])[column]
        assert sizes.xs(scoring, level="scoring").to_dict() == wanted.to_dict()


def test_recalls_are_those_of_the_cells(report):
    cells = report.cells.set_index(["protocol", "train", "test", "model", "seed"])
    for row in report.classes[report.classes["scoring"] == "shared"].itertuples():
        if row.n:
            recall = cells.loc[(row.protocol, row.train, row.test, row.model, row.seed), f"recall_{row[7]}"]
            assert row.sensitivity == pytest.approx(recall, abs=1e-12)


def test_the_differential_count_is_that_of_all_images_and_a_mean_over_seeds(report):
    rows = some(report.differential, train="a", test="c").set_index("class")
    assert rows["true_percent"].to_dict() == {"EO": 0, "LY": 25, "MO": 25, "NE": 50}
    assert rows["counted_percent"].to_dict() == pytest.approx({"EO": 0, "LY": 43.75, "MO": 56.25, "NE": 0})
    assert rows["error_points"].to_dict() == pytest.approx({"EO": 0, "LY": 18.75, "MO": 31.25, "NE": -50})
    assert rows["absolute_error_points"].tolist() == rows["error_points"].abs().tolist()
    assert (rows["ci_low"] <= rows["error_points"]).all()
    assert (rows["error_points"] <= rows["ci_high"]).all()
    assert rows.loc["NE", "ci_high"] - rows.loc["NE", "ci_low"] == 0  # no image of it could be called otherwise
    assert rows.loc["LY", "ci_high"] - rows.loc["LY", "ci_low"] > 5


def test_the_interval_of_a_count_is_the_binomials():
    """One class of which a known share is called otherwise: the spread is that of a binomial within the class."""
    true = np.repeat(["LY", "MO"], 100)
    part = Part(np.arange(200), true, np.arange(200), ["LY", "MO"])
    called = np.repeat([0, 1, 1], [80, 20, 100])
    counts = DifferentialCounts()
    counts.add({"test": "t", "train": "s", "model": "m"}, part, part.answers(np.eye(2)[called], 5)[0])
    table = counts.table({("s", "t", "m")}, replicates=4000).set_index("class")
    assert table.loc["LY", "error_points"] == pytest.approx(-10)
    reach = (table.loc["LY", "ci_high"] - table.loc["LY", "ci_low"]) / 2
    assert reach == pytest.approx(1.972 * 100 * 0.5 * np.sqrt(0.8 * 0.2 / 99), rel=0.05)


def test_combinations_that_lack_a_seed_are_left_out(make_run):
    failing = {("pairwise", "a", "half", 1): "error"}
    folder = make_run(TRUTH, ("half",), answer, seeds=(0, 1), failing=failing, heads={"c": ["LY", "MO"]})
    found = build_report(folder, replicates=5).differential
    assert set(found["train"]) == {"b", "c"}
