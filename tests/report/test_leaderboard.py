"""Every column of the leaderboard by hand."""

import numpy as np
import pandas as pd
import pytest

from leukobench.metrics.statistics import bootstrap
from leukobench.report.cells import score_cells
from leukobench.report.leaderboard import combinations, headline_protocol, leaderboard, matrix
from leukobench.report.reader import read_run

TRUTH = {name: ["LY"] * 10 + ["MO"] * 10 for name in "abc"}


def answer(model, protocol, train, test, true, seed):
    """`half` misses MO abroad, but on c only with seed 1; `prior` always says LY; the others are right."""
    if model == "prior":
        return ["LY"] * len(true)
    misses = model == "half" and protocol != "within" and (test != "c" or seed == 1)
    return ["LY"] * len(true) if misses else true


@pytest.fixture
def scored(make_run):
    def build(models, **rest):
        run = read_run(make_run(TRUTH, models, answer, seeds=(0, 1), **rest))
        cells = score_cells(run, headline_protocol(run.suite["protocols"]).name)
        return cells, bootstrap(cells.targets, replicates=200)

    return build


def board_of(scored):
    cells, scores = scored
    return leaderboard(cells.table, scores).set_index("model")


def test_means_by_hand(scored):
    board = board_of(scored(["perfect", "half", "prior"], protocols=("within", "pairwise", "lodo", "merged")))
    half = board.loc["half"]
    # Targets a and b at .5 from two sources each; c at (1 + .5) / 2.
    assert half["out_of_domain"] == pytest.approx((4 * 0.5 + 2 * 0.75) / 6)
    assert half["within"] == 1
    assert half["lodo"] == pytest.approx((0.5 + 0.5 + 0.75) / 3)
    assert half["merged"] == pytest.approx((0.5 + 0.5 + 0.75) / 3)
    assert half["gap"] == pytest.approx(1 - half["out_of_domain"])
    assert half["deployed_out_of_domain"] == half["out_of_domain"]
    assert (half["worst_target"], half["worst_target_score"]) == ("a", 0.5)
    assert (half["coverage"], half["coverage_pairwise"], half["coverage_merged"]) == ("20/20", "6/6", "2/2")
    assert (half["tune_s"], half["fit_s"], half["ms_per_image"]) == (3.0, 2.0, 0.5)
    assert board["out_of_domain"].to_dict() == pytest.approx({"perfect": 1, "half": 3.5 / 6, "prior": 0.5})


def test_interval_holds_the_mean(scored):
    board = board_of(scored(["perfect", "half"]))
    assert (board.loc["perfect", "ci_low"], board.loc["perfect", "ci_high"]) == pytest.approx((1, 1))
    # Whole classes are right or wrong, which images are drawn changes nothing.
    assert board.loc["half", "ci_low"] == pytest.approx(board.loc["half", "out_of_domain"])


def test_bootstrap_columns_are_the_combinations_of_the_table(scored):
    cells, scores = scored(["perfect", "half", "prior"])
    means = combinations(cells.table)["score"].xs("pairwise", level="protocol")
    assert pd.Series(scores.point, scores.keys).sort_index().to_dict() == pytest.approx(means.sort_index().to_dict())


def test_controls_and_transductive_models_are_ranked_apart(scored):
    board = board_of(scored(["prior", "adapted", "half", "perfect"]))
    assert board.index.tolist() == ["perfect", "half", "adapted", "prior"]
    assert board["rank"].fillna(0).tolist() == [1, 2, 1, 0]
    assert board["section"].tolist() == ["inductive", "inductive", "transductive", "control"]
    assert board["marks"].tolist() == ["", "", "transductive", "control"]


def test_contaminated_targets_are_in_no_mean(scored):
    contamination = {"half": ["a"]}
    board = board_of(
        scored(["perfect", "half"], protocols=("within", "pairwise", "lodo", "merged"), contamination=contamination)
    )
    half = board.loc["half"]
    # Left are b at .5 and c at .75, each from two sources; the gap leaves out the pairs from a as well.
    assert half["out_of_domain"] == half["deployed_out_of_domain"] == pytest.approx((2 * 0.5 + 2 * 0.75) / 4)
    assert half[["lodo", "merged"]].tolist() == pytest.approx([(0.5 + 0.75) / 2] * 2)
    assert half["gap"] == pytest.approx(1 - (0.5 + 0.75) / 2)
    assert (half["worst_target"], half["worst_target_score"]) == ("b", 0.5)
    assert half["ci_low"] <= half["out_of_domain"] <= half["ci_high"]
    assert (half["ci_low"], half["ci_high"]) == pytest.approx((0.625, 0.625))  # whole classes are right or wrong
    assert half["contaminated_targets"] == "a"
    assert board.loc["perfect", "contaminated_targets"] == ""


def test_targets_that_were_in_view_are_marked_and_stay_in_the_means(make_run):
    def of(facts):
        run = read_run(make_run(TRUTH, ["perfect", "half"], answer, facts=facts))
        return leaderboard(score_cells(run).table, bootstrap({})).set_index("model")

    plain, board = of({}), of({"half": {"developed_on": ["a", "c", "elsewhere"]}})
    assert board["marks"].tolist() == ["", "developed"]
    assert board["developed_on_targets"].tolist() == ["", "a c"]
    assert board["section"].tolist() == ["inductive"] * 2
    assert board["out_of_domain"].tolist() == plain["out_of_domain"].tolist()


