"""Mistakes and label suspects, against answers whose truth is known."""

import numpy as np
import pytest

from leukobench.metrics import Answers
from leukobench.report.mistakes import KEPT, Mistakes

HASHES = {"munich": np.array(["a", "b", "c", "d"])}
TRUE = np.array([0, 0, 1, 2])  # the last image is of a class that no head knows


def said(*confident):
    """Answers of a head of LY and MO; `confident` is each image's probability of LY."""
    p = np.array(confident)
    return Answers(TRUE, np.column_stack([p, 1 - p]), ("LY", "MO", "BL"), np.array([0, 1]))


def row(model="svm", train="cvb", seed=0, **more):
    return {"test": "munich", "model": model, "train": train, "seed": seed, "family": "x", "contaminated": False} | more


@pytest.fixture
def found():
    mistakes = Mistakes()
    mistakes.add(row(), said(0.9, 0.2, 0.7, 0.9))
    mistakes.add(row(seed=1), said(0.9, 0.4, 0.6, 0.9))
    mistakes.add(row("lda"), said(0.3, 0.1, 0.2, 0.9))
    return mistakes


def test_worst_answers_come_first_and_an_image_once(found):
    worst, _ = found.tables(HASHES)
    assert worst[["model", "sha256", "true", "predicted"]].to_numpy().tolist() == [
        ["lda", "b", "LY", "MO"],
        ["lda", "a", "LY", "MO"],
        ["svm", "b", "LY", "MO"],
        ["svm", "c", "MO", "LY"],
    ]
    assert worst["confidence"].to_numpy() == pytest.approx([0.9, 0.7, 0.8, 0.7])
    assert worst["seed"].tolist() == [0, 0, 0, 0]
    assert worst["probabilities"][0] == pytest.approx({"LY": 0.1, "MO": 0.9})


def test_suspects_are_what_nobody_calls_right_of_those_who_know_the_class(found):
    _, suspects = found.tables(HASHES)
    assert suspects.to_numpy().tolist() == [["munich", "b", "LY", 3, "MO", 3]]


def test_controls_and_those_who_have_seen_the_target_have_no_vote(found):
    found.add(row("prior", family="control"), said(0.9, 0.9, 0.9, 0.9))
    found.add(row("seen", contaminated=True), said(0.9, 0.9, 0.9, 0.9))
    worst, suspects = found.tables(HASHES)
    assert set(worst["model"]) == {"svm", "lda"}
    assert suspects["sha256"].tolist() == ["b"]


def test_shares_join_to_the_same_tables(found):
    one, other = Mistakes(), Mistakes()
    one.add(row(), said(0.9, 0.2, 0.7, 0.9))
    other.add(row("lda"), said(0.3, 0.1, 0.2, 0.9))
    other.add(row(seed=1), said(0.9, 0.4, 0.6, 0.9))
    one.join(other)
    for joined, whole in zip(one.tables(HASHES), found.tables(HASHES), strict=True):
        assert joined.equals(whole)


def test_no_more_than_a_few_are_kept():
    mistakes = Mistakes()
    true, wrong = np.zeros(50, int), np.tile([0.1, 0.9], (50, 1))
    mistakes.add(row(), Answers(true, wrong, ("LY", "MO"), np.array([0])))
    worst, suspects = mistakes.tables({"munich": np.array([f"{i:02d}" for i in range(50)])})
    assert len(worst) == KEPT
    assert suspects.empty, "one answer alone makes no suspect"
