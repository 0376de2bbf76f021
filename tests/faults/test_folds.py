"""Fewer slides than folds: the folds fit the slides, the defaults stand where nothing can be held out, or the plan says
what cannot be before anything is computed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage

from leukobench.errors import UsageError
from leukobench.running.cell import run_cell
from leukobench.running.folds import fitting_folds, make_folds
from leukobench.running.plan import build_plan, head_of
from leukobench.running.suite import Budget, Suite

CLASSES = ("LY", "MO", "NE")


def suite(protocol, outer=5, inner=4):
    budget = Budget("standard", outer, inner, 1, {"light": 2, "medium": 0, "heavy": 0, "network": 0})
    options = {"datasets": ("left", "right"), "models": ("lda",), "protocols": (protocol,), "seeds": (0,)}
    return Suite("small", "", 1, "L5", **options, budget=budget, min_source_images=10, min_test_images=5)


def samples(slides, confined=None):
    """Two laboratories; of each class 20 images, "left" on so many slides, one class on its first slide alone."""
    rows = []
    for laboratory in ("left", "right"):
        for name in CLASSES:
            for i in range(20):
                slide = f"slide{0 if name == confined else i % slides}" if laboratory == "left" and slides else None
                rows.append((laboratory, f"{laboratory}-{name}-{i}", np.nan, slide, name))
    return pd.DataFrame(rows, columns=["dataset", "sha256", "um_per_px", "group", "class"])


def run(chosen, images):
    (cell,) = [cell for cell in build_plan(chosen, images) if cell.train in ("left", "merged")]
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(len(images), 4))
    rows[:, :3] += 3 * (images["class"].to_numpy()[:, None] == np.array(CLASSES))
    head, left_out = head_of(images, cell.sources, chosen)
    return run_cell(cell, images, rows, head, left_out, lambda number: InMemoryStorage())


@pytest.mark.parametrize(("slides", "outer"), [(2, 2), (3, 3), (4, 4), (10, 5), (0, 5)])
def test_within_has_as_many_folds_as_slides_at_most(slides, outer):
    record, predictions = run(suite("within"), samples(slides))
    assert record["folds"]["outer"] == outer == len(record["folds"]["inner"])
    assert np.isfinite(predictions.filter(like="p_").to_numpy()).all()


@pytest.mark.parametrize(("slides", "inner"), [(1, 0), (2, 2), (3, 3), (10, 4), (0, 4)])
def test_a_source_of_few_slides_is_tuned_by_fewer_folds_or_keeps_the_defaults(slides, inner):
    record, _ = run(suite("pairwise"), samples(slides))
    assert record["folds"] == {"outer": 1, "inner": [inner]}
    if not inner:
        assert record["params"] == [{"shrinkage": 0.05}]


def test_merged_counts_the_groups_of_all_laboratories():
    record, _ = run(suite("merged"), samples(1))
    assert record["folds"]["outer"] == 5


def test_a_class_of_one_slide_does_not_stop_the_others():
    record, predictions = run(suite("within"), samples(4, confined="NE"))
    assert record["folds"]["outer"] == 4
    guess = predictions.filter(like="p_").idxmax(axis=1).str.removeprefix("p_")
    others = predictions["true"] != "NE"
    assert (guess == predictions["true"])[others].mean() > 0.8


@pytest.mark.parametrize("slides", [1])
def test_what_cannot_be_is_refused_by_the_plan_with_what_to_do(slides):
    with pytest.raises(UsageError, match=r"within left.*--protocols pairwise,lodo"):
        build_plan(suite("within"), samples(slides))
    assert build_plan(suite("pairwise"), samples(slides))


def test_enough_groups_give_the_folds_that_were_asked_for():
    labels, groups = np.repeat(["LY", "NE"], 30), np.arange(60) // 3
    for (train, test), (other, tested) in zip(
        fitting_folds(labels, labels, groups, 4, 7), make_folds(labels, groups, 4, 7), strict=True
    ):
        np.testing.assert_array_equal(train, other)
        np.testing.assert_array_equal(test, tested)


@given(
    st.lists(st.tuples(st.sampled_from(["", *CLASSES]), st.integers(0, 5)), min_size=1, max_size=40), st.integers(2, 6)
)
def test_folds_can_be_fitted_and_tested_whatever_the_groups(images, n_folds):
    classes, groups = np.array([name for name, _ in images]), np.array([group for _, group in images])
    folds = fitting_folds(classes, classes, groups, n_folds, 0)
    assert len(folds) <= n_folds
    assert not folds or sorted(np.concatenate([test for _, test in folds])) == list(range(len(images)))
    for train, test in folds:
        assert len(test)
        assert len(set(classes[train]) - {""}) > 1
        assert not set(groups[train]) & set(groups[test])
