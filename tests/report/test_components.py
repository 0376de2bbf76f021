"""The table of components of variance: what a run tells, by hand."""

import json

import numpy as np
import pytest

from leukobench.report.build import build_report
from leukobench.report.components import _Runs
from leukobench.report.tables import write_report

TRUTH = {name: ["LY"] * 20 + ["NE"] * 20 for name in ("cvb", "raabin", "munich")}


def answer(model, protocol, train, test, true, seed):
    """A steady model is right where it is right; a lucky one calls more or less right by its seed, or its resample."""
    wrong = {"steady": 4, "lucky": 2 + seed % 1000 * 2, "trained": 4 + seed // 1000}.get(model, 4)
    called = list(true)
    for first in (0, 20):
        called[first : first + wrong] = [true[first - 1]] * wrong
    return called


@pytest.fixture
def build(make_run):
    def build(**rest):
        return make_run(TRUTH, ("steady", "lucky", "trained"), answer, protocols=("pairwise",), **rest)

    return build


def test_what_is_drawn_by_chance_is_told_and_nothing_else(build):
    report = build_report(build(seeds=(0, 1, 2), resamples=3), replicates=50)
    table = report.components.set_index("model")
    assert table.loc["steady", ["sd_seed", "sd_sample"]].tolist() == pytest.approx([0, 0], abs=1e-9)
    assert table.loc["lucky", "sd_seed"] > 0.02 > table.loc["trained", "sd_seed"]
    assert table.loc["trained", "sd_sample"] > 0
    assert (table["seeds"].tolist(), table["resamples"].tolist()) == ([3] * 3, [3] * 3)
    assert (table["sd_total"] >= table["sd_same_laboratories"]).all()


def test_resamples_are_in_no_other_table(build):
    plain = build_report(build(seeds=(0, 1)), replicates=20)
    more = build_report(build(seeds=(0, 1), resamples=2), replicates=20)
    assert more.board.equals(plain.board)
    assert more.cells.equals(plain.cells)
    assert more.confusion.equals(plain.confusion)
    assert sorted(more.resampled["resample"].unique()) == [1, 2]


def test_the_table_is_written_and_shown(build):
    folder = build(seeds=(0, 1), resamples=2)
    report = write_report(folder, replicates=20)
    page = (folder / "leaderboard.md").read_text()
    assert "## Where the variance is" in page
    assert "seed SD" in page
    assert (folder / "components.csv").read_text().count("\n") == 1 + 3
    found = json.loads((folder / "leaderboard.json").read_text())["components"]
    assert [row["model"] for row in found] == list(report.board["model"])
    assert (folder / "cells.csv").read_text().count("\n") == 1 + 3 * 6 * 2 * 3


def test_one_seed_and_no_resample_tell_nothing_of_either(build):
    report = build_report(build(), replicates=20)
    assert report.components[["sd_seed", "sd_sample"]].isna().all(axis=None)
    assert np.isfinite(report.components["sd_images"]).all()
    assert any(line.startswith("ONE SEED") for line in report.notes)


def test_models_of_other_seeds_are_compared_by_those_that_both_ran():
    """A network with one seed beside models with three, as joined run folders have them."""
    runs = object.__new__(_Runs)
    pairs = [("a", "b"), ("b", "a")]
    have = {"net": (0,), "lda": (0, 1, 2)}
    runs.values = {(pair, (m, seed, 0)): None for pair in pairs for m, seeds in have.items() for seed in seeds}
    runs.numbers = {model: (set(seeds), {0}) for model, seeds in have.items()}
    assert runs.kept(["net", "lda"], pairs) == ([0], [0])
    assert runs.kept(["lda"], pairs) == ([0, 1, 2], [0])
    runs.numbers["net"][0].add(7)
    assert runs.kept(["net"], pairs)[0] == [0], "a seed that is missing somewhere is in no mean"
