"""The bootstrap against a loop that says what it means."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from threadpoolctl import threadpool_info, threadpool_limits

from leukobench.metrics import METRICS, Answers
from leukobench.metrics.catalogue import DEFAULT
from leukobench.metrics.costs import confusion_cost
from leukobench.metrics.drawing import draw_counts
from leukobench.metrics.scoring import normalise
from leukobench.metrics.statistics import Scores, bootstrap, within_bounds
from leukobench.metrics.target import Target

CLASSES = ("BA", "LY", "MO")
EVERY = METRICS | {"confusion_cost": confusion_cost({"LY": {"SNE": 4.0}})}


def make_answers(n=60, seed=0, right=0.7, labels=CLASSES, averaged=None):
    """Answers of a model that is right so often, about images that are the same for every `right`."""
    generator = np.random.default_rng(seed)
    true = generator.integers(0, len(labels), n)
    called = np.where(generator.random(n) < right, true, (true + 1) % len(labels))
    probabilities = generator.dirichlet(np.ones(len(labels)), n) + 2 * np.eye(len(labels))[called]
    averaged = np.arange(len(labels)) if averaged is None else np.array(averaged)
    return Answers(true, probabilities / probabilities.sum(axis=1, keepdims=True), labels, averaged)


def make_target(n=60, columns=3, seed=0, right=0.7, clusters=None, metric=DEFAULT):
    true = make_answers(n, seed).true
    target = Target(np.array(CLASSES)[true], np.arange(n) if clusters is None else clusters, metric)
    for j in range(columns):
        answers = make_answers(n, seed + 1000 * j, right)
        called = np.where(answers.hit, true, (true + 1) % 3)
        target.add(("s", "xyz"[j]), np.arange(n), Answers(true, np.eye(3)[called] * 0.7 + 0.1, CLASSES, np.arange(3)))
    return target


WEIGHTED = {  # by scikit-learn, of images with weights
    "balanced_accuracy": lambda a, w: sklearn.metrics.recall_score(
        a.true, a.predicted, labels=a.averaged, average="macro", sample_weight=w
    ),
    "macro_f1": lambda a, w: sklearn.metrics.f1_score(
        a.true, a.predicted, labels=a.averaged, average="macro", sample_weight=w
    ),
    "accuracy": lambda a, w: sklearn.metrics.accuracy_score(a.true, a.predicted, sample_weight=w),
    "mcc": lambda a, w: sklearn.metrics.matthews_corrcoef(a.true, a.predicted, sample_weight=w),
    "kappa": lambda a, w: sklearn.metrics.cohen_kappa_score(a.true, a.predicted, sample_weight=w),
    "log_loss": lambda a, w: sklearn.metrics.log_loss(a.true, a.probabilities, sample_weight=w),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_replicates_equal_scikit_learns_metrics_of_weighted_images(name):
    n, runs = 30, [make_answers(25, seed=3, right=right) for right in (0.6, 0.8)]
    few = make_answers(25, seed=3, right=0.7, averaged=[0, 1])
    rows = np.arange(n)[5:]  # the first images are of classes that these models do not share with the target
    labels = np.array(["EO"] * 5 + [CLASSES[code] for code in few.true])
    target = Target(labels, np.arange(n), METRICS[name])
    for key, answers in [(("s", "two runs"), runs[0]), (("s", "few"), few), (("s", "two runs"), runs[1])]:
        target.add(key, rows, answers)
    counts = draw_counts(labels, target.clusters, replicates=20, seed=1)
    found = target.replicates(counts)
    assert target.columns == [("s", "few"), ("s", "two runs")]
    for b, drawn in enumerate(counts[:, rows].astype(float)):
        share = np.bincount(few.true) / np.bincount(few.true, drawn)  # every class keeps its share of the images
        one, *two = [WEIGHTED[name](answers, drawn * share[few.true]) for answers in (few, *runs)]
        assert found[b] == pytest.approx([one, np.mean(two)])


@pytest.mark.parametrize("metric", EVERY.values(), ids=EVERY)
def test_every_image_once_gives_the_metric_itself(metric):
    answers = make_answers(labels=("BNE", "SNE", "LY"))  # neighbours, and a pair that costs
    if metric.deployed:  # the head lacks the last class
        answers = replace(answers, probabilities=normalise(answers.probabilities[:, :2]))
    target = Target(np.array(answers.labels)[answers.true], np.arange(60), metric)
    target.add(("s", "m"), np.arange(60), answers)
    assert metric.defined(answers)
    assert target.replicates(np.ones((1, 60), int))[0, 0] == pytest.approx(metric.value(answers))


def test_joined_targets_are_as_one():
    labels = np.array(CLASSES)[make_answers().true]
    whole, *halves = (Target(labels, np.arange(60)) for _ in range(3))
    for seed in range(4):
        answers = make_answers(right=0.2 * (seed + 1))
        for target in (whole, halves[seed % 2]):
            target.add(("s", "ab"[seed // 2]), np.arange(60), answers)
    halves[0].join(halves[1])
    counts = draw_counts(labels, whole.clusters, replicates=10)
    np.testing.assert_array_equal(whole.replicates(counts), halves[0].replicates(counts))


def test_what_images_add_to_the_auroc_has_delongs_variance():
    """Of two classes the textbook's: the variances of the placement values over their numbers."""
    answers = make_answers(80, right=0.6, labels=("LY", "MO"))
    p, own = answers.probabilities[:, 1], answers.true == 1
    above = (p[own][:, None] > p[~own]) + 0.5 * (p[own][:, None] == p[~own])
    known = above.mean(axis=1).var() / own.sum() + above.mean(axis=0).var() / (~own).sum()
    parts = [answers.placements[rows] * rows.mean() for rows in (own, ~own)]
    assert sum(part.var() / len(part) for part in parts) == pytest.approx(known, rel=1e-10)
    assert answers.placements.mean() == pytest.approx(sklearn.metrics.roc_auc_score(own, p), abs=1e-10)


