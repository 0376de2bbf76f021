"""A protocol from outside the package, the file of docs/extending.md: cells, columns and a ranking of its own."""

import dataclasses
import json

import pandas as pd
import pytest

from leukobench import plugins
from leukobench.errors import UsageError
from leukobench.report.reader import read_run
from leukobench.running import protocols
from leukobench.running.plan import combinations
from leukobench.running.protocols import PROTOCOLS, Protocol
from leukobench.running.suite import load_suite


@pytest.fixture
def own(monkeypatch):
    """The table of protocols is as before after the test."""
    monkeypatch.setattr(protocols, "PROTOCOLS", dict(PROTOCOLS))
    monkeypatch.setenv(plugins.VARIABLE, "")


def test_it_is_run_and_ranks(page, laboratories, command, tmp_path):
    file, out = tmp_path / "my_protocol.py", tmp_path / "out"
    file.write_text(page("A protocol"))
    how = [
        "--models",
        "prior,lda",
        "--protocols",
        "two_to_rest,within",
        "--budget",
        "tiny",
        "--jobs",
        "2",
        "--out",
        out,
    ]
    datasets = ["--data", laboratories, "--datasets", "barcelona,cvb,munich"]
    command("--use", file, "run", *how, *datasets)
    cells = pd.read_csv(out / "cells.csv")
    rows = cells[(cells["protocol"] == "two_to_rest") & (cells["model"] == "lda")]
    assert dict(zip(rows["train"], rows["test"], strict=True)) == {
        "barcelona+cvb": "munich",
        "barcelona+munich": "cvb",
        "cvb+munich": "barcelona",
    }
    assert rows["balanced_accuracy"].gt(0.3).all()
    board = pd.read_csv(out / "leaderboard.csv").set_index("model")
    assert board.loc["lda", "from_two"] == pytest.approx(rows["balanced_accuracy"].mean(), abs=1e-6)
    assert board.loc["lda", "coverage_two_to_rest"] == "3/3"
    matrix = pd.read_csv(out / "matrix_lda.csv", index_col="train")
    assert matrix.loc["two_to_rest: barcelona+cvb", "munich"] == pytest.approx(rows["balanced_accuracy"].iloc[0])
    assert "| from two |" in (out / "leaderboard.md").read_text()
    assert "tables are what the run wrote" in command("--use", file, "verify", out)

    command("report", out)  # by someone who does not have the file
    assert pd.read_csv(out / "leaderboard.csv").set_index("model").loc["lda", "two_to_rest"] > 0.3
    inputs = [json.loads(path.read_text())["inputs"] for path in out.glob("cells/*.json")]
    assert sum("sources" in each for each in inputs) == 6
    assert {record["status"] for record in read_run(out).records} == {"ok"}


def test_targets_half_inside_the_sources_are_refused(own):
    protocols.register(Protocol("odd", "odd", "odd", "Oddly", lambda names: [("x", names[:2], names[1:])]))
    suite = dataclasses.replace(load_suite("cross-dataset", datasets=["a", "b", "c"]), protocols=("odd",))
    with pytest.raises(UsageError, match="protocol odd: of the targets of 'x' some are among its sources"):
        list(combinations(suite))


@pytest.mark.parametrize(
    ("name", "column", "words"),
    [("lodo", "own", "already"), ("mine", "out_of_domain", "already"), ("my own", "own", "no name of a protocol")],
)
def test_a_name_that_is_taken_is_refused(own, name, column, words):
    with pytest.raises(UsageError, match=words):
        protocols.register(Protocol(name, column, "x", "x", lambda names: []))
