"""The comparison by design: copies of a model change nothing, and the choice of a member is in the interval."""

import numpy as np
import pandas as pd
import pytest

from leukobench.metrics.catalogue import get_metric
from leukobench.metrics.statistics import Scores
from leukobench.report import build_report
from leukobench.report.designs import compare_designs, kinds_of, make_field
from leukobench.report.reader import Design

SOURCES, TARGETS = ("a", "b"), ("a", "b")
FOREST = Design("classical", False, False, "forest")
DESIGNS = {
    "forest": FOREST,
    "forest+again": FOREST,
    "lda": Design("classical", False, False, "lda"),
    "vote": Design("classical", False, True, "vote"),
    "net+knn": Design("embedding", False, False, "net"),
    "net+svm": Design("embedding", False, False, "net"),
    "tuned": Design("fine-tuned", True, False, "tuned"),
}


def scores_of(values, own=False, spread=0.01, n=400, seed=0):
    """Scores of models, the same on every pair, with independent replicates around them."""
    pairs = [(s, t) for s in SOURCES for t in TARGETS if (s == t) == own]
    keys = [(s, t, model) for s, t in pairs for model in values]
    point = np.array([values[model] for _, _, model in keys], float)
    noise = np.random.default_rng(seed).normal(0, spread, (n, len(keys)))
    index = pd.MultiIndex.from_tuples(keys, names=["train", "test", "model"])
    return Scores(index, point, point + noise, dict.fromkeys(TARGETS, (0.01, np.inf)))


AWAY = {"forest": 0.8, "forest+again": 0.8, "lda": 0.4, "vote": 0.7, "net+knn": 0.3, "net+svm": 0.5, "tuned": 0.6}
OWN = AWAY | {"net+knn": 0.95, "net+svm": 0.9, "lda": 0.99}


def designs(models, own=OWN, **options):
    found = compare_designs(
        models, DESIGNS, None, scores_of(AWAY), scores_of(own, own=True, **options), get_metric("macro_f1")
    )
    return {(row["family"], row["augmented"], row["ensemble"]): row for row in found["cells"]}, found["contrasts"]


def test_a_copy_of_a_model_counts_once():
    with_copy, _ = designs(["forest", "forest+again", "lda"])
    without, _ = designs(["forest", "lda"])
    place = ("classical", False, False)
    assert with_copy[place]["typical"].estimate == without[place]["typical"].estimate == pytest.approx(0.6)
    assert with_copy[place]["kinds"] == [["forest", "forest+again"], ["lda"]]


def test_of_a_kind_the_member_counts_that_is_best_within_the_source():
    cells, _ = designs(["net+knn", "net+svm"])
    row = cells["embedding", False, False]
    assert row["typical"].estimate == pytest.approx(0.3), "the better one abroad would be chosen by the targets"
    assert row["picked"] == {"net+knn": pytest.approx(1, abs=0.02)}


def test_rounding_does_not_choose_between_equals():
    own = OWN | {"net+knn": 0.3, "net+svm": 0.1 + 0.2}  # the second is larger by the last digit
    assert own["net+svm"] > own["net+knn"]
    row = designs(["net+knn", "net+svm"], own, spread=0)[0]["embedding", False, False]
    assert row["picked"] == {"net+knn": 1}


def test_the_interval_knows_that_the_choice_varies():
    sure, _ = designs(["net+knn", "net+svm"])
    tied, _ = designs(["net+knn", "net+svm"], own=OWN | {"net+svm": 0.95})
    widths = [np.ptp(cells["embedding", False, False]["typical"][1:]) for cells in (sure, tied)]
    assert widths[1] > 3 * widths[0]
    assert set(tied["embedding", False, False]["picked"]) == {"net+knn", "net+svm"}


def test_questions_are_about_one_factor_each():
    _, contrasts = designs(list(DESIGNS))
    assert [row["question"] for row in contrasts] == [
        "what does an ensemble give: hand-crafted features, plain?",
        "frozen network or hand-crafted features, both plain and single?",
    ]
    ensemble, network = contrasts
    assert ensemble["typical"].estimate == pytest.approx(0.7 - 0.6)
    assert network["typical"].estimate == pytest.approx(0.3 - 0.6)
    assert network["typical"].low < -0.3 < network["typical"].high


def test_scores_are_adjusted_by_the_classes_of_each_pair():
    cells = pd.DataFrame(
        {"train": ["a", "b"], "test": ["b", "a"], "model": "lda", "status": "ok", "protocol": "pairwise"}
    )
    cells = cells.assign(classes=["LY NE", "BA EO LY NE"], rare_classes="", undefined_classes="")
    scores = scores_of({"lda": 0.5})
    field = make_field(["lda"], cells, scores, None, get_metric("balanced_accuracy"), adjusted=True)
    assert field.best([["lda"]]).estimate == pytest.approx((0 + (0.5 - 0.25) / 0.75) / 2)


def test_an_interval_of_what_is_adjusted_may_hold_chance():
    cells = pd.DataFrame(
        {"train": ["a", "b"], "test": ["b", "a"], "model": "lda", "status": "ok", "protocol": "pairwise"}
    )
    cells = cells.assign(classes="BA EO LY NE", rare_classes="", undefined_classes="")
    scores = scores_of({"lda": 0.26}, spread=0.05)
    field = make_field(["lda"], cells, scores, None, get_metric("balanced_accuracy"), adjusted=True)
    interval = field.interval(field.best([["lda"]]))
    assert interval.low < 0 < interval.estimate < interval.high, "on the scale of log odds it ends above zero"


def test_without_within_members_of_a_kind_are_averaged():
    found = compare_designs(["net+knn", "net+svm"], DESIGNS, None, scores_of(AWAY), None, get_metric("macro_f1"))
    assert found["cells"][0]["typical"].estimate == pytest.approx(0.4)
    assert found["cells"][0]["picked"] == {"net+knn": 0.5, "net+svm": 0.5}


def test_models_of_which_nothing_is_known_are_kinds_of_their_own():
    assert kinds_of(["x", "y"], {}) == [["x"], ["y"]]


def test_heads_on_one_network_do_not_outvote_a_side(make_run):
    """By the mean over models five good heads would have hidden the bad network."""

    def answer(model, protocol, train, test, true, seed):
        return ["NE"] * len(true) if model == "other" and protocol == "pairwise" else true

    facts = {f"net+{k}": {"family": "embedding", "side": "deep", "counts_as": "net"} for k in range(5)}
    facts |= {"other": {"family": "embedding", "side": "deep", "counts_as": "other"}}
    facts |= {"lda": {"family": "classical", "side": "classical", "counts_as": "lda"}}
    plain = {"augmented": False, "ensemble": False}
    truth = dict.fromkeys("ab", ["NE"] * 20 + ["LY"] * 20)
    folder = make_run(truth, tuple(facts), answer, facts={model: plain | more for model, more in facts.items()})
    report = build_report(folder, replicates=20)
    assert report.families["mean"]["deep"].estimate == pytest.approx(0.75)
    assert [len(row["kinds"]) for row in report.families["designs"]["cells"]] == [1, 2]
    assert "deep minus classical is -0.250" in report.conclusion
    assert "(mean of 2 kinds)" in report.conclusion
