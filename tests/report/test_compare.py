"""Two runs beside each other: differences, paired intervals where there can be one, and what changed."""

import shutil

import numpy as np
import pandas as pd
import pytest

from leukobench.errors import UsageError
from leukobench.metrics.statistics import bootstrap
from leukobench.report import write_report
from leukobench.report.cells import score_cells
from leukobench.report.compare import compare
from leukobench.report.comparison import as_markdown, write_comparison
from leukobench.report.reader import read_run
from tests.report.conftest import RunMaker

TRUTH = {name: ["LY"] * 30 + ["MO"] * 20 + ["NE"] * 25 for name in "abc"}
NEXT = {"LY": "MO", "MO": "NE", "NE": "LY"}
STEPS = {("old", "half"): 3, ("old", "fragile"): 4, ("new", "half"): 5, ("new", "fragile"): 4}


def answers(version, rename=None):
    def answer(model, protocol, train, test, true, seed):
        name, own = (rename or (lambda m: (version, m)))(model)
        step = STEPS[name, own]
        return [NEXT[c] if (i + len(train)) % step == 0 else c for i, c in enumerate(true)]

    return answer


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    made = {}
    for version in ("old", "new"):
        models = ("half", "fragile") if version == "new" else ("half", "fragile", "perfect")
        STEPS["old", "perfect"] = 9
        made[version] = RunMaker(root / version, TRUTH, models, answers(version), synthetic=True).write()
        write_report(made[version], replicates=20)
    return made


@pytest.fixture(scope="module")
def found(folders):
    return compare(folders["new"], folders["old"], replicates=200)


def row(found, model, protocol="pairwise"):
    return found.models.set_index(["model", "protocol"]).loc[(model, protocol)]


def test_differences_are_those_of_the_cells(found):
    means = [
        side.cells[side.cells["protocol"] == "pairwise"].groupby("model")["balanced_accuracy"].mean()
        for side in (found.one, found.other)
    ]
    for model in ("half", "fragile"):
        assert row(found, model)[["one", "other"]].tolist() == pytest.approx([each[model] for each in means])
        assert row(found, model)["difference"] == pytest.approx(means[0][model] - means[1][model])
        assert row(found, model)["pairs"] == 6
    assert set(found.models["model"]) == {"half", "fragile"}
    assert len(found.pairs) == 2 * (3 + 6)


def test_the_interval_is_that_of_both_models_in_one_run(found, tmp_path):
    names = {"half": ("new", "half"), "prior": ("old", "half")}
    run = read_run(RunMaker(tmp_path / "one", TRUTH, tuple(names), answers("", names.__getitem__)).write())
    scores = bootstrap(score_cells(run).targets, replicates=200)
    models = scores.keys.get_level_values("model")
    expected = scores.interval(scores.weights(models == "half") - scores.weights(models == "prior"))
    assert row(found, "half")[["difference", "ci_low", "ci_high"]].tolist() == pytest.approx(list(expected), abs=1e-10)


def test_a_model_that_did_not_change_has_no_spread(found):
    assert row(found, "fragile")[["difference", "ci_low", "ci_high"]].tolist() == [0, 0, 0]


def test_other_images_have_a_difference_and_no_interval(folders, tmp_path):
    truth = TRUTH | {"c": TRUTH["c"][:-1]}
    folder = RunMaker(tmp_path / "less", truth, ("half",), answers("new")).write()
    found = compare(folder, folders["old"], replicates=20)
    assert not np.isnan(row(found, "half")["difference"])
    assert np.isnan(row(found, "half")["ci_low"])


def test_tables_alone_are_compared_without_intervals(folders, found, tmp_path):
    shutil.copy(folders["old"] / "cells.csv", tmp_path)
    bare = compare(folders["new"], tmp_path, replicates=20)
    columns = ["model", "protocol", "one", "other", "difference"]
    pd.testing.assert_frame_equal(bare.models[columns], found.models[columns], atol=1e-6)
    assert bare.models["ci_low"].isna().all()
    assert compare(tmp_path, folders["new"], replicates=20).models["difference"].tolist() == pytest.approx(
        (-found.models["difference"]).tolist(), abs=1e-6
    )


