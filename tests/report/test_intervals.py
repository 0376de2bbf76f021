"""Intervals of everything that can be chosen, against tables that are ranked by it."""

import numpy as np
import pytest

from leukobench.metrics.catalogue import METRICS
from leukobench.report import build_report
from leukobench.report.intervals import CHOICES, every_choice, scored_as
from tests.report.conftest import RunMaker

TRUTH = {name: ["LY"] * 14 + ["MO"] * 14 + ["NE"] * other for name, other in (("alpha", 8), ("beta", 8), ("gamma", 0))}


def answer(model, protocol, train, test, true, seed):
    wrong = {"svm": 5, "net+head": 3}[model] + (protocol == "pairwise") + seed
    return ["MO" if i % 7 < wrong % 7 and i < 20 else name for i, name in enumerate(true)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intervals") / "run"
    protocols = ("within", "pairwise", "lodo")
    RunMaker(folder, TRUTH, ("svm", "net+head"), answer, protocols=protocols, seeds=(0, 1)).write()
    return folder, build_report(folder, replicates=40)


@pytest.mark.parametrize("name", CHOICES)
def test_intervals_are_those_of_tables_that_are_ranked_by_it(made, name):
    folder, report = made
    ranked = build_report(folder, rank_by=name, replicates=40)
    own = report.intervals.query(f"protocol == 'pairwise' and metric == '{name}' and scoring == 'shared'")
    own = own.set_index("model").loc[ranked.board["model"]]
    known = ranked.board[["out_of_domain", "ci_low", "ci_high"]]
    np.testing.assert_allclose(own[["score", "ci_low", "ci_high"]], known, rtol=1e-10)
    place = list(ranked.ranking.values())
    sides = [each.by_target.set_index(["protocol", "metric", "scoring"]).loc[tuple(place)] for each in (report, ranked)]
    assert sides[0].reset_index(drop=True).equals(sides[1].reset_index(drop=True))


def test_means_are_those_of_the_cells_by_every_choice(made):
    _, report = made
    cells = report.cells.groupby(["protocol", "model"])
    assert len(report.intervals) == 3 * len(CHOICES) * 2 * 2
    for row in report.intervals.itertuples():
        column = scored_as(METRICS[row.metric], row.scoring).column
        assert row.score == pytest.approx(cells[column].mean()[row.protocol, row.model], abs=1e-10)
        assert row.ci_low < row.score < row.ci_high


def test_a_metric_that_draws_its_images_anew_is_drawn_where_it_ranks(made):
    _, report = made
    slow = METRICS["unknown_auroc"]
    assert slow.sums is None
    drawn = [(protocol, metric.name) for protocol, _, metric in every_choice(report.run, slow)]
    assert [protocol for protocol, name in drawn if name == slow.name] == ["pairwise"]
