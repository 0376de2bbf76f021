from dataclasses import replace
from unittest import mock

import numpy as np
import optuna
import pytest
from optuna.storages import InMemoryStorage
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier

from leukobench.metrics import Metric
from leukobench.models import get_model
from leukobench.models.recipe import Recipe
from leukobench.running.folds import derive_seed, make_folds
from leukobench.running.journal import open_storage
from leukobench.running.store import RunFolder
from leukobench.running.tuning import Fitted, tune


def knn_recipe(seen=None, fail_at=None):
    def build(params, seed):
        if seen is not None:
            seen.append(params["n_neighbors"])
            if fail_at is not None and len(seen) == fail_at:
                raise KeyboardInterrupt
        return KNeighborsClassifier(**params)

    space = {"n_neighbors": optuna.distributions.IntDistribution(1, 30)}
    return Recipe("knn", "classical", "features:core", build, space, {"n_neighbors": 5})


@pytest.fixture
def problem():
    rng = np.random.default_rng(1)
    y = np.repeat(["LY", "MO", "NE"], 20)
    X = rng.normal(size=(60, 2)) + 1.5 * np.array([[0, 0], [1, 1], [0, 2]]).repeat(20, axis=0)
    return X, y, np.arange(60)


def run(recipe, problem, storage, trials=6, **options):
    X, y, groups = problem
    how = {"trials": trials, "n_folds": 3, "seed": 4, "storage": storage} | options
    return tune(recipe, X, y, groups, laboratories=y, strata=y, **how)


def test_seed_depends_on_every_part():
    assert derive_seed(0, "a", "bc") != derive_seed(0, "ab", "c")


def test_folds_keep_groups_together_and_cover_all():
    y, groups = np.repeat([0, 1], 30), np.repeat(np.arange(12), 5)
    folds = make_folds(y, groups, 3, 0)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(60))
    assert all(not set(groups[train]) & set(groups[test]) for train, test in folds)


def test_a_process_cuts_a_source_once_for_all_models():
    y, groups = np.repeat([0, 1], 30), np.repeat(np.arange(12), 5)
    with mock.patch("leukobench.running.folds.StratifiedGroupKFold", wraps=StratifiedGroupKFold) as cuts:
        first, again, other = (make_folds(y, groups, 3, seed) for seed in (77, 77, 78))
    assert cuts.call_count == 2
    np.testing.assert_equal(again, first)
    assert not all(np.array_equal(mine, its) for (_, mine), (_, its) in zip(first, other, strict=True))
    with pytest.raises(ValueError, match="read-only"):
        first[0][0].sort()


def test_first_trial_takes_the_defaults_and_all_trials_are_spent(problem):
    seen = []
    run(knn_recipe(seen), problem, InMemoryStorage())
    assert len(seen) == 6 * 3
    assert seen[:3] == [5, 5, 5]


def test_tuning_repeats_exactly(problem):
    assert run(knn_recipe(), problem, InMemoryStorage()) == run(knn_recipe(), problem, InMemoryStorage())