def test_contaminated_models_stand_apart_and_have_no_rank(scored):
    contamination = {"perfect": ["c"], "adapted": ["a", "b"], "prior": ["a"]}
    board = board_of(scored(["prior", "adapted", "half", "perfect"], contamination=contamination))
    assert board.index.tolist() == ["half", "adapted", "perfect", "prior"]
    assert board["rank"].fillna(0).tolist() == [1, 0, 0, 0]
    assert board["section"].tolist() == ["inductive", "contaminated", "contaminated", "control"]
    assert board["marks"].tolist() == ["", "transductive contaminated", "contaminated", "contaminated control"]
    assert board["contaminated_targets"].tolist() == ["", "a b", "c", "a"]


def test_weights_that_saw_only_datasets_outside_the_run_are_like_any_other(scored):
    board = board_of(scored(["perfect", "half"], contamination={"perfect": ["elsewhere"]}))
    assert board["rank"].to_dict() == {"perfect": 1, "half": 2}
    assert board.loc["perfect", ["section", "marks"]].tolist() == ["inductive", ""]


def test_a_model_that_has_seen_everything_has_no_mean(scored):
    board = board_of(scored(["perfect", "half"], contamination={"perfect": list("abc")}))
    assert board.loc["perfect", ["within", "out_of_domain", "ci_low", "gap", "worst_target_score"]].isna().all()
    assert board.loc["perfect", "worst_target"] == ""


@pytest.mark.parametrize("status", ["error", "missing"])
def test_a_model_that_lacks_a_cell_is_marked_and_not_ranked(scored, status):
    # fragile is right wherever it ran, and still stands below half, which is worse and complete.
    board = board_of(scored(["fragile", "half"], failing={("pairwise", "a", "fragile", 1): status}))
    fragile = board.loc["fragile"]
    assert board.index.tolist() == ["half", "fragile"]
    assert pd.isna(fragile["rank"])
    assert fragile["marks"] == "incomplete"
    assert (fragile["coverage"], fragile["coverage_pairwise"], fragile["coverage_within"]) == ("11/12", "5/6", "6/6")
    assert fragile["out_of_domain"] == 1  # of the combinations that are whole
    assert np.isnan(fragile["gap"])


def test_a_seed_that_is_missing_makes_the_combination_missing(scored):
    cells, _ = scored(["half"], failing={("pairwise", "a", "half", 1): "oom"})
    means = combinations(cells.table)
    assert not means.loc[("pairwise", "a", "c", "half"), "complete"]
    assert np.isnan(means.loc[("pairwise", "a", "c", "half"), "score"])
    assert means.loc[("pairwise", "b", "c", "half"), "score"] == 0.75


def test_a_model_that_lacks_only_within_is_ranked_and_marked(scored):
    board = board_of(scored(["fragile", "half"], failing={("within", "a", "fragile", 1): "error"}))
    assert board["rank"].to_dict() == {"fragile": 1, "half": 2}
    assert board.loc["fragile", "marks"] == "incomplete"
    assert np.isnan(board.loc["fragile", "gap"])


def test_a_model_of_which_nothing_finished_has_a_row(scored):
    failing = {(p, d, "fragile", s): "error" for p in ("within", "pairwise") for d in TRUTH for s in (0, 1)}
    board = board_of(scored(["fragile", "half"], failing=failing))
    assert board.loc["fragile", "coverage"] == "0/12"
    assert board.loc["fragile", ["out_of_domain", "ci_low", "worst_target_score"]].isna().all()


def test_equal_models_share_a_rank(scored):
    board = board_of(scored(["perfect", "net+head", "half"]))
    assert board["rank"].to_dict() == {"net+head": 1, "perfect": 1, "half": 3}


@pytest.mark.parametrize("protocol", ["lodo", "merged", "within"])
def test_without_pairwise_the_next_protocol_ranks(scored, protocol):
    board = board_of(scored(["half", "perfect"], protocols=(protocol,)))
    assert board.index.tolist() == (["half", "perfect"] if protocol == "within" else ["perfect", "half"])
    assert board.loc["perfect", ["ci_low", protocol]].tolist() == [1, 1]
    assert board["out_of_domain"].isna().all()


def test_matrix(scored):
    cells, _ = scored(["half"], protocols=("within", "pairwise", "lodo"), failing={("pairwise", "b", "half", 0): "oom"})
    found = matrix(combinations(cells.table), "half", ["c", "a", "b"])
    expected = [[1, 0.5, 0.5], [0.75, 1, 0.5], [np.nan, np.nan, 1], [0.75, 0.5, 0.5]]
    assert found.columns.tolist() == ["c", "a", "b"]
    assert found.index.tolist() == ["c", "a", "b", "all others"]
    np.testing.assert_array_equal(found.to_numpy(), expected)


def test_a_matrix_has_no_row_for_what_nobody_planned(scored):
    cells, _ = scored(["half"], protocols=("lodo",))
    assert matrix(combinations(cells.table), "half", ["c", "a", "b"]).index.tolist() == ["all others"]
