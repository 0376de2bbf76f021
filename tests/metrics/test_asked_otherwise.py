"""Metrics that ask something else than whether each answer is right, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from leukobench.datasets.taxonomy import LEVELS, STAGES, adjacent
from leukobench.metrics import METRICS, Answers
from leukobench.metrics.catalogue import metrics_of
from leukobench.metrics.costs import confusion_cost
from leukobench.metrics.scoring import normalise
from leukobench.running.suite import load_suite

STAGED = ("MYO", "PMY", "MY", "MMY", "BNE", "SNE", "LY")


def made(seed=0, n=200, labels=STAGED, head=None):
    generator = np.random.default_rng(seed)
    probabilities = normalise(generator.dirichlet(np.ones(head or len(labels)), n).round(2) + 0.01)
    return Answers(generator.integers(0, len(labels), n), probabilities, labels, np.arange(len(labels)))


def test_a_cost_of_one_for_every_confusion_is_the_error_rate():
    answers = made()
    found = confusion_cost({"KSC": {"PLT": 9.0}}).value(answers)
    assert found == pytest.approx(1 - oracle.accuracy_score(answers.true, answers.predicted), abs=1e-12)


def test_costs_are_those_of_the_table():
    answers = Answers.of_labels(["MYO", "MYO", "BNE", "BNE"], ["LY", "MYO", "SNE", "LY"])
    assert confusion_cost({"MYO": {"LY": 10}, "BNE": {"SNE": 0.1}}).value(answers) == pytest.approx((10 + 0.1 + 1) / 4)


def test_without_a_table_nothing_costs():
    assert np.isnan(METRICS["confusion_cost"].value(made()))
    assert np.isnan(metrics_of({})["confusion_cost"].value(made()))


def test_the_suites_have_a_table_in_which_a_missed_blast_costs_more_than_a_band():
    costs = load_suite("cross-dataset").costs
    assert costs["MYO"]["LY"] > 1 > costs["BNE"]["SNE"]


def test_adjacent_stages_are_accepted():
    answers = made()
    names = np.array(STAGED)
    hits = [adjacent(true, called) for true, called in zip(names[answers.true], names[answers.predicted], strict=True)]
    assert METRICS["tolerant_accuracy"].value(answers) == pytest.approx(np.mean(hits), abs=1e-12)
    assert METRICS["tolerant_accuracy"].value(answers) > METRICS["accuracy"].value(answers)


@pytest.mark.parametrize(("level", "there"), [("L5", False), ("L8", False), ("L11", True), ("L15", True)])
def test_stages_are_told_apart_at_the_fine_levels_only(level, there):
    assert METRICS["tolerant_accuracy"].defined(made(labels=LEVELS[level])) is there


def test_the_order_is_that_of_maturation():
    assert sorted(STAGED[:-1], key=STAGES.__getitem__) == list(STAGED[:-1])


@pytest.mark.parametrize("seed", range(3))
def test_unknown_classes_are_scored_as_scikit_learn_does(seed):
    answers = made(seed, head=4)  # three labels have no column
    strange, sure = answers.true >= 4, answers.probabilities.max(axis=1).round(12)
    auroc = METRICS["unknown_auroc"].value(answers)
    assert auroc == pytest.approx(oracle.roc_auc_score(strange, -sure), abs=1e-10)
    false, right, _ = oracle.roc_curve(~strange, sure, drop_intermediate=False)
    assert METRICS["unknown_fpr95"].value(answers) == pytest.approx(false[np.argmax(right >= 0.95)], abs=1e-10)


def test_without_an_unknown_class_there_is_nothing_to_find():
    assert np.isnan(METRICS["unknown_auroc"].value(made()))


def test_the_error_of_the_count_is_the_distance_between_the_shares():
    answers = made()
    shares = [np.bincount(codes, minlength=len(STAGED)) / 200 for codes in (answers.true, answers.predicted)]
    assert METRICS["count_error"].value(answers) == pytest.approx(np.abs(shares[0] - shares[1]).mean(), abs=1e-12)


def test_people_give_no_probabilities():
    answers = Answers.of_labels(["LY", "MO"] * 3, ["LY", "MO"] * 3)
    found = {name for name, metric in METRICS.items() if metric.probabilistic}
    assert found == {"auroc", "log_loss", "ece", "unknown_auroc", "unknown_fpr95"}
    assert all(np.isnan(METRICS[name].value(answers)) for name in found)