@pytest.mark.parametrize("fail_at", [2, 5, 9, 14, 18])
def test_a_killed_study_goes_on_to_the_same_choice(problem, tmp_path, fail_at):
    undisturbed, resumed = [], []
    expected = run(knn_recipe(undisturbed), problem, InMemoryStorage())
    store = RunFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(knn_recipe([], fail_at), problem, open_storage(store.journal_path("cell", 0)))
    assert run(knn_recipe(resumed), problem, open_storage(store.journal_path("cell", 0))) == expected
    assert len(resumed) == 18 - 3 * ((fail_at - 1) // 3)
    assert resumed == undisturbed[-len(resumed) :]


@pytest.mark.parametrize(("sign", "end"), [(True, max), (False, min)])
def test_any_metric_can_be_tuned_for(problem, sign, end):
    answered = Metric("lymphocytes", "answers that are LY", lambda a: (a.predicted == 0).mean(), higher_is_better=sign)
    storage = InMemoryStorage()
    chosen = run(knn_recipe(), problem, storage, metric=answered)
    trials = storage.get_all_trials(0)
    assert chosen["n_neighbors"] == end(trials, key=lambda trial: trial.value).params["n_neighbors"]
    assert len({trial.value for trial in trials}) > 1


def test_no_trials_give_the_defaults(problem):
    assert run(knn_recipe(), problem, InMemoryStorage(), trials=0) == {"n_neighbors": 5}


def test_class_missing_from_a_fold_has_probability_zero(problem):
    X, y, _ = problem
    fitted = Fitted(knn_recipe(), {"n_neighbors": 3}, 0, X[:40], y[:40], y[:40])
    probabilities = fitted.predict_proba(X, ["LY", "MO", "NE"])
    assert (probabilities[:, 2] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_one_class_is_an_error_that_says_so(problem):
    X, y, _ = problem
    with pytest.raises(ValueError, match="only the class LY"):
        Fitted(knn_recipe(), {"n_neighbors": 3}, 0, X[:20], y[:20], y[:20])


class Gives(DummyClassifier):
    """Gives what it is made of in place of probabilities."""

    def __init__(self, change):
        super().__init__(strategy="prior")
        self.change = change

    def predict_proba(self, X):
        return self.change(super().predict_proba(X))


class Backwards(DummyClassifier):
    """Has its classes, and its columns, the other way round."""

    def fit(self, X, y):
        super().fit(X, y)
        self.classes_ = self.classes_[::-1]
        return self


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (Gives(lambda given: given - 0.75), "negative or not finite"),
        (Gives(lambda given: given * np.nan), "negative or not finite"),
        (Gives(lambda given: given * 3), "do not add up to 1"),
        (Gives(lambda given: given[:, :1]), r"gave \(4, 1\) for 4 images and 2 classes"),
        (Gives(lambda given: given[:1]), r"gave \(1, 2\) for 4 images"),
        (Gives(lambda given: None), r"gave \(\) for"),
        (Backwards(), "other classes_"),
    ],
)
def test_what_is_no_probability_is_the_models_failure_and_not_that_of_the_report(estimator, words):
    X, y = np.zeros((4, 2)), np.array(["LY", "MO", "LY", "MO"])
    recipe = Recipe("own", "classical", "features:core", lambda params, seed: estimator)
    with pytest.raises(ValueError, match=words):
        Fitted(recipe, {}, 0, X, y, y).predict_proba(X, ["LY", "MO"])


class Told(DummyClassifier):
    """Keeps what its `fit` is told."""

    def fit(self, X, y, laboratories=None, original=None):
        self.told = X, laboratories, original
        return super().fit(X, y)


def test_copies_train_beside_their_image_and_are_not_predicted():
    X = np.arange(24.0).reshape(4, 3, 2)  # four images, two copies each
    recipe = Recipe("told", "classical", "features:core", lambda params, seed: Told(strategy="prior"))
    fitted = Fitted(recipe, {}, 0, X, np.array(["LY", "MO", "LY", "MO"]), np.array(["a", "a", "b", "b"]))
    rows, laboratories, original = fitted.estimator.told
    np.testing.assert_array_equal(rows, X.reshape(12, 2))
    assert laboratories.tolist() == ["a"] * 6 + ["b"] * 6
    assert original.tolist() == [True, False, False] * 4
    assert fitted.predict_proba(X, ["LY", "MO"]).shape == (4, 2)


class Resumed(DummyClassifier):
    """Keeps what its `fit` is told of groups and of where it can go on."""

    def fit(self, X, y, groups=None, checkpoint=None):
        self.told = groups, checkpoint
        return super().fit(X, y)


def test_groups_and_the_checkpoint_reach_an_estimator_that_asks_for_them():
    X, y = np.arange(12.0).reshape(2, 3, 2), np.array(["LY", "MO"])
    recipe = Recipe("told", "classical", "features:core", lambda params, seed: Resumed(strategy="prior"))
    fitted = Fitted(recipe, {}, 0, X, y, y, groups=np.array([4, 5]), checkpoint="here")
    groups, checkpoint = fitted.estimator.told
    assert groups.tolist() == [4, 4, 4, 5, 5, 5]
    assert checkpoint == "here"


def test_trials_of_networks_that_are_behind_are_pruned_and_count(problem):
    seen = []
    recipe = replace(knn_recipe(seen), cost="network", defaults={"n_neighbors": 9})
    storage = InMemoryStorage()
    chosen = run(recipe, problem, storage, trials=12)
    trials = optuna.load_study(study_name="tuning", storage=storage).trials
    pruned = [trial for trial in trials if trial.state == optuna.trial.TrialState.PRUNED]
    assert len(trials) == 12
    assert 0 < len(pruned) < 11
    assert len(seen) < 12 * 3
    whole = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    assert chosen == max(whole, key=lambda trial: (trial.value, -trial.number)).params


def test_means_of_trials_that_nothing_stops_are_not_written_down(problem):
    storage = InMemoryStorage()
    run(knn_recipe(), problem, storage)
    assert not any(trial.intermediate_values for trial in storage.get_all_trials(0)[1:])


def test_the_budget_sets_the_epochs_of_networks_alone():
    network = get_model("lenet")
    assert network.with_training(epochs=3).defaults["epochs"] == 3
    assert network.with_training(epochs=None) is network
    assert get_model("lda").with_training(epochs=3) == get_model("lda")
