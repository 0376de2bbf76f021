"""Ranking by any metric: direction, gap, worst target, interval and words follow it."""

import json

import numpy as np
import pytest

from leukobench.metrics import METRICS
from leukobench.report import write_report
from leukobench.report.verify import verify

TRUTH = {name: ["LY"] * 12 + ["MO"] * 10 + ["NE"] * 8 for name in "abc"}
NEXT = {"LY": "MO", "MO": "NE", "NE": "LY"}
WRONG = {"perfect": 0, "half": 6, "net+head": 2}


def answer(model, protocol, train, test, true, seed):
    """Right within; abroad every n-th image is wrong, and on c every second."""
    step = WRONG[model]
    if protocol == "within" or not step:
        return true
    return [NEXT[c] if i % (2 if test == "c" else step) == 0 else c for i, c in enumerate(true)]


@pytest.fixture
def folder(make_run):
    return make_run(TRUTH, list(WRONG), answer)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_the_ranking_follows_the_metric(folder, metric):
    report = write_report(folder, rank_by=metric.name, replicates=40)
    board = report.board.set_index("model")
    cells = report.cells
    pairwise = cells[cells["protocol"] == "pairwise"].groupby("model")[metric.name].mean()
    assert board["out_of_domain"].to_dict() == pytest.approx(pairwise.to_dict())
    assert (np.diff(board["out_of_domain"]) * metric.sign <= 1e-12).all()
    if metric.name != "ece":  # every answer is given .7, so that the calibration is another matter
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
    assert {*METRICS} - {metric.name} < {*board.columns}
    assert f"reach a mean {metric.title} of" in report.conclusion
    assert f"; {metric.title}, shared scoring" in report.protocol_line
    assert json.loads((folder / "leaderboard.json").read_text())["metric"] == metric.name


def test_tables_are_verified_by_the_metric_that_they_are_ranked_by(folder):
    write_report(folder, rank_by="macro_f1")
    wrong = [line for line in verify(folder).wrong if "environment" not in line]
    assert not wrong
