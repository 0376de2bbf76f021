"""The bootstrap against a loop that says what it means, and rank tests against scikit-posthocs."""

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy import stats

from leukobench.metrics import METRICS, Answers
from leukobench.metrics.catalogue import DEFAULT
from leukobench.metrics.statistics import Scores, Target, bootstrap, draw_counts, rank_tests

CLASSES = ("BA", "LY", "MO")


def make_answers(n=60, seed=0, right=0.7, labels=CLASSES, averaged=None):
    """Answers of a model that is right so often, about images that are the same for every `right`."""
    generator = np.random.default_rng(seed)
    true = generator.integers(0, len(labels), n)
    called = np.where(generator.random(n) < right, true, (true + 1) % len(labels))
    probabilities = generator.dirichlet(np.ones(len(labels)), n) + 2 * np.eye(len(labels))[called]
    averaged = np.arange(len(labels)) if averaged is None else np.array(averaged)
    return Answers(true, probabilities / probabilities.sum(axis=1, keepdims=True), labels, averaged)


def make_target(n=60, columns=3, seed=0, right=0.7, clusters=None, metric=DEFAULT):
    target = Target(np.arange(n) if clusters is None else clusters, metric)
    true = make_answers(n, seed).true
    for j in range(columns):
        answers = make_answers(n, seed + 1000 * j, right)
        called = np.where(answers.hit, true, (true + 1) % 3)
        target.add(("s", "xyz"[j]), np.arange(n), Answers(true, np.eye(3)[called] * 0.7 + 0.1, CLASSES, np.arange(3)))
    return target


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_replicates_equal_resampling_image_by_image(metric):
    n, runs = 30, [make_answers(25, seed=3, right=right) for right in (0.6, 0.8)]
    few = make_answers(25, seed=3, right=0.7, averaged=[0, 1])
    rows = np.arange(n)[5:]  # the first images are of classes that these models do not share with the target
    target = Target(np.arange(n), metric)
    for key, answers in [(("s", "two runs"), runs[0]), (("s", "few"), few), (("s", "two runs"), runs[1])]:
        target.add(key, rows, answers)
    counts = draw_counts(target.clusters, replicates=20, seed=1)
    found = target.replicates(counts)
    assert target.columns == [("s", "few"), ("s", "two runs")]
    for b, drawn in enumerate(counts):
        images = np.repeat(np.arange(25), drawn[rows])
        one, *two = [float(metric.of(answers.of(images))) for answers in (few, *runs)]
        assert found[b] == pytest.approx([one, np.mean(two)], nan_ok=True)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_image_once_gives_the_metric_itself(metric):
    answers = make_answers()
    target = Target(np.arange(60), metric)
    target.add(("s", "m"), np.arange(60), answers)
    assert target.replicates(np.ones((1, 60), int))[0, 0] == pytest.approx(metric.value(answers))


def test_joined_targets_are_as_one():
    whole, *halves = (Target(np.arange(60)) for _ in range(3))
    for seed in range(4):
        answers = make_answers(right=0.2 * (seed + 1))
        for target in (whole, halves[seed % 2]):
            target.add(("s", "ab"[seed // 2]), np.arange(60), answers)
    halves[0].join(halves[1])
    counts = draw_counts(whole.clusters, replicates=10)
    np.testing.assert_array_equal(whole.replicates(counts), halves[0].replicates(counts))


def test_a_class_that_was_not_drawn_leaves_the_mean_of_that_replicate():
    target = Target(np.arange(3))
    answers = Answers(np.array([0, 1, 1]), None, ("BA", "LY"), np.arange(2), called=np.array([1, 1, 0]))
    target.add(("s", "m"), np.arange(3), answers)
    assert target.replicates(np.array([[0, 1, 2], [1, 1, 1], [0, 0, 0]])) == pytest.approx(
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
    right = np.repeat([1, 1, 1, 1, 1, 0, 1, 0, 1, 1], 20)
    true = np.tile([0, 1], 100)
    answers = Answers(true, None, ("LY", "MO"), np.arange(2), called=np.where(right, true, 1 - true))
    found = []
    for clusters in (np.arange(200), np.repeat(np.arange(10), 20)):
        target = Target(clusters)
        target.add(("s", "m"), np.arange(200), answers)
        found.append(bootstrap({"t": target}))
    width = [np.subtract(*s.interval(np.ones(1))[:0:-1]) for s in found]
    assert width[1] > 3 * width[0]
    assert found[1].replicates.std() == pytest.approx(np.sqrt(0.8 * 0.2 / 10), rel=0.1)


def test_a_model_is_paired_with_itself():
    target = Target(np.arange(60))
    for model in "ab":
        target.add(("s", model), np.arange(60), make_answers())
    scores = bootstrap({"t": target}, replicates=100)
    assert scores.interval(np.array([1.0, -1.0])) == (0.0, 0.0, 0.0)


def test_a_target_draws_the_same_whatever_else_there_is():
    targets = {"a": make_target(seed=1), "b": make_target(seed=2)}
    both = bootstrap(targets, replicates=20)
    alone = bootstrap({"b": targets["b"]}, replicates=20)
    assert np.array_equal(both.replicates[:, 3:], alone.replicates)
    assert not np.array_equal(both.replicates, bootstrap(targets, replicates=20, seed=1).replicates)
    assert list(both.keys[3]) == ["s", "b", "x"]


def test_interval_of_a_mean_over_targets_agrees_with_the_normal_theory():
    answers = {name: make_answers(n=400, seed=i) for i, name in enumerate("abcd")}
    targets = {name: Target(np.arange(400)) for name in answers}
    variance = 0.0
    for name, target in targets.items():
        target.add(("s", "m"), np.arange(400), answers[name])
        for c in range(3):
            hits = answers[name].hit[answers[name].true == c]
            variance += hits.var() / len(hits) / 9 / 16
    scores = bootstrap(targets)
    interval = scores.interval(np.full(4, 0.25))
    assert interval.estimate == pytest.approx(scores.point.mean())
    assert (interval.high - interval.low) / 2 == pytest.approx(stats.norm.ppf(0.975) * np.sqrt(variance), rel=0.1)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        target = make_target(n=150, columns=1, seed=seed, right=0.7)
        interval = bootstrap({"t": target}, replicates=200, seed=seed).interval(np.ones(1))
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
