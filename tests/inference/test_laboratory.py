"""What all answers together say of a laboratory."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from leukobench.inference.laboratory import count_errors, differential_count, scores, warnings_of


@pytest.fixture
def answers(lda):
    """60 answers of which every sixth is unsure, and the labels of the first 40."""
    called = np.array(["LY", "LY", "NE"] * 20)
    probabilities = pd.DataFrame(np.eye(5)[[lda.head.index(name) for name in called]] * 0.9 + 0.02)
    table = pd.DataFrame({"class": called, "likeliest": called, "error": "", "brightness": 0.8, "diameter_um": 13.0})
    table[[f"p_{name}" for name in lda.head]] = probabilities
    table.loc[::6, "class"] = "unsure"
    codes = ["LY", "LY", "MO"] * 13 + ["LY"] + [""] * 20
    return pd.DataFrame({"code": codes}), table


def test_the_count_is_of_sure_answers_with_wilsons_interval(answers, lda):
    counts = differential_count(answers[1], lda.head)
    assert counts["images"].to_dict() == {"BA": 0, "EO": 0, "LY": 30, "MO": 0, "NE": 20}
    assert counts.loc["LY"].tolist() == pytest.approx([30, 60, 46.18, 72.39], abs=0.01)
    none = differential_count(answers[1].assign(**{"class": "unsure"}), lda.head)
    assert none["images"].sum() == 0
    assert none["percent"].isna().all()


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_labels_score_all_answers_and_the_sure_ones(answers, lda):
    images, table = answers
    said = scores(lda, images, table)
    known = images["code"] != ""
    for words, rows in (("all 40 answers", known), ("the sure 33 answers", known & (table["class"] != "unsure"))):
        expected = balanced_accuracy_score(images["code"][rows], table["likeliest"][rows])
        assert any(words in text and f": {expected:.3f} [" in text for text in said)
    assert scores(lda, images.assign(code=""), table) == []
    assert count_errors(lda, images.assign(code=""), table) is None


def test_the_count_is_compared_with_that_of_the_labels(answers, lda):
    errors = count_errors(lda, *answers)
    rows = (answers[0]["code"] != "") & (answers[1]["class"] != "unsure")
    counted, true = (100 * (column[rows] == "LY").mean() for column in (answers[1]["class"], answers[0]["code"]))
    assert errors.loc["LY", ["counted", "true", "error"]].tolist() == pytest.approx([counted, true, counted - true])
    assert errors.loc["LY", "low"] <= errors.loc["LY", "error"] <= errors.loc["LY", "high"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class": "LY"}, "100% of the sure answers are LY"),
        ({"brightness": 0.1}, "the images are darker than those of barcelona: brightness 0.10"),
        ({"diameter_um": 60.0}, "the cells are 60.0 um across, those of barcelona .*: is the pixel size right?"),
        ({"class": "unsure"}, "100% of the answers are unsure"),
    ],
)
def test_a_strange_laboratory_is_warned_of(answers, lda, change, words):
    table = answers[1].assign(brightness=np.mean(lda.trust.usual["brightness"]))
    assert warnings_of(lda, table) == []
    (said,) = warnings_of(lda, table.assign(**change))
    assert re.search(words, said)
    assert warnings_of(lda, table.assign(**change).head(5)) == []