def test_what_changed_is_named(found, tmp_path):
    out = tmp_path / "new folder"
    assert "only in old: perfect" in found.changes
    assert "run cells of the same inputs: 12 of 12 and of 18" in found.changes
    assert "suite: models ['half', 'fragile', 'perfect'] -> ['half', 'fragile']" in found.changes
    text = write_comparison(found, out).read_text()
    assert text.startswith("# Two runs of SYNTHETIC (phantom) images")
    assert "| half | pairwise | 6 |" in text
    assert pd.read_csv(out / "comparison.csv")["difference"].tolist() == pytest.approx(
        found.models["difference"].tolist(), abs=1e-6
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "holds no cells.csv"), ("\xff\x00", "readable"), ("model,seed\nhalf,0\n", "no column"), ("", "readable")],
)
def test_what_is_no_run_is_refused(folders, tmp_path, content, words):
    if content is not None:
        (tmp_path / "cells.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match=words):
        compare(folders["new"], tmp_path)


def test_runs_with_nothing_in_common_are_refused(folders, tmp_path):
    folder = RunMaker(tmp_path / "other", dict.fromkeys("xyz", TRUTH["a"]), ("half",), answers("new")).write()
    with pytest.raises(UsageError, match="in common"):
        compare(folders["new"], folder, replicates=5)


def test_p_and_interval_say_the_same(found):
    table = found.targets.dropna(subset="p")
    assert len(table) == 6
    outside = (table["ci_low"] > 0) | (table["ci_high"] < 0)
    assert ((table["p"] < 0.05) == outside).all()
    assert (table["p_holm"] >= table["p"]).all()
    assert row(found, "fragile")["p"] == 1.0
    assert np.isnan(row(found, "half", "within")["p"])


def test_two_models_of_one_run_are_paired(folders):
    found = compare(folders["old"], folders["old"], models=("perfect", "half"), replicates=200)
    scores = bootstrap(score_cells(read_run(folders["old"])).targets, replicates=200)
    models, tests = (scores.keys.get_level_values(name) for name in ("model", "test"))
    expected = scores.interval(scores.weights(models == "perfect") - scores.weights(models == "half"))
    only = row(found, "perfect - half")
    assert only[["difference", "ci_low", "ci_high"]].tolist() == pytest.approx(list(expected))
    for line in found.targets.to_dict("records"):
        here = tests == line["test"]
        weights = scores.weights(here & (models == "perfect")) - scores.weights(here & (models == "half"))
        assert [line[name] for name in ("difference", "ci_low", "ci_high")] == pytest.approx(scores.interval(weights))
        assert line["p"] == pytest.approx(scores.p_value(weights))
    assert (only["ahead"], only["p_targets"]) == ("3/3", 0.25)
    assert found.changes == []
    assert as_markdown(found).startswith("# Two models of SYNTHETIC")


def test_a_model_of_one_run_and_one_of_another(folders):
    found = compare(folders["new"], folders["old"], models=("half", "perfect"), replicates=20)
    swapped = compare(folders["old"], folders["new"], models=("perfect", "half"), replicates=20)
    assert found.models["difference"].tolist() == pytest.approx((-swapped.models["difference"]).tolist())
    assert row(found, "half - perfect")["ci_low"] == pytest.approx(-row(swapped, "perfect - half")["ci_high"])


def test_one_model_of_two_runs_is_called_by_its_run(folders):
    found = compare(folders["new"], folders["old"], models=("half", "half"), replicates=20)
    assert [found.one.label, found.other.label] == [str(folders["new"]), str(folders["old"])]


@pytest.mark.parametrize(
    ("models", "words"),
    [(("half", "perfekt"), "did you mean 'perfect'"), (("half", "half"), "nothing to compare"), (None, "nothing to")],
)
def test_what_cannot_be_compared_is_a_sentence(folders, models, words):
    with pytest.raises(UsageError, match=words):
        compare(folders["old"], folders["old"], models=models, replicates=5)


def test_the_command_prints_and_writes_it(folders, capsys, tmp_path):
    from leukobench.cli.compare import compare as command

    command(str(folders["new"]), str(folders["old"]), rank_by="macro_f1", out=tmp_path)
    printed = capsys.readouterr().out
    assert "macro-F1: new minus old" in printed
    assert "only in old: perfect" in printed
    assert (tmp_path / "comparison.md").read_text().count("macro-F1") == 1
    assert len(pd.read_csv(tmp_path / "comparison_targets.csv")) == 6
    command("perfect", "half", run=[folders["old"]])
    printed = capsys.readouterr().out
    assert "perfect minus half, pairwise, by target" in printed
    assert not (folders["old"] / "comparison.md").exists()
