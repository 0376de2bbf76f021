"""A run whose datasets, classes and failures have names that would act if they were let."""

import io

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from leukobench.report import print_leaderboard, write_report
from leukobench.text import Terminal, from_csv

NAMES = ["=HYPERLINK(1)", "[x](y)|<b>", "a\x1b[31m\n# b"]


@pytest.fixture
def report(make_run):
    truth = {name: ["LY"] * 10 + ["MO"] * 10 for name in NAMES}
    return write_report(make_run(truth, ["perfect", "half"], lambda *facts: facts[4]), replicates=20)


def test_every_csv_is_without_formulas_and_reads_back(report):
    files = list(report.run.folder.glob("*.csv"))
    assert len(files) == 12
    for path in files:
        assert not [line for line in path.read_text().splitlines() if line.startswith(("=", '"=')) or ",=" in line]
    cells = from_csv(pd.read_csv(report.run.folder / "cells.csv"))
    assert set(cells["test"]) == set(NAMES)
    matrix = from_csv(pd.read_csv(report.run.folder / "matrix_half.csv"))
    assert matrix["train"].tolist() == NAMES
    assert list(matrix.columns[1:4]) == NAMES


@pytest.mark.parametrize(("page", "sections"), [("leaderboard", 3), ("matrices", 2)])
def test_the_page_shows_names_as_they_are(report, page, sections):
    html = MarkdownIt().enable("table").render((report.run.folder / f"{page}.md").read_text())
    assert html.count("<h1>") == 1
    assert html.count("<h2>") == sections
    assert "<a " not in html
    assert "<b>" not in html
    assert html.count("<th>[x](y)|&lt;b&gt;</th>") == {"leaderboard": 0, "matrices": 2}[page]


def test_the_terminal_shows_names_as_they_are(report):
    console = Terminal(file=io.StringIO(), width=100, force_terminal=True)
    print_leaderboard(console, report)
    assert "a\x1b[31m" not in console.file.getvalue()
    assert r"a\x1b[31m\n# b" in console.file.getvalue()
