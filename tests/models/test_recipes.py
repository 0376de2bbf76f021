"""The contract of every registered model; a new one is tested by being registered."""

import pickle

import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier

from leukobench.errors import UsageError
from leukobench.models import MODELS, get_model
from leukobench.models.classical import ASKED
from leukobench.models.recipe import COSTS, FAMILIES
from leukobench.models.stored import dump_estimator, load_estimator


def table(counts, columns=12, seed=0):
    """A table with NaNs and an all-NaN column, whose classes lie apart."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    X = rng.normal(size=(len(y), columns)) + 3 * rng.normal(size=(len(counts), columns))[y]
    X[rng.random(X.shape) < 0.05] = np.nan
    X[:, -1] = np.nan
    return pd.DataFrame(X, columns=[f"f{i}" for i in range(columns)]), y


def crops(counts, seed=0, side=24):
    """Rows of pixels: on bright glass, a disc whose size and darkness tell the class."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    distance = np.hypot(*np.mgrid[:side, :side] - (side - 1) / 2)
    inside = distance[None] < 3 + 2 * (y % 3)[:, None, None]
    image = np.where(inside, 60 + 30 * y[:, None, None], 235)[..., None] + rng.integers(-9, 10, (len(y), side, side, 3))
    return pd.DataFrame(image.astype(np.uint8).reshape(len(y), -1)), y


def problem(recipe, counts, seed=0):
    """Rows that a recipe can read, and their labels."""
    return crops(counts, seed) if recipe.representation.startswith("pixels") else table(counts, seed=seed)


def draw(space, seed):
    """A random point of a search space."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    return study.ask(dict(space)).params


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture(scope="module", params=[*MODELS, *(each.name for each in ASKED)], ids=str)
def recipe(request):
    return MODELS[request.param].with_training(epochs=1)


@pytest.fixture(scope="module")
def fitted(recipe):
    """A model of each recipe, fitted once for the tests that only look at it; its rows and labels."""
    X, y = problem(recipe, (10, 8, 6))
    return recipe.build(recipe.defaults, 7).fit(X, y), X, y


def assert_probabilities(probabilities, rows, classes):
    assert probabilities.shape == (rows, classes)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_card_is_complete(recipe):
    assert MODELS[recipe.name].with_training(epochs=1) == recipe
    assert recipe.family in FAMILIES
    assert recipe.cost in COSTS
    assert recipe.representation.split(":")[0] in ("features", "embedding", "pixels")
    assert recipe.version
    assert recipe.description.endswith(".")


def test_defaults_lie_in_the_space(recipe):
    assert set(recipe.defaults) - {"epochs", "precision"} == set(recipe.space)
    for name, distribution in recipe.space.items():
        assert isinstance(distribution, optuna.distributions.BaseDistribution)
        assert distribution._contains(distribution.to_internal_repr(recipe.defaults[name])), name


@pytest.mark.parametrize("counts", [(12, 12), (16, 14, 9, 6, 5), (20, 2, 1)], ids=["two", "five", "rare"])
def test_defaults_fit_and_give_probabilities(recipe, counts):
    X, y = problem(recipe, counts)
    model = recipe.build(recipe.defaults, 0).fit(X, y)
    assert is_classifier(model)
    np.testing.assert_array_equal(model.classes_, np.arange(len(counts)))
    assert_probabilities(model.predict_proba(X), len(y), len(counts))


@pytest.mark.parametrize("seed", range(3))
def test_any_point_of_the_space_fits(recipe, seed):
    X, y = problem(recipe, (5, 4, 3), seed=seed)
    model = recipe.build({**recipe.defaults, **draw(recipe.space, seed)}, seed).fit(X, y)
    assert_probabilities(model.predict_proba(X), len(y), 3)


def test_a_class_may_be_missing_from_a_fold(recipe):
    X, y = problem(recipe, (9, 9, 9))
    rows = y != 1
    model = recipe.build(recipe.defaults, 0).fit(X[rows], y[rows])
    np.testing.assert_array_equal(model.classes_, [0, 2])
    assert_probabilities(model.predict_proba(X), len(y), 2)
    assert set(model.predict(X)) <= {0, 2}


def test_the_same_seed_gives_the_same_model_and_so_does_a_clone(recipe, fitted):
    once, X, y = fitted
    model = recipe.build(recipe.defaults, 7)
    again = clone(model).fit(X, y)
    assert not hasattr(model, "n_features_in_")
    np.testing.assert_array_equal(once.predict_proba(X), again.predict_proba(X))


def test_it_is_pickled_and_kept_in_a_file(recipe, fitted):
    model, X, _ = fitted
    restored = pickle.loads(pickle.dumps(model))
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    stored = load_estimator(dump_estimator(model), recipe.build(recipe.defaults, 7))
    for kept in (restored, stored):
        # A network is kept as a graph, and what runs that adds in another order.
        np.testing.assert_allclose(kept.predict_proba(X), model.predict_proba(X), rtol=1e-5)


def test_far_images_do_not_break_a_model(recipe, fitted):
    model, X, y = fitted
    if recipe.representation.startswith("pixels"):  # which end at 255
        with pytest.raises(ValueError, match="pixels from 0 to 255"):
            model.predict_proba(X * 1e6)
    else:
        assert_probabilities(model.predict_proba(X.fillna(0) * 1e6), len(y), 3)


def test_models_learn_and_controls_do_not():
    for recipe in MODELS.values():
        mild = {"epochs": 3, "strength": 0.3}  # of networks, which learn under full augmentation in minutes only
        params = dict(recipe.defaults) | {name: value for name, value in mild.items() if name in recipe.defaults}
        X, y = problem(recipe, (60, 40, 20))
        X_test, y_test = X[60:], y[60:]
        model = recipe.build(params, 0).fit(X[:60], y[:60])
        recall = np.mean([(model.predict(X_test)[y_test == k] == k).mean() for k in range(3)])
        if recipe.name in ("prior", "shuffled_labels"):
            assert recall < 0.6, recipe.name
        else:
            assert recall > 0.8, recipe.name


def test_an_unknown_model_names_the_nearest():
    assert get_model("svm_rbf").name == "svm_rbf"
    with pytest.raises(UsageError, match="did you mean 'extra_trees'"):
        get_model("extratrees")
    with pytest.raises(UsageError, match="base:argument"):
        get_model("???")