def test_auroc_varies_as_where_the_images_are_drawn_anew():
    answers = make_answers(300, right=0.3)
    counts = draw_counts(np.array(CLASSES)[answers.true], np.arange(300), replicates=300)
    target = Target(np.array(CLASSES)[answers.true], np.arange(300), METRICS["auroc"])
    target.add(("s", "m"), np.arange(300), answers)
    exact = [METRICS["auroc"].of(answers.of(np.repeat(np.arange(300), drawn))) for drawn in counts]
    found = target.replicates(counts)[:, 0]
    assert np.corrcoef(found, exact)[0, 1] > 0.995
    assert found.std() == pytest.approx(np.std(exact), rel=0.05)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), min_size=1, max_size=30), st.integers(0, 9))
def test_clusters_are_drawn_whole_within_their_class_and_one_fewer(images, seed):
    labels, clusters = np.array([label for label, _ in images]), np.array([cluster for _, cluster in images])
    counts = draw_counts(labels, clusters, replicates=5, seed=seed)
    for name in set(labels):
        own = labels == name
        units = np.unique(clusters[own])
        firsts = [np.flatnonzero(own & (clusters == unit)) for unit in units]
        if len(units) == 1:  # a slide alone: its images are drawn
            assert (counts[:, own].sum(axis=1) == max(own.sum() - 1, 1)).all()
            continue
        assert all((counts[:, rows] == counts[:, rows[:1]]).all() for rows in firsts)
        assert (counts[:, [rows[0] for rows in firsts]].sum(axis=1) == len(units) - 1).all()


