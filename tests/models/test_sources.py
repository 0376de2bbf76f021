"""Experts: who is trusted, told from the sources alone."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from leukobench.models.sources import SourceExperts


def laboratory(rng, n, noise, flipped=False):
    """Two classes on a line; a flipped laboratory has them the wrong way round."""
    y = np.tile([0, 1], n // 2)
    x = np.where(flipped, 1 - y, y) + rng.normal(0, noise, n)
    return x[:, None], y


def test_a_laboratory_that_misleads_has_no_say():
    rng = np.random.default_rng(0)
    sources = [laboratory(rng, 60, 0.2), laboratory(rng, 60, 0.2), laboratory(rng, 600, 0.05, flipped=True)]
    X, y = (np.concatenate(each) for each in zip(*sources, strict=True))
    names = np.repeat(["a", "b", "odd"], [60, 60, 600])
    X_new, y_new = laboratory(rng, 200, 0.2)
    pooled = LogisticRegression().fit(X, y)
    model = SourceExperts(LogisticRegression()).fit(X, y, laboratories=names)
    assert (pooled.predict(X_new) == y_new).mean() < 0.1
    assert (model.predict(X_new) == y_new).mean() > 0.9
    assert model.scores_["odd"] < 0.1 < model.scores_["a"]


def test_one_laboratory_gives_the_estimator_itself():
    X, y = laboratory(np.random.default_rng(1), 80, 0.5)
    expected = GaussianNB().fit(X, y).predict_proba(X)
    for names in (None, ["here"] * 80):
        model = SourceExperts(GaussianNB()).fit(X, y, laboratories=names)
        np.testing.assert_array_equal(model.predict_proba(X), expected)
        assert model.scores_ == {}


def test_scores_are_taken_on_the_images_themselves():
    rng = np.random.default_rng(2)
    (X, y), (X_other, y_other) = laboratory(rng, 60, 0.1), laboratory(rng, 60, 0.1)
    copies = 100 + rng.normal(size=(120, 1))  # that nobody can read
    X_all, y_all = np.concatenate([X, X_other, copies]), np.concatenate([y, y_other, y, y_other])
    names, original = np.tile(np.repeat(["a", "b"], 60), 2), np.repeat([True, False], 120)
    nearest = KNeighborsClassifier(1)
    model = SourceExperts(nearest).fit(X_all, y_all, laboratories=names, original=original)
    blind = SourceExperts(nearest).fit(X_all, y_all, laboratories=names)
    assert model.scores_["a"] > blind.scores_["a"] + 0.1


def test_classes_that_only_one_laboratory_has():
    X = np.array([[0.0], [0.1], [1.0], [1.1], [0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
    y = np.array([0, 0, 1, 1, 0, 0, 2, 2, 3, 3])
    names = np.array(["a"] * 4 + ["b"] * 4 + ["c"] * 2)  # c has one class and gets no expert
    model = SourceExperts(GaussianNB(var_smoothing=1e-2)).fit(X, y, laboratories=names)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2, 3])
    np.testing.assert_allclose(model.predict_proba(X).sum(1), 1)
    assert len(model.experts_) == 3
