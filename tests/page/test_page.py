"""What the file holds, before any browser opens it."""

import json
import re

import numpy as np
import pytest

from leukobench.page import PAGE, render_page
from leukobench.page.scores import score_tables
from leukobench.report.leaderboard import combinations

MARKUP = "<img src=x onerror=alert(1)>"


def content_in(text):
    """The data of a page."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.fixture(scope="module")
def tables(report):
    return score_tables(report)


def test_page_stands_in_the_run_folder(page_file, report):
    assert page_file == report.run.folder / PAGE
    assert page_file.stat().st_size < 8e6


def test_no_name_becomes_markup(page_file):
    text = page_file.read_text()
    assert MARKUP not in text
    assert "</script><b>" not in text
    assert MARKUP in content_in(text)["datasets"]


def test_same_report_gives_the_same_page(page_file, data):
    root, report = data
    assert render_page(report, root) == page_file.read_text()


def test_means_are_those_of_the_leaderboard(report, tables):
    for protocol in report.protocols:
        shown = tables["means"]["balanced_accuracy"]["shared"][protocol.name]["mean"]
        known = report.board[protocol.column]
        assert np.allclose(np.array(shown, float), known, atol=5e-5, equal_nan=True)
    ranking = tables["means"]["balanced_accuracy"]["shared"]["pairwise"]
    assert np.array_equal(np.array(ranking["rank"], float), report.board["rank"].astype(float), equal_nan=True)
    assert np.allclose(np.array(ranking["worst_score"], float), report.board["worst_target_score"], atol=5e-5)
    assert ranking["ranks"] == report.ranks


def test_scores_are_those_of_the_pairs(report, tables):
    means = combinations(report.cells, report.metric)
    assert np.allclose(np.array(tables["scores"]["balanced_accuracy"]["deployed"], float), means["deployed"], atol=5e-5)
    seen = means.index[tables["contaminated"]]
    assert set(seen.get_level_values("model")) == {"pretrained"}
    assert set(seen.get_level_values("test")) == {"beta"}


def test_page_of_17000_scored_cells_is_small(large):
    content = content_in(large)
    assert len(content["keys"]["model"]) > 17000
    assert len(large.encode()) < 8e6