def test_a_model_of_one_answer_has_no_spread():
    # One class of Raabin lies on one slide of 25: when draws could miss it, this interval was [.169, .185].
    labels = np.array(["NE"] * 60 + ["BA", "EO", "LY", "MO"] * 60)
    target = Target(labels, np.r_[np.zeros(60, int), 1 + np.arange(240) // 10])
    codes = np.searchsorted(["BA", "EO", "LY", "MO", "NE"], labels)
    answers = Answers(codes, None, ("BA", "EO", "LY", "MO", "NE"), np.arange(5), called=np.zeros(300, int))
    target.add(("s", "prior"), np.arange(300), answers)
    assert bootstrap({"t": target}).interval(np.ones(1)) == (0.2, 0.2, 0.2)


def test_the_replicates_are_centred_on_the_score():
    target = make_target(n=120, clusters=np.arange(120) // 12, right=0.6)
    scores = bootstrap({"t": target}, replicates=4000)
    assert scores.replicates.mean(axis=0) == pytest.approx(scores.point, abs=0.005)


@pytest.mark.parametrize("name", ["balanced_accuracy", "kappa", "mcc", "log_loss", "confusion_cost"])
def test_an_interval_stays_within_what_the_metric_can_be(name):
    metric = EVERY[name]
    target = make_target(n=30, columns=1, right=0.97, metric=metric)
    scores = bootstrap({"t": target})
    low, high = scores.interval(np.ones(1))[1:]
    assert metric.bounds[0] < low < scores.point[0] < high < metric.bounds[1]


def test_an_interval_is_even_in_log_odds_between_two_ends_and_in_logarithms_above_one():
    assert within_bounds(0.5, 0.1, (0, 1)) == pytest.approx(special.expit([-0.4, 0.4]))
    # Twice as wide a range, the same interval stretched.
    assert within_bounds(0.0, 0.2, (-1, 1)) == pytest.approx(2 * special.expit([-0.4, 0.4]) - 1)
    assert within_bounds(2.0, 2.0, (0, np.inf)) == pytest.approx((2 / np.e, 2 * np.e))
    assert within_bounds(-0.5, 1.0, (-np.inf, np.inf)) == (-1.5, 0.5)


def test_clusters_widen_the_interval():
    # Ten slides of twenty cells, all cells of a slide right or all wrong: ten observations, not two hundred.
    right = np.repeat([1, 1, 1, 1, 1, 0, 1, 0, 1, 1], 20)
    true = np.tile([0, 1], 100)
    answers = Answers(true, None, ("LY", "MO"), np.arange(2), called=np.where(right, true, 1 - true))
    found = []
    for clusters in (np.arange(200), np.repeat(np.arange(10), 20)):
        target = Target(np.array(["LY", "MO"])[true], clusters)
        target.add(("s", "m"), np.arange(200), answers)
        found.append(bootstrap({"t": target}))
    width = [np.subtract(*s.interval(np.ones(1))[:0:-1]) for s in found]
    assert width[1] > 3 * width[0]
    assert found[1].replicates.std() == pytest.approx(np.sqrt(0.8 * 0.2 / 9), rel=0.1)


def test_a_model_is_paired_with_itself():
    target = Target(np.array(CLASSES)[make_answers().true], np.arange(60))
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
    targets = {name: Target(np.array(CLASSES)[each.true], np.arange(400)) for name, each in answers.items()}
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
    scores = Scores(keys, np.array([0.5]), np.full((10, 1), 0.5), {"t": (0.2, 4.0)})
    assert np.isnan(scores.interval(scores.weights([False]))).all()


def test_a_difference_that_is_none_has_a_small_p_as_often_as_it_says():
    small = 0
    for seed in range(100):
        scores = bootstrap({"t": make_target(n=150, columns=2, seed=seed, right=0.7)}, replicates=100, seed=seed)
        p = scores.p_value(np.array([1.0, -1.0]))
        low, high = scores.interval(np.array([1.0, -1.0]))[1:]
        assert (p < 0.05) == (low > 0 or high < 0)
        small += p < 0.05
    assert 1 <= small <= 12


def test_p_of_what_has_no_spread_or_is_nothing():
    keys = pd.MultiIndex.from_tuples([("s", "t", "m"), ("s", "t", "n")], names=["train", "test", "model"])
    scores = Scores(keys, np.array([0.5, 0.6]), np.tile([0.5, 0.6], (10, 1)), {"t": (0.2, 4.0)})
    assert scores.p_value(np.array([1.0, -1.0])) == 0.0
    assert np.isnan(scores.p_value(np.zeros(2)))


def test_products_are_made_by_one_thread():
    threads = []

    def combine(sums, sizes, averaged):
        # the library that NumPy multiplies with, which comes with it
        threads.extend(each["num_threads"] for each in threadpool_info() if "numpy" in each["filepath"])
        return sums.sum(axis=(1, 3))

    target = make_target(metric=replace(DEFAULT, sums=replace(DEFAULT.sums, combine=combine)))
    with threadpool_limits(2):
        target.replicates(np.ones((2, 60), int))
    assert set(threads) == {1}
