"""The bootstrap against a loop that says what it means, and rank tests against scikit-posthocs."""

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from leukobench.evaluation.statistics import Scores, Target, bootstrap, draw_counts, rank_tests


def make_target(n=60, columns=3, runs=1, seed=0, classes=("BA", "LY", "MO"), right=0.7):
    generator = np.random.default_rng(seed)
    labels = generator.choice(classes, n)
    hits = generator.binomial(runs, right, (n, columns))
    return Target(labels, np.arange(n), hits, np.full(columns, runs), [set(classes)] * columns)


def test_replicates_equal_resampling_image_by_image():
    target = make_target(n=25, columns=4)
    target.averaged[3] = {"BA", "LY"}
    counts = draw_counts(target.clusters, replicates=50, seed=1)
    found = target.balanced_accuracy(counts)
    for b, drawn in enumerate(counts):
        images = np.repeat(np.arange(25), drawn)
        for j in range(4):
            kept = images[np.isin(target.labels[images], list(target.averaged[j]))]
            called = np.where(target.hits[kept, j], target.labels[kept], "none of these")
            recalls = [(called[target.labels[kept] == c] == c).mean() for c in np.unique(target.labels[kept])]
            assert found[b, j] == pytest.approx(np.mean(recalls))


def test_no_resampling_gives_scikit_learns_balanced_accuracy():
    target = make_target(columns=1)
    wrong = {"BA": "LY", "LY": "MO", "MO": "BA"}
    called = [c if hit else wrong[c] for c, hit in zip(target.labels, target.hits[:, 0], strict=True)]
    found = target.balanced_accuracy(np.ones((1, 60)))
    assert found[0, 0] == pytest.approx(balanced_accuracy_score(target.labels, called))


def test_a_class_that_was_not_drawn_leaves_the_mean_of_that_replicate():
    target = Target(np.array(["BA", "LY", "LY"]), np.arange(3), np.array([[0], [1], [0]]), np.ones(1), [{"BA", "LY"}])
    assert target.balanced_accuracy(np.array([[0, 1, 2], [1, 1, 1], [0, 0, 0]])) == pytest.approx(
        np.array([[1 / 3], [0.25], [np.nan]]), nan_ok=True
    )


def test_whole_clusters_are_drawn():
    clusters = np.array([4, 7, 7, 7, 9, 4])
    counts = draw_counts(clusters, replicates=200, seed=0)
    assert (counts[:, 0] == counts[:, 5]).all()
    assert (counts[:, [1]] == counts[:, [2, 3]]).all()
    assert (counts[:, 0] + counts[:, 1] + counts[:, 4] == 3).all()


def test_clusters_widen_the_interval():
    # Ten slides of twenty cells, all cells of a slide right or all wrong: ten observations, not two hundred.
    right = np.repeat([1, 1, 1, 1, 1, 0, 1, 0, 1, 1], 20)[:, None]
    labels = np.tile(["LY", "MO"], 100)
    slides = np.repeat(np.arange(10), 20)
    single, clustered = (
        bootstrap({"t": Target(labels, c, right, np.ones(1, int), [{"LY", "MO"}])}, {"t": [("s", "m")]})
        for c in (np.arange(200), slides)
    )
    width = [np.subtract(*s.interval(np.ones(1))[:0:-1]) for s in (single, clustered)]
    assert width[1] > 3 * width[0]
    assert clustered.replicates.std() == pytest.approx(np.sqrt(0.8 * 0.2 / 10), rel=0.1)


def test_a_model_is_paired_with_itself():
    target = make_target(columns=2)
    target.hits[:, 1] = target.hits[:, 0]
    scores = bootstrap({"t": target}, {"t": [("s", "a"), ("s", "b")]}, replicates=100)
    assert scores.interval(np.array([1.0, -1.0])) == (0.0, 0.0, 0.0)


def test_a_target_draws_the_same_whatever_else_there_is():
    targets = {"a": make_target(seed=1), "b": make_target(seed=2)}
    columns = {name: [("s", "x"), ("s", "y"), ("s", "z")] for name in targets}
    both = bootstrap(targets, columns, replicates=20)
    alone = bootstrap({"b": targets["b"]}, columns, replicates=20)
    assert np.array_equal(both.replicates[:, 3:], alone.replicates)
    assert not np.array_equal(both.replicates, bootstrap(targets, columns, replicates=20, seed=1).replicates)
    assert list(both.keys[3]) == ["s", "b", "x"]


def test_interval_of_a_mean_over_targets_agrees_with_the_normal_theory():
    targets = {name: make_target(n=400, columns=1, seed=i) for i, name in enumerate("abcd")}
    scores = bootstrap(targets, {name: [("s", "m")] for name in targets})
    interval = scores.interval(np.full(4, 0.25))
    variance = 0.0
    for target in targets.values():
        for name in np.unique(target.labels):
            rows = target.hits[target.labels == name, 0]
            variance += rows.var() / len(rows) / 9 / 16
    assert interval.estimate == pytest.approx(scores.point.mean())
    assert (interval.high - interval.low) / 2 == pytest.approx(stats.norm.ppf(0.975) * np.sqrt(variance), rel=0.1)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        target = make_target(n=150, columns=1, seed=seed, right=0.7)
        interval = bootstrap({"t": target}, {"t": [("s", "m")]}, replicates=200, seed=seed).interval(np.ones(1))
        covered += interval.low <= 0.7 <= interval.high
    assert 0.90 <= covered / 200 <= 0.98


def test_nothing_chosen_has_no_interval():
    keys = pd.MultiIndex.from_tuples([("s", "t", "m")])
    scores = Scores(keys, np.array([0.5]), np.full((10, 1), 0.5))
    assert np.isnan(scores.interval(scores.weights([False]))).all()


def test_rank_tests_equal_scikit_posthocs():
    table = pd.DataFrame(np.random.default_rng(0).normal([0.0, 0.2, 1.0, 2.0], 0.5, (12, 4)), columns=list("abcd"))
    found = rank_tests(table)
    expected = stats.friedmanchisquare(*table.to_numpy().T)
    assert (found["statistic"], found["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    ranks = pd.Series(found["average_ranks"])
    assert ranks.to_dict() == table.rank(axis=1, ascending=False).mean().to_dict()
    apart = np.abs(ranks.to_numpy()[:, None] - ranks.to_numpy()) > found["critical_difference"]
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(table).to_numpy()
    assert np.array_equal(apart, nemenyi < 0.05)
    assert apart.any()
    assert not apart[0, 1]


def test_critical_difference_is_demsars():
    # Table 5 of the paper: q = 2.569 for four classifiers; its example has fourteen data sets and CD 1.25.
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(14, 4)))
    assert rank_tests(table)["critical_difference"] == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=1e-3)


def test_rank_tests_need_three_models_and_two_combinations():
    assert rank_tests(pd.DataFrame(np.ones((5, 2)))) is None
    assert rank_tests(pd.DataFrame([[1.0, 2.0, 3.0], [1.0, np.nan, 3.0]])) is None
    assert rank_tests(pd.DataFrame(np.ones((5, 3))))["p"] == 1.0
