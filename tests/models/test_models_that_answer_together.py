"""Ensembles of models of any kinds: their names, their mean, their tables, and what a file keeps of them."""

import dataclasses

import numpy as np
import pytest
from sklearn.base import clone

from leukobench.errors import UsageError
from leukobench.models import get_model
from leukobench.models.ensemble import ensemble
from leukobench.models.stored import dump_estimator, load_estimator
from leukobench.models.tables import Tables, fit_rows, themselves
from leukobench.running.representations import columns_of, names_in, side_by_side
from leukobench.running.tuning import Fitted

NAME = 'ensemble:"lda,extra_trees@augmented"'


@pytest.fixture(scope="module")
def problem():
    """30 images of three classes: a table of 5 columns, and one of 4 with two copies of each image."""
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    first = rng.normal(size=(30, 5)) + y[:, None]
    return Tables([first, rng.normal(size=(30, 3, 4)) + y[:, None, None]]), y


@pytest.fixture(scope="module")
def fitted(problem):
    recipe = get_model(NAME)
    return recipe, recipe.build(recipe.defaults, 5).fit(*problem)


def test_probabilities_are_the_mean_of_what_members_say_of_their_own_table(problem, fitted):
    rows, y = problem
    _, model = fitted
    lda, trees = model.estimators
    copies = np.repeat(y, 3)
    expected = clone(lda).fit(rows.parts[0], y).predict_proba(rows.parts[0])
    expected = (
        expected + clone(trees).fit(rows.parts[1].reshape(90, 4), copies).predict_proba(rows.parts[1][:, 0])
    ) / 2
    np.testing.assert_allclose(model.predict_proba(rows), expected)
    np.testing.assert_array_equal(model.predict(rows), expected.argmax(axis=1))
    alone = Tables([rows.parts[0], rows.parts[1][:, 0]])  # as images that train nothing come
    np.testing.assert_array_equal(model.predict_proba(alone), model.predict_proba(rows))


def test_members_of_one_name_have_seeds_of_their_own():
    model = get_model('ensemble:"extra_trees,extra_trees"').build({}, 0)
    first, second = (member[-1].random_state for member in model.estimators)
    assert first != second


def test_the_name_says_all_and_reads_again():
    recipe = get_model('ensemble:"knn[n_neighbors=5,metric=cosine],finetune:mobilenet_v2+worlds"')
    assert recipe.name == 'ensemble:"knn[metric=cosine,n_neighbors=5],finetune:mobilenet_v2+worlds"'
    assert get_model(recipe.name) == recipe
    assert recipe.representation == "features:core|pixels:scale"
    assert (recipe.side, recipe.family, recipe.cost, recipe.ensemble) == ("both", "fused", "network", True)
    assert get_model(NAME).side == "classical"
    assert "skorch" in recipe.needs


def test_another_version_of_a_member_is_another_version():
    one, other = get_model("lda"), get_model("knn")
    versions = {ensemble([member, other]).version for member in (one, dataclasses.replace(one, version="another"))}
    assert len(versions) == 2


def test_epochs_of_a_budget_reach_the_network_and_nobody_else():
    recipe = get_model('ensemble:"lda,finetune:mobilenet_v2"').with_training(epochs=3)
    members = recipe.build(recipe.defaults, 0).estimators
    assert members[1].epochs == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ('ensemble:"lda"', "two members"),
        ('ensemble:"lda,nosuch"', "nosuch"),
        ('ensemble:"lda,knn"@augmented', "view"),
        ("ensemble", "written"),
        ('ensemble:"lda,knn"+stable', "fits|takes"),
    ],
)
def test_what_is_no_ensemble_is_refused(name, words):
    with pytest.raises(UsageError, match=words):
        get_model(name)


def test_another_number_of_tables_is_refused(problem, fitted):
    rows, model = problem[0], fitted[1]
    for wrong in (Tables(rows.parts[:1]), rows.parts[0]):
        with pytest.raises(ValueError, match="2 members"):
            model.predict_proba(wrong)
    with pytest.raises(ValueError, match="side by side"):
        Tables([np.zeros((3, 1)), np.zeros((4, 1))])


def test_a_file_keeps_it(problem, fitted):
    recipe, model = fitted
    again = load_estimator(dump_estimator(model), recipe.build(recipe.defaults, 5))
    np.testing.assert_array_equal(again.predict_proba(problem[0]), model.predict_proba(problem[0]))


def test_a_run_fits_it_to_classes_by_name(problem):
    rows, y = problem
    names = np.array(["LY", "MO", "NE"])[y]
    recipe = get_model(NAME)
    fitted = Fitted(recipe, recipe.defaults, 5, rows[np.arange(30)], names, np.repeat("left", 30), groups=np.arange(30))
    assert fitted.predict_proba(rows[[0, 1]], ["LY", "MO", "NE", "EO"]).shape == (2, 4)
    assert (fitted.predict(rows) == names).mean() > 0.8


def test_tables_are_loaded_once_each_and_stand_in_the_order_of_members():
    name = "features:core|features:core@augmented&embedding:mobilenet_v2@augmented|features:core"
    read = []
    rows = side_by_side(name, lambda table: read.append(table) or np.full((2, 1), len(read)))
    assert read == ["features:core", "features:core@augmented&embedding:mobilenet_v2@augmented"]
    assert [part[0, 0] for part in rows.parts] == [1, 2, 1]
    assert side_by_side("features:core", lambda table: table) == "features:core"
    assert names_in(name).count("features:core") == 2
    assert columns_of("features:core|pixels:scale") is None


def test_a_model_is_told_which_rows_are_copies():
    class Told:
        def fit(self, X, y, original=None, groups=None):
            self.seen = X.shape, y.tolist(), original.tolist(), groups.tolist()
            return self

    told = fit_rows(Told(), np.zeros((2, 3, 4)), np.array([0, 1]), groups=np.array([7, 8])).seen
    assert told == ((6, 4), [0, 0, 0, 1, 1, 1], [True, False, False] * 2, [7, 7, 7, 8, 8, 8])
    assert themselves(np.zeros((2, 3, 4))).shape == (2, 4)
