"""Every column of the table of cells, on predictions whose scores are known."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from leukobench.errors import UsageError
from leukobench.metrics import METRICS
from leukobench.metrics.drawing import draw_counts
from leukobench.report import build_report
from leukobench.report.cells import cells_table, score_cells
from leukobench.report.columns import TIMES
from leukobench.report.reader import read_run

# b lacks EO; c has three EO (rare) and NE, which no other head knows; c itself has too few EO for its head.
TRUTH = {
    "a": ["LY"] * 10 + ["MO"] * 10 + ["EO"] * 10,
    "b": ["LY"] * 10 + ["MO"] * 10,
    "c": ["LY"] * 10 + ["MO"] * 10 + ["EO"] * 3 + ["NE"] * 10,
}
HEADS = {"c": ["LY", "MO", "NE"]}


def blind_abroad(model, protocol, train, test, true, seed):
    """Knows its own dataset by heart; elsewhere takes MO for LY, and with seed 1 for EO as well."""
    if protocol == "within" or model == "perfect":
        return true
    return [("EO" if seed else "LY") if name == "MO" else name for name in true]


def drawn(target):
    return target.replicates(draw_counts(target.labels, target.clusters, replicates=5))


def row(table, train, test, model="half", seed=0, protocol="pairwise"):
    place = {"protocol": protocol, "train": train, "test": test, "model": model, "seed": seed}
    found = table[np.logical_and.reduce([table[key] == value for key, value in place.items()])]
    assert len(found) == 1
    return found.iloc[0]


@pytest.fixture
def table(make_run):
    folder = make_run(
        TRUTH, ["half", "perfect"], blind_abroad, heads=HEADS, seeds=(0, 1), groups={"a": list("xy") * 15}
    )
    return cells_table(read_run(folder))


def test_one_row_per_combination_in_a_fixed_order(table):
    assert len(table) == 2 * 2 * (3 + 6)
    assert table["protocol"].unique().tolist() == ["within", "pairwise"]
    rest = table[table["protocol"] == "pairwise"][["train", "test", "model", "seed"]]
    assert rest.equals(rest.sort_values(list(rest.columns)))


def test_a_perfect_model_is_perfect_on_what_it_knows(table):
    perfect = table[table["model"] == "perfect"]
    for name in ("balanced_accuracy", "macro_f1", "accuracy", "mcc", "kappa", "auroc"):
        assert (perfect[name] == 1).all()
    # .7 for the class called; with two shared classes of a head of three, .7 against .15.
    assert row(table, "a", "a", "perfect", protocol="within")["ece"] == pytest.approx(0.3)
    assert row(table, "a", "b", "perfect")["log_loss"] == pytest.approx(-np.log(0.7 / 0.85))
    assert row(table, "a", "b", "perfect")["deployed_log_loss"] == pytest.approx(-np.log(0.7))


def test_a_target_that_lacks_a_class(table):
    lacking = row(table, "a", "b", seed=1)
    assert (lacking["classes"], lacking["n"]) == ("LY MO", 20)
    # MO is called EO: as deployed an error; among the shared two, equal now, the first is taken.
    assert lacking["deployed_balanced_accuracy"] == 0.5
    assert lacking["deployed_recall_MO"] == 0
    assert lacking["balanced_accuracy"] == 0.5
    assert np.isnan(lacking["recall_EO"])


def test_a_head_that_lacks_a_class(table):
    lacking = row(table, "b", "a", "perfect")
    assert (lacking["n"], lacking["deployed_n"]) == (20, 30)
    assert (lacking["classes"], lacking["deployed_classes"]) == ("LY MO", "EO LY MO")
    assert lacking["balanced_accuracy"] == 1
    assert lacking["deployed_balanced_accuracy"] == pytest.approx(2 / 3)
    assert lacking["deployed_recall_EO"] == 0


def test_rare_and_left_out_classes_are_named(table):
    rare = row(table, "a", "c")
    assert (rare["rare_classes"], rare["recall_EO"]) == ("EO", 1)
    assert rare["balanced_accuracy"] == pytest.approx((1 + 0) / 2)
    assert rare["accuracy"] == pytest.approx(13 / 23)
    assert rare["deployed_balanced_accuracy"] == pytest.approx((1 + 0 + 0) / 3)
    assert rare["deployed_accuracy"] == pytest.approx(13 / 33)
    assert row(table, "c", "a")["left_out_classes"] == "EO:3"


def test_a_class_on_one_slide_is_in_no_mean_where_its_slide_is_held_out(make_run):
    # As in Raabin, whose neutrophils lie on one slide: whoever predicts them has never seen one.
    truth = {"a": ["LY"] * 10 + ["MO"] * 10 + ["NE"] * 10, "b": ["LY"] * 10 + ["MO"] * 10 + ["NE"] * 10}
    slides = {"a": list("pq") * 10 + ["r"] * 10}

    def has_seen(model, protocol, train, test, true, seed):
        return ["LY" if name == "NE" and (protocol, test) == ("within", "a") else name for name in true]

    folder = make_run(truth, ["half", "prior"], has_seen, groups=slides, protocols=("within", "pairwise", "merged"))
    report = build_report(folder, replicates=20)
    alone = row(report.cells, "a", "a", protocol="within")
    assert (alone["undefined_classes"], alone["rare_classes"], alone["recall_NE"]) == ("NE", "", 0)
    assert alone["balanced_accuracy"] == alone["deployed_balanced_accuracy"] == 1
    for protocol, train, test in (("pairwise", "b", "a"), ("merged", "merged", "a"), ("within", "b", "b")):
        found = row(report.cells, train, test, protocol=protocol)
        assert (found["undefined_classes"], found["balanced_accuracy"]) == ("", 1)
    assert any(note.startswith("undefined, out of the class means") and note.endswith("a NE") for note in report.notes)
    assert any("chance is 0.417" in note for note in report.notes)  # of two classes here, of three there
    assert report.board["gap"].tolist() == [0, 0]  # of b alone


def test_the_source_is_scored_again_on_the_same_classes(table):
    assert (table.loc[table["protocol"] == "pairwise", "within_same_classes"] == 1).all()
    assert table.loc[table["protocol"] == "within", "within_same_classes"].isna().all()


def test_same_classes_means_the_same_answers_too(make_run):
    # Within a, MO is called EO. Limited to what b has, LY and MO, the answer falls to the first of equals, LY.
    def confuses(model, protocol, train, test, true, seed):
        return ["EO" if name == "MO" else name for name in true] if train == "a" else true

    table = cells_table(read_run(make_run(TRUTH, ["half"], confuses, heads=HEADS)))
    assert row(table, "a", "a", protocol="within")["balanced_accuracy"] == pytest.approx(2 / 3)
    assert row(table, "a", "b")["within_same_classes"] == pytest.approx(1 / 2)
    # c shares EO as well, but it is rare there: it can be answered and is not averaged.
    assert row(table, "a", "c")["within_same_classes"] == pytest.approx(1 / 2)
    assert row(table, "b", "a")["within_same_classes"] == 1


def test_facts_stand_in_every_row(table):
    assert table["family"].eq("classical").all()
    assert not table["transductive"].any()
    assert not table["contaminated"].any()  # records of a version that did not know of it say nothing
    assert not table["synthetic"].any()
    assert table.groupby("test")["groups_unknown"].first().to_dict() == {"a": False, "b": True, "c": True}
    assert table[["suite", "level", "budget"]].drop_duplicates().to_numpy().tolist() == [["tiny", "L5", "quick"]]
    assert table[TIMES].drop_duplicates().to_numpy().tolist() == [[3.0, 2.0, 0.5]]
    assert table.columns[-3:].tolist() == TIMES


def test_targets_that_the_weights_have_seen_are_contaminated_whatever_trained(make_run):
    protocols, failing = ("within", "pairwise", "lodo", "merged"), {("pairwise", "a", "half", 0): "missing"}
    contamination = {"half": ["b", "elsewhere"], "perfect": []}
    folder = make_run(
        TRUTH, ["half", "perfect"], blind_abroad, protocols=protocols, contamination=contamination, failing=failing
    )
    table = cells_table(read_run(folder))
    assert table["contaminated"].dtype == bool
    assert table["contaminated"].equals((table["model"] == "half") & (table["test"] == "b"))


def test_cells_that_failed_or_are_missing_have_rows_without_scores(make_run):
    failing = {("pairwise", "a", "fragile", 0): "timeout", ("pairwise", "b", "fragile", 0): "missing"}
    table = cells_table(read_run(make_run(TRUTH, ["fragile"], blind_abroad, failing=failing, heads=HEADS)))
    lost = table[table["status"] != "ok"]
    assert lost[["train", "test", "status"]].to_numpy().tolist() == [
        ["a", "b", "timeout"],
        ["a", "c", "timeout"],
        ["b", "a", "missing"],
        ["b", "c", "missing"],
    ]
    assert lost[[metric.column for metric in METRICS.values()]].isna().all(axis=None)
    assert lost["error"].tolist() == ["ValueError: no luck"] * 2 + [""] * 2
    assert lost["family"].eq("classical").all()


def test_a_run_in_which_everything_failed_still_has_its_table(make_run):
    failing = {(p, d, "fragile", 0): "error" for p in ("within", "pairwise") for d in TRUTH}
    table = cells_table(read_run(make_run(TRUTH, ["fragile"], blind_abroad, failing=failing)))
    assert len(table) == 9
    assert table["status"].eq("error").all()


def test_merged_is_scored_by_origin(make_run):
    def only_right_on_b(model, protocol, train, test, true, seed):
        return true if test == "b" else ["LY"] * len(true)

    table = cells_table(read_run(make_run(TRUTH, ["half"], only_right_on_b, protocols=("merged", "lodo"))))
    merged = table[table["protocol"] == "merged"].set_index("test")["balanced_accuracy"]
    assert merged.to_dict() == pytest.approx({"a": 1 / 3, "b": 1, "c": 1 / 3})
    assert table.loc[table["protocol"] == "lodo", "train"].tolist() == ["all-a", "all-b", "all-c"]


def test_the_order_of_predictions_does_not_matter(make_run):
    folder = make_run(TRUTH, ["half", "perfect"], blind_abroad, heads=HEADS, groups={"b": list("xyxyz") * 4})
    before = score_cells(read_run(folder))
    path = folder / "predictions" / "pairwise-a-half-0.parquet"
    pd.read_parquet(path).sample(frac=1, random_state=0).to_parquet(path)
    after = score_cells(read_run(folder))
    pd.testing.assert_frame_equal(before.table, after.table)
    for name, target in before.targets.items():
        assert np.array_equal(drawn(target), drawn(after.targets[name]))


def test_what_the_bootstrap_needs(make_run):
    groups = {"b": ["slide1"] * 8 + ["slide2"] * 8 + [None] * 4}
    scored = score_cells(read_run(make_run(TRUTH, ["half"], blind_abroad, heads=HEADS, seeds=(0, 1), groups=groups)))
    target = scored.targets["b"]
    assert target.columns == [("a", "half"), ("c", "half")]
    assert len(set(target.clusters)) == 2 + 4
    assert target.replicates(np.ones((1, 20), int)).tolist() == [[0.5, 0.5]]
    # Two slides of LY; a slide and four images without one of MO.
    assert target.precision == pytest.approx((1 / 2 + 1 / 5, (1 / 2 + 1 / 5) ** 2 / (1 / 4 / 1 + 1 / 25 / 4)))


def test_predictions_about_other_images_are_refused(make_run):
    folder = make_run(TRUTH, ["half"], blind_abroad, heads=HEADS)
    path = folder / "predictions" / "pairwise-b-half-0.parquet"
    table = pd.read_parquet(path)
    table.loc[0, "sha256"] = "another image"
    table.to_parquet(path)
    with pytest.raises(
        UsageError, match=r"pairwise-b-half-0\.parquet \(pairwise b half 0\) is not about the same images"
    ):
        cells_table(read_run(folder))


def test_a_target_without_predictions_is_undefined(make_run):
    folder = make_run(TRUTH, ["half"], blind_abroad, heads=HEADS)
    for path in (folder / "predictions").glob("pairwise-*"):
        table = pq.read_table(path).to_pandas()
        table[table["test"] != "c"].to_parquet(path)
    empty = row(cells_table(read_run(folder)), "a", "c")
    assert (empty["status"], empty["n"]) == ("ok", 0)
    assert np.isnan(empty["balanced_accuracy"])


def test_scores_do_not_depend_on_how_many_processes_share_them(make_run, monkeypatch):
    run = read_run(make_run(TRUTH, ["half", "perfect"], blind_abroad, heads=HEADS, seeds=(0, 1)))
    alone = score_cells(run)
    monkeypatch.setattr("leukobench.report.cells.WORTH_A_PROCESS", 1)
    monkeypatch.setattr("joblib.cpu_count", lambda: 3)
    shared = score_cells(run)
    pd.testing.assert_frame_equal(shared.table, alone.table)
    pd.testing.assert_frame_equal(shared.calibration, alone.calibration)
    assert list(shared.targets) == list(alone.targets)
    for test, target in alone.targets.items():
        assert shared.targets[test].columns == target.columns
        np.testing.assert_array_equal(drawn(shared.targets[test]), drawn(target))
