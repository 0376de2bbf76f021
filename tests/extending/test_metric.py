"""A metric from outside the package, the file of docs/extending.md: a column, a ranking and an interval."""

import json

import numpy as np
import pandas as pd
import pytest

from leukobench import metrics, plugins
from leukobench.errors import UsageError
from leukobench.metrics import Metric, catalogue
from leukobench.report import build_report
from leukobench.report.verify import verify


@pytest.fixture(scope="module")
def file(page, tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "my_metric.py"
    path.write_text(page("A metric"))
    return path


@pytest.fixture(scope="module")
def folder(file, laboratories, command, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    how = [
        "--models",
        "prior,lda,knn",
        "--protocols",
        "within,pairwise",
        "--budget",
        "tiny",
        "--jobs",
        "2",
        "--out",
        out,
    ]
    datasets = ["--data", laboratories, "--datasets", "barcelona,cvb,munich"]
    text = command("--use", file, "run", *how, *datasets)
    assert "share among the two most probable" in text
    return out


@pytest.fixture
def own(monkeypatch):
    """The table of metrics is as before after the test."""
    monkeypatch.setattr(catalogue, "METRICS", dict(catalogue.METRICS))
    monkeypatch.setenv(plugins.VARIABLE, "")


def test_it_is_a_column_of_every_table(folder):
    cells = pd.read_csv(folder / "cells.csv")
    assert (cells["top_two"] >= cells["accuracy"]).all()
    assert cells["deployed_top_two"].notna().all()
    board = pd.read_csv(folder / "leaderboard.csv").set_index("model")
    pairwise = cells[cells["protocol"] == "pairwise"].groupby("model")["top_two"].mean()
    assert board["top_two"].to_dict() == pytest.approx(pairwise.to_dict(), abs=1e-6)
    assert "share among the two most probable" in (folder / "leaderboard.md").read_text()


def test_models_are_ranked_by_it_with_an_interval(folder, file, command, monkeypatch):
    command("--use", file, "report", folder, "--rank-by", "top_two")
    board = pd.read_csv(folder / "leaderboard.csv")
    ranked = board[board["rank"].notna()]
    assert ranked["out_of_domain"].is_monotonic_decreasing
    assert (ranked["ci_low"] < ranked["out_of_domain"]).all()
    assert (ranked["out_of_domain"] < ranked["ci_high"]).all()
    found = json.loads((folder / "leaderboard.json").read_text())
    assert found["metric"] == "top_two"
    assert "share among the two most probable, shared scoring" in found["protocol_line"]
    assert "tables are what the run wrote" in command("--use", file, "verify", folder)


def test_tables_that_are_ranked_by_it_are_not_verified_without_its_file(folder, file, command, monkeypatch):
    command("--use", file, "report", folder, "--rank-by", "top_two")
    monkeypatch.delitem(catalogue.METRICS, "top_two", raising=False)
    monkeypatch.setenv(plugins.VARIABLE, "")
    [wrong] = verify(folder).wrong
    assert "ranked by 'top_two'" in wrong
    assert "--use my_metric.py" in wrong


def test_it_goes_along_to_processes_that_were_just_started(folder, file, own, monkeypatch):
    plugins.use(str(file))
    monkeypatch.setattr("leukobench.report.cells.WORTH_A_PROCESS", 1)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    shared = build_report(folder, rank_by="top_two", replicates=20)
    monkeypatch.setattr("leukobench.report.cells.WORTH_A_PROCESS", 10_000)
    pd.testing.assert_frame_equal(shared.board, build_report(folder, rank_by="top_two", replicates=20).board)


@pytest.mark.parametrize(
    ("name", "words"),
    [("macro_f1", "already"), ("Top two", "no name of a metric"), ("seed", "as another column"), ("gap", "as another")],
)
def test_a_name_that_is_taken_is_refused(own, folder, name, words):
    def add():
        metrics.register(Metric(name, "mine", lambda answers: np.mean(answers.hit)))
        build_report(folder, replicates=2)

    with pytest.raises(UsageError, match=words):
        add()


def test_an_unknown_metric_is_named_with_the_nearest(folder):
    with pytest.raises(UsageError, match="unknown metric 'macro_f2'; did you mean 'macro_f1'"):
        build_report(folder, rank_by="macro_f2")
