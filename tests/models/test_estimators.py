"""Our own estimators: scikit-learn's checks, and what each of them is for."""

from unittest import mock

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.stats import _weighted_percentile

from leukobench.models import get_model
from leukobench.models.estimators import Balanced, BalancedLDA, CappedNeighbors, Perceptron, ShuffledLabels
from leukobench.models.pipeline import Clip, Components, Quantised, imputed, threads
from leukobench.models.svm import PairwiseSVC

ESTIMATORS = [
    Balanced(GaussianNB()),
    BalancedLDA(),
    CappedNeighbors(),
    PairwiseSVC(random_state=0),
    ShuffledLabels(GaussianNB(), random_state=0),
    Clip(),
    Quantised(bins=5),
    Perceptron((8,), random_state=0),
    Components(),
]


def expected_failures(estimator):
    if isinstance(estimator, ShuffledLabels):
        return {"check_classifiers_train": "it must not learn"}
    return {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


def test_balanced_weighs_classes_equally():
    X = np.array([[0.0]] * 9 + [[0.0]])
    y = np.array([0] * 9 + [1])
    proba = Balanced(RandomForestClassifier(20, random_state=0)).fit(X, y).predict_proba(X)
    assert abs(proba[0, 1] - 0.5) < 0.2
    assert BalancedLDA().fit([[0.0], [0.1], [0.2], [1.0]], [0, 0, 0, 1]).priors is None


def test_neighbours_are_capped():
    X, y = make_classification(12, random_state=0)
    assert CappedNeighbors(50).fit(X, y).predict_proba(X).shape == (12, 2)
    assert CappedNeighbors(50).fit(X, y).kneighbors(return_distance=False).shape == (12, 11)


@pytest.mark.parametrize("k", [2, 4])
def test_pairwise_svc_keeps_the_decision_and_calibrates(k):
    X, y = make_blobs(600, n_features=4, centers=k, cluster_std=4.0, random_state=0)
    model = PairwiseSVC(random_state=0).fit(X[:300], y[:300])
    plain = SVC(class_weight="balanced").fit(X[:300], y[:300])
    assert (model.predict(X[300:]) == plain.predict(X[300:])).mean() > 0.97
    loss = log_loss(y[300:], model.predict_proba(X[300:]))
    assert loss < np.log(k)
    for factor in (0.1, 10):
        model.slope_ *= factor
        assert log_loss(y[300:], model.predict_proba(X[300:])) > loss
        model.slope_ /= factor


def test_pairwise_svc_works_without_enough_images_for_the_slope():
    model = PairwiseSVC().fit([[0.0], [0.1], [1.0]], [0, 0, 1])
    assert model.slope_ == 1.0
    assert model.predict([[0.0], [1.0]]).tolist() == [0, 1]


def test_a_perceptron_that_is_interrupted_is_no_model():
    recipe = get_model("mlp")
    with (
        mock.patch("sklearn.neural_network._multilayer_perceptron.shuffle", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        recipe.build(recipe.defaults, 0).fit([[0.0], [1.0]], [0, 1])


def test_shuffled_labels_are_a_permutation():
    X, y = make_blobs(60, centers=2, cluster_std=0.1, random_state=0)
    model = ShuffledLabels(GaussianNB(), random_state=0).fit(X, y)
    np.testing.assert_array_equal(np.sort(model.classes_), [0, 1])
    assert (model.predict(X) == y).mean() < 0.9
    np.testing.assert_allclose(model.estimator_.class_count_, np.bincount(y))


def test_an_empty_column_keeps_its_place():
    steps = imputed(GaussianNB())
    assert steps[:-1].fit_transform([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]).tolist() == [
        [1, 0],
        [3, 0],
        [2, 0],
    ]


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("LEUKOBENCH_MODEL_THREADS", "3")
    assert threads() == 3


def test_boosting_looks_up_no_weighted_quantile(monkeypatch):
    looked_up = mock.Mock(side_effect=_weighted_percentile)
    monkeypatch.setattr("sklearn.ensemble._hist_gradient_boosting.binning._weighted_percentile", looked_up)
    X = np.random.default_rng(0).normal(size=(200, 2))
    recipe = get_model("hist_gradient_boosting")
    model = recipe.build(recipe.defaults, 0).fit(X, (X[:, 0] > 1).astype(int))
    assert (model.predict(X) == (X[:, 0] > 1)).mean() > 0.95
    assert not looked_up.called


def test_boosting_sees_rare_classes_as_well_as_without_quantiles_of_our_own():
    X, y = make_classification(400, 5, n_informative=4, n_redundant=0, weights=[0.95], class_sep=0.5, random_state=0)
    X[::7, 1], X[:, 2] = np.nan, 1.0
    recipe = get_model("hist_gradient_boosting")
    model = recipe.build(recipe.defaults, 0).fit(X, y)
    alone = imputed(clone(model[-1])).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), alone.predict_proba(X), rtol=1e-9)


def test_principal_components_of_few_vectors_need_no_covariance():
    recipe = get_model("mobilenet_v2+svm_rbf")
    X = np.random.default_rng(0).normal(size=(30, 1280))
    with mock.patch("numpy.linalg.eigh", side_effect=AssertionError("1,280 x 1,280 numbers")):
        recipe.build(recipe.defaults, 0).fit(X, np.arange(30) % 2)


def test_principal_components_of_many_vectors_are_those_of_their_covariance():
    X = np.random.default_rng(0).normal(size=(60, 20))
    with mock.patch("scipy.linalg.svd", side_effect=AssertionError("five times as long")):
        found = Components(0.8).fit_transform(X)
    np.testing.assert_allclose(found, PCA(0.8, svd_solver="full").fit_transform(X), atol=1e-9)
