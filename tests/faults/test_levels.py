"""Images that a level has no class for are left out with a word: on the terminal, in the plan and beside the tables."""

import re
import sys

import pandas as pd
import pytest

from leukobench.datasets.phantom import write_phantom
from leukobench.report import write_report
from leukobench.running import runner
from leukobench.running.samples import level_notes
from leukobench.running.suite import load_suite

NARROW = {"datasets": ["cvb", "barcelona"], "models": ["prior"], "protocols": ["within"], "budget": "tiny"}


def index(codes, level):
    rows = [("cvb", "ok", code, known) for code, known in codes] + [("cvb", "duplicate", "NE", None)]
    return pd.DataFrame(rows, columns=["dataset", "status", "code", level])


def test_a_note_counts_what_is_lost_and_says_why():
    chosen = load_suite("cross-dataset", **NARROW | {"level": "L15"})
    codes = [("NE", None)] * 209 + [("EO", "EO")] * 190 + [("IG", None)]
    (note,) = level_notes(index(codes, "L15"), chosen)
    assert note.startswith("L15 leaves out 210 of 400 images of cvb: ")
    assert "209 NE (neutrophil, stage not given)" in note
    assert level_notes(index([("EO", "EO")], "L15"), chosen) == []


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", per_class=12, domains=["cvb", "barcelona"])


def test_plan_says_it_on_the_terminal(root, monkeypatch, capsys):
    from leukobench import cli

    options = ["--data", root, "--level", "L15", "--datasets", "cvb", "--protocols", "within", "--models", "prior"]
    monkeypatch.setattr(sys, "argv", ["leukobench", "plan", *map(str, options)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    text = capsys.readouterr().out
    assert "L15 leaves out 12 of 60 images of cvb: 12 NE (neutrophil, stage not given)" in text
    header, row = (next(line for line in text.splitlines() if word in line) for word in ("none at L15", "│ cvb"))
    counted = [cell.strip() for cell in re.split("[┃│]", row)]
    assert counted[[cell.strip() for cell in re.split("[┃│]", header)].index("none at L15")] == "12"


def test_run_says_it_and_the_leaderboard_keeps_it(root, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr("leukobench.progress.ProgressReport.note", lambda self, text: said.append(text))
    chosen = load_suite("cross-dataset", **NARROW | {"level": "L15", "datasets": ["cvb"]})
    runner.run(chosen, root, tmp_path / "run", cache=tmp_path / "cache", jobs=1)
    report = write_report(tmp_path / "run")
    (note,) = report.run.plan["notes"]
    assert note in said
    assert note in report.notes
    page = (tmp_path / "run" / "leaderboard.md").read_text()
    assert "L15 leaves out 12 of 60 images of cvb" in page
