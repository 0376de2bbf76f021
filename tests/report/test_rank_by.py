"""Ranking by any metric: direction, gap, worst target, interval and words follow it."""

import json

import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.metrics import METRICS
from leukobench.report import build_report, write_report
from leukobench.report.verify import verify

# Band and segmented are neighbours, so that accuracy which forgives these is one of its own.
TRUTH = {name: ["LY"] * 14 + ["BNE"] * 10 + ["SNE"] * 6 for name in "abc"}
NEXT = {"LY": "BNE", "BNE": "SNE", "SNE": "LY"}
COSTS = {"LY": {"BNE": 4.0}}
WRONG = {"perfect": 0, "half": 6, "net+head": 2}


def answer(model, protocol, train, test, true, seed):
    """Right within; abroad every n-th image is wrong, and on c every second."""
    step = WRONG[model]
    if protocol == "within" or not step:
        return true
    return [NEXT.get(c, c) if i % (2 if test == "c" else step) == 0 else c for i, c in enumerate(true)]


@pytest.fixture
def folder(make_run):
    return make_run(TRUTH, list(WRONG), answer, costs=COSTS)


@pytest.mark.parametrize("metric", [each for each in METRICS.values() if not each.deployed], ids=lambda each: each.name)
def test_the_ranking_follows_the_metric(folder, metric):
    report = write_report(folder, rank_by=metric.name, replicates=40)
    board = report.board.set_index("model")
    cells = report.cells
    pairwise = cells[cells["protocol"] == "pairwise"].groupby("model")[metric.name].mean()
    assert board["out_of_domain"].to_dict() == pytest.approx(pairwise.to_dict())
    assert (np.diff(board["out_of_domain"]) * metric.sign <= 1e-12).all()
    # Every answer is given .7, so that the calibration is another matter; in a count errors make up for one another.
    if metric.name not in ("ece", "count_error"):
        assert list(board.index) == ["perfect", "half", "net+head"]
        assert board["rank"].tolist() == [1, 2, 3]
        assert board.loc["half", "worst_target"] == "c"
        assert board.loc["half", "gap"] > 0
        assert board.loc["half", "gap"] == pytest.approx(
            abs(board.loc["half", "within"] - board.loc["half", "out_of_domain"])
        )
        assert "Classical models on hand-crafted features are ahead" in report.conclusion
    assert board.loc["half", "ci_low"] < board.loc["half", "out_of_domain"] < board.loc["half", "ci_high"]
    assert metric.name not in board
    assert {name for name in METRICS if not METRICS[name].deployed} - {metric.name} < {*board.columns}
    assert f"reach a mean {metric.title} of" in report.conclusion
    assert f"; {metric.title}, shared scoring" in report.protocol_line
    assert json.loads((folder / "leaderboard.json").read_text())["metric"] == metric.name


def test_a_metric_of_unknown_classes_ranks_by_the_answers_as_deployed(make_run):
    truth = TRUTH | {"c": TRUTH["c"] + ["MO"] * 8}
    heads = {name: ["BNE", "LY", "SNE"] for name in "abc"}
    report = build_report(make_run(truth, list(WRONG), known, heads=heads), rank_by="unknown_auroc", replicates=10)
    assert "unknown_auroc" not in report.cells
    pairs = report.cells[(report.cells["protocol"] == "pairwise") & (report.cells["test"] == "c")]
    assert pairs["deployed_unknown_auroc"].tolist() == [0.5] * 6  # all answers are as sure
    assert report.board["out_of_domain"].tolist() == [0.5] * 3
    assert report.board["rank"].tolist() == [1] * 3


def known(model, protocol, train, test, true, seed):
    return ["LY" if name == "MO" else name for name in answer(model, protocol, train, test, true, seed)]


def test_tables_are_verified_by_the_metric_that_they_are_ranked_by(folder):
    write_report(folder, rank_by="macro_f1")
    # A made-up run has no seals, and no environment.
    unsealed = ("environment", "seal", "checksum")
    wrong = [line for line in verify(folder).wrong if not any(word in line for word in unsealed)]
    assert not wrong


def test_tables_that_are_written_again_stay_ranked_as_they_were(folder, monkeypatch):
    assert write_report(folder, replicates=20).metric.name == "balanced_accuracy"
    write_report(folder, rank_by="macro_f1", replicates=20)
    assert write_report(folder, replicates=20).metric.name == "macro_f1"
    monkeypatch.delitem(METRICS, "macro_f1")
    with pytest.raises(UsageError, match="ranked by 'macro_f1', a metric that is not known; name the file that adds"):
        write_report(folder)
