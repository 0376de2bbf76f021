"""A submission says what the run says, passes its check, and every change of it is named."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from leukobench.errors import UsageError
from leukobench.report import write_report
from leukobench.report.verify import verify
from leukobench.running.publish import publish
from leukobench.running.records import sealed
from leukobench.running.store import RunFolder
from leukobench.submissions import as_text, check, read_submission, submission_of
from leukobench.submissions.join import as_shown, board_of, join
from leukobench.submissions.submission import _data, _seeds, cells_of
from tests.submissions.conftest import TRUTH, write_sealed

REGISTRY = sorted((Path(__file__).parents[2] / "results" / "registry").glob("*.json"))


@pytest.fixture(scope="session")
def written(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "our-lab.json"
    path.write_text(as_text(made))
    return path


def test_it_is_read_back_as_it_was_and_agrees_with_itself_and_its_run(made, written, run_folder):
    found = read_submission(written)
    assert found == json.loads(json.dumps(made))
    assert check(found, run_folder) == []


def test_it_is_small_and_a_run_cell_is_a_line(written):
    lines = written.read_text().splitlines()
    assert sum(line.strip().startswith('["pairwise"') for line in lines) == 3 * 2 * 6
    assert written.stat().st_size < 15_000


def test_its_leaderboard_is_that_of_the_run(made, run_folder):
    expected = pd.read_csv(run_folder / "leaderboard.csv").set_index("model")
    found = board_of(cells_of(made)).set_index("model")
    assert found["rank"].fillna(0).tolist() == expected["rank"].fillna(0).tolist()
    for name in ("within", "out_of_domain", "gap", "deployed_out_of_domain", "macro_f1", "accuracy"):
        assert found[name].tolist() == pytest.approx(expected[name].tolist(), abs=1e-6)
    for model, told in made["models"].items():
        assert told["interval"] == expected.loc[model, ["ci_low", "ci_high"]].tolist()


def test_it_is_bound_to_images_and_predictions(made, tmp_path):
    assert {name: each["images"] for name, each in made["data"].items()} == dict.fromkeys(TRUTH, 30)
    relabelled = TRUTH | {"cvb": ["LY"] * 11 + ["MO"] * 9 + ["NE"] * 10}
    other = submission_of(write_sealed(tmp_path / "other", truth=relabelled, models=("half",)), "other")
    digests = [{name: each["digest"] for name, each in one["data"].items()} for one in (made, other)]
    assert [name for name in TRUTH if digests[0][name] != digests[1][name]] == ["cvb"]
    assert made["predictions"] != other["predictions"]
    assert any("predictions" in line for line in check(sealed(made | {"name": "other"}), tmp_path / "other"))


def test_a_published_copy_tells_whose_it_is(made, run_folder, tmp_path):
    publish(run_folder, tmp_path / "copy")
    write_report(tmp_path / "copy")
    assert check(made, tmp_path / "copy") == []


def raise_score(submission):
    submission["models"]["half"]["cells"][0][6] = 0.999


def leave_out(submission):
    del submission["models"]["half"]["cells"][3]


def leave_out_a_seed(submission):
    """Of every model alike."""
    for told in submission["models"].values():
        told["cells"] = [row for row in told["cells"] if row[3] == 0]


def tell_twice(submission):
    submission["models"]["half"]["cells"].append(submission["models"]["half"]["cells"][0])


def add_a_pair(submission):
    row = submission["models"]["half"]["cells"][-1]
    submission["models"]["half"]["cells"].append(["pairwise", "munich", *row[2:]])


def forget_the_interval(submission):
    submission["models"]["half"]["interval"] = None


def move_the_interval(submission):
    submission["models"]["half"]["interval"] = [0.98, 0.99]


def score_a_failure(submission):
    submission["models"]["half"]["cells"][0][4] = "error"


def name_other_data(submission):
    submission["data"]["munich"] = submission["data"].pop("cvb")


def forget_the_suite(submission):
    del submission["suite"]["version"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (leave_out, "1 of 18 scores are left out, the first is within"),
        (leave_out_a_seed, "9 of 18 scores are left out, the first is pairwise"),
        (tell_twice, "told twice"),
        (add_a_pair, "of what the suite does not ask, the first is pairwise munich"),
        (forget_the_interval, "half: its interval None"),
        (move_the_interval, "half: its interval [0.98, 0.99]"),
        (score_a_failure, "1 run cells that failed have a score"),
        (name_other_data, "cvb, munich"),
        (forget_the_suite, "says nothing of version"),
    ],
)
def test_what_is_changed_and_sealed_anew_is_still_told(submission, change, words):
    change(submission)
    assert any(words in line for line in check(sealed(submission)))


def test_fewer_seeds_than_the_suite_has_are_said_and_shown(submission, run_folder):
    leave_out_a_seed(submission)
    for told in submission["models"].values():
        told |= {"seeds": [0], "interval": [0.0, 1.0]}
    assert check(sealed(submission)) == []
    suite = {key: submission["suite"][key] for key in ("name", "version", "level")}
    assert set(as_shown(join({"a": submission}, suite))["seeds"]) == {"1 of 2"}
    submission["models"]["half"]["seeds"] = [7]
    assert any("seeds [0] are not among its own" in line for line in check(sealed(submission)))
    records = [{"seed": 0}, {"seed": 2}]
    assert (_seeds(records, [0, 2]), _seeds(records, [0, 1, 2])) == ({}, {"seeds": [0, 2]})


def test_a_dataset_that_cannot_train_has_no_scores_of_its_own_to_tell(submission):
    for told in submission["models"].values():
        told["cells"] = [row for row in told["cells"] if row[1] != "raabin"]
        told["interval"] = [0.0, 1.0]
    assert any("scores are left out" in line for line in check(sealed(submission)))
    submission["data"]["raabin"]["target_only"] = True
    assert check(sealed(submission)) == []


def test_what_no_run_cell_trains_on_is_a_target_only(run_folder):
    plan, samples = RunFolder(run_folder).read_plan(), RunFolder(run_folder).read_samples()
    assert not any("target_only" in told for told in _data(samples, plan).values())
    for cell in plan["cells"]:
        cell["sources"] = ["barcelona", "cvb"]
    assert [name for name, told in _data(samples, plan).items() if told.get("target_only")] == ["raabin"]


@pytest.mark.parametrize("change", [raise_score, leave_out, leave_out_a_seed])
def test_a_change_breaks_the_seal(submission, change):
    change(submission)
    assert any("seal" in line for line in check(submission))


@pytest.mark.parametrize("change", [raise_score, leave_out_a_seed])
def test_what_agrees_with_itself_is_told_by_the_run(submission, run_folder, change):
    change(submission)
    assert check(sealed(submission), run_folder)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1", '{"format": 2}', "\x00", '{"models": {"a": {"cells": [[1, 2]]}}}', "NaN"]
)
def test_what_is_no_submission_is_refused(tmp_path, text):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="not a readable submission"):
        read_submission(path)


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), "0.5"])
def test_a_score_is_a_share(submission, tmp_path, value):
    submission["models"]["half"]["cells"][0][6] = value
    (tmp_path / "file.json").write_text(as_text(submission))
    with pytest.raises(UsageError, match="not a readable submission"):
        read_submission(tmp_path / "file.json")


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="there is no file"):
        read_submission(tmp_path / "none.json")


@pytest.mark.parametrize("name", ["", "Our Lab", "../x", "a" * 61])
def test_a_name_is_that_of_a_file(run_folder, name):
    with pytest.raises(UsageError, match="no name of a submission"):
        submission_of(run_folder, name)


def test_a_run_that_was_changed_is_not_submitted(run_folder, tmp_path):
    folder = shutil.copytree(run_folder, tmp_path / "run")
    (folder / "cells.csv").write_text((folder / "cells.csv").read_text().replace("0.", "0.9", 1))
    with pytest.raises(UsageError, match=r"not what a run wrote \(cells.csv"):
        submission_of(folder, "lab")


def test_a_run_that_is_not_finished_is_not_submitted(tmp_path):
    folder = write_sealed(tmp_path / "run", models=("half",), failing={("pairwise", "cvb", "half", 0): "missing"})
    with pytest.raises(UsageError, match="1 planned run cells"):
        submission_of(folder, "lab")


def test_tables_of_another_metric_or_version_change_no_score(made, run_folder, tmp_path):
    folder = shutil.copytree(run_folder, tmp_path / "run")
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr("leukobench.report.tables.as_markdown", lambda report: "# another layout\n")
        write_report(folder, rank_by="macro_f1")
    assert verify(folder).wrong
    assert check(made, folder) == []


def test_a_failed_cell_is_told_with_its_status(tmp_path):
    folder = write_sealed(tmp_path / "run", models=("half",), failing={("pairwise", "cvb", "half", 0): "oom"})
    made = submission_of(folder, "lab")
    failed = [row for row in made["models"]["half"]["cells"] if row[4] == "oom"]
    assert [row[:4] for row in failed] == [["pairwise", "cvb", test, 0] for test in ("barcelona", "raabin")]
    assert check(made) == []
    assert board_of(cells_of(made))["marks"].tolist() == ["incomplete"]
    assert RunFolder(folder).read_plan()["suite"]["name"] == made["suite"]["name"]


def test_there_are_submissions_in_the_registry():
    assert REGISTRY


@pytest.mark.parametrize("path", REGISTRY, ids=lambda path: path.stem)
def test_every_submission_in_the_registry_agrees_with_itself(path):
    submission = read_submission(path)
    assert check(submission) == []
    assert submission["name"] == path.stem, "a file is called what the submission is called"
    assert not submission["synthetic"], "phantoms are no laboratory"
    assert path.stat().st_size < 2_000_000
