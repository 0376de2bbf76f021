"""Scores against scikit-learn, and the degenerate cases against their definitions."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from leukobench.metrics import METRICS, Answers, score
from leukobench.metrics.scoring import normalise

HEAD = ["BA", "EO", "LY", "MO"]


def draw(n, seed, classes=tuple(HEAD), skew=2.0):
    generator = np.random.default_rng(seed)
    true = generator.choice(classes, n)
    logits = generator.normal(size=(n, len(HEAD))) + skew * (true[:, None] == np.array(HEAD))
    # Rounding makes ties, where AUROC implementations differ if they are wrong.
    return true, normalise(np.exp(logits).round(1) + 0.01)


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(40, 200), skew=st.floats(0, 4))
def test_equals_scikit_learn_where_head_and_target_have_the_same_classes(seed, n, skew):
    true, probabilities = draw(n, seed, skew=skew)
    called = np.array(HEAD)[probabilities.argmax(axis=1)]
    found = score(true, probabilities, HEAD, min_test_images=1)
    expected = {
        "balanced_accuracy": oracle.balanced_accuracy_score(true, called),
        "macro_f1": oracle.f1_score(true, called, labels=found["classes"], average="macro", zero_division=0),
        "accuracy": oracle.accuracy_score(true, called),
        "mcc": oracle.matthews_corrcoef(true, called),
        "kappa": oracle.cohen_kappa_score(true, called),
        "log_loss": oracle.log_loss(true, probabilities, labels=HEAD),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    recalls = oracle.recall_score(true, called, labels=found["classes"], average=None, zero_division=0)
    assert list(found["recall"].values()) == pytest.approx(list(recalls))
    tied = probabilities.round(12)  # as `score` does: equal shares differ in the last digit
    one_vs_rest = [oracle.roc_auc_score(true == c, tied[:, HEAD.index(c)]) for c in found["classes"]]
    assert found["auroc"] == pytest.approx(np.mean(one_vs_rest))


def test_rare_class_stays_out_of_the_class_means_and_in_everything_else():
    true = np.array(["LY"] * 10 + ["MO"] * 10 + ["BA"] * 4)
    called = np.array(["LY"] * 10 + ["MO"] * 5 + ["LY"] * 5 + ["LY"] * 4)
    found = score(true, np.eye(4)[[HEAD.index(c) for c in called]], HEAD)
    assert found["rare"] == ["BA"]
    assert found["classes"] == ["BA", "LY", "MO"]
    assert found["recall"] == {"BA": 0.0, "LY": 1.0, "MO": 0.5}
    assert found["balanced_accuracy"] == pytest.approx(0.75)
    assert found["accuracy"] == pytest.approx(15 / 24)
    assert found["macro_f1"] == pytest.approx(np.mean([2 * 10 / (10 + 19), 2 * 5 / (10 + 5)]))


def test_shared_scoring_limits_images_and_answers():
    # The target has no BA; the head has no NE. BA answers are errors only as deployed, NE images count only there.
    true = ["LY"] * 5 + ["MO"] * 5 + ["NE"] * 10
    probabilities = np.tile([0.5, 0.1, 0.3, 0.1], (20, 1))
    probabilities[5:] = [0.0, 0.1, 0.2, 0.7]
    shared = score(true, probabilities, HEAD, shared=["LY", "MO"])
    assert (shared["n"], shared["balanced_accuracy"], shared["accuracy"]) == (10, 1.0, 1.0)
    assert shared["log_loss"] == pytest.approx(-np.log([0.75, 7 / 9]).mean())
    deployed = score(true, probabilities, HEAD)
    assert deployed["recall"] == {"LY": 0.0, "MO": 1.0, "NE": 0.0}
    assert deployed["n"] == 20
    assert deployed["balanced_accuracy"] == pytest.approx(1 / 3)
    assert deployed["accuracy"] == pytest.approx(5 / 20)
    called = np.array(HEAD)[probabilities.argmax(axis=1)]
    assert deployed["mcc"] == pytest.approx(oracle.matthews_corrcoef(true, called))
    assert deployed["kappa"] == pytest.approx(oracle.cohen_kappa_score(true, called))
    # LY beats the 15 others by .3 against .2; MO ties with NE and beats LY; NE, unknown, is .5.
    assert deployed["auroc"] == pytest.approx(np.mean([1.0, (5 + 0.5 * 10) / 15, 0.5]))
    assert deployed["log_loss"] == pytest.approx(
        -(5 * np.log(0.3) + 5 * np.log(0.7) + 10 * np.log(np.finfo(float).eps)) / 20
    )


def test_row_without_any_shared_probability_becomes_uniform():
    probabilities = [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    found = score(["LY", "LY", "MO"], probabilities, HEAD, shared=["LY", "MO"], min_test_images=1)
    assert found["log_loss"] == pytest.approx(-np.log(0.5) / 3)
    assert found["recall"] == {"LY": 1.0, "MO": 1.0}  # the first of equals is taken


def test_renormalising_keeps_ties():
    # Shares of three and six tenths are one half both; one vote more or less for the class that is not shared.
    votes = np.array([[3, 3, 4, 0], [1, 1, 0, 8], [4, 4, 2, 0], [2, 2, 6, 0], [7, 3, 0, 0], [1, 4, 0, 5]]) / 10
    found = score(["BA", "BA", "EO", "EO", "BA", "EO"], votes, HEAD, shared=["BA", "EO"], min_test_images=1)
    assert found["auroc"] == pytest.approx((1 + 1 + 0.5 * 4 + 1 + 2) / 9)


def test_calibration_error_by_hand():
    # Two bins: .6 confident with half right, .9 confident with all right.
    probabilities = [[0.6, 0.4]] * 4 + [[0.1, 0.9]] * 4
    found = score(["LY", "LY", "MO", "MO"] + ["MO"] * 4, probabilities, ["LY", "MO"], min_test_images=1)
    assert found["ece"] == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)


def test_confidence_on_the_edge_of_a_bin_belongs_below_it():
    # .6 = 9/15 lies in the ninth bin with .58, not in the tenth with .62: errors of opposite sign cancel there only.
    probabilities = [[0.6, 0.4], [0.58, 0.42]]
    found = score(["LY", "MO"], probabilities, ["LY", "MO"], min_test_images=1)
    assert found["ece"] == pytest.approx(abs(0.6 + 0.58 - 1) / 2)


@pytest.mark.parametrize("voters", [5, 10, 30, 100])
def test_calibration_error_of_votes_is_its_definition_in_whole_numbers(voters):
    # Shares of votes often end a bin, and floats come to lie on either side of it: 3 of 5 are 9 of 15.
    rng = np.random.default_rng(voters)
    for _ in range(20):
        votes, true = rng.multinomial(voters, [0.5, 0.3, 0.15, 0.05], size=16), rng.integers(0, 2, 16)
        sums = {}
        for row, label in zip(votes.tolist(), true, strict=True):
            number = -(-15 * max(row) // voters)
            sums[number] = sums.get(number, 0) + Fraction(max(row), voters) - int(row.index(max(row)) == label)
        expected = float(sum(map(abs, sums.values())) / len(true))
        found = score(np.array(HEAD)[true], votes * (1 / voters), HEAD, min_test_images=1)
        assert found["ece"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("true", "n"),
    [([], 0), (["LY"] * 6, 6)],
)
def test_fewer_than_two_classes_leave_every_metric_undefined(true, n):
    found = score(true, np.full((n, 4), 0.25), HEAD)
    assert found["n"] == n
    assert all(np.isnan(found[name]) for name in METRICS)


def test_fewer_than_two_averaged_classes_leave_the_class_means_undefined():
    found = score(["LY"] * 6 + ["BA"], np.full((7, 4), 0.25), HEAD)
    assert [np.isnan(found[m]) for m in ("balanced_accuracy", "macro_f1", "auroc", "accuracy")] == [True] * 3 + [False]


def test_no_shared_class_is_undefined():
    found = score(["NE", "NE"], np.full((2, 4), 0.25), HEAD, shared=[])
    assert (found["n"], found["classes"]) == (0, [])
    assert np.isnan(found["accuracy"])


def test_constant_prediction_has_no_correlation():
    found = score(["LY"] * 5 + ["MO"] * 7, np.tile([0.1, 0.1, 0.5, 0.3], (12, 1)), HEAD)
    assert (found["mcc"], found["kappa"], found["auroc"], found["balanced_accuracy"]) == (0.0, 0.0, 0.5, 0.5)


def test_averaged_classes_can_be_named():
    true, probabilities = draw(100, 3)
    found = score(true, probabilities, HEAD, averaged=["LY", "MO"])
    assert found["balanced_accuracy"] == pytest.approx(np.mean([found["recall"]["LY"], found["recall"]["MO"]]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1])
def test_impossible_probabilities_are_refused(bad):
    with pytest.raises(ValueError, match="1 of 2 rows"):
        score(["LY", "MO"], [[0.2, 0.3, 0.4, 0.1], [bad, 0.5, 0.5, 0]], HEAD)


def test_wrong_shapes_and_unknown_shared_classes_are_refused():
    with pytest.raises(ValueError, match="shape"):
        score(["LY", "MO"], [[0.5, 0.5]], ["LY", "MO"])
    with pytest.raises(ValueError, match="lacks: NE"):
        score(["LY"], [[0.5, 0.5]], ["LY", "MO"], shared=["LY", "NE"])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 12))
def test_labels_alone_give_scikit_learns_balanced_accuracy(seed, n):
    generator = np.random.default_rng(seed)
    true, called = generator.choice(HEAD, (2, n))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that are answered and not there
        expected = oracle.balanced_accuracy_score(true, called)
    assert METRICS["balanced_accuracy"].of(Answers.of_labels(true, called)) == expected
