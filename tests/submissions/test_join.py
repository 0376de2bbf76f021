"""Submissions of one suite and the same images stand in one table; the others are named with the reason."""

import copy
import sys

import pandas as pd
import pytest

from leukobench.cli import main
from leukobench.errors import UsageError
from leukobench.running.records import sealed
from leukobench.submissions import as_shown, join
from tests.submissions.conftest import TRUTH

SUITE = {"name": "tiny", "version": 1, "level": "L5"}


def changed(submission, **changes):
    """Another submission: of the suite or the data what is named differs."""
    other = copy.deepcopy(submission)
    for key, value in changes.items():
        other[key] = other[key] | value
    return sealed(other)


def raised(submission, model, by):
    """A submission of another laboratory, whose model is better."""
    other = copy.deepcopy(submission)
    told = other["models"][model]
    for row in told["cells"]:
        row[6] = min(row[6] + by, 1.0)
    told["interval"] = [end + by for end in told["interval"]]
    other["models"] = {model: told}
    return sealed(other)


def test_models_of_all_are_ranked_together(made):
    better = raised(made, "half", 0.2)
    joined = join({"our-lab": made, "their-lab": better}, SUITE)
    assert joined.refused == []
    rows = joined.board[["rank", "model", "submission"]].astype(object).where(joined.board["rank"].notna(), None)
    assert rows.to_numpy().tolist()[:3] == [
        [1, "half", "their-lab"],
        [2, "fragile", "our-lab"],
        [3, "half", "our-lab"],
    ]
    by = joined.board.set_index(["model", "submission"])
    assert by.loc[("half", "their-lab"), "ci_low"] == pytest.approx(by.loc[("half", "our-lab"), "ci_low"] + 0.2)
    shown = as_shown(joined)
    assert shown["model"].tolist()[-1] == "prior (control)"
    assert shown.index.tolist() == ["1", "2", "3", "-"]
    assert {*shown["cells"]} == {"12/12"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"suite": {"version": 2}}, r"other: of another suite \(version 1 -> 2\)"),
        ({"suite": {"name": "mine"}}, r"other: of another suite \(name tiny -> mine\)"),
        ({"suite": {"level": "L8"}}, r"other: of another suite \(level L5 -> L8\)"),
        ({"suite": {"min_test_images": 1}}, r"other: of other data \(min_test_images 5 -> 1\)"),
        ({"data": {"cvb": {"images": 100, "digest": "ab" * 32}}}, "cvb: 100 images abababab, here 30 images"),
        ({"data": {"munich": {"images": 88, "digest": "ab" * 32}}}, "munich: 88 images abababab, here none"),
    ],
)
def test_what_does_not_belong_is_named_with_the_reason(made, change, words):
    joined = join({"a": made, "b": made, "other": changed(made, **change)}, SUITE)
    assert {*joined.board["submission"]} == {"a", "b"}
    assert len(joined.refused) == 1
    assert pd.Series(joined.refused).str.contains(words).all(), joined.refused


def test_one_that_spent_more_stands_beside_and_is_told(made):
    richer = changed(made, suite={"budget": {"name": "full"}})
    board = join({"a": made, "b": richer}, SUITE).board
    assert dict(zip(board["submission"], board["budget"], strict=True)) == {"a": "quick", "b": "full"}


def test_none_of_the_suite_is_an_error_that_says_what_there_is(made):
    with pytest.raises(UsageError, match="no submission of the suite deep 1 L5; a: of another suite"):
        join({"a": made}, SUITE | {"name": "deep"})


@pytest.fixture
def leukobench(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["leukobench", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        shown = capsys.readouterr()
        return end.value.code or 0, shown.out + shown.err

    return call


@pytest.fixture
def suite_file(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(
        'name = "tiny"\ndescription = "three"\nversion = 1\nlevel = "L5"\nmodels = ["prior"]\nseeds = [0]\n'
        f'datasets = {list(TRUTH)}\nprotocols = ["within", "pairwise"]\nbudget = "quick"\n'
        "[limits]\nmin_source_images = 10\nmin_test_images = 5\n"
    )
    return path


def test_the_commands_write_check_and_join(leukobench, run_folder, suite_file, tmp_path):
    registry = tmp_path / "registry"
    assert leukobench("submit", run_folder, "--name", "our-lab", "--out", registry / "our-lab.json") == (
        0,
        f"3 models in {registry / 'our-lab.json'}\n",
    )
    code, text = leukobench("submit", "--check", registry / "our-lab.json")
    assert code == 0
    assert "without its run folder nobody sees whether scores are its own" in text
    code, text = leukobench("submit", "--check", registry / "our-lab.json", run_folder)
    assert code == 0
    assert "its scores are those of" in text
    (registry / "bad.json").write_text((registry / "our-lab.json").read_text().replace('"tiny"', '"tinier"'))
    assert leukobench("submit", "--check", registry / "bad.json")[0] == 1
    code, text = leukobench("leaderboard", registry, "--suite", suite_file, "--out", tmp_path / "table.csv")
    assert code == 0
    assert "left out: bad: its content was changed" in text
    assert len(pd.read_csv(tmp_path / "table.csv")) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["submit"], "no run folder to submit"),
        (["submit", "nowhere"], "no run folder"),
        (["leaderboard", "nowhere.json"], "there is no file"),
        (["leaderboard", "."], "no submissions in"),
    ],
)
def test_mistakes_are_a_sentence(leukobench, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, text = leukobench(*arguments)
    assert code == 2
    assert words in text
